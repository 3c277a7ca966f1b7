//! Runs a network on a GPU with Burn, on several chips at a time. Labels are read back from the GPU, not scores.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use arpent_base::number::truncate;
use burn::tensor::{Device, Tensor, TensorData};

use crate::device::{is_short_of_memory, panic_message};
use crate::planes::{AT_ONCE, Part, Planes};
use crate::{Architecture, DeviceChoice, ModelError, Network, Precision, Weights};

/// Whether this build has a device, and a small computation on it is right.
///
/// # Errors
/// [`ModelError::Device`].
pub fn check_device(choice: DeviceChoice) -> Result<(), ModelError> {
    choice.open(Precision::F32).map(|_| ())
}

/// A network on a Burn device.
#[derive(Debug)]
pub(crate) struct Gpu {
    network: Network,
    device: Device,
    /// Chips that are computed together; reduced when the GPU runs out of memory.
    at_once: AtomicUsize,
}

impl Gpu {
    /// Opens the network on the chosen device and returns which it is; `None` if that is the CPU.
    ///
    /// # Errors
    /// [`ModelError::Device`] if this build does not support the device, or if it does not work; weights that do not
    /// match the architecture.
    pub(crate) fn open(
        choice: DeviceChoice,
        architecture: &Architecture,
        weights: &Weights,
    ) -> Result<Option<(Self, DeviceChoice)>, ModelError> {
        match choice.open(Precision::F32)? {
            (_, DeviceChoice::Cpu | DeviceChoice::Auto) => Ok(None),
            (device, opened) => Ok(Some((Self::new(architecture, weights, device)?, opened))),
        }
    }

    pub(crate) fn new(
        architecture: &Architecture,
        weights: &Weights,
        device: Device,
    ) -> Result<Self, ModelError> {
        let network = Network::for_prediction(architecture, weights, &device)?;
        Ok(Self { network, device, at_once: AtomicUsize::new(AT_ONCE) })
    }

    /// Scores before the softmax, plane by plane.
    pub(crate) fn scores(&self, planes: &Planes, part: Part) -> Result<Vec<f32>, String> {
        let scores = guarded(|| {
            let scores = self.forward(std::slice::from_ref(planes));
            values(wanted(&scores, 0, part))
        })?;
        Ok(scores)
    }

    /// For each pixel of each chip the number of its best class and 250 times its share after a softmax at a
    /// temperature. When the GPU runs out of memory, the number of chips computed together is halved, from then on.
    pub(crate) fn labels(
        &self,
        chips: &[(Planes, Part)],
        temperature: f32,
    ) -> Result<Vec<Vec<(u8, u8)>>, String> {
        in_batches(&self.at_once, chips, |batch| guarded(|| self.labels_together(batch, temperature)))
    }

    /// Chips of one size.
    fn labels_together(
        &self,
        chips: &[(Planes, Part)],
        temperature: f32,
    ) -> Result<Vec<Vec<(u8, u8)>>, String> {
        let planes: Vec<&Planes> = chips.iter().map(|(planes, _)| planes).collect();
        let scores = self.forward(&planes).div_scalar(temperature);
        let (highest, best) = scores.clone().max_dim_with_indices(1);
        let share = (scores - highest).exp().sum_dim(1).recip();
        // Both numbers are packed into one: four bytes per pixel are read back from the GPU.
        let both = best.float().mul_scalar(256.0) + share.mul_scalar(250.0).round();
        let split = |v: f32| {
            let [best, share] = truncate::<u16>(f64::from(v)).to_be_bytes();
            (best, share)
        };
        let each = chips.iter().enumerate().map(|(i, (_, part))| values(wanted(&both, i, *part)));
        each.map(|pixels| Ok(pixels?.into_iter().map(split).collect())).collect()
    }

    /// Scores of chips of one size.
    fn forward<P: std::borrow::Borrow<Planes>>(&self, chips: &[P]) -> Tensor<4> {
        let Planes { bands, width, height, .. } = *chips[0].borrow();
        let data: Vec<f32> = chips.iter().flat_map(|chip| chip.borrow().data.iter().copied()).collect();
        let shape = [chips.len(), bands, height, width];
        self.network.forward(Tensor::from_data(TensorData::new(data, shape), &self.device))
    }
}

/// The required part of a chip.
fn wanted(of: &Tensor<4>, chip: usize, part: Part) -> Tensor<4> {
    let Part { col, row, width, height } = part;
    let channels = of.dims()[1];
    of.clone().slice([chip..chip + 1, 0..channels, row..row + height, col..col + width])
}

/// Processes items in batches, neighbors of one size together: at most `at_once` of them, which is halved whenever
/// the GPU runs out of memory.
fn in_batches<R>(
    at_once: &AtomicUsize,
    chips: &[(Planes, Part)],
    mut run: impl FnMut(&[(Planes, Part)]) -> Result<Vec<R>, String>,
) -> Result<Vec<R>, String> {
    let mut done = Vec::with_capacity(chips.len());
    while let [first, rest @ ..] = &chips[done.len()..] {
        let size = |(planes, _): &(Planes, Part)| (planes.width, planes.height);
        let alike = 1 + rest.iter().take_while(|chip| size(chip) == size(first)).count();
        let count = at_once.load(Ordering::Relaxed).clamp(1, alike);
        match run(&chips[done.len()..][..count]) {
            Ok(more) => done.extend(more),
            Err(reason) if count > 1 && is_short_of_memory(&reason) => {
                at_once.store(count / 2, Ordering::Relaxed);
            }
            Err(reason) => return Err(reason),
        }
    }
    Ok(done)
}

/// GPU engines panic when something fails.
fn guarded<R>(run: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_message(panic.as_ref())))
}

fn values(tensor: Tensor<4>) -> Result<Vec<f32>, String> {
    let data = tensor.try_into_data().map_err(|e| e.to_string())?;
    data.try_into_vec().map_err(|e| format!("{e:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exactness::random_weights;

    /// On Burn's CPU device, which every build has: the GPU code returns the labels of its scores.
    #[test]
    fn labels_are_those_of_the_scores() {
        let architecture = Architecture::Unet {
            in_channels: 2,
            out_channels: 3,
            widths: vec![8, 8],
            encoder_convs: vec![1, 1],
            dates: 1,
        };
        let weights = random_weights(&architecture, 3);
        let gpu = Gpu::new(&architecture, &weights, Device::flex()).unwrap();
        let planes = |seed: u16, side: usize| {
            let count = u16::try_from(2 * side * side).unwrap();
            let data = (0..count).map(|i| f32::from((i * 61 + seed) % 1013) / 500.0 - 1.0).collect();
            Planes { data, bands: 2, width: side, height: side }
        };
        let part = Part { col: 3, row: 5, width: 7, height: 6 };
        let chips = [(planes(0, 16), part), (planes(5, 16), part), (planes(9, 12), part)];
        let together = gpu.labels(&chips, 1.0).unwrap();
        for (chip, labels) in chips.iter().zip(together) {
            compare(&gpu.scores(&chip.0, part).unwrap(), labels);
        }
    }

    fn compare(scores: &[f32], labels: Vec<(u8, u8)>) {
        assert_eq!((scores.len(), labels.len()), (3 * 42, 42));
        for (i, (best, share)) in labels.into_iter().enumerate() {
            let at = |class: usize| scores[class * 42 + i];
            let expected = (0..3).max_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap();
            assert_eq!(usize::from(best), expected);
            let sum: f32 = (0..3).map(|class| (at(class) - at(expected)).exp()).sum();
            assert!((250.0 / sum - f32::from(share)).abs() < 0.51, "{share}");
        }
    }

    #[test]
    fn too_many_at_once_are_halved() {
        let part = Part { col: 0, row: 0, width: 1, height: 1 };
        let chip = |width| (Planes { data: Vec::new(), bands: 1, width, height: 1 }, part);
        let chips: Vec<_> = [1, 1, 1, 1, 1, 2, 2].map(chip).into();
        let (at_once, mut batches) = (AtomicUsize::new(8), Vec::new());
        let done = in_batches(&at_once, &chips, |batch| {
            batches.push(batch.len());
            if batch.len() > 2 {
                return Err("CUDA_ERROR_OUT_OF_MEMORY".to_owned());
            }
            Ok(batch.iter().map(|(planes, _)| planes.width).collect())
        });
        assert_eq!(done.unwrap(), [1, 1, 1, 1, 1, 2, 2]);
        assert_eq!((batches.as_slice(), at_once.into_inner()), ([5, 2, 2, 1, 2].as_slice(), 2));
        let lost = in_batches::<()>(&AtomicUsize::new(8), &chips, |_| Err("device lost".to_owned()));
        assert_eq!(lost.unwrap_err(), "device lost");
        let hopeless =
            in_batches::<()>(&AtomicUsize::new(8), &chips, |_| guarded(|| panic!("out of memory")));
        assert_eq!(hopeless.unwrap_err(), "out of memory");
    }
}
