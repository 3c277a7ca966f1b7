//! A build without GPU support.

use crate::planes::{Part, Planes};
use crate::{Architecture, DeviceChoice, ModelError, Weights};

/// There are no instances.
#[derive(Debug)]
pub(crate) enum Gpu {}

/// Whether this build has a device, and a small computation on it is right.
///
/// # Errors
/// [`ModelError::Device`].
pub fn check_device(choice: DeviceChoice) -> Result<(), ModelError> {
    match choice {
        DeviceChoice::Cpu | DeviceChoice::Auto => Ok(()),
        DeviceChoice::Vulkan | DeviceChoice::Cuda => Err(ModelError::Device {
            device: choice.name(),
            reason: "this build does not have it".to_owned(),
        }),
    }
}

impl Gpu {
    /// `None`, which means the CPU.
    ///
    /// # Errors
    /// [`ModelError::Device`] if a GPU is requested.
    pub(crate) fn open(
        choice: DeviceChoice,
        _: &Architecture,
        _: &Weights,
    ) -> Result<Option<(Self, DeviceChoice)>, ModelError> {
        check_device(choice).map(|()| None)
    }

    pub(crate) fn scores(&self, _: &Planes, _: Part) -> Result<Vec<f32>, String> {
        match *self {}
    }

    pub(crate) fn labels(&self, _: &[(Planes, Part)], _: f32) -> Result<Vec<Vec<(u8, u8)>>, String> {
        match *self {}
    }
}
