//! Borders of a cell of the lattice, with fewer vertices.
//!
//! A border between two junctions is one arc, shared by its two regions. A vertex is removed if every original vertex
//! of its arc between its neighbors is within the tolerance of the new line, the smallest change first (squared
//! distances are compared in steps of a 64th of the squared tolerance). It stays if the triangle with its neighbors
//! contains a vertex of any arc, so that lines never cross. Arcs end at the edge of the cell, so the result depends
//! on the cell's own pixels alone.

use arpent_base::number::fitted;

use super::arcs::Arcs;
use super::cell::Cell;
use super::decimate::Decimation;
use super::redraw::Redraw;
use super::smooth::find_corners;
use crate::bits::WORD;
use crate::drawing::Drawing;

/// Buffers for the work on one cell, reused between cells.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    arcs: Arcs,
    decimation: Decimation,
    redraw: Redraw,
    /// Bits of the vertices whose corners are cut, and of those at which a square outline begins.
    cut: Vec<u64>,
    square: Vec<u64>,
}

/// Marks of vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Gone,
    Cut,
    Square,
}

impl Workspace {
    /// Calls `mark` with a mark, a row of vertices, the first column of a word, both counted from the cell's corner,
    /// and the bits of the vertices with that mark.
    pub(super) fn generalize(
        &mut self,
        cell: &Cell,
        drawing: &Drawing,
        mut mark: impl FnMut(Mark, usize, usize, u64),
    ) {
        let Self { arcs, decimation, .. } = self;
        arcs.find(cell);
        let last = [cell.width, cell.height].map(fitted);
        decimation.run(arcs, last, drawing.tolerance_px * drawing.tolerance_px);
        let rows =
            arcs.vertices.chunks_exact(arcs.words).zip(decimation.left.bits().chunks_exact(arcs.words));
        for (y, (all, left)) in rows.enumerate() {
            for (i, (all, left)) in all.iter().zip(left).enumerate().filter(|(_, (all, left))| all != left) {
                mark(Mark::Gone, y, i * WORD, all & !left);
            }
        }
        if drawing.is_on() {
            self.draw(cell, drawing, mark);
        }
    }

    /// Finds the vertices whose borders are smoothed or made square.
    fn draw(&mut self, cell: &Cell, drawing: &Drawing, mut mark: impl FnMut(Mark, usize, usize, u64)) {
        let Self { arcs, decimation, redraw, cut, square } = self;
        let words = arcs.words;
        for bits in [&mut *cut, &mut *square] {
            bits.clear();
            bits.resize(arcs.vertices.len(), 0);
        }
        redraw.find(cell, arcs, decimation, drawing, |[x, y]| {
            square[words * usize::from(y) + usize::from(x) / WORD] |= 1 << (x % 64);
        });
        if drawing.smoothing.is_some() {
            find_corners(cell, arcs, decimation, redraw, drawing.square.as_ref(), cut);
        }
        for (kind, bits) in [(Mark::Cut, cut), (Mark::Square, square)] {
            for (i, bits) in bits.iter().enumerate().filter(|(_, bits)| **bits != 0) {
                mark(kind, i / words, i % words * WORD, *bits);
            }
        }
    }
}
