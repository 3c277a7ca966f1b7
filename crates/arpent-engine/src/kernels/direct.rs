//! Direct convolutions: for each output pixel, a sum over the kernel's rows, columns and input channels.

use std::ops::Range;

use pulp::Simd;
use rayon::prelude::*;

use super::aligned::Aligned;
use super::isa::{Isa, Set, Work, mul_add, vectorized};
use super::rows::Rows;
use super::smooth::smooth;
use crate::Activation;
use crate::numbers::{signed, size};

/// The largest kernel of trainings, rows.
pub(crate) const MOST_ROWS: usize = 7;

/// The largest kernel, rows and columns.
pub(crate) const MOST_SIDE: usize = 8;

/// Pixels of a layer's output to compute.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    pub(crate) rows: Range<i64>,
    pub(crate) cols: Range<i64>,
}

impl Patch {
    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        size(self.cols.end - self.cols.start)
    }
}

/// The operations after the sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epilogue {
    /// Residual, added to the sum.
    pub(crate) residual: Option<Rows>,
    pub(crate) activation: Activation,
}

/// Output channels that are computed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) isa: Isa,
    /// Vectors of channels: 1 or 2.
    pub(crate) vectors: usize,
    /// First channel, and number of valid channels.
    pub(crate) first: usize,
    pub(crate) valid: usize,
    /// Start of its values, in channels of the packed layout.
    pub(crate) packed: usize,
}

impl Block {
    /// Number of computed channels.
    pub(crate) fn width(&self) -> usize {
        self.vectors * self.isa.lanes()
    }
}

/// Splits output channels into blocks.
pub(crate) fn blocks(isa: Isa, outputs: usize) -> Vec<Block> {
    let (lanes, mut first, mut packed, mut cut) = (isa.lanes(), 0, 0, Vec::new());
    while first < outputs {
        let left = outputs - first;
        let (isa, vectors) = match left {
            _ if left >= 2 * lanes => (isa, 2),
            _ if 2 * left > lanes => (isa, 1),
            _ => (isa.half(), 1),
        };
        let block = Block { isa, vectors, first, valid: left.min(vectors * isa.lanes()), packed };
        (first, packed) = (first + block.valid, packed + block.width());
        cut.push(block);
    }
    cut
}

/// A convolution's kernel and bias: block by block, then kernel row by row, then column and input channel, then
/// output channel.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(super) isa: Isa,
    pub(super) blocks: Vec<Block>,
    /// Kernel rows; terms of each row.
    rows: usize,
    terms: usize,
    data: Aligned,
    pub(super) bias: Aligned,
}

impl Weights {
    /// Packs a kernel: `at(output, row, term)`, a term being `column * inputs + input`.
    pub(crate) fn new(
        isa: Isa,
        bias: &[f32],
        [rows, terms]: [usize; 2],
        at: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let blocks = blocks(isa, bias.len());
        let width: usize = blocks.iter().map(Block::width).sum();
        let (mut data, mut padded) = (Aligned::zeros(width * rows * terms), Aligned::zeros(width));
        let mut rest = &mut *data;
        let mut parts = Vec::new();
        for block in &blocks {
            let own;
            (own, rest) = rest.split_at_mut(block.width() * rows * terms);
            parts.push((block, own));
            padded[block.packed..][..block.valid].copy_from_slice(&bias[block.first..][..block.valid]);
        }
        parts.into_par_iter().for_each(|(block, own)| {
            for (place, to) in own.chunks_exact_mut(block.width()).enumerate() {
                let value = |o: usize| at(block.first + o, place / terms, place % terms);
                to.iter_mut().take(block.valid).enumerate().for_each(|(o, to)| *to = value(o));
            }
        });
        Self { isa, blocks, rows, terms, data, bias: padded }
    }

    /// Size of the packed values in bytes.
    pub(crate) fn bytes(&self) -> usize {
        4 * (self.data.len() + self.bias.len())
    }

    /// Number of blocks, and values of the largest.
    pub(crate) fn blocks(&self) -> (usize, usize) {
        let widest = self.blocks.iter().map(Block::width).max().unwrap_or(0);
        (self.blocks.len(), widest * self.rows * self.terms)
    }

    /// Outputs of a block and its packed kernel.
    pub(super) fn block(&self, number: usize) -> (usize, &[f32]) {
        let (block, each) = (&self.blocks[number], self.rows * self.terms);
        (block.width(), &self.data[block.packed * each..][..block.width() * each])
    }
}

/// Equidistant pixels of one row.
#[derive(Clone, Copy)]
pub(crate) struct Strip<'a> {
    /// Start of the first pixel's terms, for each kernel row; of a dilated kernel, for each of its pixels.
    pub(crate) rows: &'a [*const f32],
    /// Distance between pixels: input, output and residual, in values.
    pub(crate) step: usize,
    pub(crate) out_step: usize,
    pub(crate) residual_step: usize,
    /// The first pixel's first channel.
    pub(crate) out: *mut f32,
    /// Null if there is no residual.
    pub(crate) residual: *const f32,
    pub(crate) count: usize,
    pub(crate) activation: Activation,
}

/// The terms of a block in the sums of a strip.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    /// Kernel rows; terms of each row.
    pub(crate) rows: usize,
    pub(crate) each: usize,
    /// The block's packed kernel and the initial values of the sums.
    pub(crate) weights: *const f32,
    pub(crate) bias: *const f32,
    /// Output channels that are written.
    pub(crate) valid: usize,
}

/// Unrolls a block for `$i` from 0 on: accumulators that are indexed by a run-time number would be kept in memory.
macro_rules! unrolled {
    ($count:expr, $i:ident, $body:block) => {
        unrolled!(@ $count, $i, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $count:expr, $i:ident, $body:block, $($n:literal)*) => {
        $(if $n < $count {
            let $i: usize = $n;
            $body
        })*
    };
}

pub(super) use unrolled;

/// Computes a strip's pixels in groups of nearly equal size, so that no small remainder is left.
#[inline(always)]
pub(crate) unsafe fn strip<I: Set, const N: usize>(isa: I, terms: &Terms, strip: &Strip) {
    let groups = strip.count.div_ceil(I::PIXELS[N - 1]);
    let mut done = 0;
    for group in 0..groups {
        let pixels = (strip.count - done).div_ceil(groups - group);
        // SAFETY: `done + pixels` stays within the strip.
        unsafe {
            macro_rules! by_count {
                ($($n:literal)*) => {
                    match pixels {
                        $($n => tile::<I, N, $n>(isa, terms, strip, done),)*
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
unsafe fn tile<I: Set, const N: usize, const P: usize>(isa: I, terms: &Terms, strip: &Strip, first: usize) {
    if P > I::PIXELS[N - 1] {
        return;
    }
    let (simd, lanes) = (isa.simd(), <I::S as Simd>::F32_LANES);
    let mut sums = [[simd.splat_f32s(0.0); N]; P];
    // SAFETY: the block has `N` vectors of bias and, for each term, of weights; the strip has `first + P` pixels,
    // whose terms lie one after the other.
    unsafe {
        let mut bias = [simd.splat_f32s(0.0); N];
        unrolled!(N, n, { bias[n] = load::<I>(terms.bias.add(n * lanes)) });
        unrolled!(P, p, { sums[p] = bias });
        let mut weights = terms.weights;
        for row in &strip.rows[..terms.rows] {
            let mut from = Pixels::new(row.add(first * strip.step), strip.step, P);
            let mut left = terms.each;
            while left >= 4 {
                for term in 0..4 {
                    add::<I, N, P>(isa, &from, term, weights.add(term * N * lanes), &mut sums);
                }
                (from, weights, left) = (from.after(4), weights.add(4 * N * lanes), left - 4);
            }
            while left > 0 {
                add::<I, N, P>(isa, &from, 0, weights, &mut sums);
                (from, weights, left) = (from.after(1), weights.add(N * lanes), left - 1);
            }
        }
        if terms.valid == N * lanes {
            finish(isa, strip, first, &sums);
        } else {
            finish_part(isa, strip, first, terms.valid, &sums);
        }
    }
}

/// One term of `P` pixels.
#[inline(always)]
unsafe fn add<I: Set, const N: usize, const P: usize>(
    isa: I,
    from: &Pixels,
    term: usize,
    weights: *const f32,
    sums: &mut [[<I::S as Simd>::f32s; N]; P],
) {
    let (simd, lanes) = (isa.simd(), <I::S as Simd>::F32_LANES);
    let mut kernel = [simd.splat_f32s(0.0); N];
    // SAFETY: the caller's pixels have this term, and its weights.
    unsafe {
        unrolled!(N, n, { kernel[n] = load::<I>(weights.add(n * lanes)) });
        unrolled!(P, p, {
            let value = simd.splat_f32s(*from.at(p).add(term));
            unrolled!(N, n, { sums[p][n] = mul_add(isa, value, kernel[n], sums[p][n]) });
        });
    }
}

/// Addresses of pixels in a row: a pointer for every third pixel, the others relative to it, as in processor
/// addressing modes. The compiler alone would keep a pointer to each, more than there are registers.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    thirds: [*const f32; 5],
    step: usize,
}

impl Pixels {
    #[inline(always)]
    pub(super) fn new(first: *const f32, step: usize, count: usize) -> Self {
        let third = |i: usize| if 3 * i < count { first.wrapping_add(3 * i * step) } else { first };
        Self { thirds: std::array::from_fn(third), step }.after(0)
    }

    #[inline(always)]
    pub(super) fn at(&self, pixel: usize) -> *const f32 {
        self.thirds[pixel / 3].wrapping_add(pixel % 3 * self.step)
    }

    #[inline(always)]
    pub(super) fn after(self, terms: usize) -> Self {
        let mut thirds = self.thirds;
        for third in &mut thirds {
            *third = own_register(third.wrapping_add(terms));
        }
        Self { thirds, ..self }
    }
}

/// Hides the origin of a pointer from the optimizer.
#[inline(always)]
fn own_register(pointer: *const f32) -> *const f32 {
    #[cfg(not(miri))]
    let pointer = {
        let mut pointer = pointer;
        // SAFETY: no instruction.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, readonly, nostack, preserves_flags));
        }
        pointer
    };
    pointer
}

#[inline(always)]
pub(super) unsafe fn load<I: Set>(from: *const f32) -> <I::S as Simd>::f32s {
    // SAFETY: the caller has a vector there.
    unsafe { from.cast::<<I::S as Simd>::f32s>().read_unaligned() }
}

/// Adds the residual, applies the activation, and writes pixels from the strip's `first` on.
#[inline(always)]
unsafe fn finish<I: Set, const N: usize, const P: usize>(
    isa: I,
    strip: &Strip,
    first: usize,
    sums: &[[<I::S as Simd>::f32s; N]; P],
) {
    let (simd, lanes) = (isa.simd(), <I::S as Simd>::F32_LANES);
    let (low, high) = strip.activation.range();
    let (low, high) = (simd.splat_f32s(low), simd.splat_f32s(high));
    let mut sums = *sums;
    // SAFETY: the strip has these pixels, with at least `N` vectors of channels.
    unsafe {
        if !strip.residual.is_null() {
            unrolled!(P, p, {
                let residual = strip.residual.add((first + p) * strip.residual_step);
                unrolled!(N, n, {
                    sums[p][n] = simd.add_f32s(sums[p][n], load::<I>(residual.add(n * lanes)));
                });
            });
        }
        unrolled!(P, p, {
            let out = strip.out.add((first + p) * strip.out_step);
            unrolled!(N, n, {
                let sum = simd.min_f32s(simd.max_f32s(sums[p][n], low), high);
                out.add(n * lanes).cast::<<I::S as Simd>::f32s>().write_unaligned(sum);
            });
        });
    }
}

/// The same for the first `valid` channels only.
#[inline(always)]
unsafe fn finish_part<I: Set, const N: usize, const P: usize>(
    _: I,
    strip: &Strip,
    first: usize,
    valid: usize,
    sums: &[[<I::S as Simd>::f32s; N]; P],
) {
    let (low, high) = strip.activation.range();
    let lanes = <I::S as Simd>::F32_LANES;
    let mut values = [0.0f32; 14 * 32];
    // SAFETY: at most 14 pixels of two vectors of 16 values.
    unsafe {
        unrolled!(P, p, {
            unrolled!(N, n, {
                values
                    .as_mut_ptr()
                    .add((p * N + n) * lanes)
                    .cast::<<I::S as Simd>::f32s>()
                    .write_unaligned(sums[p][n]);
            });
        });
    }
    for p in 0..P {
        for (c, value) in values[p * N * lanes..][..valid].iter().enumerate() {
            // SAFETY: the strip has these pixels, with at least `valid` channels.
            unsafe {
                let mut value = *value;
                if !strip.residual.is_null() {
                    value += *strip.residual.add((first + p) * strip.residual_step + c);
                }
                *strip.out.add((first + p) * strip.out_step + c) = value.max(low).min(high);
            }
        }
    }
}

/// Position of a kernel over its input: its first row and column are `stride` times the output's minus `before`, the
/// others come at a distance of `dilation`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) before: usize,
    pub(crate) dilation: usize,
}

impl Geometry {
    /// Input pixels from the first to the last that `count` output pixels depend on.
    pub(crate) fn seen(&self, count: usize) -> usize {
        count.saturating_sub(1) * self.stride + (self.kernel - 1) * self.dilation + 1
    }

    /// First input pixel of an output pixel.
    pub(crate) fn first(&self, pixel: i64) -> i64 {
        pixel * signed(self.stride) - signed(self.before)
    }

    /// Parts of the kernel whose values lie one after the other, and terms of each: its rows, or its pixels if they
    /// are apart.
    pub(crate) fn parts(&self, channels: usize) -> [usize; 2] {
        let Self { kernel, dilation, .. } = *self;
        if dilation == 1 { [kernel, kernel * channels] } else { [kernel * kernel, channels] }
    }
}

/// A block's outputs of some pixels.
pub(super) fn direct_block(
    (terms, block): (Terms, &Block),
    geometry: Geometry,
    [input, output]: [Rows; 2],
    epilogue: Epilogue,
    patch: &Patch,
) {
    block.isa.run(Direct { terms, geometry, input, output, epilogue, patch, block });
}

struct Direct<'a> {
    terms: Terms,
    geometry: Geometry,
    input: Rows,
    output: Rows,
    epilogue: Epilogue,
    patch: &'a Patch,
    block: &'a Block,
}

impl Weights {
    /// The terms of a block.
    pub(super) fn terms(&self, block: &Block) -> Terms {
        Terms {
            rows: self.rows,
            each: self.terms,
            weights: self.data[block.packed * self.rows * self.terms..].as_ptr(),
            bias: self.bias[block.packed..].as_ptr(),
            valid: block.valid,
        }
    }
}

impl Work for Direct<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let terms = self.terms;
        let (cols, count) = (&self.patch.cols, self.patch.width());
        let Geometry { stride, dilation, .. } = self.geometry;
        let (seen, col) = (self.geometry.seen(count), self.geometry.first(cols.start));
        let mut parts = [std::ptr::null(); MOST_SIDE * MOST_SIDE];
        // Pixels of a kernel row that lie apart.
        let (parts, each) = (&mut parts[..terms.rows], terms.rows / self.geometry.kernel);
        for y in self.patch.rows.clone() {
            let first = self.geometry.first(y);
            for (r, parts) in parts.chunks_exact_mut(each).enumerate() {
                let row = self.input.read(first + signed(r * dilation), col, seen);
                for (q, part) in parts.iter_mut().enumerate() {
                    *part = row.wrapping_add(q * dilation * self.input.channels());
                }
            }
            let line = Strip {
                rows: parts,
                step: stride * self.input.channels(),
                ..target(self.output, self.epilogue, (y, cols.start, count), self.block)
            };
            // SAFETY: `read` and `target` have given pointers to all pixels of the strip.
            unsafe { by_vectors(isa, self.block, &terms, &line) };
        }
    }
}

pub(super) fn rows(count: usize, read: impl Fn(usize) -> *const f32) -> [*const f32; MOST_SIDE] {
    let mut rows = [std::ptr::null(); MOST_SIDE];
    for (r, row) in rows.iter_mut().take(count).enumerate() {
        *row = read(r);
    }
    rows
}

/// The written part of a strip.
pub(super) fn target(
    output: Rows,
    epilogue: Epilogue,
    (y, col, count): (i64, i64, usize),
    block: &Block,
) -> Strip<'static> {
    let out = output.write(y, col, count).wrapping_add(block.first);
    let residual = epilogue.residual.map(|r| r.read(y, col, count).wrapping_add(block.first));
    Strip {
        rows: &[],
        step: 0,
        out_step: output.channels(),
        residual_step: epilogue.residual.map_or(0, |r| r.channels()),
        out,
        residual: residual.unwrap_or(std::ptr::null()),
        count,
        activation: epilogue.activation,
    }
}

/// Products of a strip's pixels with all blocks of a kernel of one part, without bias: `weights` are those of the first
/// block, then those of the others; `each` terms of each.
///
/// # Safety
/// The strip's pixels have `each` terms, and room for the channels of all blocks; blocks are at most 32 wide.
pub(super) unsafe fn multiply(blocks: &[Block], each: usize, weights: &[f32], strip: &Strip) {
    for block in blocks {
        let terms = Terms {
            rows: 1,
            each,
            weights: weights[block.packed * each..][..block.width() * each].as_ptr(),
            bias: NOTHING.as_ptr(),
            valid: block.valid,
        };
        let strip = Strip { out: strip.out.wrapping_add(block.first), ..*strip };
        block.isa.run(Multiply { block, terms, strip });
    }
}

/// Initial values of sums.
pub(super) const NOTHING: [f32; 32] = [0.0; 32];

struct Multiply<'a> {
    block: &'a Block,
    terms: Terms,
    strip: Strip<'a>,
}

impl Work for Multiply<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        // SAFETY: the contract of `multiply`.
        unsafe { by_vectors(isa, self.block, &self.terms, &self.strip) };
    }
}

/// Computes a strip.
///
/// # Safety
/// The strip's pixels have the terms, and room for the channels of the block.
#[inline(always)]
pub(super) unsafe fn by_vectors<I: Set>(isa: I, block: &Block, terms: &Terms, line: &Strip) {
    vectorized(isa, Sums { vectors: block.vectors, terms: *terms, strip: *line });
}

/// The sums of a strip, with all that comes after them. The inner loops are the largest part of the crate's code, and
/// are compiled here only.
struct Sums<'a> {
    vectors: usize,
    terms: Terms,
    strip: Strip<'a>,
}

impl Work for Sums<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let Self { vectors, terms, strip: line } = self;
        // SAFETY: the contract of `by_vectors`.
        unsafe {
            match vectors {
                1 => strip::<I, 1>(isa, &terms, &line),
                _ => strip::<I, 2>(isa, &terms, &line),
            }
            smooth(isa, line.activation, line.out, [line.count, line.out_step, terms.valid]);
        }
    }
}
