//! What a coverage asks of vertices.

use super::LATTICE;

const NODE: u8 = 1;
const GONE: u8 = 2;

/// Vertices of one row that matter to regions on all their sides.
#[derive(Debug, Default)]
pub(super) struct Vertices {
    /// Columns, counted from the extent's, in which borders meet or cross the lattice.
    nodes: Vec<u32>,
    /// Columns of vertices that are left out.
    gone: Vec<u32>,
    /// What a column is; empty where no coverage is made.
    marks: Vec<u8>,
}

impl Vertices {
    /// Finds the nodes between two rows of labels, each with one more pixel at either end; `origin` is the first vertex
    /// between them, on the grid.
    pub(super) fn find(&mut self, above: &[u8], below: &[u8], origin: [i64; 2], gone: &[u32]) {
        self.marks.resize(above.len() - 1, 0);
        for col in self.nodes.drain(..).chain(self.gone.drain(..)) {
            self.marks[col as usize] = 0;
        }
        self.gone.extend_from_slice(gone);
        for col in gone {
            self.marks[*col as usize] = GONE;
        }
        let is_row = origin[1].rem_euclid(LATTICE) == 0;
        for (x, (up, down)) in (0u32..).zip(above.windows(2).zip(below.windows(2))) {
            let (&[nw, ne], &[sw, se]) = (up, down) else { continue };
            if nw == ne && sw == se && nw == sw {
                continue;
            }
            let (across, along) = ([nw != ne, sw != se], [nw != sw, ne != se]);
            let count = across.into_iter().chain(along).filter(|crack| *crack).count();
            let on_column = || (origin[0] + i64::from(x)).rem_euclid(LATTICE) == 0;
            if count > 2 || is_row && across.contains(&true) || along.contains(&true) && on_column() {
                self.nodes.push(x);
                self.marks[x as usize] = NODE;
            }
        }
    }

    /// Whether borders meet or cross the lattice in a column.
    pub(super) fn is_node(&self, col: u32) -> bool {
        self.marks.get(col as usize) == Some(&NODE)
    }

    /// Whether the vertex in a column is left out.
    pub(super) fn is_gone(&self, col: u32) -> bool {
        self.marks.get(col as usize) == Some(&GONE)
    }

    /// The nodes between two columns, these not included, in the order from the one to the other.
    pub(super) fn between(&self, from: u32, to: u32) -> impl Iterator<Item = u32> + use<'_> {
        let (low, high) = (from.min(to), from.max(to));
        let start = if self.nodes.is_empty() { 0 } else { self.nodes.partition_point(|node| *node <= low) };
        let end = start + self.nodes[start..].iter().take_while(|node| **node < high).count();
        let found = &self.nodes[start..end];
        let (east, west) = if from < to { (found, &found[..0]) } else { (&found[..0], found) };
        east.iter().copied().chain(west.iter().rev().copied())
    }
}
