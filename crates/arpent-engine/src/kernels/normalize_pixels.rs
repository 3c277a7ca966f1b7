//! Normalization of pixels, channels last: by the statistics of their own channels, or by those of a picture. Plain
//! operations in loops that become vector instructions: the same bits on every instruction set.

use super::direct::Patch;
use super::isa::Isa;
use super::pool::each_row;
use super::rows::Rows;
use crate::Activation;

/// What a normalization is multiplied by, what is added, and its epsilon.
#[derive(Debug)]
pub(crate) struct ChannelWeights {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl ChannelWeights {
    /// Size of the values in bytes.
    pub(crate) fn bytes(&self) -> usize {
        4 * (self.weight.len() + self.bias.len())
    }
}

/// Number of partial sums.
const LANES: usize = 32;

/// The sum of `of(value)`: in lanes, then over lanes in pairs.
#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += of(*v);
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane += of(*v);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Each pixel's channels minus their mean, divided by their standard deviation; times a weight, plus a bias.
pub(crate) fn normalize_layers(
    isa: Isa,
    weights: &ChannelWeights,
    [input, output]: [Rows; 2],
    activation: Activation,
    patch: &Patch,
) {
    let (channels, count) = (output.channels(), patch.width());
    let share = 1.0 / channels as f32;
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |y, out| {
            // SAFETY: the input's rows are complete before a layer that reads them begins.
            let from = unsafe { input.slice(y, patch.cols.start, count) };
            for (out, from) in out.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
                let mean = sum(from, |v| v) * share;
                let variance = sum(from, |v| (v - mean) * (v - mean)) * share;
                let scale = 1.0 / (variance + weights.epsilon).sqrt();
                let each = weights.weight.iter().zip(&weights.bias);
                for ((out, v), (weight, bias)) in out.iter_mut().zip(from).zip(each) {
                    *out = (v - mean) * scale * weight + bias;
                }
            }
            activation.limit(out);
        },
    );
}

/// Each channel minus its value in the first half of the pixel `statistics`, times that in the second half, plus a bias.
pub(crate) fn normalize_pixels(
    isa: Isa,
    bias: &[f32],
    [input, statistics, output]: [Rows; 3],
    activation: Activation,
    patch: &Patch,
) {
    let (channels, count) = (output.channels(), patch.width());
    // SAFETY: the input's rows are complete before a layer that reads them begins.
    let (means, scales) = unsafe { statistics.slice(0, 0, 1) }.split_at(channels);
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |y, out| {
            // SAFETY: as above.
            let from = unsafe { input.slice(y, patch.cols.start, count) };
            for (out, from) in out.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
                let (means, scales, bias) = (&means[..channels], &scales[..channels], &bias[..channels]);
                for i in 0..channels {
                    out[i] = (from[i] - means[i]) * scales[i] + bias[i];
                }
            }
            activation.limit(out);
        },
    );
}
