//! The sums of a strip of pixels in 8 bits, for any instruction set.

#![allow(clippy::cast_ptr_alignment, reason = "rows of f32 are aligned, and read with unaligned loads")]

use super::bytes::MOST;
use super::direct::{MOST_SIDE, Pixels, unrolled};
use crate::Activation;
use crate::numbers::ROUND;

/// Vector operations of an instruction set; floats behave as on x86 (`max` and `min` return the second of equals).
///
/// Contract of every function: the caller guarantees that the instruction set is available and that pointers are
/// valid for all values that are read or written.
pub(super) trait Dot {
    type Ints: Copy;
    type Floats: Copy;
    /// Mask of a vector's valid values.
    type Mask: Copy;
    const LANES: usize;
    /// Largest numbers of pixels that are computed together, with one vector of channels and with two.
    const PIXELS: [usize; 2];
    unsafe fn zero() -> Self::Ints;
    /// A group of weights for each lane.
    unsafe fn load(from: *const i8) -> Self::Ints;
    /// The same group of inputs in each lane.
    unsafe fn four(from: *const i32) -> Self::Ints;
    /// `sum` plus the four products of each lane.
    unsafe fn dot(sum: Self::Ints, values: Self::Ints, kernel: Self::Ints) -> Self::Ints;
    unsafe fn floats(sums: Self::Ints) -> Self::Floats;
    unsafe fn splat(value: f32) -> Self::Floats;
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn max(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn min(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn mask(valid: usize) -> Self::Mask;
    unsafe fn load_f32(from: *const f32) -> Self::Floats;
    unsafe fn load_u8(from: *const u8) -> Self::Floats;
    unsafe fn store_f32(to: *mut f32, values: Self::Floats);
    /// The lowest byte of each value's bits.
    unsafe fn store_u8(to: *mut u8, values: Self::Floats);
    unsafe fn load_f32_part(from: *const f32, mask: Self::Mask) -> Self::Floats;
    unsafe fn load_u8_part(from: *const u8, mask: Self::Mask) -> Self::Floats;
    unsafe fn store_f32_part(to: *mut f32, mask: Self::Mask, values: Self::Floats);
    unsafe fn store_u8_part(to: *mut u8, mask: Self::Mask, values: Self::Floats);
}

/// Equidistant pixels of one row.
pub(super) struct Line {
    /// Start of the first pixel's groups, for each kernel row.
    pub(super) rows: [*const f32; MOST_SIDE],
    /// Distance between pixels: input, in groups; output and residual, in bytes.
    pub(super) step: usize,
    pub(super) out_step: usize,
    pub(super) residual_step: usize,
    /// The first pixel's first channel.
    pub(super) out: *mut u8,
    /// Null if there is no residual.
    pub(super) residual: *const u8,
    /// Scale of the residual's bytes; `None`: it is f32.
    pub(super) residual_scale: Option<f32>,
    /// Inverse of the scale of the output's bytes; `None`: it is f32.
    pub(super) inverse: Option<f32>,
    pub(super) count: usize,
    pub(super) activation: Activation,
}

/// The terms of a block in the sums of a strip.
pub(super) struct Terms {
    /// Kernel rows; groups of each row.
    pub(super) rows: usize,
    pub(super) groups: usize,
    pub(super) weights: *const i8,
    pub(super) scale: *const f32,
    pub(super) bias: *const f32,
    /// Vectors of channels, and channels that are written.
    pub(super) vectors: usize,
    pub(super) valid: usize,
}

/// Computes a strip's pixels in groups of nearly equal size, so that no small remainder is left.
///
/// # Safety
/// The machine has the instruction set; the pointers are valid for all values described by `terms` and `line`.
#[inline(always)]
pub(super) unsafe fn strip<D: Dot>(terms: &Terms, line: &Line) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match terms.vectors {
            1 => by_pixels::<D, 1>(terms, line),
            _ => by_pixels::<D, 2>(terms, line),
        }
    }
}

#[inline(always)]
unsafe fn by_pixels<D: Dot, const N: usize>(terms: &Terms, line: &Line) {
    let parts = line.count.div_ceil(D::PIXELS[N - 1]);
    let mut done = 0;
    for part in 0..parts {
        let pixels = (line.count - done).div_ceil(parts - part);
        // SAFETY: `done + pixels` stays within the strip.
        unsafe {
            macro_rules! by_count {
                ($($n:literal)*) => {
                    match pixels {
                        $($n => tile::<D, N, $n>(terms, line, done),)*
                        _ => unreachable!("at most 14 pixels at a time"),
                    }
                };
            }
            by_count!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        }
        done += pixels;
    }
}

/// `N` vectors of output channels of `P` pixels.
#[inline(always)]
unsafe fn tile<D: Dot, const N: usize, const P: usize>(terms: &Terms, line: &Line, first: usize) {
    if P > D::PIXELS[N - 1] {
        return;
    }
    let width = 4 * N * D::LANES;
    // SAFETY: the block has `N` vectors of weights for each group; the strip has `first + P` pixels, whose groups lie
    // one after the other.
    unsafe {
        let mut sums = [[D::zero(); N]; P];
        let mut weights = terms.weights;
        for row in &line.rows[..terms.rows] {
            let mut from = Pixels::new(row.add(first * line.step), line.step, P);
            let mut left = terms.groups;
            while left >= 4 {
                for group in 0..4 {
                    add::<D, N, P>(&from, group, weights.add(group * width), &mut sums);
                }
                (from, weights, left) = (from.after(4), weights.add(4 * width), left - 4);
            }
            while left > 0 {
                add::<D, N, P>(&from, 0, weights, &mut sums);
                (from, weights, left) = (from.after(1), weights.add(width), left - 1);
            }
        }
        if terms.valid == N * D::LANES {
            finish::<D, N, P, false>(terms, line, first, &sums);
        } else {
            finish::<D, N, P, true>(terms, line, first, &sums);
        }
    }
}

/// One group of `P` pixels.
#[inline(always)]
unsafe fn add<D: Dot, const N: usize, const P: usize>(
    from: &Pixels,
    group: usize,
    weights: *const i8,
    sums: &mut [[D::Ints; N]; P],
) {
    // SAFETY: the caller's pixels have this group, and its weights.
    unsafe {
        let mut kernel = [D::zero(); N];
        unrolled!(N, n, { kernel[n] = D::load(weights.add(4 * n * D::LANES)) });
        unrolled!(P, p, {
            let values = D::four(from.at(p).add(group).cast());
            unrolled!(N, n, { sums[p][n] = D::dot(sums[p][n], values, kernel[n]) });
        });
    }
}

/// Scales, adds bias and residual, applies the activation, and writes pixels from the strip's `first` on; with
/// `PART`, the valid channels only.
#[inline(always)]
unsafe fn finish<D: Dot, const N: usize, const P: usize, const PART: bool>(
    terms: &Terms,
    line: &Line,
    first: usize,
    sums: &[[D::Ints; N]; P],
) {
    let valid = |n: usize| terms.valid.saturating_sub(n * D::LANES);
    // SAFETY: the block has `N` vectors of scales and bias; the strip has these pixels, with `valid` channels, bytes in
    // fours.
    unsafe {
        let (mut scale, mut bias) = ([D::splat(0.0); N], [D::splat(0.0); N]);
        let (mut mask, mut mask_fours) = ([D::mask(0); N], [D::mask(0); N]);
        unrolled!(N, n, {
            scale[n] = D::load_f32(terms.scale.add(n * D::LANES));
            bias[n] = D::load_f32(terms.bias.add(n * D::LANES));
            if PART {
                (mask[n], mask_fours[n]) = (D::mask(valid(n)), D::mask(valid(n).next_multiple_of(4)));
            }
        });
        let mut values = [[D::splat(0.0); N]; P];
        unrolled!(P, p, {
            unrolled!(N, n, { values[p][n] = D::add(D::mul(D::floats(sums[p][n]), scale[n]), bias[n]) });
        });
        match line.residual_scale {
            _ if line.residual.is_null() => {}
            Some(residual_scale) => {
                let residual_scale = D::splat(residual_scale);
                unrolled!(P, p, {
                    let from = line.residual.add((first + p) * line.residual_step);
                    unrolled!(N, n, {
                        let at = from.add(n * D::LANES);
                        let v = if PART { D::load_u8_part(at, mask_fours[n]) } else { D::load_u8(at) };
                        values[p][n] = D::add(values[p][n], D::mul(v, residual_scale));
                    });
                });
            }
            None => {
                unrolled!(P, p, {
                    let from = line.residual.add((first + p) * line.residual_step).cast::<f32>();
                    unrolled!(N, n, {
                        let at = from.add(n * D::LANES);
                        let v = if PART { D::load_f32_part(at, mask[n]) } else { D::load_f32(at) };
                        values[p][n] = D::add(values[p][n], v);
                    });
                });
            }
        }
        let (low, high) = line.activation.range();
        let (low, high) = (D::splat(low), D::splat(high));
        unrolled!(P, p, {
            unrolled!(N, n, { values[p][n] = D::min(D::max(values[p][n], low), high) });
        });
        if let Some(inverse) = line.inverse {
            let (inverse, most, round) = (D::splat(inverse), D::splat(MOST), D::splat(ROUND));
            unrolled!(P, p, {
                let to = line.out.add((first + p) * line.out_step);
                unrolled!(N, n, {
                    let (at, v) = (to.add(n * D::LANES), D::min(D::mul(values[p][n], inverse), most));
                    let v = D::add(v, round);
                    if PART { D::store_u8_part(at, mask_fours[n], v) } else { D::store_u8(at, v) }
                });
            });
        } else {
            unrolled!(P, p, {
                let to = line.out.add((first + p) * line.out_step).cast::<f32>();
                unrolled!(N, n, {
                    let (at, v) = (to.add(n * D::LANES), values[p][n]);
                    if PART { D::store_f32_part(at, mask[n], v) } else { D::store_f32(at, v) }
                });
            });
        }
    }
}
