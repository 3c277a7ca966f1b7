//! Cuts of extents into blocks, for tests.

use arpent_raster::Window;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::polygonize::Lattice;

/// How an extent is cut into blocks, and in which order they come.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    /// Which block is cut, whether across its columns, and at which of the lines there.
    cuts: Vec<(Index, bool, Index)>,
    order: Vec<Index>,
    /// Where groups of blocks end that are joined first.
    groups: Vec<Index>,
}

/// Any cuts into any number of rectangles.
pub(crate) fn cuts() -> impl Strategy<Value = Cut> {
    let cut = (any::<Index>(), any::<bool>(), any::<Index>());
    let indices = |most: usize| prop::collection::vec(any::<Index>(), 0..most);
    (prop::collection::vec(cut, 0..14), indices(15), indices(3)).prop_map(|(cuts, order, groups)| Cut {
        cuts,
        order,
        groups,
    })
}

impl Cut {
    /// The blocks of an extent whose sides lie on a lattice, in groups.
    pub(crate) fn groups(&self, extent: Window, lattice: Lattice) -> Vec<Vec<Window>> {
        let mut blocks = self.blocks(extent, lattice);
        let mut ends: Vec<usize> = self.groups.iter().map(|end| end.index(blocks.len())).collect();
        ends.sort_unstable();
        let mut groups: Vec<Vec<Window>> = ends.into_iter().rev().map(|end| blocks.split_off(end)).collect();
        groups.push(blocks);
        groups.into_iter().rev().filter(|group| !group.is_empty()).collect()
    }

    /// The blocks of an extent whose sides lie on a lattice.
    pub(crate) fn blocks(&self, extent: Window, lattice: Lattice) -> Vec<Window> {
        let mut blocks = vec![extent];
        for (which, is_across, line) in &self.cuts {
            let at = which.index(blocks.len());
            let block = blocks[at];
            let (start, end) =
                if *is_across { (block.col, block.col_end()) } else { (block.row, block.row_end()) };
            let lines: Vec<i64> = (start + 1..end).filter(|at| lattice.beyond_line(*at) == 0).collect();
            if lines.is_empty() {
                continue;
            }
            let line = lines[line.index(lines.len())];
            let [west, north, east, south] = [block.col, block.row, block.col_end(), block.row_end()];
            let parts = if *is_across {
                [Window::between(west, north, line, south), Window::between(line, north, east, south)]
            } else {
                [Window::between(west, north, east, line), Window::between(west, line, east, south)]
            };
            blocks[at] = parts[0];
            blocks.push(parts[1]);
        }
        for (at, other) in self.order.iter().enumerate().take(blocks.len()) {
            let other = other.index(blocks.len());
            blocks.swap(at, other);
        }
        blocks
    }
}
