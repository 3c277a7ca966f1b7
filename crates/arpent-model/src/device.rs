//! Where a network is computed: on the CPU, or on a GPU that this build knows (features `wgpu`, `vulkan` and `cuda`, ADR 0010).

use std::str::FromStr;

use serde::Deserialize;

use crate::ModelError;

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The first that works of CUDA, Vulkan (on a card, not on a software driver) and the CPU, among those of this build.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// Vulkan's default device, a software driver too.
    Vulkan,
    /// The first CUDA device.
    Cuda,
}

/// How numbers of convolutions are kept while training. All else is of single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// 16 bits with the range of single precision, so that no loss has to be scaled.
    Bf16,
}

impl DeviceChoice {
    const ALL: [Self; 4] = [Self::Auto, Self::Cpu, Self::Vulkan, Self::Cuda];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// As reports tell it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auto => "the best that works",
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

/// The text of a panic.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
}

/// Whether what an engine said when it failed means that the device's memory is too small. Engines have no common word for
/// it; those of wgpu and CUDA say these.
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
