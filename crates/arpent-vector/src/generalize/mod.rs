//! Coverages with fewer vertices: every border is the same line for both of its regions.

mod arcs;
mod borders;
mod cell;
mod corner;
mod decimate;
mod left;
mod near;
mod queue;
mod redraw;
mod smooth;
#[cfg(test)]
mod tests;

use arpent_base::number::offset;
use arpent_raster::{LABEL_NODATA, Window};

use crate::bits::WORD;
use crate::drawing::{Drawing, Smoothing};
use crate::polygonize::{
    Connectivity, DrawnCounts, Fragments, LATTICE, Lattice, Marks, Polygonizer, check_row,
};
use crate::{Region, VectorError};
use borders::{Mark, Workspace};
use cell::Cell;

/// Makes a coverage from the rows of a label raster: the regions of [`Polygonizer`], with fewer vertices, without
/// gaps and overlaps.
///
/// Borders are generalized once, cell by cell of the lattice of 512 x 512 pixels that is anchored to the CRS: the
/// result depends on the pixels of a border's cell alone, as far as they are in the extent, not on earlier work.
/// Borders to nodata stay unchanged, so the areas sum to the valid area exactly. Regions that share a border have the
/// same vertices on it.
///
/// Borders may be smoothed ([`Generalizer::smooth`]), and outlines of buildings be made square
/// ([`Generalizer::square`]). Both change how regions are drawn ([`Region::drawn`]), not their rings, and depend on
/// the pixels of a cell alone, too.
///
/// Rows are held until their cells are complete: 512 at most. An extent may be processed in blocks, each alone
/// ([`Generalizer::of_block`]).
#[derive(Debug)]
pub struct Generalizer {
    block: Window,
    lattice: Lattice,
    polygonizer: Polygonizer,
    drawing: Drawing,
    counts: DrawnCounts,
    /// Labels and confidences of the rows that are held, one row after another.
    labels: Vec<u8>,
    confidence: Vec<u8>,
    areas: Vec<f64>,
    /// Rows added.
    rows: usize,
    work: Workspace,
}

impl Generalizer {
    /// A coverage of the pixels of `extent` whose borders move by at most `tolerance_px`. It contains every class.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`]; [`VectorError::BadOption`] if the tolerance is negative or not finite.
    pub fn new(extent: Window, tolerance_px: f64) -> Result<Self, VectorError> {
        Self::of_block(extent, extent, tolerance_px)
    }

    /// The same for the rows of a block of `extent`, as [`Polygonizer::of_block`].
    ///
    /// # Errors
    /// As [`Generalizer::new`] and [`Polygonizer::of_block`].
    pub fn of_block(extent: Window, block: Window, tolerance_px: f64) -> Result<Self, VectorError> {
        check_tolerance(tolerance_px)?;
        Self::drawn_as(extent, block, &Drawing { tolerance_px, smoothing: None, square: None })
    }

    /// The same, with borders drawn as `drawing` says.
    pub(crate) fn drawn_as(extent: Window, block: Window, drawing: &Drawing) -> Result<Self, VectorError> {
        let polygonizer = Polygonizer::of_block(extent, block, [true; 256], Connectivity::Four)?;
        Ok(Self::of_polygonizer(polygonizer, LATTICE, drawing))
    }

    pub(crate) fn of_polygonizer(polygonizer: Polygonizer, lattice: Lattice, drawing: &Drawing) -> Self {
        Self {
            block: polygonizer.block(),
            lattice,
            polygonizer: polygonizer.of_coverage(drawing),
            drawing: drawing.clone(),
            counts: DrawnCounts::default(),
            labels: Vec::new(),
            confidence: Vec::new(),
            areas: Vec::new(),
            rows: 0,
            work: Workspace::default(),
        }
    }

    /// The same, with the remaining corners of borders cut, at most `smooth_px` from the vertex. Ends of borders
    /// stay, and so do corners that are too near to other borders. A region loses at most `share` of the area of its
    /// generalized outline; what it gains, its neighbors lose, at most half the square of `smooth_px` for each
    /// corner.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if `smooth_px` is neither 0 (corners stay) nor 1/64 or more, or `share` is not from
    /// 0.0001 to 0.25.
    pub fn smooth(mut self, smooth_px: f64, share: f64) -> Result<Self, VectorError> {
        self.drawing.smoothing = Smoothing::new(smooth_px, share)?;
        Ok(self.drawn())
    }

    /// The same, with outlines of regions of these classes, by id, drawn with right angles in the direction of their
    /// walls, if that is near enough to the pixels: every pixel corner within the tolerance plus one pixel, and the
    /// area changed by a tenth at most. Borders of these classes are not smoothed.
    ///
    /// Only an outline that meets no other border is made square: not that of a building that touches regions of
    /// another class, a line of the lattice or nodata, and none whose square outline would come near any other line.
    /// These stay generalized.
    #[must_use]
    pub fn square(mut self, classes: [bool; 256]) -> Self {
        self.drawing.square = Some(classes).filter(|classes| classes.contains(&true));
        self.drawn()
    }

    /// Sets how the polygonizer draws regions.
    fn drawn(self) -> Self {
        Self { polygonizer: self.polygonizer.of_coverage(&self.drawing), ..self }
    }

    /// Processes the next row, as [`Polygonizer::push_row`] does.
    ///
    /// # Errors
    /// As [`Polygonizer::push_row`], which may report the error of a row only when its cells are complete.
    pub fn push_row(
        &mut self,
        labels: &[u8],
        confidence: &[u8],
        pixel_area_m2: f64,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let row = self.block.row.saturating_add_unsigned((self.rows + self.areas.len()) as u64);
        check_row(self.block, row, labels, confidence, pixel_area_m2)?;
        self.labels.extend_from_slice(labels);
        self.confidence.extend_from_slice(confidence);
        self.areas.push(pixel_area_m2);
        if self.lattice.beyond_line(row + 1) == 0 { self.pass_band(sink) } else { Ok(()) }
    }

    /// Emits the regions that are still open to `sink`, and returns how regions were drawn.
    ///
    /// # Errors
    /// As [`Polygonizer::push_row`], for rows whose cells were not complete; [`VectorError::BlocksMissing`] if the rows
    /// are those of a block, of which [`Generalizer::leave`] keeps what continues in other ones.
    pub fn finish(mut self, sink: &mut impl FnMut(Region)) -> Result<DrawnCounts, VectorError> {
        self.pass_band(sink)?;
        self.polygonizer.count(&self.counts);
        self.polygonizer.finish_drawn(sink)
    }

    /// [`Generalizer::finish`] of a block, which emits the regions that do not continue in other ones, and returns the
    /// parts of those that may.
    ///
    /// # Errors
    /// As [`Generalizer::finish`].
    pub fn leave(mut self, sink: &mut impl FnMut(Region)) -> Result<Fragments, VectorError> {
        self.pass_band(sink)?;
        self.polygonizer.count(&self.counts);
        Ok(self.polygonizer.leave(sink))
    }

    /// Generalizes the cells of the rows that are held, and passes the rows on.
    fn pass_band(&mut self, sink: &mut impl FnMut(Region)) -> Result<(), VectorError> {
        let marks = self.marks();
        let Self { block, polygonizer, .. } = self;
        let width = block.width;
        for (i, area) in self.areas.iter().enumerate() {
            let row = i * width..(i + 1) * width;
            let (labels, confidence) = (&self.labels[row.clone()], &self.confidence[row]);
            polygonizer.push_coverage_row(labels, confidence, *area, marks.of_row(i), sink)?;
        }
        self.rows += self.areas.len();
        self.labels.clear();
        self.confidence.clear();
        self.areas.clear();
        Ok(())
    }

    /// Marks of the vertices on the northern sides of the rows that are held.
    fn marks(&mut self) -> BandMarks {
        let (width, height) = (self.block.width, self.areas.len());
        let is_on = self.drawing.is_on();
        let mut marks = BandMarks::new(width, height, is_on);
        if !is_on && self.drawing.tolerance_px <= 0.0 || height == 0 {
            return marks;
        }
        let has_nodata = self.labels.contains(&LABEL_NODATA);
        let mut start = 0;
        while start < width {
            let col = self.block.col.saturating_add_unsigned(start as u64);
            let to_line = offset(self.lattice.next_line(col) - col);
            let end = (start + to_line).min(width);
            let labels = &self.labels[start..];
            let cell = Cell { labels, stride: width, width: end - start, height, has_nodata };
            self.work.generalize(&cell, &self.drawing, |mark, y, x, bits| {
                marks.set(mark, y, start + x, bits);
                match mark {
                    Mark::Gone => {}
                    Mark::Cut => self.counts.cut_corners += u64::from(bits.count_ones()),
                    Mark::Square => self.counts.squared += u64::from(bits.count_ones()),
                }
            });
            start = end;
        }
        marks
    }
}

/// Marks of the vertices on the northern sides of some rows: bits for each column, one row after another.
#[derive(Debug)]
struct BandMarks {
    words: usize,
    gone: Vec<u64>,
    /// Empty if regions are drawn along their vertices.
    cut: Vec<u64>,
    square: Vec<u64>,
}

impl BandMarks {
    fn new(width: usize, height: usize, is_drawn: bool) -> Self {
        let words = (width + 1).div_ceil(WORD);
        let bits = |is_there| vec![0; if is_there { words * height } else { 0 }];
        Self { words, gone: bits(true), cut: bits(is_drawn), square: bits(is_drawn) }
    }

    /// Sets a mark of vertices of a row, from a column on.
    fn set(&mut self, mark: Mark, row: usize, col: usize, bits: u64) {
        let marked = match mark {
            Mark::Gone => &mut self.gone,
            Mark::Cut => &mut self.cut,
            Mark::Square => &mut self.square,
        };
        let (word, bit) = (self.words * row + col / WORD, col % WORD);
        marked[word] |= bits << bit;
        if bit > 0 && bits >> (WORD - bit) != 0 {
            marked[word + 1] |= bits >> (WORD - bit);
        }
    }

    fn of_row(&self, row: usize) -> Marks<'_> {
        let bits = |bits: &'_ [u64]| -> std::ops::Range<usize> {
            if bits.is_empty() { 0..0 } else { row * self.words..(row + 1) * self.words }
        };
        Marks {
            gone: &self.gone[bits(&self.gone)],
            cut: &self.cut[bits(&self.cut)],
            square: &self.square[bits(&self.square)],
        }
    }
}

/// Checks a tolerance.
///
/// # Errors
/// [`VectorError::BadOption`].
pub(crate) fn check_tolerance(tolerance_px: f64) -> Result<(), VectorError> {
    if tolerance_px.is_finite() && tolerance_px >= 0.0 {
        return Ok(());
    }
    let (option, expected) = ("tolerance_px", "a number of 0 or more");
    Err(VectorError::BadOption { option, value: tolerance_px, expected })
}
