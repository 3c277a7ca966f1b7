//! Borders of a cell of the lattice, with fewer vertices.
//!
//! A border between two junctions is one arc, whichever of its two regions looks at it. A vertex goes when every
//! vertex that its arc once had between the neighbors stays within the tolerance of the new line, the least change
//! first (squares of distances are told apart to a 64th of the tolerance's). It stays when the triangle it spans with its
//! neighbors holds a vertex of any arc: then no line comes to cross another. Arcs end where they meet the cell's rim, so
//! what is found depends on the cell's own pixels alone.

use super::arcs::Arcs;
use super::cell::Cell;
use super::decimate::Decimation;
use super::redraw::Redraw;
use super::smooth::find_corners;
use crate::bits::WORD;
use crate::drawing::Drawing;

/// Room for the work on one cell, kept between cells.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    arcs: Arcs,
    decimation: Decimation,
    redraw: Redraw,
    /// Bits of the vertices whose corners are cut, and of those at which an outline begins that is drawn square.
    cut: Vec<u64>,
    square: Vec<u64>,
}

/// What may be said of vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Gone,
    Cut,
    Square,
}

impl Workspace {
    /// Calls `mark` with what is said of vertices, their row, the first column of a word, both from the cell's corner, and the
    /// bits of those that it is said of.
    pub(super) fn generalize(
        &mut self,
        cell: &Cell,
        drawing: &Drawing,
        mut mark: impl FnMut(Mark, usize, usize, u64),
    ) {
        let Self { arcs, decimation, .. } = self;
        arcs.find(cell);
        let last = [cell.width, cell.height].map(|n| u16::try_from(n).unwrap_or(u16::MAX));
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

    /// Finds what is drawn other than along vertices.
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
