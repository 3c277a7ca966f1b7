//! Regions that fit together, with fewer vertices: every border is the same line for both of its sides.

mod arcs;
mod cell;
mod decimate;
mod left;
mod queue;
#[cfg(test)]
mod tests;

use arpent_raster::{LABEL_NODATA, Window};

use crate::bits::WORD;
use crate::polygonize::{LATTICE, check_row};
use crate::{Polygonizer, Region, VectorError};
use cell::{Cell, Workspace};

/// Makes a coverage of the rows of a label raster: the regions of [`Polygonizer`], with fewer vertices, without gaps and
/// overlaps.
///
/// Borders are generalized once, cell by cell of the lattice of 512 x 512 pixels that is anchored to the CRS: what becomes
/// of a border depends on the pixels of its cell alone, as far as the extent holds it, not on what was done before. Borders to nodata
/// stay as they are, so areas add up to the valid area exactly. Regions that share a border have the same vertices on it.
///
/// Rows are held until those of their cells are complete: 512 of them at most.
#[derive(Debug)]
pub struct Generalizer {
    extent: Window,
    polygonizer: Polygonizer,
    /// Square of the tolerance, pixels.
    limit: f64,
    /// Labels and confidences of the rows that wait, one row behind another.
    labels: Vec<u8>,
    confidence: Vec<u8>,
    areas: Vec<f64>,
    /// Rows that have passed.
    rows: usize,
    work: Workspace,
}

impl Generalizer {
    /// A coverage of the pixels of `extent` whose borders move by `tolerance_px` at most. Every class is a part of it.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`]; [`VectorError::BadOption`] when the tolerance is negative or not finite.
    pub fn new(extent: Window, tolerance_px: f64) -> Result<Self, VectorError> {
        check_tolerance(tolerance_px)?;
        Ok(Self {
            extent,
            polygonizer: Polygonizer::new(extent, [true; 256])?,
            limit: tolerance_px * tolerance_px,
            labels: Vec::new(),
            confidence: Vec::new(),
            areas: Vec::new(),
            rows: 0,
            work: Workspace::default(),
        })
    }

    /// Takes the next row, as [`Polygonizer::push_row`] does.
    ///
    /// # Errors
    /// As [`Polygonizer::push_row`], which may refuse a row only when its cells are complete.
    pub fn push_row(
        &mut self,
        labels: &[u8],
        confidence: &[u8],
        pixel_area_m2: f64,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let row = self.extent.row.saturating_add_unsigned((self.rows + self.areas.len()) as u64);
        check_row(self.extent, row, labels, confidence, pixel_area_m2)?;
        self.labels.extend_from_slice(labels);
        self.confidence.extend_from_slice(confidence);
        self.areas.push(pixel_area_m2);
        if (row + 1).rem_euclid(LATTICE) == 0 { self.pass_band(sink) } else { Ok(()) }
    }

    /// Gives the regions that are still open to `sink`.
    ///
    /// # Errors
    /// As [`Polygonizer::push_row`], for rows whose cells were not complete.
    pub fn finish(mut self, sink: &mut impl FnMut(Region)) -> Result<(), VectorError> {
        self.pass_band(sink)?;
        self.polygonizer.finish_coverage(sink);
        Ok(())
    }

    /// Generalizes the cells of the rows that wait, and lets the rows pass.
    fn pass_band(&mut self, sink: &mut impl FnMut(Region)) -> Result<(), VectorError> {
        let gone = self.gone();
        let width = self.extent.width;
        let words = (width + 1).div_ceil(WORD);
        for (i, area) in self.areas.iter().enumerate() {
            let gone = &gone[i * words..(i + 1) * words];
            let row = i * width..(i + 1) * width;
            let (labels, confidence) = (&self.labels[row.clone()], &self.confidence[row]);
            self.polygonizer.push_coverage_row(labels, confidence, *area, gone, sink)?;
        }
        self.rows += self.areas.len();
        self.labels.clear();
        self.confidence.clear();
        self.areas.clear();
        Ok(())
    }

    /// For each row that waits, a bit for each column, set where the vertex on the row's northern side goes.
    fn gone(&mut self) -> Vec<u64> {
        let (width, height) = (self.extent.width, self.areas.len());
        let words = (width + 1).div_ceil(WORD);
        let mut gone = vec![0; words * height];
        if self.limit <= 0.0 || height == 0 {
            return gone;
        }
        let has_nodata = self.labels.contains(&LABEL_NODATA);
        let mut start = 0;
        while start < width {
            let col = self.extent.col.saturating_add_unsigned(start as u64);
            let to_line = usize::try_from(LATTICE - col.rem_euclid(LATTICE)).unwrap_or(width);
            let end = (start + to_line).min(width);
            let labels = &self.labels[start..];
            let cell = Cell { labels, stride: width, width: end - start, height, has_nodata };
            cell.generalize(self.limit, &mut self.work, |y, x, bits| {
                let (word, bit) = (words * y + (start + x) / WORD, start % WORD);
                gone[word] |= bits << bit;
                if bit > 0 && bits >> (WORD - bit) != 0 {
                    gone[word + 1] |= bits >> (WORD - bit);
                }
            });
            start = end;
        }
        gone
    }
}

/// Whether a tolerance makes sense.
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
