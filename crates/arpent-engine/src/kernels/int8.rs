//! Convolutions of 8 bits: weights are -127..=127 times a scale of their output channel, inputs 0..=127 times a scale of
//! their layer. Sums are whole numbers, and what follows is rounded one operation at a time, so that every instruction
//! set gives the same bits.
//!
//! Rows are four channels of bytes in the place of each value ([`Rows`]), which are multiplied by four weights at a time:
//! a *group*.

#![allow(clippy::cast_ptr_alignment, reason = "rows of f32 are aligned, and read as if they were not")]

use super::bytes::MOST;
use super::direct::{Geometry, MOST_ROWS, Patch, PhaseRow, Pixels, phase_rows, rows, unrolled};
use super::int8_portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::int8_x86::{Short, Vnni};
use super::isa::Isa;
use super::rows::Rows;
use crate::Activation;
use crate::numbers::{ROUND, signed};

/// Vector operations of an instruction set; floats are as x86 has them (`max` and `min` give the second of equals).
///
/// Every function's contract: it is called where the instruction set is there, with pointers to as many values as it
/// reads or writes.
pub(super) trait Dot {
    type Ints: Copy;
    type Floats: Copy;
    /// Which of a vector's values are wanted.
    type Mask: Copy;
    const LANES: usize;
    /// The most pixels that are computed together, with one vector of channels and with two.
    const PIXELS: [usize; 2];
    unsafe fn zero() -> Self::Ints;
    /// A group of weights for each lane.
    unsafe fn load(from: *const i8) -> Self::Ints;
    /// The same group of inputs for each lane.
    unsafe fn four(from: *const i32) -> Self::Ints;
    /// `sum` and the four products of each lane.
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

/// How sums are computed on this machine: made by [`Dots::of`] only, for what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dots {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// The same with vectors of half the size.
    #[cfg(target_arch = "x86_64")]
    HalfVnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

/// Whether sums are computed by something better than plain loops.
pub(super) fn has_kernel(isa: Isa) -> bool {
    isa.is_available() && Dots::of(isa) != Dots::Portable
}

impl Dots {
    fn of(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if Vnni::is_available() => Self::Vnni,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 if Short::<false>::is_available() => Self::Avx2,
            _ => Self::Portable,
        }
    }

    const fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => Vnni::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::HalfVnni => Short::<true>::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Short::<false>::LANES,
            Self::Portable => Portable::LANES,
        }
    }

    /// What computes vectors of half the size, or itself.
    const fn half(self) -> Self {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => Self::HalfVnni,
            other => other,
        }
    }

    /// [`strip`] on this machine.
    ///
    /// # Safety
    /// As [`strip`].
    unsafe fn strip(self, terms: &Terms, line: &Line) {
        // SAFETY: what is not there is not made; the rest is the caller's.
        unsafe {
            match self {
                #[cfg(target_arch = "x86_64")]
                Self::Vnni => Vnni::strip(terms, line),
                #[cfg(target_arch = "x86_64")]
                Self::HalfVnni => Short::<true>::strip(terms, line),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => Short::<false>::strip(terms, line),
                Self::Portable => strip::<Portable>(terms, line),
            }
        }
    }
}

/// For whom a kernel is packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packing {
    pub(crate) isa: Isa,
    /// Scale of the input's bytes.
    pub(crate) scale: f32,
}

/// Output channels that are computed together.
#[derive(Debug, Clone, Copy)]
struct Block {
    dots: Dots,
    /// Vectors of channels: 1 or 2.
    vectors: usize,
    /// First channel, and how many are wanted.
    first: usize,
    valid: usize,
    /// Where its values begin, in channels of the packed layout.
    packed: usize,
}

fn blocks(dots: Dots, outputs: usize) -> Vec<Block> {
    let (lanes, half) = (dots.lanes(), dots.half());
    let (mut first, mut packed, mut cut) = (0, 0, Vec::new());
    while first < outputs {
        let left = outputs - first;
        let (dots, vectors) = match left {
            _ if left > lanes + half.lanes() % lanes => (dots, 2),
            _ if left > half.lanes() % lanes => (dots, 1),
            _ => (half, 1),
        };
        let block = Block { dots, vectors, first, valid: left.min(vectors * dots.lanes()), packed };
        (first, packed) = (first + block.valid, packed + block.width());
        cut.push(block);
    }
    cut
}

impl Block {
    /// Channels that are computed.
    const fn width(&self) -> usize {
        self.vectors * self.dots.lanes()
    }
}

/// A convolution's kernel and bias: block by block, then kernel row by row, then column, group of input channels, output
/// channel, and input channel of the group.
#[derive(Debug)]
pub(crate) struct Int8Weights {
    blocks: Vec<Block>,
    /// Kernel rows; groups of each.
    rows: usize,
    groups: usize,
    data: Vec<i8>,
    /// For each output channel, what its sums are multiplied by.
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl Int8Weights {
    /// Packs a kernel of some rows, columns and inputs: `at(output, row, term)`, a term being `column * inputs + input`.
    pub(crate) fn new(
        packing: Packing,
        bias: &[f32],
        [rows, cols, inputs]: [usize; 3],
        at: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let blocks = blocks(Dots::of(packing.isa), bias.len());
        let (groups, terms) = (inputs.div_ceil(4), cols * inputs);
        let largest = |o: usize| {
            let all = (0..rows).flat_map(|row| (0..terms).map(move |term| (row, term)));
            all.fold(0f32, |most, (row, term)| most.max(at(o, row, term).abs()))
        };
        let steps: Vec<f32> = (0..bias.len()).map(|o| largest(o) / MOST).collect();
        let (mut data, mut scale, mut padded) = (Vec::new(), Vec::new(), Vec::new());
        for block in &blocks {
            let outputs = || (0..block.width()).map(|o| (o < block.valid).then_some(block.first + o));
            let places = (0..rows * cols).flat_map(|place| (0..groups).map(move |group| (place, group)));
            for (place, group) in places {
                let weight = |o: usize, input: usize| {
                    nearest(at(o, place / cols, place % cols * inputs + input) / steps[o])
                };
                for o in outputs() {
                    data.extend((4 * group..4 * group + 4).map(|i| match o {
                        Some(o) if i < inputs && steps[o] > 0.0 => weight(o, i),
                        _ => 0,
                    }));
                }
            }
            scale.extend(outputs().map(|o| o.map_or(0.0, |o| steps[o] * packing.scale)));
            padded.extend(outputs().map(|o| o.map_or(0.0, |o| bias[o])));
        }
        Self { blocks, rows, groups: cols * groups, data, scale, bias: padded }
    }

    /// Bytes of the packed values.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + 4 * (self.scale.len() + self.bias.len())
    }

    fn terms(&self, block: &Block) -> Terms {
        Terms {
            rows: self.rows,
            groups: self.groups,
            weights: self.data[4 * block.packed * self.rows * self.groups..].as_ptr(),
            scale: self.scale[block.packed..].as_ptr(),
            bias: self.bias[block.packed..].as_ptr(),
            vectors: block.vectors,
            valid: block.valid,
        }
    }
}

/// The nearest whole number of at most 7 bits and a sign.
#[allow(clippy::cast_possible_truncation, reason = "of -127..=127")]
fn nearest(value: f32) -> i8 {
    value.round_ties_even().clamp(-MOST, MOST) as i8
}

/// What follows the sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    /// Added to it; with its scale where it is kept in bytes.
    pub(crate) residual: Option<(Rows, Option<f32>)>,
    pub(crate) activation: Activation,
    /// Scale of the output's bytes; none: it is kept as f32.
    pub(crate) scale: Option<f32>,
}

/// Pixels of one row, at equal distances.
pub(super) struct Line {
    /// Where the first pixel's groups begin, for each kernel row.
    rows: [*const f32; MOST_ROWS],
    /// From a pixel to the next: input, groups; output and residual, bytes.
    step: usize,
    out_step: usize,
    residual_step: usize,
    /// The first pixel's first channel.
    out: *mut u8,
    /// Null: none.
    residual: *const u8,
    /// Of the residual's bytes; none: it is f32.
    residual_scale: Option<f32>,
    /// Inverse of the scale of the output's bytes; none: it is f32.
    inverse: Option<f32>,
    count: usize,
    activation: Activation,
}

/// A block's part of the sums of a strip.
pub(super) struct Terms {
    /// Kernel rows; groups of each.
    rows: usize,
    groups: usize,
    weights: *const i8,
    scale: *const f32,
    bias: *const f32,
    /// Vectors of channels, and channels that are written.
    vectors: usize,
    valid: usize,
}

/// Computes a strip's pixels in groups as equal as can be, so that none is left over.
///
/// # Safety
/// The machine has the instruction set; the pointers are to as many values as `terms` and `line` say.
#[inline(always)]
pub(super) unsafe fn strip<D: Dot>(terms: &Terms, line: &Line) {
    // SAFETY: the caller's.
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

/// Scales, adds bias and residual, activates, and writes pixels from the strip's `first` on; with `PART`, the valid
/// channels only.
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

/// A convolution of some pixels.
pub(crate) fn int8_direct(
    weights: &Int8Weights,
    geometry: Geometry,
    [input, output]: [Rows; 2],
    finish: Finish,
    patch: &Patch,
) {
    let Geometry { kernel, stride, before } = geometry;
    let [signed_stride, signed_before] = [stride, before].map(signed);
    let (start, count) = (patch.cols.start, patch.width());
    debug_assert_eq!((weights.rows, weights.groups), (kernel, kernel * input.channels()));
    for block in &weights.blocks {
        let terms = weights.terms(block);
        for y in patch.rows.clone() {
            let (row, col) = (y * signed_stride - signed_before, start * signed_stride - signed_before);
            let read = |r: usize| input.read(row + signed(r), col, (count - 1) * stride + kernel);
            let line = Line {
                rows: rows(kernel, read),
                step: stride * input.channels(),
                ..target(output, finish, (y, start, count), block)
            };
            // SAFETY: `read` and `target` have given pointers to all pixels of the strip.
            unsafe { block.dots.strip(&terms, &line) };
        }
    }
}

/// A convolution of 3 x 3 over a picture twice as large as its input ([`super::phases`]).
pub(crate) fn int8_phases(
    weights: &[Int8Weights; 4],
    [input, output]: [Rows; 2],
    finish: Finish,
    patch: &Patch,
) {
    for (phase, weights) in weights.iter().enumerate() {
        debug_assert_eq!((weights.rows, weights.groups), (2, 2 * input.channels()));
        for block in &weights.blocks {
            let terms = weights.terms(block);
            for PhaseRow { y, start, count, row, col } in phase_rows(patch, phase) {
                let mut line = Line {
                    rows: rows(2, |r| input.read(row + signed(r), col, count + 1)),
                    step: input.channels(),
                    ..target(output, finish, (y, start, 2 * count - 1), block)
                };
                (line.out_step, line.residual_step, line.count) =
                    (2 * line.out_step, 2 * line.residual_step, count);
                // SAFETY: as for `int8_direct`; every second pixel is written.
                unsafe { block.dots.strip(&terms, &line) };
            }
        }
    }
}

/// The part of a strip that is written.
fn target(output: Rows, finish: Finish, (y, col, count): (i64, i64, usize), block: &Block) -> Line {
    let bytes = |scale: Option<f32>| if scale.is_some() { 1 } else { 4 };
    let out = output.write(y, col, count).cast::<u8>().wrapping_add(block.first * bytes(finish.scale));
    let residual = finish
        .residual
        .map(|(rows, scale)| rows.read(y, col, count).cast::<u8>().wrapping_add(block.first * bytes(scale)));
    Line {
        rows: [std::ptr::null(); MOST_ROWS],
        step: 0,
        out_step: 4 * output.channels(),
        residual_step: finish.residual.map_or(0, |(rows, _)| 4 * rows.channels()),
        out,
        residual: residual.unwrap_or(std::ptr::null()),
        residual_scale: finish.residual.and_then(|(_, scale)| scale),
        inverse: finish.scale.map(f32::recip),
        count,
        activation: finish.activation,
    }
}
