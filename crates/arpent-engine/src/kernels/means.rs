//! Means over parts of a picture, in two steps: along rows, which are read while they are in the cache, and over
//! rows. Sums are in double precision, of sums of [`RUN`] values in single precision.

use super::direct::Patch;
use super::isa::Isa;
use super::pool::each_row;
use super::rows::Rows;
use crate::extent::part;
use crate::numbers::size;

/// Channels that are summed together, in registers.
const LANES: usize = 64;

/// Pixels that are summed in single precision.
const RUN: usize = 32;

/// Means of `parts` parts of each row.
pub(crate) fn row_means(isa: Isa, parts: i64, [input, output]: [Rows; 2], patch: &Patch) {
    let (channels, (start, end)) = (output.channels(), input.columns());
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |y, out| {
            for (i, out) in patch.cols.clone().zip(out.chunks_exact_mut(channels)) {
                let (first, last) = part(i, parts, end - start);
                let count = size(last - first);
                // SAFETY: the input's rows are complete before a layer that reads them begins.
                let pixels = unsafe { input.slice(y, start + first, count) };
                means(pixels, count, out);
            }
        },
    );
}

/// The mean of each channel of `count` pixels.
#[inline(always)]
fn means(pixels: &[f32], count: usize, out: &mut [f32]) {
    let share = 1.0 / count as f64;
    let channels = out.len();
    let take = |first: usize, sums: &[f64]| {
        out[first..].iter_mut().zip(sums).for_each(|(out, sum)| *out = (sum * share) as f32);
    };
    sums(pixels, channels, |_| 0.0, |v, _| v, take);
}

/// Calls `take` with the first of some channels and the sums of their values over all pixels: of `of(value, shift)`,
/// with a shift for each channel.
#[inline(always)]
pub(super) fn sums(
    pixels: &[f32],
    channels: usize,
    shift: impl Fn(usize) -> f32,
    of: impl Fn(f32, f32) -> f32,
    mut take: impl FnMut(usize, &[f64]),
) {
    for first in (0..channels).step_by(LANES) {
        let width = LANES.min(channels - first);
        let (mut sums, mut shifts) = ([0.0f64; LANES], [0.0f32; LANES]);
        (first..).zip(&mut shifts[..width]).for_each(|(channel, to)| *to = shift(channel));
        for run in pixels.chunks(RUN * channels) {
            let mut part = [0.0f32; LANES];
            for pixel in run.chunks_exact(channels) {
                add(&mut part, &pixel[first..], &shifts, &of);
            }
            for (sum, part) in sums.iter_mut().zip(&part) {
                *sum += f64::from(*part);
            }
        }
        take(first, &sums[..width]);
    }
}

/// Adds a pixel's channels: a known number of them, which are kept in registers, where there are as many.
#[inline(always)]
fn add(sums: &mut [f32; LANES], pixel: &[f32], shifts: &[f32; LANES], of: &impl Fn(f32, f32) -> f32) {
    if let Some(pixel) = pixel.first_chunk::<LANES>() {
        for i in 0..LANES {
            sums[i] += of(pixel[i], shifts[i]);
        }
    } else {
        for (i, v) in pixel.iter().enumerate() {
            sums[i] += of(*v, shifts[i]);
        }
    }
}

/// Means of `parts` parts of the rows.
pub(crate) fn means_of_rows(isa: Isa, parts: i64, [input, output]: [Rows; 2], patch: &Patch) {
    let (start, count) = (patch.cols.start, patch.width());
    each_row(
        isa,
        output,
        patch,
        #[inline(always)]
        |j, out| {
            let (first, last) = part(j, parts, input.height());
            let share = 1.0 / size(last - first) as f64;
            for (block, out) in out.chunks_mut(LANES).enumerate() {
                let mut sums = [0.0f64; LANES];
                for y in first..last {
                    // SAFETY: the input's rows are complete before a layer that reads them begins.
                    let row = unsafe { input.slice(y, start, count) };
                    sums.iter_mut().zip(&row[block * LANES..]).for_each(|(sum, v)| *sum += f64::from(*v));
                }
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out = (sum * share) as f32);
            }
        },
    );
}
