//! Direct convolutions of few outputs, as at the end of a network: vectors hold adjacent pixels instead of channels,
//! which would be mostly padding. Rows of the input are transposed to planes first.
//!
//! The terms of a sum are added in the order of [`super::direct`]: a pixel gets the same bits from both.

use pulp::Simd;

use super::aligned::{Aligned, LINE};
use super::direct::{
    Block, Epilogue, Geometry, Patch, Strip, Terms, Weights, direct_block, load, target, unrolled,
};
use super::isa::{Set, Vector, Work, mul_add};
use super::rows::Rows;
use super::smooth::smooth;
use super::turn::to_planes;
use crate::numbers::{signed, size};

/// Most outputs of a block that is narrow.
const MOST: usize = 4;

/// Rows and columns of the kernel. Of smaller ones, planes cost as much as they save.
const SIDE: usize = 3;

/// Vectors of pixels that are computed together.
const VECTORS: usize = 4;

/// Fewest pixels of a row for which planes are worth it.
const FEWEST: usize = 32;

/// A convolution of some pixels, with other values of the weights if they are given: a row for each block. `scratch`
/// grows as needed.
pub(crate) fn direct(
    (weights, values): (&Weights, Option<Rows>),
    geometry: Geometry,
    layers: [Rows; 2],
    epilogue: Epilogue,
    patch: &Patch,
    scratch: &mut Aligned,
) {
    let Geometry { kernel, stride, dilation, .. } = geometry;
    let wide = (kernel, stride, dilation) != (SIDE, 1, 1) || patch.width() < FEWEST;
    for (number, block) in weights.blocks.iter().enumerate() {
        if wide || block.valid > MOST {
            let mut terms = weights.terms(block);
            if let Some(values) = values {
                terms.weights = values.read(signed(number), 0, 1);
            }
            direct_block((terms, block), geometry, layers, epilogue, patch);
        } else {
            narrow((weights, block), geometry, layers, epilogue, patch, scratch);
        }
    }
}

/// Computes a block's outputs of some pixels; `scratch` grows as needed.
fn narrow(
    (weights, block): (&Weights, &Block),
    geometry: Geometry,
    [input, output]: [Rows; 2],
    epilogue: Epilogue,
    patch: &Patch,
    scratch: &mut Aligned,
) {
    let (channels, seen) = (input.channels(), geometry.seen(patch.width()));
    // Vectors of the last pixels read a part of the next plane, or of what comes after the last one.
    let (plane, more) = (seen.next_multiple_of(LINE), VECTORS * LINE);
    let row = plane * channels;
    scratch.grow(SIDE * row + more);
    let (first, col) = (geometry.first(patch.rows.start), geometry.first(patch.cols.start));
    let slot = |line: i64| size((line - first) % signed(SIDE)) * row;
    let mut next = first;
    for y in patch.rows.clone() {
        let north = geometry.first(y);
        while next < north + signed(SIDE) {
            let planes = scratch[slot(next)..][..row].chunks_exact_mut(plane);
            // SAFETY: the input's rows are complete before a layer that reads them begins.
            let pixels = unsafe { input.slice(next, col, seen) };
            to_planes(weights.isa, pixels, &mut planes.collect::<Vec<_>>(), 0);
            next += 1;
        }
        let rows = [0, 1, 2].map(|r| scratch[slot(north + r)..].as_ptr());
        let (out, count) =
            (target(output, epilogue, (y, patch.cols.start, patch.width()), block), patch.width());
        debug_assert!(count <= plane);
        weights.isa.run(Narrow {
            terms: weights.terms(block),
            width: block.width(),
            channels,
            plane,
            rows,
            out,
        });
    }
}

/// A row of output.
struct Narrow<'a> {
    terms: Terms,
    /// Weights of a term.
    width: usize,
    /// Planes of each row, and values of each.
    channels: usize,
    plane: usize,
    rows: [*const f32; SIDE],
    out: Strip<'a>,
}

impl Work for Narrow<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let Strip { out, out_step, count, activation, .. } = self.out;
        // SAFETY: `narrow` has made planes of all pixels that the row's kernels cover, with room for a group of
        // vectors after them; `target` has given pointers to its pixels.
        unsafe {
            match self.terms.valid {
                1 => self.outputs::<I, 1>(isa),
                2 => self.outputs::<I, 2>(isa),
                3 => self.outputs::<I, 3>(isa),
                _ => self.outputs::<I, MOST>(isa),
            }
            smooth(isa, activation, out, [count, out_step, self.terms.valid]);
        }
    }
}

impl Narrow<'_> {
    /// `N` outputs.
    #[inline(always)]
    unsafe fn outputs<I: Set, const N: usize>(&self, isa: I) {
        let (simd, lanes) = (isa.simd(), <I::S as Simd>::F32_LANES);
        let mut values = [[0.0f32; VECTORS * LINE]; N];
        for first in (0..self.out.count).step_by(VECTORS * lanes) {
            let mut sums = [[simd.splat_f32s(0.0); VECTORS]; N];
            // SAFETY: guaranteed by the caller; vectors have at most as many values as a cache line.
            unsafe {
                unrolled!(N, n, { sums[n] = [simd.splat_f32s(*self.terms.bias.add(n)); VECTORS] });
                let mut weights = self.terms.weights;
                for row in self.rows {
                    for q in 0..SIDE {
                        let mut from = row.add(first + q);
                        for _ in 0..self.channels {
                            unrolled!(VECTORS, v, {
                                let value = load::<I>(from.add(v * lanes));
                                unrolled!(N, n, {
                                    let weight = simd.splat_f32s(*weights.add(n));
                                    sums[n][v] = mul_add(isa, value, weight, sums[n][v]);
                                });
                            });
                            (from, weights) =
                                (from.wrapping_add(self.plane), weights.wrapping_add(self.width));
                        }
                    }
                }
                unrolled!(N, n, {
                    let to = values[n].as_mut_ptr();
                    unrolled!(VECTORS, v, {
                        to.add(v * lanes).cast::<Vector<I>>().write_unaligned(sums[n][v]);
                    });
                });
            }
            for p in 0..(self.out.count - first).min(VECTORS * lanes) {
                for (n, values) in values.iter().enumerate() {
                    // SAFETY: as above.
                    unsafe { self.write(first + p, n, values[p]) };
                }
            }
        }
    }

    /// Writes an output, with its residual and limits.
    #[inline(always)]
    unsafe fn write(&self, pixel: usize, n: usize, mut value: f32) {
        let (low, high) = self.out.activation.range();
        // SAFETY: guaranteed by the caller.
        unsafe {
            if !self.out.residual.is_null() {
                value += *self.out.residual.add(pixel * self.out.residual_step + n);
            }
            *self.out.out.add(pixel * self.out.out_step + n) = value.max(low).min(high);
        }
    }
}
