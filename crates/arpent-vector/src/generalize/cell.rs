//! Borders of a cell of the lattice, with fewer vertices.
//!
//! A border between two junctions is one arc, whichever of its two regions looks at it. A vertex goes when every
//! vertex that its arc once had between the neighbors stays within the tolerance of the new line, the least change
//! first (squares of distances are told apart to a 64th of the tolerance's). It stays when the triangle it spans with its
//! neighbors holds a vertex of any arc: then no line comes to cross another. Arcs end where they meet the cell's rim, so
//! what is found depends on the cell's own pixels alone.

use super::arcs::Arcs;
use super::decimate::Decimation;
use crate::bits::WORD;

/// The pixels of a cell, clipped to the extent: at most `LATTICE` x `LATTICE`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    /// Labels from the cell's first pixel on.
    pub(super) labels: &'a [u8],
    /// Labels from a row to the next.
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Whether any pixel may be without data.
    pub(super) has_nodata: bool,
}

/// Room for the work on one cell, kept between cells.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    arcs: Arcs,
    decimation: Decimation,
}

impl Cell<'_> {
    /// Calls `gone` with a row of vertices, the first column of a word, both from the cell's corner, and the bits of
    /// those that go. `limit` is the square of the tolerance, pixels.
    pub(super) fn generalize(
        &self,
        limit: f64,
        work: &mut Workspace,
        mut gone: impl FnMut(usize, usize, u64),
    ) {
        let Workspace { arcs, decimation } = work;
        arcs.find(self);
        let last = [self.width, self.height].map(|n| u16::try_from(n).unwrap_or(u16::MAX));
        let left = decimation.run(arcs, last, limit);
        let rows = arcs.vertices.chunks_exact(arcs.words).zip(left.chunks_exact(arcs.words));
        for (y, (all, left)) in rows.enumerate() {
            for (i, (all, left)) in all.iter().zip(left).enumerate().filter(|(_, (all, left))| all != left) {
                gone(y, i * WORD, all & !left);
            }
        }
    }

    /// Labels of a row of pixels.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.labels[y * self.stride..][..self.width]
    }
}
