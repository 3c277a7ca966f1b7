//! Names of devices.

use clap::ValueEnum;

/// Devices to predict on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The best available device.
    Auto,
    /// The CPU: results are identical byte for byte on all machines.
    Cpu,
    /// A GPU through Vulkan, in builds with Vulkan.
    Vulkan,
    /// An NVIDIA GPU through CUDA, in builds with CUDA.
    Cuda,
}

impl From<Device> for arpent_job::Device {
    fn from(device: Device) -> Self {
        match device {
            Device::Auto => Self::Auto,
            Device::Cpu => Self::Cpu,
            Device::Vulkan => Self::Vulkan,
            Device::Cuda => Self::Cuda,
        }
    }
}
