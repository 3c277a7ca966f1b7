//! 3 x 3 convolutions with half the products: Winograd's F(4, 3) from north to south (Lavin and Gray, *Fast
//! algorithms for convolutional neural networks*, 2016), direct from west to east.
//!
//! Four rows of output are computed together from six of input. The rounding of their sums depends on all six, so the
//! groups of four are aligned to the lattice of the grid, wherever the picture begins.

use pulp::Simd;

use super::aligned::Aligned;
use super::direct::{Block, Epilogue, NOTHING, Patch, Strip, Terms, Weights, by_vectors};
use super::isa::{Isa, Set, Work};
use super::rows::Rows;
use crate::Activation;
use crate::numbers::{narrow, signed};

/// Rows of output that are computed together.
pub(crate) const TILE_ROWS: i64 = 4;

/// Rows of input for them.
const SEEN: usize = 6;

/// Products for each column and input channel, from the kernel's three rows: 6 x 3.
#[allow(clippy::unreadable_literal, reason = "fractions")]
const KERNEL: [[f64; 3]; SEEN] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Packs a kernel, transformed: as many rows as products. `at(output, row, term)`, a term being `column * inputs + input`.
pub(crate) fn winograd_weights(
    isa: Isa,
    bias: &[f32],
    terms: usize,
    at: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Weights {
    Weights::new(isa, bias, [SEEN, terms], |o, product, term| {
        narrow((0..3).map(|r| KERNEL[product][r] * f64::from(at(o, r, term))).sum())
    })
}

/// The first row of the four that a row belongs to, of a picture that begins at row `origin` of the grid.
pub(crate) fn first_of_four(y: i64, origin: i64) -> i64 {
    (y + origin).div_euclid(TILE_ROWS) * TILE_ROWS - origin
}

/// Computes the rows of `patch` in the group of four from row `first` on; `scratch` grows as needed.
pub(crate) fn winograd(
    weights: &Weights,
    first: i64,
    [input, output]: [Rows; 2],
    epilogue: Epilogue,
    patch: &Patch,
    scratch: &mut Aligned,
) {
    let cols = patch.width();
    let seen = SEEN * (cols + 2) * input.channels();
    let widest = weights.blocks.iter().map(Block::width).max().unwrap_or(0);
    scratch.grow(seen + SEEN * cols * widest);
    let (seen, products) = scratch.split_at_mut(seen);
    if let Some(block) = weights.blocks.first() {
        block.isa.run(Seen { input, first, start: patch.cols.start - 1, to: seen });
    }
    for block in &weights.blocks {
        let products = &mut products[..SEEN * cols * block.width()];
        block.isa.run(Products { weights, block, seen, channels: input.channels(), cols, to: products });
        block.isa.run(Sums { weights, block, first, output, epilogue, patch, products });
    }
}

/// Six rows of input, combined for the six products.
struct Seen<'a> {
    input: Rows,
    first: i64,
    start: i64,
    to: &'a mut [f32],
}

impl Work for Seen<'_> {
    #[inline(always)]
    fn on<I: Set>(self, _: I) {
        let each = self.to.len() / SEEN;
        let cols = each / self.input.channels();
        // SAFETY: the input's rows are complete before a layer that reads them begins.
        let row = |r: usize| unsafe { self.input.slice(self.first - 1 + signed(r), self.start, cols) };
        let [d0, d1, d2, d3, d4, d5] = [row(0), row(1), row(2), row(3), row(4), row(5)].map(|d| &d[..each]);
        let mut parts = self.to.chunks_exact_mut(each);
        let mut part = || parts.next().unwrap_or_default();
        let [v0, v1, v2, v3, v4, v5] = [part(), part(), part(), part(), part(), part()];
        let v = [v0, v1, v2, v3, v4, v5].map(|v| &mut v[..each]);
        let [v0, v1, v2, v3, v4, v5] = v;
        for i in 0..each {
            let (even, odd) = (d4[i] - 4.0 * d2[i], d3[i] - 4.0 * d1[i]);
            let (near, far) = (d4[i] - d2[i], 2.0 * (d3[i] - d1[i]));
            v0[i] = 4.0 * d0[i] - 5.0 * d2[i] + d4[i];
            v1[i] = even + odd;
            v2[i] = even - odd;
            v3[i] = near + far;
            v4[i] = near - far;
            v5[i] = 4.0 * d1[i] - 5.0 * d3[i] + d5[i];
        }
    }
}

/// The products of a block, for all columns.
struct Products<'a> {
    weights: &'a Weights,
    block: &'a Block,
    seen: &'a [f32],
    channels: usize,
    cols: usize,
    to: &'a mut [f32],
}

impl Work for Products<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let width = self.block.width();
        let all = self.weights.terms(self.block);
        let seen = self.seen.chunks_exact(self.seen.len() / SEEN);
        let outs = self.to.chunks_exact_mut(self.cols * width);
        for (product, (seen, out)) in seen.zip(outs).enumerate() {
            let weights = all.weights.wrapping_add(product * width * all.each);
            let terms = Terms { rows: 1, weights, bias: NOTHING.as_ptr(), valid: width, ..all };
            let line = Strip {
                rows: &[seen.as_ptr()],
                step: self.channels,
                out_step: width,
                residual_step: 0,
                out: out.as_mut_ptr(),
                residual: std::ptr::null(),
                count: self.cols,
                activation: Activation::None,
            };
            // SAFETY: `seen` holds two columns more than `out`, of `channels` values each; the block's kernel holds
            // `width` values for each term of each product.
            unsafe { by_vectors(isa, self.block, &terms, &line) };
        }
    }
}

/// Six products, combined to four rows.
struct Sums<'a> {
    weights: &'a Weights,
    block: &'a Block,
    first: i64,
    output: Rows,
    epilogue: Epilogue,
    patch: &'a Patch,
    products: &'a [f32],
}

impl Work for Sums<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let each = self.products.len() / SEEN;
        let m = |p: usize| &self.products[p * each..(p + 1) * each];
        let m = [m(0), m(1), m(2), m(3), m(4), m(5)];
        for y in self.patch.rows.clone() {
            match y - self.first {
                0 => self.row(isa, y, |i| m[0][i] + (m[1][i] + m[2][i]) + (m[3][i] + m[4][i])),
                1 => self.row(isa, y, |i| (m[1][i] - m[2][i]) + 2.0 * (m[3][i] - m[4][i])),
                2 => self.row(isa, y, |i| (m[1][i] + m[2][i]) + 4.0 * (m[3][i] + m[4][i])),
                3 => self.row(isa, y, |i| (m[1][i] - m[2][i]) + 8.0 * (m[3][i] - m[4][i]) + m[5][i]),
                _ => {}
            }
        }
    }
}

impl Sums<'_> {
    #[inline(always)]
    fn row<I: Set>(&self, _: I, y: i64, sum: impl Fn(usize) -> f32) {
        let Block { first, valid, packed, .. } = *self.block;
        let bias = &self.weights.bias[packed..packed + valid];
        let width = self.block.width();
        debug_assert_eq!(width % <I::S as Simd>::F32_LANES, 0);
        let cols = self.products.len() / SEEN / width;
        // SAFETY: tasks of a layer write disjoint pixels, and the blocks of a task are sequential.
        let out = unsafe { self.output.slice_mut(y, self.patch.cols.start, cols) };
        let residual = self.epilogue.residual.map(|r| {
            // SAFETY: the residual's rows are complete before the layer begins.
            (unsafe { r.slice(y, self.patch.cols.start, cols) }, r.channels())
        });
        for (col, out) in out.chunks_exact_mut(self.output.channels()).enumerate() {
            let out = &mut out[first..first + valid];
            for (c, out) in out.iter_mut().enumerate() {
                *out = sum(col * width + c) + bias[c];
            }
            if let Some((residual, channels)) = residual {
                let residual = &residual[col * channels + first..][..valid];
                out.iter_mut().zip(residual).for_each(|(out, r)| *out += r);
            }
            self.epilogue.activation.limit(out);
        }
    }
}
