//! Devices of tensors: the CPU, and the GPUs that this build supports (features `wgpu`, `vulkan` and `cuda`, ADR
//! 0010).

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;
use burn::tensor::{Device, FloatDType, Tensor};

use crate::device::panic_message;
use crate::{DeviceChoice, ModelError, Precision};

impl Precision {
    pub(crate) const fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
        }
    }
}

impl DeviceChoice {
    /// Opens a device after a test computation in `precision`, and returns which it is; never [`DeviceChoice::Auto`].
    ///
    /// # Errors
    /// [`ModelError::Device`] if this build does not support the device, or if it does not work.
    pub fn open(self, precision: Precision) -> Result<(Device, Self), ModelError> {
        match self {
            // The CPU needs no driver test; and predictors are made concurrently, which must not share a panic hook.
            Self::Cpu => Ok((Device::flex(), self)),
            Self::Auto => {
                let gpu =
                    |choice: Self| Some((works(choice, devices(choice, false), precision).ok()?, choice));
                [Self::Cuda, Self::Vulkan]
                    .into_iter()
                    .find_map(gpu)
                    .map_or_else(|| Self::Cpu.open(precision), Ok)
            }
            Self::Vulkan | Self::Cuda => Ok((works(self, devices(self, true), precision)?, self)),
        }
    }
}

/// Constructors of devices. They may panic without a driver.
type Makers = Vec<fn() -> Device>;

/// The GPUs of a kind, best first; empty if this build does not support the kind.
#[cfg_attr(not(feature = "wgpu"), allow(unused_variables, reason = "only Vulkan has software drivers"))]
fn devices(choice: DeviceChoice, software: bool) -> Makers {
    match choice {
        #[cfg(feature = "wgpu")]
        DeviceChoice::Vulkan if software => vec![|| vulkan(DeviceKind::DefaultDevice)],
        #[cfg(feature = "wgpu")]
        DeviceChoice::Vulkan => {
            vec![|| vulkan(DeviceKind::DiscreteGpu(0)), || vulkan(DeviceKind::IntegratedGpu(0))]
        }
        #[cfg(feature = "cuda")]
        DeviceChoice::Cuda => vec![|| Device::cuda(0)],
        _ => Vec::new(),
    }
}

/// Kernels in SPIR-V.
#[cfg(feature = "vulkan")]
fn vulkan(kind: DeviceKind) -> Device {
    Device::vulkan(kind)
}

/// Kernels in WGSL, which `wgpu` translates for the driver.
#[cfg(all(feature = "wgpu", not(feature = "vulkan")))]
fn vulkan(kind: DeviceKind) -> Device {
    Device::wgpu(kind)
}

/// The first device that works.
fn works(choice: DeviceChoice, makers: Makers, precision: Precision) -> Result<Device, ModelError> {
    let mut reason = "this build does not have it".to_owned();
    // A missing driver causes a panic; its message is reported once, as an error.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let found = makers.into_iter().find_map(|make| {
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let device = make();
            probe(&device, precision).map(|()| device)
        }));
        tried.unwrap_or_else(|panic| Err(panic_message(panic.as_ref()))).map_err(|why| reason = why).ok()
    });
    set_hook(hook);
    found.ok_or(ModelError::Device { device: choice.name(), reason })
}

/// 1 * 1 + 2 * 2 + 3 * 3, which is exact in every precision.
fn probe(device: &Device, precision: Precision) -> Result<(), String> {
    let ones = Tensor::<2>::from_data([[1.0f32, 2.0, 3.0]], device).cast(precision.dtype());
    let sum = ones.clone().matmul(ones.transpose()).cast(FloatDType::F32);
    let sum = sum.try_into_data().map_err(|e| format!("{e:?}"))?;
    match sum.try_into_vec::<f32>().as_deref() {
        Ok([14.0]) => Ok(()),
        other => Err(format!("1 * 1 + 2 * 2 + 3 * 3 gives {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_computes_in_both_precisions() {
        for precision in [Precision::F32, Precision::Bf16] {
            let (device, choice) = DeviceChoice::Cpu.open(precision).unwrap();
            assert_eq!((probe(&device, precision), choice), (Ok(()), DeviceChoice::Cpu));
        }
    }

    #[test]
    fn auto_finds_something() {
        assert_ne!(DeviceChoice::Auto.open(Precision::F32).unwrap().1, DeviceChoice::Auto);
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn what_was_not_built_is_refused() {
        let error = DeviceChoice::Cuda.open(Precision::F32).unwrap_err().to_string();
        assert_eq!(error, "device `cuda` cannot be used: this build does not have it");
    }

    #[test]
    fn a_driver_that_panics_is_an_error() {
        let broken: Makers = vec![|| panic!("no adapter")];
        let error = works(DeviceChoice::Vulkan, broken, Precision::F32).unwrap_err().to_string();
        assert_eq!(error, "device `vulkan` cannot be used: no adapter");
    }
}
