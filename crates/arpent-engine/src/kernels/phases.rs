//! Direct convolutions of a layer that is upsampled.

use super::direct::{Block, Epilogue, Patch, Strip, Weights, by_vectors, target};
use super::isa::{Set, Work};
use super::rows::Rows;
use crate::numbers::{signed, size};

/// A 3 x 3 convolution over its input upsampled by 2, in which each input pixel occurs four times.
///
/// Of the nine values under the kernel only four differ: the kernel's rows and columns over the same input pixel are
/// summed beforehand, for the four positions of an output pixel within its square (`lower::phases`).
pub(crate) fn phases(weights: &[Weights; 4], [input, output]: [Rows; 2], epilogue: Epilogue, patch: &Patch) {
    // All four have the same blocks.
    for block in &weights[0].blocks {
        block.isa.run(Phases { weights, input, output, epilogue, patch, block });
    }
}

struct Phases<'a> {
    weights: &'a [Weights; 4],
    input: Rows,
    output: Rows,
    epilogue: Epilogue,
    patch: &'a Patch,
    block: &'a Block,
}

impl Work for Phases<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        for (phase, weights) in self.weights.iter().enumerate() {
            let terms = weights.terms(self.block);
            for PhaseRow { y, start, count, row, col } in phase_rows(self.patch, phase) {
                let rows = [0, 1].map(|r| self.input.read(row + r, col, count + 1));
                let mut line = Strip {
                    rows: &rows,
                    step: self.input.channels(),
                    ..target(self.output, self.epilogue, (y, start, 2 * count - 1), self.block)
                };
                (line.out_step, line.residual_step, line.count) =
                    (2 * line.out_step, 2 * line.residual_step, count);
                // SAFETY: as for `Direct`; every second pixel is written.
                unsafe { by_vectors(isa, self.block, &terms, &line) };
            }
        }
    }
}

/// Every second pixel of an output row, and the 2 x 2 input pixels of the first of them.
pub(super) struct PhaseRow {
    /// Row, first column and number of pixels.
    pub(super) y: i64,
    pub(super) start: i64,
    pub(super) count: usize,
    /// First row and column of the input.
    pub(super) row: i64,
    pub(super) col: i64,
}

/// The pixels of a patch at one of the four positions within their square: `2 * south + east`.
pub(super) fn phase_rows(patch: &Patch, phase: usize) -> impl Iterator<Item = PhaseRow> + use<> {
    let (south, east) = (signed(phase / 2), signed(phase % 2));
    let start = patch.cols.start + (east - patch.cols.start).rem_euclid(2);
    let count = size((patch.cols.end - start + 1) / 2);
    let first = patch.rows.start + (south - patch.rows.start).rem_euclid(2);
    let rows = (first..patch.rows.end).step_by(2).filter(move |_| count > 0);
    rows.map(move |y| {
        let (row, col) = (y.div_euclid(2) - 1 + south, start.div_euclid(2) - 1 + east);
        PhaseRow { y, start, count, row, col }
    })
}
