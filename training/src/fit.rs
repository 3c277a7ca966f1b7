//! The optimization: chips in, weights out.

use std::time::Instant;

use anyhow::{Context, Result};
use arpent_datasets::IGNORE;
use arpent_model::{Architecture, Band, Network, Weights, fold, initial};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::config::{Config, Fit};
use crate::rng::Rng;
use crate::sample::{Pool, Sample};

/// Classes of the task.
pub(crate) const CLASSES: usize = 3;

/// What happened in an epoch.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct Epoch {
    /// Number, from 1.
    #[serde(rename = "epoch")]
    pub(crate) number: usize,
    /// Mean loss of its steps.
    pub(crate) loss: f64,
    /// Seconds since the start.
    pub(crate) elapsed_s: f64,
}

/// The network of a configuration.
pub(crate) fn architecture(config: &Config) -> Architecture {
    Architecture::Unet {
        in_channels: 3,
        out_channels: CLASSES,
        widths: config.model.widths.clone(),
        encoder_convs: config.model.encoder_convs.clone(),
        dates: 1,
    }
}

/// Fits a network from scratch and gives back its weights, folded for prediction. The same seed gives the same
/// bytes on the same machine with the same number of threads.
pub(crate) fn fit(
    config: &Config,
    bands: &[Band],
    pool: &Pool,
    mut report: impl FnMut(&Epoch, &Network) -> Result<()>,
) -> Result<Weights> {
    let device = Device::flex().autodiff();
    let architecture = architecture(config);
    let settings = &config.fit;
    let normal = |layer| {
        let mut rng = Rng::new(&[settings.seed, 1, layer]);
        move || rng.normal()
    };
    let mut network = Network::for_training(&architecture, &initial(&architecture, normal), &device)?;
    let mut optimizer = AdamWConfig::new().with_weight_decay(settings.weight_decay).init();
    let total = settings.epochs * settings.steps_per_epoch;
    let start = Instant::now();
    let mut sum = 0.0;
    for step in 0..total {
        let (input, target) = batch(settings, bands, pool, step, &device);
        let loss = loss(network.forward(input), target);
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        sum += f64::from(loss.into_data().try_into_vec::<f32>().context("the loss cannot be read")?[0]);
        network = optimizer.step(rate(settings, step, total), network, gradients);
        if (step + 1) % settings.steps_per_epoch == 0 {
            #[allow(clippy::cast_precision_loss, reason = "step counts are small")]
            let mean = sum / settings.steps_per_epoch as f64;
            let number = (step + 1) / settings.steps_per_epoch;
            report(&Epoch { number, loss: mean, elapsed_s: start.elapsed().as_secs_f64() }, &network)?;
            sum = 0.0;
        }
    }
    Ok(fold(&architecture, &network.state())?)
}

/// A short rise, then a cosine to 0.
#[allow(clippy::cast_precision_loss, reason = "step counts are small")]
fn rate(settings: &Fit, step: usize, total: usize) -> f64 {
    let warm = (total as f64 * 0.03).max(1.0);
    let (at, total) = (step as f64, total as f64);
    let shape = if at < warm {
        (at + 1.0) / (warm + 1.0)
    } else {
        0.5 * (1.0 + (std::f64::consts::PI * at / total).cos())
    };
    settings.learning_rate * shape
}

/// The chips of a step, normalized, and for every class the weights of the pixels that are known to be it.
fn batch(
    settings: &Fit,
    bands: &[Band],
    pool: &Pool,
    step: usize,
    device: &Device,
) -> (Tensor<4>, Tensor<4>) {
    let (side, count) = (settings.chip_px, settings.batch);
    let sample = |i: usize| pool.draw(side, &mut Rng::new(&[settings.seed, 2, step as u64, i as u64]));
    let samples: Vec<Sample> = (0..count).into_par_iter().map(sample).collect();
    let mut input = Vec::with_capacity(count * bands.len() * side * side);
    let mut target = Vec::with_capacity(count * CLASSES * side * side);
    for sample in &samples {
        for (c, band) in bands.iter().enumerate() {
            input.extend(sample.pixels.iter().map(|p| (p[c] - band.mean) / band.std));
        }
        for (class, weight) in (0u8..).zip(settings.class_weights) {
            let value = |label: &u8| if *label == class && *label != IGNORE { weight } else { 0.0 };
            target.extend(sample.labels.iter().map(value));
        }
    }
    let tensor = |data: Vec<f32>, planes: usize| {
        Tensor::from_data(TensorData::new(data, [count, planes, side, side]), device)
    };
    (tensor(input, bands.len()), tensor(target, CLASSES))
}

/// Cross-entropy, averaged over the known pixels by their weights.
fn loss(scores: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    let known = target.clone().sum().add_scalar(1e-6);
    (log_softmax(scores, 1) * target).sum().neg() / known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        let settings = Fit {
            seed: 0,
            epochs: 1,
            steps_per_epoch: 100,
            batch: 1,
            chip_px: 32,
            learning_rate: 0.01,
            weight_decay: 0.0,
            class_weights: [1.0; 3],
        };
        let rates: Vec<f64> = (0..100).map(|s| rate(&settings, s, 100)).collect();
        assert!(rates[0] < rates[3] && rates[3] > rates[50] && rates[99] < 1e-4);
        assert!(rates.iter().all(|r| *r > 0.0 && *r <= 0.01));
    }

    #[test]
    fn the_loss_counts_known_pixels_only() {
        let device = Device::flex();
        let tensor = |data: Vec<f32>| Tensor::<4>::from_data(TensorData::new(data, [1, 3, 1, 2]), &device);
        // Two pixels; the second is unknown and would be wrong.
        let scores = tensor(vec![2.0, 9.0, 0.0, -9.0, 0.0, 0.0]);
        let target = tensor(vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let value = loss(scores, target).into_data().try_into_vec::<f32>().unwrap()[0];
        let expected = (2f32.exp() + 2.0).ln() - 2.0;
        assert!((value - expected).abs() < 1e-5, "{value} {expected}");
    }
}
