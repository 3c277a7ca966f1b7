//! Batch normalization and the activation that follows it.

use rayon::prelude::*;

use crate::Activation;
use crate::kernels::{Affine, Isa, gradient_sums, normalize, normalize_gradient, squares, sum_of};
use crate::numbers::{as_f64, narrow, wide};

/// Batch normalization (Ioffe & Szegedy, *Batch normalization*, 2015) of `[batch, channels, pixels]`, and an activation.
#[derive(Debug, Clone, Copy)]
pub struct Normalization<'a> {
    /// Channels.
    pub channels: usize,
    /// Values of a plane.
    pub pixels: usize,
    /// Gamma, the factor of a normalized channel.
    pub gamma: &'a [f32],
    /// Beta, the offset added after it.
    pub beta: &'a [f32],
    /// Epsilon, added to a variance.
    pub epsilon: f64,
    /// The activation: none, or one that limits the values.
    pub activation: Activation,
}

/// Statistics of each channel in the batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// Means.
    pub mean: Vec<f32>,
    /// Variances: mean squared differences from the mean.
    pub variance: Vec<f32>,
}

impl Normalization<'_> {
    /// The values normalized by their own statistics, and these statistics.
    ///
    /// # Panics
    /// If a length does not match the channels, or for an activation that does more than to limit values.
    pub fn forward(&self, x: &[f32]) -> (Vec<f32>, Statistics) {
        self.check(x);
        let isa = Isa::best();
        let mut out = vec![0.0; x.len()];
        let told: Vec<(f32, f32)> = self
            .by_channel(&mut out)
            .into_par_iter()
            .enumerate()
            .with_max_len(1)
            .map(|(c, planes)| {
                let count = as_f64(wide(planes.len() * self.pixels));
                let over = |of: &dyn Fn(&[f32]) -> f64| self.planes(x, c).map(of).sum::<f64>() / count;
                let mean = narrow(over(&|x| sum_of(isa, x)));
                let variance = narrow(over(&|x| squares(isa, x, mean)));
                let affine = self.affine(c, mean, variance);
                planes.into_iter().zip(self.planes(x, c)).for_each(|(y, x)| normalize(isa, affine, x, y));
                (mean, variance)
            })
            .collect();
        let (mean, variance) = told.into_iter().unzip();
        (out, Statistics { mean, variance })
    }

    /// The gradients of `x`, of gamma and of beta, from the gradient of the output, which is consumed.
    ///
    /// # Panics
    /// As [`Normalization::forward`].
    pub fn backward(&self, x: &[f32], of: &Statistics, gradient: Vec<f32>) -> [Vec<f32>; 3] {
        self.check(x);
        assert_eq!(gradient.len(), x.len());
        let isa = Isa::best();
        let mut gradient = gradient;
        let told: Vec<(f32, f32)> = self
            .by_channel(&mut gradient)
            .into_par_iter()
            .enumerate()
            .with_max_len(1)
            .map(|(c, planes)| {
                let affine = self.affine(c, of.mean[c], of.variance[c]);
                let mut sums = [0.0; 2];
                for (g, x) in planes.iter().zip(self.planes(x, c)) {
                    let plane = gradient_sums(isa, &affine, x, g);
                    sums.iter_mut().zip(plane).for_each(|(sum, plane)| *sum += plane);
                }
                let count = as_f64(wide(planes.len() * self.pixels));
                let variance = f64::from(of.variance[c]) + self.epsilon;
                let corrections = (narrow(sums[0] / count), narrow(sums[1] / count / variance));
                for (g, x) in planes.into_iter().zip(self.planes(x, c)) {
                    normalize_gradient(isa, affine, corrections, x, g);
                }
                (narrow(sums[1] / variance.sqrt()), narrow(sums[0]))
            })
            .collect();
        let (gamma, beta) = told.into_iter().unzip();
        [gradient, gamma, beta]
    }

    fn affine(&self, c: usize, mean: f32, variance: f32) -> Affine {
        let (low, high) = self.activation.range();
        let scale = narrow(f64::from(self.gamma[c]) / (f64::from(variance) + self.epsilon).sqrt());
        Affine { mean, scale, shift: self.beta[c], low, high }
    }

    /// A channel's planes, picture by picture.
    fn planes<'x>(&self, x: &'x [f32], c: usize) -> impl Iterator<Item = &'x [f32]> {
        x.chunks_exact(self.pixels).skip(c).step_by(self.channels)
    }

    fn by_channel<'x>(&self, x: &'x mut [f32]) -> Vec<Vec<&'x mut [f32]>> {
        let mut channels: Vec<Vec<_>> = (0..self.channels).map(|_| Vec::new()).collect();
        for (plane, own) in x.chunks_exact_mut(self.pixels).zip((0..self.channels).cycle()) {
            channels[own].push(plane);
        }
        channels
    }

    fn check(&self, x: &[f32]) {
        assert!(x.len().is_multiple_of(self.channels * self.pixels), "{} values", x.len());
        assert_eq!((self.gamma.len(), self.beta.len()), (self.channels, self.channels));
        assert!(!self.activation.is_smooth(), "{:?} has no gradient here", self.activation);
    }
}
