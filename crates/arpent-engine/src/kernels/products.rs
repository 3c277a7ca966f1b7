//! Sums of products over pixels, for gradients of kernels.

use super::direct::{Block, NOTHING, Strip, Terms, blocks, by_vectors, rows};
use super::isa::{Isa, Set, Work};
use crate::Activation;

/// Output channels in blocks that are computed together.
#[derive(Debug)]
pub(crate) struct Blocks(Vec<Block>);

impl Blocks {
    pub(crate) fn new(isa: Isa, outputs: usize) -> Self {
        Self(blocks(isa, outputs))
    }

    pub(crate) fn each(&self) -> &[Block] {
        &self.0
    }

    /// Number of channels of all blocks.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(Block::width).sum()
    }
}

impl Block {
    /// The first channel.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// Number of valid channels; the rest of its width is padding.
    pub(crate) fn valid(&self) -> usize {
        self.valid
    }

    /// Number of channels of the blocks before it.
    pub(crate) fn packed(&self) -> usize {
        self.packed
    }
}

/// Which pixels of two pictures are multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Products {
    /// Rows, at most 7, and columns.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Position of the first row's first pixel in a plane, and distance between rows.
    pub(crate) start: usize,
    pub(crate) line: usize,
    /// Values in a plane; number of planes.
    pub(crate) plane: usize,
    pub(crate) planes: usize,
    /// Output channels of all blocks.
    pub(crate) outputs: usize,
}

/// Adds to `sums` (plane by plane, output channels last), for the block's output channels, the products of every plane
/// of `x` with `gradient` (row by row, the block's channels last).
pub(crate) fn products(block: &Block, at: &Products, x: &[f32], gradient: &[f32], sums: &mut [f32]) {
    assert_eq!(gradient.len(), at.rows * at.width * block.width());
    assert_eq!(sums.len(), at.planes * at.outputs);
    assert!(at.rows >= 1 && block.first + block.valid <= at.outputs);
    let last = (at.planes - 1) * at.plane + at.start + (at.rows - 1) * at.line + at.width;
    assert!(last <= x.len(), "{at:?} of {} values", x.len());
    block.isa.run(Accumulate { block, at, x, gradient, sums });
}

struct Accumulate<'a> {
    block: &'a Block,
    at: &'a Products,
    x: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl Work for Accumulate<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let (at, block) = (self.at, self.block);
        let terms = Terms {
            rows: at.rows,
            each: at.width,
            weights: self.gradient.as_ptr(),
            bias: NOTHING.as_ptr(),
            valid: block.valid,
        };
        let out = self.sums.as_mut_ptr().wrapping_add(block.first);
        let strip = Strip {
            rows: &rows(at.rows, |r| self.x.as_ptr().wrapping_add(at.start + r * at.line)),
            step: at.plane,
            out_step: at.outputs,
            residual_step: at.outputs,
            out,
            residual: out,
            count: at.planes,
            activation: Activation::None,
        };
        // SAFETY: planes take the place of pixels, and pixels that of terms. `products` has checked that all of them
        // lie in the slices; a block's width is 32 at most. What was summed before is read before it is written.
        unsafe { by_vectors(isa, block, &terms, &strip) };
    }
}
