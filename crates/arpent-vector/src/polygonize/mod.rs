//! Converts rows of labels to regions.

mod chains;
mod components;
mod draw;
mod edges;
mod rings;
mod row;
mod span;
mod sums;
#[cfg(test)]
mod tests;
mod vertices;

use arpent_base::number::{approximate, fitted, truncate};
use arpent_raster::{LABEL_NODATA, Window};

use crate::VectorError;
use crate::drawing::Drawing;
use crate::region::Region;
use chains::SQUARE;
use components::{Component, Components};
use edges::Edges;
use rings::RingBuilder;
use row::{NONE, PixelRun, Row};
use span::Span;
use sums::Sums;
pub(crate) use vertices::{LATTICE, Marks};

/// A region that has more than this many runs is cut at the next row whose number is a multiple of [`LATTICE`].
const CUT_RUNS: u64 = 100_000;

/// Side lengths are kept below this, so that columns and rows have four spare bits.
const SIDE_LIMIT: usize = (SQUARE - 1) as usize;

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

/// Finds the regions of a label raster row by row, from north to south: 4-connected by default.
///
/// A region is emitted when its last row has passed. Until then its boundary is held, so memory grows with the width
/// of the raster and with the boundaries of open regions, not with the number of rows processed.
///
/// A region without end (a sea, the ground of a whole county with a hole for each house) would be held to the end.
/// Therefore a region of more than 100,000 runs is cut at the next row whose number, counted from the origin of the
/// CRS, is a multiple of 512: its parts share that edge exactly. Where it is cut depends on the region alone, not on
/// the extent, the windows or the order of work.
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
    extent: Window,
    is_kept: [bool; 256],
    connectivity: Connectivity,
    cut_runs: u64,
    cut_rows: i64,
    /// The current rows.
    edges: Edges,
    components: Components,
    builder: RingBuilder,
    sums: Sums,
    /// Regions, by their component and class, of which an exterior was closed in the current row; 8-connected ones
    /// only.
    closing: Vec<(u32, u8)>,
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
        mut is_kept: [bool; 256],
        connectivity: Connectivity,
    ) -> Result<Self, VectorError> {
        check_extent(extent)?;
        is_kept[usize::from(LABEL_NODATA)] = false;
        Ok(Self {
            extent,
            is_kept,
            connectivity,
            cut_runs: CUT_RUNS,
            cut_rows: LATTICE,
            edges: Edges::new(extent.width),
            components: Components::default(),
            builder: RingBuilder::default(),
            sums: Sums::default(),
            closing: Vec::new(),
        })
    }

    /// The same, with regions that are not drawn along their vertices where the marks of rows of a coverage require
    /// it.
    pub(crate) fn drawn(mut self, drawing: &Drawing) -> Self {
        self.builder.set_drawing(drawing.is_on().then(|| drawing.clone()));
        self
    }

    /// The same, but regions without end are held to the end.
    pub(crate) fn without_cuts(self) -> Self {
        Self { cut_runs: u64::MAX, ..self }
    }

    /// Processes the next row: one label and one confidence for each column of the extent, and the ground area of a
    /// pixel of this row. Regions that do not continue in it are emitted to `sink`, from west to east.
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
        self.check(labels, confidence, pixel_area_m2)?;
        self.edges.below.fill(labels, &self.is_kept);
        self.edges.vertices.find(&self.edges.above, &self.edges.below);
        self.pass_row(confidence, pixel_area_m2, sink);
        Ok(())
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
        self.check(labels, confidence, pixel_area_m2)?;
        self.edges.below.fill(labels, &self.is_kept);
        let row = self.extent.row + i64::from(self.edges.rows);
        self.edges.vertices.find(&self.edges.above, &self.edges.below);
        self.edges.vertices.find_nodes(&self.edges.above, &self.edges.below, [self.extent.col, row], marks);
        self.pass_row(confidence, pixel_area_m2, sink);
        Ok(())
    }

    /// [`Polygonizer::finish`] of a coverage.
    pub(crate) fn finish_coverage(mut self, sink: &mut impl FnMut(Region)) {
        self.edges.below = Row::new(self.extent.width);
        let row = self.extent.row + i64::from(self.edges.rows);
        self.edges.vertices.find(&self.edges.above, &self.edges.below);
        self.edges.vertices.find_nodes(
            &self.edges.above,
            &self.edges.below,
            [self.extent.col, row],
            Marks::default(),
        );
        self.link_rows(sink);
    }

    fn pass_row(&mut self, confidence: &[u8], pixel_area_m2: f64, sink: &mut impl FnMut(Region)) {
        self.mark_cuts();
        self.link_rows(sink);
        self.settle_runs_below(confidence, fixed_point(pixel_area_m2));
        if self.connectivity == Connectivity::Eight {
            self.join_corners();
            self.hand_out_closed(sink);
        }
        self.components.recycle_merged();
        std::mem::swap(&mut self.edges.above, &mut self.edges.below);
        self.edges.rows += 1;
    }

    /// Emits the regions that are still open to `sink`. Rows of the extent that were not pushed count as nodata.
    pub fn finish(mut self, sink: &mut impl FnMut(Region)) {
        self.edges.below = Row::new(self.extent.width);
        self.edges.vertices.find(&self.edges.above, &self.edges.below);
        self.link_rows(sink);
        self.hand_out_closed(sink);
    }

    /// Number of regions and boundary edges held now: memory use is proportional to it and to the width.
    pub fn live(&self) -> usize {
        self.components.live() + self.edges.chains.live()
    }

    fn check(&self, labels: &[u8], confidence: &[u8], pixel_area_m2: f64) -> Result<(), VectorError> {
        let row = self.extent.row + i64::from(self.edges.rows);
        check_row(self.extent, row, labels, confidence, pixel_area_m2)?;
        // A row brings at most three edges a column, and `finish` one.
        if self.edges.chains.live() + 4 * self.extent.width >= NONE as usize {
            return Err(VectorError::TooManyEdges { row });
        }
        Ok(())
    }

    /// On rows where cuts are allowed, decides which regions have grown too large and end here.
    fn mark_cuts(&mut self) {
        let row = self.extent.row + i64::from(self.edges.rows);
        if row % self.cut_rows != 0 {
            return;
        }
        for run in &mut self.edges.above.runs {
            let root = self.components.find(run.component);
            run.is_cut = self.components.get_mut(root).runs > self.cut_runs;
        }
    }

    /// Visits the pairs of runs, one of each row, that share a side, from west to east, and the runs above that no
    /// run below continues.
    fn link_rows(&mut self, sink: &mut impl FnMut(Region)) {
        let (mut i, mut j) = (0, 0);
        while let Some(above) = self.edges.above.runs.get(i) {
            if let Some(below) = self.edges.below.runs.get(j).filter(|below| below.start < above.end) {
                let above_ends_first = above.end <= below.end;
                if above.start < below.end && above.class_id == below.class_id && !above.is_cut {
                    self.link(i, j);
                }
                if !above_ends_first {
                    j += 1;
                    continue;
                }
            }
            self.close(i, sink);
            i += 1;
        }
    }

    /// Extends the western boundary of the runs `i` above and `j` below, which are of the same region.
    fn link(&mut self, i: usize, j: usize) {
        let (above, below) = (self.edges.above.runs[i], self.edges.below.runs[j]);
        if above.link != NONE {
            self.split(above.link as usize, j);
        } else if below.link != NONE {
            self.merge(below.link as usize, i, j);
        } else if above.start == below.start && !self.edges.vertices.is_node(below.start) {
            self.edges.below.runs[j].west = above.west;
        } else {
            self.edges.below.runs[j].west =
                self.edges.append(above.class_id, above.west, (above.start, below.start));
        }
        if below.link == NONE {
            self.edges.below.runs[j].component = self.components.find(above.component);
        }
        self.edges.above.runs[i].link = fitted(j);
        self.edges.below.runs[j].link = fitted(i);
    }

    /// Two runs below the same run above: a gap opens between them.
    fn split(&mut self, west: usize, east: usize) {
        let (w, e) = (self.edges.below.runs[west], self.edges.below.runs[east]);
        let (first, last) = self.edges.open(w.class_id, w.end, e.start);
        self.edges.below.runs[west].east = first;
        self.edges.below.runs[east].west = last;
    }

    /// Two runs above the same run `j` below: the gap between them ends.
    fn merge(&mut self, west: usize, east: usize, j: usize) {
        let (w, e) = (self.edges.above.runs[west], self.edges.above.runs[east]);
        let closed = self.edges.join(w.class_id, e.west, w.east, (e.start, w.end));
        let root = self.components.unite(self.edges.below.runs[j].component, e.component);
        self.edges.below.runs[j].component = root;
        let component = self.components.get_mut(root);
        match closed {
            Some(hole) => component.rings.push(hole),
            // Boundaries that do not enclose a hole are two parts.
            None => component.parts -= 1,
        }
    }

    /// Closes the boundary under the run `i` above if no run below continues it; a ring closed here is an exterior.
    fn close(&mut self, i: usize, sink: &mut impl FnMut(Region)) {
        let run = self.edges.above.runs[i];
        if run.link != NONE {
            return;
        }
        let Some(exterior) = self.edges.join(run.class_id, run.west, run.east, (run.start, run.end)) else {
            return;
        };
        let root = self.components.find(run.component);
        if self.connectivity == Connectivity::Four {
            let component = self.components.take(root);
            sink(self.region(run.class_id, component, Some(exterior)));
            return;
        }
        // Other parts may still meet it at a corner.
        let component = self.components.get_mut(root);
        component.parts -= 1;
        component.rings.push(exterior);
        self.closing.push((root, run.class_id));
    }

    /// Opens boundaries for runs that continue no run above, extends the eastern ones, and counts pixels.
    fn settle_runs_below(&mut self, confidence: &[u8], pixel_area_q64: u128) {
        let rows = (self.edges.rows, self.edges.rows + 1);
        self.sums.fill(confidence);
        // A product of 96 bits does not overflow.
        let area_of = |pixels: u32| match pixel_area_q64 >> 96 {
            0 => pixel_area_q64 * u128::from(pixels),
            _ => pixel_area_q64.saturating_mul(u128::from(pixels)),
        };
        let mut runs = std::mem::take(&mut self.edges.below.runs);
        for (j, run) in (0..).zip(&mut runs) {
            if run.link == NONE {
                run.component = self.components.open();
                (run.east, run.west) = self.edges.open(run.class_id, run.end, run.start);
            } else {
                run.component = self.components.find(run.component);
                self.settle_east(j, run);
                run.link = NONE; // from here on it is about the next row
            }
            let pixels = run.end - run.start;
            let scored = self.sums.between(run.start as usize, run.end as usize, confidence);
            let span = Span { cols: (run.start, run.end), rows };
            let component = self.components.get_mut(run.component);
            component.add_run(pixels, scored, area_of(pixels), &span);
        }
        self.edges.below.runs = runs;
    }

    /// Extends the eastern boundary of the run `j` below from the run above that it is linked to.
    fn settle_east(&mut self, j: u32, run: &mut PixelRun) {
        let above = self.edges.above.runs[run.link as usize];
        if above.link != j {
            return; // `split` has set it
        }
        run.east = if above.end == run.end && !self.edges.vertices.is_node(run.end) {
            above.east
        } else {
            self.edges.prepend(run.class_id, above.east, (run.end, above.end))
        };
    }

    /// Merges the regions that meet at a corner between the two rows.
    fn join_corners(&mut self) {
        let mut runs = std::mem::take(&mut self.edges.below.runs);
        let mut first = 0;
        for above in self.edges.above.runs.iter().filter(|above| !above.is_cut) {
            first += runs[first..].iter().take_while(|below| below.end < above.start).count();
            for below in runs[first..].iter().take_while(|below| below.start <= above.end) {
                let meet = below.end == above.start || below.start == above.end;
                if meet && below.class_id == above.class_id {
                    self.components.unite(above.component, below.component);
                }
            }
        }
        for run in &mut runs {
            run.component = self.components.find(run.component);
        }
        self.edges.below.runs = runs;
    }

    /// Emits the regions that were closing and have no open part any more to `sink`.
    fn hand_out_closed(&mut self, sink: &mut impl FnMut(Region)) {
        for (component, class_id) in std::mem::take(&mut self.closing) {
            let root = self.components.find(component);
            let component = self.components.get_mut(root);
            // A region is listed once for each of its parts that closed here.
            if component.parts == 0 && !component.rings.is_empty() {
                let component = self.components.take(root);
                sink(self.region(class_id, component, None));
            }
        }
    }

    /// Makes a region. The exterior is one of the component's rings if none is given.
    fn region(&mut self, class_id: u8, component: Component, exterior: Option<u32>) -> Region {
        let Self { extent, edges: Edges { vertices, chains, .. }, builder, .. } = self;
        let origin = [extent.col, extent.row];
        let mut rings = Vec::with_capacity(1 + component.rings.len());
        if let Some(exterior) = exterior {
            let are_corners = !vertices.has_nodes();
            builder.take(chains, exterior, origin, are_corners, &mut rings);
            // The builder puts the exterior after the holes it touches.
            let last = rings.len() - 1;
            rings.swap(0, last);
            for hole in component.rings {
                builder.take(chains, hole, origin, are_corners, &mut rings);
            }
            rings[1..].sort_unstable_by_key(|ring| (ring[0][1], ring[0][0]));
        } else {
            builder.take_joined(chains, &component.rings, origin, &mut rings);
            // North of every hole there are pixels of the region.
            rings.sort_unstable_by_key(|ring| (ring[0][1], ring[0][0]));
        }
        let drawn = builder.draw(&mut rings);
        Region {
            class_id,
            rings,
            drawn,
            pixels: component.pixels,
            confidence_sum: component.confidence_sum,
            scored: component.scored,
            area_m2: square_meters(component.area_q64),
            bbox: component.span.window(extent),
        }
    }
}

/// Checks that the vertices of an extent can be numbered.
pub(crate) fn check_extent(extent: Window) -> Result<(), VectorError> {
    if extent.width.max(extent.height) >= SIDE_LIMIT || !extent.is_on_earth() {
        return Err(VectorError::ExtentTooLarge { extent });
    }
    Ok(())
}

/// Checks that row `row` is in `extent`, has its width, and that its pixels have an area.
pub(crate) fn check_row(
    extent: Window,
    row: i64,
    labels: &[u8],
    confidence: &[u8],
    pixel_area_m2: f64,
) -> Result<(), VectorError> {
    let expected = extent.width;
    if row >= extent.row_end() {
        return Err(VectorError::TooManyRows { row, extent });
    }
    if labels.len() != expected || confidence.len() != expected {
        let (labels, confidence) = (labels.len(), confidence.len());
        return Err(VectorError::RowLength { row, expected, labels, confidence });
    }
    if !(pixel_area_m2.is_finite() && pixel_area_m2 > 0.0) {
        return Err(VectorError::PixelArea { row, pixel_area_m2 });
    }
    Ok(())
}

/// 2^64, exactly.
const Q64: f64 = 18_446_744_073_709_551_616.0;

/// An area in steps of 2^-64 square meters. Areas of 2^-12 square meters and more are exact; the surface of the Earth
/// needs 113 of the 128 bits.
pub fn fixed_point(area_m2: f64) -> u128 {
    truncate::<u128>(area_m2 * Q64)
}

/// Square meters of an area in steps of 2^-64 square meters, rounded to the nearest double.
pub fn square_meters(area_q64: u128) -> f64 {
    approximate(area_q64) / Q64
}
