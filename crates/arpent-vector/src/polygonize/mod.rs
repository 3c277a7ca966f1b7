//! Converts rows of labels to regions.

mod area;
mod chains;
mod check;
mod coding;
mod components;
mod counts;
mod draw;
mod edges;
mod fragments;
mod join;
mod joiner;
mod lattice;
mod layout;
mod links;
mod open;
mod paths;
mod rim;
mod rings;
mod row;
mod side;
mod span;
mod sums;
#[cfg(test)]
mod tests;
mod totals;
mod traced;
mod tracer;
mod vertices;

use arpent_base::number::{offset, wide};
use arpent_raster::{LABEL_NODATA, Window};

use crate::VectorError;
use crate::bits::slice;
use crate::drawing::Drawing;
use crate::region::Region;
pub use area::{fixed_point, square_meters};
pub(crate) use check::{check_block, check_extent, check_row};
pub use counts::DrawnCounts;
pub use fragments::Fragments;
use join::Join;
pub use joiner::RegionJoiner;
pub(crate) use lattice::Lattice;
pub use layout::Connectivity;
pub(crate) use layout::LATTICE;
pub(crate) use layout::Layout;
use open::Open;
pub(crate) use paths::{EAST, NORTH, SOUTH, WEST};
use rim::Fragment;
pub(crate) use rim::Rim;
use row::NONE;
pub(crate) use side::{Half, Run, Segment};
pub(crate) use traced::Traced;
use tracer::{Found, Tracer};
pub(crate) use vertices::Marks;

/// Finds the regions of a label raster row by row, from north to south: 4-connected by default.
///
/// A region is emitted when its last row has passed, or, if it crosses a column whose number is a multiple of 2048, when the row of
/// such cells ends. Until then its boundary is held, so memory grows with the width of the raster times 2048 rows and with the
/// boundaries of open regions, not with the number of rows processed.
///
/// A region without end (a sea, the ground of a whole county with a hole for each house) would be held to the end.
/// Therefore a region of more than 100,000 runs is cut along every column and row that it crosses whose number, counted
/// from the origin of the CRS, is a multiple of 2048: its parts share these edges exactly. (A run is a row of pixels
/// of one region between two columns whose numbers are multiples of 512.) Whether and where it is cut depends on the
/// region alone, not on the extent, the windows or the order of work.
///
/// An extent may be processed in blocks, each alone ([`Polygonizer::of_block`]); the regions are the same.
///
/// ```
/// use arpent_raster::Window;
/// use arpent_vector::Polygonizer;
///
/// let labels = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]];
/// let is_kept = std::array::from_fn(|class| class == 1);
/// let mut polygonizer = Polygonizer::new(Window::new(10, 20, 4, 3), is_kept)?;
/// let mut regions = Vec::new();
/// for row in &labels {
///     // A confidence of 200 (0.8) for each pixel, and pixels of 0.04 m2.
///     polygonizer.push_row(row, &[200; 4], 0.04, &mut |region| regions.push(region))?;
/// }
/// polygonizer.finish(&mut |region| regions.push(region));
///
/// assert_eq!(regions.len(), 1);
/// assert_eq!(regions[0].rings, [[[11, 21], [11, 22], [13, 22], [13, 21]]]);
/// assert_eq!((regions[0].pixels, regions[0].area_m2), (2, 0.08));
/// # Ok::<(), arpent_vector::VectorError>(())
/// ```
#[derive(Debug)]
pub struct Polygonizer {
    block: Window,
    is_kept: [bool; 256],
    drawing: Option<Drawing>,
    /// Rows processed.
    rows: usize,
    /// The tiles of the current rows, from west to east.
    tiles: Vec<Tile>,
    join: Join,
}

/// A part of the block that no line crosses along which large regions are cut.
#[derive(Debug)]
struct Tile {
    tracer: Tracer,
    rim: Rim,
    fragments: Vec<Fragment>,
}

impl Polygonizer {
    /// A polygonizer for the rows of `extent`. Classes that are not kept, and `LABEL_NODATA`, give no region.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`] if a side has 2^28 - 1 pixels or more, or the extent is not [on the
    /// Earth](Window::is_on_earth).
    pub fn new(extent: Window, is_kept: [bool; 256]) -> Result<Self, VectorError> {
        Self::with_connectivity(extent, is_kept, Connectivity::Four)
    }

    /// [`Polygonizer::new`] with the given connectivity.
    ///
    /// # Errors
    /// As [`Polygonizer::new`].
    pub fn with_connectivity(
        extent: Window,
        is_kept: [bool; 256],
        connectivity: Connectivity,
    ) -> Result<Self, VectorError> {
        Self::of_block(extent, extent, is_kept, connectivity)
    }

    /// A polygonizer for the rows of a block of `extent`, which [leaves](Polygonizer::leave) the parts of regions that
    /// may continue in other blocks to a [`RegionJoiner`].
    ///
    /// # Errors
    /// As [`Polygonizer::new`]; [`VectorError::BadBlock`] if a side of the block lies neither on a column or row whose
    /// number is a multiple of 512 nor on a side of the extent.
    pub fn of_block(
        extent: Window,
        block: Window,
        is_kept: [bool; 256],
        connectivity: Connectivity,
    ) -> Result<Self, VectorError> {
        check_extent(extent)?;
        Self::of_layout(Layout::new(extent, connectivity), block, is_kept)
    }

    pub(crate) fn of_layout(
        layout: Layout,
        block: Window,
        mut is_kept: [bool; 256],
    ) -> Result<Self, VectorError> {
        if !layout.has_block(&block) {
            return Err(VectorError::BadBlock { block, extent: layout.extent });
        }
        is_kept[usize::from(LABEL_NODATA)] = false;
        let join = Join::new(layout, None);
        Ok(Self { block, is_kept, drawing: None, rows: 0, tiles: Vec::new(), join })
    }

    /// The block.
    pub(crate) fn block(&self) -> Window {
        self.block
    }

    /// The same for the rows of a coverage, with regions drawn as `drawing` says.
    pub(crate) fn of_coverage(self, drawing: &Drawing) -> Self {
        let layout = Layout { is_coverage: true, ..*self.join.layout() };
        Self { join: Join::new(layout, Some(drawing)), drawing: Some(drawing.clone()), ..self }
    }

    /// The same, but regions without end are held to the end.
    pub(crate) fn without_cuts(self) -> Self {
        let layout = Layout { cells: None, cut_runs: u64::MAX, ..*self.join.layout() };
        Self { join: Join::new(layout, self.drawing.as_ref()), ..self }
    }

    /// Processes the next row: one label and one confidence for each column of the extent, and the ground area of a
    /// pixel of this row. Regions that are complete are emitted to `sink`.
    ///
    /// # Errors
    /// [`VectorError`] if the row does not have the extent's width or lies below it, if the area is not a positive
    /// number, or if the open regions have more edges than can be numbered.
    pub fn push_row(
        &mut self,
        labels: &[u8],
        confidence: &[u8],
        pixel_area_m2: f64,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        self.pass_row(labels, confidence, pixel_area_m2, None, sink)
    }

    /// [`Polygonizer::push_row`] of a coverage: regions that share a border have the same vertices on it. Vertices
    /// between this row and the one before are removed or drawn differently according to `marks`.
    ///
    /// # Errors
    /// As [`Polygonizer::push_row`].
    pub(crate) fn push_coverage_row(
        &mut self,
        labels: &[u8],
        confidence: &[u8],
        pixel_area_m2: f64,
        marks: Marks<'_>,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        self.pass_row(labels, confidence, pixel_area_m2, Some(marks), sink)
    }

    fn pass_row(
        &mut self,
        labels: &[u8],
        confidence: &[u8],
        pixel_area_m2: f64,
        marks: Option<Marks<'_>>,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let row = self.row();
        check_row(self.block, row, labels, confidence, pixel_area_m2)?;
        // A row brings at most three edges a column, and the end of a tile one.
        let is_full = |tile: &Tile| tile.tracer.live_edges() + 4 * tile.tracer.tile().width >= NONE as usize;
        if self.tiles.iter().any(is_full) {
            return Err(VectorError::TooManyEdges { row });
        }
        self.end_tiles(sink);
        self.begin_tiles(row);
        let Self { block, is_kept, tiles, join, .. } = self;
        let mut sliced = SlicedMarks::default();
        for Tile { tracer, fragments, .. } in tiles {
            let (start, width) = (offset(tracer.tile().col - block.col), tracer.tile().width);
            let columns = start..start + width;
            let marks = marks.map(|marks| sliced.slice(marks, start, width + 1));
            let (labels, confidence) = (&labels[columns.clone()], &confidence[columns]);
            tracer.push_row(labels, confidence, pixel_area_m2, is_kept, marks, &mut |found| match found {
                Found::Region(region) => join.emit(region, sink),
                Found::Fragment(fragment) => fragments.push(fragment),
            });
        }
        self.rows += 1;
        Ok(())
    }

    /// The number of the next row.
    fn row(&self) -> i64 {
        self.block.row.saturating_add_unsigned(wide(self.rows))
    }

    /// Begins a row of tiles, unless one was begun.
    fn begin_tiles(&mut self, row: i64) {
        if !self.tiles.is_empty() {
            return;
        }
        let layout = self.join.layout();
        let drawing = self.drawing.as_ref();
        let tile = |tile: Window| {
            let rim = Rim::new(&tile, &layout.extent);
            let tracer = Tracer::new(tile, rim.clone(), layout.connectivity, layout.lattice).drawn(drawing);
            Tile { tracer, rim, fragments: Vec::new() }
        };
        self.tiles = layout.tiles(&self.block, row).into_iter().map(tile).collect();
    }

    /// Ends the row of tiles whose rows were all processed, if there is one.
    fn end_tiles(&mut self, sink: &mut impl FnMut(Region)) {
        let row = self.row();
        if self.tiles.first().is_none_or(|tile| tile.tracer.tile().row_end() > row) {
            return;
        }
        let is_coverage = self.join.layout().is_coverage;
        for Tile { tracer, rim, mut fragments } in std::mem::take(&mut self.tiles) {
            let join = &mut self.join;
            tracer.finish(is_coverage, &mut |found| match found {
                Found::Region(region) => join.emit(region, sink),
                Found::Fragment(fragment) => fragments.push(fragment),
            });
            let open = Open::of_tile(join.layout(), &rim, fragments);
            join.take_open(open, sink).expect("tiles fit together");
        }
    }

    /// Ends all rows of tiles: rows of the block that were not pushed count as nodata.
    fn end(&mut self, sink: &mut impl FnMut(Region)) {
        self.end_tiles(sink);
        while self.row() < self.block.row_end() {
            self.begin_tiles(self.row());
            let Some(tile) = self.tiles.first() else { break };
            self.rows = offset(tile.tracer.tile().row_end() - self.block.row);
            self.end_tiles(sink);
        }
        self.join.cover(&[self.block]).expect("nothing else was traced");
    }

    /// Emits the regions that are still open to `sink`. Rows of the extent that were not pushed count as nodata.
    ///
    /// # Panics
    /// If the rows are those of a block: regions that may continue in other ones would be lost, which
    /// [`Polygonizer::leave`] keeps.
    pub fn finish(self, sink: &mut impl FnMut(Region)) {
        self.finish_drawn(sink).expect("the rows are those of the whole extent");
    }

    /// [`Polygonizer::finish`], and how regions were drawn.
    ///
    /// # Errors
    /// [`VectorError::BlocksMissing`] if the rows are those of a block.
    pub(crate) fn finish_drawn(mut self, sink: &mut impl FnMut(Region)) -> Result<DrawnCounts, VectorError> {
        self.end(sink);
        self.join.finish()
    }

    /// [`Polygonizer::finish`] of a block, which emits the regions that do not continue in other ones, and returns the
    /// parts of those that may.
    pub fn leave(mut self, sink: &mut impl FnMut(Region)) -> Fragments {
        self.end(sink);
        self.join.leave()
    }

    /// Adds counts of what was drawn to those of the regions.
    pub(crate) fn count(&mut self, drawn: &DrawnCounts) {
        self.join.count(drawn);
    }

    /// Number of regions and boundary edges held now: memory use is proportional to it and to the width.
    pub fn live(&self) -> usize {
        self.join.live()
            + self.tiles.iter().map(|tile| tile.tracer.live() + tile.fragments.len()).sum::<usize>()
    }
}

/// Marks of the vertices of a tile.
#[derive(Debug, Default)]
struct SlicedMarks {
    gone: Vec<u64>,
    cut: Vec<u64>,
    square: Vec<u64>,
}

impl SlicedMarks {
    /// The marks of some columns.
    fn slice(&mut self, marks: Marks<'_>, start: usize, columns: usize) -> Marks<'_> {
        for (sliced, bits) in
            [(&mut self.gone, marks.gone), (&mut self.cut, marks.cut), (&mut self.square, marks.square)]
        {
            sliced.clear();
            if !bits.is_empty() {
                slice(bits, start, columns, sliced);
            }
        }
        Marks { gone: &self.gone, cut: &self.cut, square: &self.square }
    }
}
