//! Vertices between two rows.

use arpent_base::number::offset;

use super::chains::{CUT, GONE, SQUARE};
use super::lattice::Lattice;
use super::row::Row;
use crate::bits::{WORD, differences, first_between, is_set, last_between};

/// Marks of the vertices of one row of a coverage: a bit for each column, relative to the extent's; empty if there
/// are none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Marks<'a> {
    /// Whether the vertex is left out.
    pub(crate) gone: &'a [u64],
    /// Whether its corner is cut.
    pub(crate) cut: &'a [u64],
    /// Whether it is the first one of a ring that is drawn square.
    pub(crate) square: &'a [u64],
}

/// Properties of the vertices of one row: a bit for each column, relative to the extent's.
#[derive(Debug, Default)]
pub(super) struct Vertices {
    /// Whether the label to the south-east differs from that to the north-east.
    east: Vec<u64>,
    /// Whether borders leave in all directions: regions may touch themselves there.
    crossings: Vec<u64>,
    /// Whether borders leave in all directions or the vertex is marked.
    marked: Vec<u64>,
    /// Whether borders meet or cross the lattice; empty without a coverage.
    nodes: Vec<u64>,
    /// Whether the vertex is left out; empty without a coverage.
    gone: Vec<u64>,
    /// Whether its corner is cut, and whether its ring is drawn square; empty if there are none.
    cut: Vec<u64>,
    square: Vec<u64>,
}

impl Vertices {
    /// Finds the vertices between two rows.
    pub(super) fn find(&mut self, above: &Row, below: &Row) {
        self.east.resize(above.cracks.len(), 0);
        differences(&above.labels[1..], &below.labels[1..], &mut self.east);
        self.crossings.clear();
        let mut carry = 0;
        self.crossings.extend(self.east.iter().zip(above.cracks.iter().zip(&below.cracks)).map(
            |(east, (north, south))| {
                let west = east << 1 | carry;
                carry = east >> (WORD - 1);
                north & south & east & west
            },
        ));
        self.marked.clone_from(&self.crossings);
    }

    /// Finds the nodes, too; `origin` is the first vertex of the row on the grid.
    pub(super) fn find_nodes(
        &mut self,
        above: &Row,
        below: &Row,
        origin: [i64; 2],
        lattice: Lattice,
        marks: Marks<'_>,
    ) {
        let kinds =
            [(&mut self.gone, marks.gone), (&mut self.cut, marks.cut), (&mut self.square, marks.square)];
        for (kept, given) in kinds {
            kept.clear();
            kept.extend_from_slice(given);
            for (marked, given) in self.marked.iter_mut().zip(given) {
                *marked |= given;
            }
        }
        self.nodes.clear();
        let across = if lattice.beyond_line(origin[1]) == 0 { u64::MAX } else { 0 };
        let mut carry = 0;
        self.nodes.extend(self.east.iter().zip(above.cracks.iter().zip(&below.cracks)).map(
            |(east, (north, south))| {
                let west = east << 1 | carry;
                carry = east >> (WORD - 1);
                north & south & (east | west) | east & west & (north | south) | across & (north | south)
            },
        ));
        // Columns of the lattice.
        let first = offset(lattice.beyond_line(-origin[0]));
        for col in (first..above.labels.len() - 1).step_by(offset(lattice.side())) {
            if is_set(&self.east, col) || col > 0 && is_set(&self.east, col - 1) {
                self.nodes[col / WORD] |= 1 << (col % WORD);
            }
        }
    }

    /// Whether the vertex of a column is a crossing or is marked.
    pub(super) fn is_marked(&self, col: u32) -> bool {
        is_set(&self.marked, col as usize)
    }

    /// Whether borders leave the vertex of a column in all directions.
    pub(super) fn is_crossing(&self, col: u32) -> bool {
        is_set(&self.crossings, col as usize)
    }

    /// Whether there are nodes: whether a coverage is made.
    pub(super) fn has_nodes(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// Whether borders meet or cross the lattice in a column.
    pub(super) fn is_node(&self, col: u32) -> bool {
        is_set(&self.nodes, col as usize)
    }

    /// The marks of the vertex in a column, as marks of chains.
    pub(super) fn marks(&self, col: u32) -> u32 {
        let mark = |bits: &[u64], mark| if is_set(bits, col as usize) { mark } else { 0 };
        let gone = mark(&self.gone, GONE);
        if self.cut.is_empty() {
            return gone;
        }
        gone | mark(&self.cut, CUT) | mark(&self.square, SQUARE)
    }

    /// The first node on the way from one column to another, else the latter.
    pub(super) fn next_node(&self, from: u32, to: u32) -> u32 {
        if self.nodes.is_empty() {
            return to;
        }
        let (a, b) = (from as usize, to as usize);
        let found = if a < b { first_between(&self.nodes, a, b) } else { last_between(&self.nodes, b, a) };
        found.and_then(|col| u32::try_from(col).ok()).unwrap_or(to)
    }
}
