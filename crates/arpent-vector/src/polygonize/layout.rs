//! Where regions are cut, and what has to be the same for all blocks of a map.

use arpent_base::number::{fitted, offset};
use arpent_raster::Window;

use super::lattice::Lattice;

/// Which pixels of a class are in the same region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share a side. The polygon of such a region is valid.
    #[default]
    Four,
    /// Those that share a corner, too. Regions that are connected through sides are the same as with
    /// [`Connectivity::Four`]. The interior of others is disconnected at corners, so no polygon of them is valid:
    /// where two parts are joined only at such a corner, a ring passes it twice, as in GDAL.
    Eight,
}

/// Borders of a coverage have a vertex where they cross a row or column whose number is a multiple of this, and sides
/// of blocks lie on such columns and rows.
pub(crate) const LATTICE: Lattice = Lattice::new(9);

/// Regions that are too large are cut along the columns and rows whose numbers are multiples of this.
///
/// Twice as much would make a quarter of the parts, and the largest part four times as large: with a hole in every
/// fourth pixel it has a million of them here.
const CELLS: Lattice = Lattice::new(11);

/// A region that has more runs than this is cut.
const CUT_RUNS: u64 = 100_000;

/// How the regions of an extent are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) extent: Window,
    pub(crate) lattice: Lattice,
    /// The lines along which large regions are cut; `None` if no region is cut.
    pub(crate) cells: Option<Lattice>,
    pub(crate) cut_runs: u64,
    pub(crate) connectivity: Connectivity,
    /// Whether borders have a vertex where others end and where they cross the lattice.
    pub(crate) is_coverage: bool,
}

impl Layout {
    pub(crate) fn new(extent: Window, connectivity: Connectivity) -> Self {
        Self {
            extent,
            lattice: LATTICE,
            cells: Some(CELLS),
            cut_runs: CUT_RUNS,
            connectivity,
            is_coverage: false,
        }
    }

    /// The tiles of a row of tiles in a block that begins at `row`, from west to east.
    pub(super) fn tiles(&self, block: &Window, row: i64) -> Vec<Window> {
        let Some(cells) = self.cells else { return vec![*block] };
        let end = cells.next_line(row).min(block.row_end());
        let strip = Window::between(block.col, row, block.col_end(), end);
        if strip.is_empty() { vec![strip] } else { strip.split_columns(cells.side()).collect() }
    }

    /// Whether large regions are cut along a line of columns (`axis` 0) or rows, counted from the extent's first one.
    pub(super) fn is_cut(&self, axis: usize, line: u32) -> bool {
        let corner = [self.extent.col, self.extent.row][axis];
        self.cells.is_some_and(|cells| cells.beyond_line(corner + i64::from(line)) == 0)
    }

    /// The next line of the lattice after a column (`axis` 0) or row of the extent, or the extent's end if that comes
    /// first.
    pub(crate) fn next_line(&self, axis: usize, at: u32) -> u32 {
        let corner = [self.extent.col, self.extent.row][axis];
        let next = self.lattice.next_line(corner + i64::from(at)) - corner;
        fitted(next.min(i64::from(self.size()[axis])))
    }

    /// Columns and rows of the extent.
    pub(super) fn size(&self) -> [u32; 2] {
        [self.extent.width, self.extent.height].map(fitted)
    }

    /// Whether the sides of a block lie on the lattice or on those of the extent, and it is in the extent.
    pub(crate) fn has_block(&self, block: &Window) -> bool {
        let on_line = |at: i64, ends: [i64; 2]| ends.contains(&at) || self.lattice.beyond_line(at) == 0;
        let (extent, cols, rows) = (
            &self.extent,
            [self.extent.col, self.extent.col_end()],
            [self.extent.row, self.extent.row_end()],
        );
        extent.contains(block)
            && extent.offset_of(block).is_some()
            && [block.col, block.col_end()].iter().all(|at| on_line(*at, cols))
            && [block.row, block.row_end()].iter().all(|at| on_line(*at, rows))
    }

    /// The window of columns and rows of the extent.
    pub(super) fn window(&self, [west, north, east, south]: [u32; 4]) -> Window {
        let (col, row) = (self.extent.col, self.extent.row);
        Window::new(
            col + i64::from(west),
            row + i64::from(north),
            offset(i64::from(east - west)),
            offset(i64::from(south - north)),
        )
    }
}
