//! Devices: the CPU, or a GPU that this build supports (features `wgpu`, `vulkan` and `cuda`, ADR 0010).

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// The device to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The first that works of CUDA, Vulkan (on a GPU, not on a software driver) and the CPU, among those that this
    /// build supports.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// Vulkan's default device, which may be a software driver.
    Vulkan,
    /// The first CUDA device.
    Cuda,
}

/// Precision of convolutions in training. Everything else is in single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// 16 bits with the range of single precision, so that the loss needs no scaling.
    Bf16,
}

impl DeviceChoice {
    const ALL: [Self; 4] = [Self::Auto, Self::Cpu, Self::Vulkan, Self::Cuda];

    /// The name in configurations and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// The name in reports.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auto => "best available",
            Self::Cpu => "CPU",
            Self::Vulkan => "GPU (Vulkan)",
            Self::Cuda => "GPU (CUDA)",
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    fn from_str(name: &str) -> Result<Self, ModelError> {
        Self::ALL.into_iter().find(|choice| choice.name() == name).ok_or_else(|| ModelError::UnknownName {
            what: "device",
            name: name.into(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// The message of a panic.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
}

/// Whether an engine's error message means that the device is out of memory. Engines have no common error code for
/// it; the words are those of wgpu and CUDA.
pub fn is_short_of_memory(reason: &str) -> bool {
    let lower = reason.to_lowercase();
    ["out of memory", "outofmemory", "out_of_memory", "allocat"].iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in ["auto", "cpu", "vulkan", "cuda"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().name(), name);
        }
        assert!("gpu".parse::<DeviceChoice>().is_err());
    }
}
