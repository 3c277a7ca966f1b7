//! The minimum mapping unit: regions that are too small are merged with a neighbor.

mod borders;
mod coding;
mod regions;
mod row;
mod rules;
mod settle;
mod settled;
mod strata;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use arpent_raster::{CONFIDENCE_NODATA, Window};

use crate::VectorError;
use crate::bits::WORD;
use crate::polygonize::{Rim, check_block, check_row};
pub use borders::Borders;
use regions::Regions;
use row::{Row, find_runs};
pub use rules::{MAX_STRATA, MappingUnits};
pub use settle::Settler;
use settled::Known;
pub use settled::{Settled, Settlement};
pub use strata::BuiltUp;
pub(crate) use strata::StrataRows;
pub(crate) use survey::Survey;

/// Largest number of row buffers that are kept for reuse.
const SPARE_ROWS: usize = 64;

/// Eliminates the regions of a label raster that are smaller than the minimum mapping unit of their class and stratum.
///
/// Regions are 4-connected. A region that is too small takes, as a whole, the class with which it shares the longest
/// border (weighted by [`MappingUnits::prefer`]; on ties, the class of the lower id), once it is smaller than each of
/// its neighbors that are too small themselves; of regions of equal size, the one that begins first, from north to
/// south and west to east, is eliminated first. This is repeated until only regions without any neighbor are too
/// small.
///
/// **The order of work does not matter.** Two regions that may be eliminated at the same time are not neighbors (one
/// would have to be smaller than the other). When one is eliminated, the other keeps its pixels and the classes
/// around them, and the regions around it grow or stay unchanged: it may still be eliminated, and gets the same
/// class. So all orders give the same map, and this implementation chooses the order in which rows are complete
/// earliest. A region waits for smaller ones next to it, and they for theirs, so memory grows with the width of the
/// raster and with the height of chains of regions that are too small, not with the number of rows processed.
///
/// **An extent may be processed in blocks**, each alone and twice: a [`crate::BlockSurvey`] finds what a block cannot
/// settle alone, a [`Settler`] settles that for all blocks together, and the eliminator of each block repeats what the
/// survey did and takes the other classes from what was settled ([`Eliminator::of_block`]). What is known of a region that may continue elsewhere is
/// enough to work with: it only grows, so it stays larger than a smaller neighbor, and stays large enough.
#[derive(Debug)]
pub struct Eliminator {
    block: Window,
    regions: Regions,
    pending: VecDeque<Row>,
    /// Rows added.
    taken: u32,
    /// Rows emitted.
    given: u32,
    /// Runs of the first pending row that are settled.
    settled_runs: usize,
    /// Row buffers for reuse.
    spare: Vec<Row>,
    /// A bit for each column, set if the label of the current row differs from that of the next column.
    cracks: Vec<u64>,
    counts: EliminationCounts,
    watched: Option<u8>,
}

/// Statistics of regions that were too small.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EliminationCounts {
    /// Regions that took another class.
    pub eliminated: u64,
    /// Regions that are too small but have no neighbor: isolated islands.
    pub islands: u64,
    /// Pixels whose class has changed.
    pub pixels: u64,
    /// Those of them that were of the class that is watched ([`MappingUnits::watch`]).
    pub watched_pixels: u64,
}

impl EliminationCounts {
    /// Adds those of another part of the map.
    pub fn add(&mut self, other: &Self) {
        self.eliminated += other.eliminated;
        self.islands += other.islands;
        self.pixels += other.pixels;
        self.watched_pixels += other.watched_pixels;
    }
}

/// A row of the result.
#[derive(Debug)]
pub struct EliminatedRow<'a> {
    /// Its number on the grid.
    pub row: i64,
    /// Classes.
    pub labels: &'a [u8],
    /// Confidences; nodata where the class is not the predicted one.
    pub confidence: &'a [u8],
    /// Ground area of its pixels, square meters.
    pub pixel_area_m2: f64,
}

/// Removes the confidence of pixels whose class is not the predicted one, since the confidence is not of that class.
/// A pixel whose class was overridden and then merged into a neighbor of the predicted class keeps its confidence.
pub fn clear_unsaid(labels: &[u8], predicted: &[u8], confidence: &mut [u8]) {
    for (value, (label, class)) in confidence.iter_mut().zip(labels.iter().zip(predicted)) {
        if label != class {
            *value = CONFIDENCE_NODATA;
        }
    }
}

impl Eliminator {
    /// For the rows of `extent`.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`] if a side has 2^28 - 1 pixels or more, or the extent is not [on the
    /// Earth](Window::is_on_earth).
    pub fn new(extent: Window, units: MappingUnits) -> Result<Self, VectorError> {
        let settled = Settled::nothing(extent, &units);
        Self::of_block(extent, units, &settled)
    }

    /// For the rows of the block of `extent` that `settled` is of.
    ///
    /// # Errors
    /// As [`Eliminator::new`]; [`VectorError::OtherBlocks`] if `settled` is of another extent or other units;
    /// [`VectorError::BadBlock`].
    pub fn of_block(extent: Window, units: MappingUnits, settled: &Settled) -> Result<Self, VectorError> {
        check_block(extent, settled.block())?;
        if settled.extent() != extent || settled.rules != units.number() {
            return Err(VectorError::OtherBlocks { extent, other: settled.extent() });
        }
        Ok(Self::of_any(units, settled))
    }

    /// The same for a block whose sides may lie on other lines.
    pub(crate) fn of_any(units: MappingUnits, settled: &Settled) -> Self {
        let (extent, block, known) = (settled.extent(), settled.block(), Known::new(settled));
        Self {
            block,
            watched: units.watched(),
            regions: Regions::new(units, Rim::new(&block, &extent), known),
            pending: VecDeque::new(),
            taken: 0,
            given: 0,
            settled_runs: 0,
            spare: Vec::new(),
            cracks: vec![0; block.width.div_ceil(WORD)],
            counts: EliminationCounts::default(),
        }
    }

    /// Processes the next row: for each column of the extent a label, the prediction (`predicted`: predicted class
    /// and confidence) and, if there are several, the number of a stratum; and the ground area of a pixel of this row.
    /// Rows that are final are emitted to `sink`, from north to south.
    ///
    /// # Errors
    /// [`VectorError`] if the row does not have the extent's width or lies below it, or if the area is not a positive
    /// number; and errors of `sink`.
    pub fn push_row<E: From<VectorError>>(
        &mut self,
        labels: &[u8],
        predicted: (&[u8], &[u8]),
        strata: Option<&[u8]>,
        pixel_area_m2: f64,
        sink: &mut impl FnMut(EliminatedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check(labels, predicted, strata, pixel_area_m2)?;
        let mut row = self.spare.pop().unwrap_or_default();
        row.fill(labels, predicted, pixel_area_m2);
        find_runs(labels, &mut self.cracks, &mut row.runs);
        let nothing = Vec::new();
        let above = self.pending.back().map_or(&nothing, |row| &row.runs);
        self.regions.connect(above, &mut row.runs, strata, self.taken, pixel_area_m2);
        self.regions.close(above, self.taken);
        self.pending.push_back(row);
        self.taken += 1;
        // The last row is still to be connected with the next one.
        self.give(1, sink)
    }

    /// Emits the remaining rows to `sink`.
    ///
    /// # Errors
    /// [`VectorError::DamagedBlock`] if what was settled of a block is not of these rows; errors of `sink`.
    pub fn finish<E: From<VectorError>>(
        mut self,
        sink: &mut impl FnMut(EliminatedRow) -> Result<(), E>,
    ) -> Result<EliminationCounts, E> {
        let nothing = Vec::new();
        let last = self.pending.back().map_or(&nothing, |row| &row.runs);
        self.regions.close(last, self.taken);
        self.give(0, sink)?;
        if !self.pending.is_empty() || !self.regions.are_known_found() {
            let what = "the classes that were settled are not those of these rows";
            return Err(VectorError::DamagedBlock { what }.into());
        }
        let (eliminated, islands) = self.regions.counts();
        Ok(EliminationCounts { eliminated, islands, ..self.counts })
    }

    /// Number of rows held.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.pending.len()
    }

    fn check(
        &self,
        labels: &[u8],
        (predicted, confidence): (&[u8], &[u8]),
        strata: Option<&[u8]>,
        pixel_area_m2: f64,
    ) -> Result<(), VectorError> {
        let (row, expected) = (self.block.row + i64::from(self.taken), self.block.width);
        check_row(self.block, row, labels, confidence, pixel_area_m2)?;
        if predicted.len() != expected || strata.is_some_and(|strata| strata.len() != expected) {
            let (labels, confidence) = (labels.len(), confidence.len());
            return Err(VectorError::RowLength { row, expected, labels, confidence });
        }
        Ok(())
    }

    /// Emits the rows that are settled, up to the first that is not, except for the last `kept` ones.
    fn give<E>(
        &mut self,
        kept: usize,
        sink: &mut impl FnMut(EliminatedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.pending.len() > kept {
            let Some(row) = self.pending.front_mut() else { break };
            let waiting = row.runs[self.settled_runs..].iter();
            let settled = waiting.take_while(|run| self.regions.final_class(run.region).is_some()).count();
            self.settled_runs += settled;
            if self.settled_runs < row.runs.len() {
                break;
            }
            let runs = std::mem::take(&mut row.runs);
            for run in &runs {
                let class_id = self.regions.final_class(run.region).unwrap_or(run.class_id);
                if class_id != run.class_id {
                    row.eliminate(run.start as usize, run.end as usize, class_id);
                    let pixels = u64::from(run.end - run.start);
                    self.counts.pixels += pixels;
                    if self.watched == Some(run.class_id) {
                        self.counts.watched_pixels += pixels;
                    }
                }
            }
            row.runs = runs;
            clear_unsaid(&row.labels, &row.predicted, &mut row.confidence);
            let number = self.block.row + i64::from(self.given);
            let Row { labels, confidence, pixel_area_m2, .. } = &*row;
            sink(EliminatedRow { row: number, labels, confidence, pixel_area_m2: *pixel_area_m2 })?;
            self.spare.extend(self.pending.pop_front());
            self.spare.truncate(SPARE_ROWS);
            self.given += 1;
            self.settled_runs = 0;
        }
        self.regions.forget_others(self.pending.iter_mut().flat_map(|row| &mut row.runs));
        Ok(())
    }
}
