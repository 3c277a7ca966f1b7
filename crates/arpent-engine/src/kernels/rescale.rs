//! Weights times a factor for each input channel. Instead of the pixels of a layer, the weights of the convolution that
//! reads it are multiplied, which are fewer.

use super::direct::{Patch, Weights};
use super::pool::pixels;
use super::rows::Rows;
use crate::numbers::size;

/// Rows of output are blocks of weights; the factors are channels of the input, a pixel, from `first` on.
pub(crate) fn rescale(weights: &Weights, first: usize, [input, output]: [Rows; 2], patch: &Patch) {
    // SAFETY: the input is complete before a layer that reads it begins.
    let factors = unsafe { &input.slice(0, 0, 1)[first..] };
    for y in patch.rows.clone() {
        let (width, from) = weights.block(size(y));
        output.fill(y, 0, 1, |out| {
            pixels(
                weights.isa,
                #[inline(always)]
                || {
                    let terms = out.chunks_exact_mut(width).zip(from.chunks_exact(width));
                    for ((to, from), factor) in terms.zip(factors) {
                        to.iter_mut().zip(from).for_each(|(to, weight)| *to = weight * factor);
                    }
                },
            );
        });
    }
}
