//! Layers that are stored in bytes: 7 bits of each value, times one scale.

use super::direct::Patch;
use super::isa::Isa;
use super::pool::pixels;
use super::rows::Rows;
use crate::numbers::{ROUND, signed};

/// The greatest byte.
pub(crate) const MOST: f32 = 127.0;

/// Quantizes a non-negative value to 7 bits.
#[inline(always)]
#[allow(clippy::manual_clamp, reason = "NaN becomes 0")]
fn byte(value: f32, inverse: f32) -> u8 {
    ((value * inverse).max(0.0).min(MOST) + ROUND).to_bits().to_le_bytes()[0]
}

/// Quantizes all values: a separate loop, which is compiled for the instruction set.
#[inline(always)]
fn bytes(to: &mut [u8], from: &[f32], inverse: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = byte(*from, inverse);
    }
}

/// Quantizes values, `channels` for each pixel; `inverse` of their scale.
pub(crate) fn quantize(isa: Isa, [input, output]: [Rows; 2], channels: usize, inverse: f32, patch: &Patch) {
    let (start, count) = (patch.cols.start, patch.width());
    let padded = 4 * output.channels();
    pixels(
        isa,
        #[inline(always)]
        || {
            for y in patch.rows.clone() {
                // SAFETY: tasks of a layer write disjoint pixels; the input's rows are complete.
                let (from, to) = unsafe { (input.slice(y, start, count), output.bytes_mut(y, start, count)) };
                if padded == channels {
                    bytes(to, from, inverse);
                } else {
                    for (to, from) in to.chunks_exact_mut(padded).zip(from.chunks_exact(channels)) {
                        to[channels..].fill(0);
                        bytes(to, from, inverse);
                    }
                }
            }
        },
    );
}

/// Maximum of `kernel` x `kernel` pixels with stride 2; padding is zeros, which are never larger.
pub(crate) fn max_pool_bytes(isa: Isa, kernel: usize, [input, output]: [Rows; 2], patch: &Patch) {
    let before = i64::from(kernel == 3);
    let (start, count) = (patch.cols.start, patch.width());
    let channels = 4 * output.channels();
    pixels(
        isa,
        #[inline(always)]
        || {
            for y in patch.rows.clone() {
                // SAFETY: tasks of a layer write different pixels.
                let out = unsafe { output.bytes_mut(y, start, count) };
                out.fill(0);
                for row in 2 * y - before..2 * y - before + signed(kernel) {
                    // SAFETY: the input's rows are complete before a layer that reads them begins.
                    let from = unsafe { input.bytes(row, 2 * start - before, 2 * count + kernel - 2) };
                    for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                        let seen = &from[2 * x * channels..(2 * x + kernel) * channels];
                        seen.chunks_exact(channels).for_each(|from| largest(out, from));
                    }
                }
            }
        },
    );
}

/// Chunks of a known size, which are compiled to vectors.
#[inline(always)]
fn largest(out: &mut [u8], from: &[u8]) {
    let ((out, out_rest), (from, from_rest)) = (out.as_chunks_mut::<16>(), from.as_chunks::<16>());
    for (out, from) in out.iter_mut().zip(from) {
        *out = std::array::from_fn(|i| out[i].max(from[i]));
    }
    for (out, from) in out_rest.as_chunks_mut::<4>().0.iter_mut().zip(from_rest.as_chunks::<4>().0) {
        *out = std::array::from_fn(|i| out[i].max(from[i]));
    }
}
