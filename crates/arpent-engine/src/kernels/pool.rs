//! Layers without weights.

use super::direct::Patch;
use super::isa::{Isa, Set, Work};
use super::rows::Rows;
use crate::Activation;
use crate::numbers::{signed, size};

/// A closure as work for an instruction set.
struct Slices<F>(F);

impl<F: FnOnce()> Work for Slices<F> {
    #[inline(always)]
    fn on<I: Set>(self, _: I) {
        (self.0)();
    }
}

/// Runs plain work on slices, compiled for the instruction set.
#[inline(always)]
pub(crate) fn pixels(isa: Isa, work: impl FnOnce()) {
    isa.run(Slices(work));
}

/// Calls `row(y, out)` for every row of the patch, compiled for the instruction set.
#[inline(always)]
pub(super) fn each_row(isa: Isa, output: Rows, patch: &Patch, row: impl Fn(i64, &mut [f32])) {
    let count = patch.width();
    pixels(
        isa,
        #[inline(always)]
        || {
            for y in patch.rows.clone() {
                // SAFETY: tasks of a layer write different pixels.
                row(y, unsafe { output.slice_mut(y, patch.cols.start, count) });
            }
        },
    );
}

/// `count` pixels of an input row.
#[inline(always)]
fn seen<'a>(input: Rows, y: i64, col: i64, count: usize) -> &'a [f32] {
    // SAFETY: the input's rows are complete before a layer that reads them begins.
    unsafe { input.slice(y, col, count) }
}

/// Maximum of `kernel` x `kernel` pixels with stride 2; kernel 3 extends one pixel beyond the picture, where padding
/// is ignored.
pub(crate) fn max_pool(isa: Isa, kernel: usize, [input, output]: [Rows; 2], patch: &Patch) {
    let before = i64::from(kernel == 3);
    let (channels, start) = (output.channels(), patch.cols.start);
    each_row(isa, output, patch, |y, out| {
        out.fill(f32::NEG_INFINITY);
        let count = out.len() / channels;
        let inside = |row: &i64| (0..input.height()).contains(row);
        for row in (2 * y - before..2 * y - before + signed(kernel)).filter(inside) {
            // The first column may lie west of the picture.
            let west = usize::from(before == 1 && start == 0);
            let from = seen(input, row, 2 * start - before + signed(west), 2 * count + kernel - 2 - west);
            for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                let first = (2 * x).saturating_sub(west);
                let last = 2 * x + kernel - west;
                for from in from[first * channels..last * channels].chunks_exact(channels) {
                    out.iter_mut().zip(from).for_each(|(out, v)| *out = out.max(*v));
                }
            }
        }
    });
}

/// Mean of squares of 2^`levels` pixels.
pub(crate) fn mean_pool(isa: Isa, levels: u32, [input, output]: [Rows; 2], patch: &Patch) {
    let (side, channels) = (1usize << levels, output.channels());
    let share = 1.0 / (side * side) as f32;
    each_row(isa, output, patch, |y, out| {
        out.fill(0.0);
        let count = out.len() / channels;
        for r in 0..signed(side) {
            let from = seen(input, (y << levels) + r, patch.cols.start << levels, count << levels);
            for (out, from) in out.chunks_exact_mut(channels).zip(from.chunks_exact(channels * side)) {
                for from in from.chunks_exact(channels) {
                    out.iter_mut().zip(from).for_each(|(out, v)| *out += v);
                }
            }
        }
        for v in out {
            *v *= share;
        }
    });
}

/// Upsamples by 2^`levels`, nearest neighbor, into channels from `to` on.
pub(crate) fn upsample(isa: Isa, levels: u32, [input, output]: [Rows; 2], to: usize, patch: &Patch) {
    let (channels, from_channels) = (output.channels(), input.channels());
    let first = patch.cols.start >> levels;
    let seen_cols = size(((patch.cols.end - 1) >> levels) + 1 - first);
    each_row(isa, output, patch, |y, out| {
        let from = seen(input, y >> levels, first, seen_cols);
        for (x, out) in (patch.cols.start..).zip(out.chunks_exact_mut(channels)) {
            let at = size((x >> levels) - first) * from_channels;
            out[to..to + from_channels].copy_from_slice(&from[at..at + from_channels]);
        }
    });
}

/// Copies pixels into channels from `to` on.
pub(crate) fn copy(isa: Isa, pair: [Rows; 2], to: usize, patch: &Patch) {
    upsample(isa, 0, pair, to, patch);
}

/// Sum of two.
pub(crate) fn sum(isa: Isa, [a, b, output]: [Rows; 3], activation: Activation, patch: &Patch) {
    pairwise(isa, [a, b, output], activation, patch, |a, b| a + b);
}

/// Absolute difference of two.
pub(crate) fn absolute_difference(
    isa: Isa,
    [a, b, output]: [Rows; 3],
    activation: Activation,
    patch: &Patch,
) {
    pairwise(isa, [a, b, output], activation, patch, |a, b| (a - b).abs());
}

/// Each channel times its value in a pixel, `factors`.
pub(crate) fn scale(isa: Isa, [input, factors, output]: [Rows; 3], activation: Activation, patch: &Patch) {
    let channels = output.channels();
    let factors = seen(factors, 0, 0, 1);
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |y, out| {
            let from = seen(input, y, patch.cols.start, out.len() / channels);
            for (out, from) in out.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
                out.iter_mut().zip(from).zip(factors).for_each(|((out, v), factor)| *out = v * factor);
            }
            activation.limit(out);
        },
    );
}

#[inline(always)]
fn pairwise(
    isa: Isa,
    [a, b, output]: [Rows; 3],
    activation: Activation,
    patch: &Patch,
    of: impl Fn(f32, f32) -> f32,
) {
    each_row(isa, output, patch, |y, out| {
        let count = out.len() / output.channels();
        let (a, b) = (seen(a, y, patch.cols.start, count), seen(b, y, patch.cols.start, count));
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = of(*a, *b);
        }
        activation.limit(out);
    });
}
