//! Devices, as they are written.

use clap::ValueEnum;

/// Devices to predict on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The best one that works.
    Auto,
    /// The CPU: the same bytes everywhere.
    Cpu,
    /// A card through Vulkan, in builds that have it.
    Vulkan,
    /// A card of NVIDIA's, in builds that have it.
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
