//! Whether a step fits into memory, checked before the system kills the process.

use arpent_base::Count;
use arpent_base::number::{exact, truncate};
use arpent_model::{Architecture, DeviceChoice, is_short_of_memory};
use arpent_shell::memory::Memory;

use crate::config::Fit;
use crate::error::TrainError;

/// Bytes that a step holds for each value of its activations: themselves, and what the backward pass and the engine
/// keep beside them. Measured on the CPU, peaks of trainings of six networks (`benches/runs/2026-11-24-training-memory.md`).
const BYTES_PER_VALUE: f64 = 5.0;

/// Program, libraries, and pictures being read.
const BASE: f64 = 100e6;

/// Refuses a step that the machine's memory does not hold.
///
/// # Errors
/// [`TrainError::Memory`] with the number of chips that would fit.
pub(super) fn check(architecture: &Architecture, fit: &Fit) -> Result<(), TrainError> {
    compare(architecture, fit, exact(Memory::now().free))
}

fn compare(architecture: &Architecture, fit: &Fit, free: f64) -> Result<(), TrainError> {
    let (fixed, chip) = (fixed_bytes(architecture), bytes_per_chip(architecture, fit.chip_px.get()));
    let needed = fixed + chip * exact(fit.batch.get());
    if needed <= free {
        return Ok(());
    }
    let batch = truncate::<usize>(((free - fixed) / chip).max(0.0));
    let problem = format!(
        "a step of {} chips of {} px needs about {:.1} GB of memory, {:.1} GB are free",
        fit.batch,
        fit.chip_px,
        needed / 1e9,
        free / 1e9
    );
    Err(TrainError::Memory { problem, batch: (batch > 0).then_some(batch) })
}

/// Memory independent of the chips: each weight with its gradient and the two moments of the optimizer.
fn fixed_bytes(architecture: &Architecture) -> f64 {
    let weights: usize =
        architecture.training_tensors().iter().map(|t| t.shape.iter().product::<usize>()).sum();
    BASE + exact(weights) * 16.0
}

fn bytes_per_chip(architecture: &Architecture, chip_px: usize) -> f64 {
    let pixels = exact(chip_px * chip_px);
    arpent_model::training_values_per_pixel(architecture) * pixels * BYTES_PER_VALUE
}

/// The error of a panic of a device's engine.
pub(super) fn device_failed(device: DeviceChoice, reason: &str, fit: &Fit, kept: &str) -> TrainError {
    if !is_short_of_memory(reason) {
        return TrainError::DeviceFailed { device: device.name(), reason: reason.into(), kept: kept.into() };
    }
    let problem = format!(
        "the {} has no memory for a step of {} chips of {} px ({reason}); {kept}",
        device.title(),
        fit.batch,
        fit.chip_px
    );
    TrainError::Memory { problem, batch: (fit.batch > Count::ONE).then_some(fit.batch.get() / 2) }
}

#[cfg(test)]
mod tests {
    use arpent_base::Diagnostic as _;

    use super::*;

    fn fit(batch: usize) -> Fit {
        let text = format!(
            "seed = 1\nepochs = 1\nsteps_per_epoch = 1\nbatch = {batch}\nchip_px = 256\nlearning_rate = 1e-3"
        );
        toml::from_str(&text).unwrap()
    }

    fn network() -> Architecture {
        let (widths, encoder_convs) = (vec![16, 32], vec![1, 1]);
        Architecture::Unet { in_channels: 3, out_channels: 2, widths, encoder_convs, dates: 1 }
    }

    #[test]
    fn the_hint_of_a_step_that_does_not_fit_names_a_batch_that_fits() {
        let (fixed, chip) = (fixed_bytes(&network()), bytes_per_chip(&network(), 256));
        assert!(fixed > BASE);
        assert!(compare(&network(), &fit(8), fixed + 8.01 * chip).is_ok());
        let error = compare(&network(), &fit(8), fixed + 5.5 * chip).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("try fit.batch = 5"));
        assert_eq!(error.exit_code(), Some(arpent_shell::exit::NOT_STARTED));
        assert!(error.to_string().starts_with("a step of 8 chips of 256 px needs about "), "{error}");
        let hopeless = compare(&network(), &fit(8), 1.0).unwrap_err();
        assert_eq!(hopeless.hint().as_deref(), Some("lower fit.chip_px, or choose a smaller network"));
    }

    #[test]
    fn a_device_out_of_memory_is_distinguished_from_a_failed_one() {
        let of = |reason| device_failed(DeviceChoice::Cuda, reason, &fit(8), "there is no checkpoint yet");
        let short = of("CUDA_ERROR_OUT_OF_MEMORY");
        assert_eq!(short.hint().as_deref(), Some("try fit.batch = 4"));
        assert!(short.to_string().contains("8 chips of 256 px"), "{short}");
        let failed = of("device lost");
        assert_eq!(failed.to_string(), "device `cuda` failed: device lost; there is no checkpoint yet");
        assert_eq!(failed.exit_code(), Some(arpent_shell::exit::PARTIAL));
    }
}
