//! The minimum mapping unit: regions that are too small become part of a neighbor.

mod regions;
mod row;
mod rules;
#[cfg(test)]
mod tests;
mod zones;

use std::collections::VecDeque;

use arpent_raster::{CONFIDENCE_NODATA, Window};

use crate::VectorError;
use crate::bits::WORD;
use crate::polygonize::{SIDE_LIMIT, check_row};
use regions::Regions;
use row::{Row, find_runs};
pub use rules::{MAX_ZONES, MappingUnits};
pub(crate) use zones::Near;

/// Rows held to be used again, at most.
const SPARE_ROWS: usize = 64;

/// Dissolves the regions of a label raster that are smaller than the minimum mapping unit of their class and zone.
///
/// A region is 4-connected. One that is too small takes, as a whole, the class with which it shares the longest border
/// (weighted by [`MappingUnits::prefer`]; of equals, the class of the lower id), once it is smaller than each of its
/// neighbors that are too small themselves; of regions of one size, the one that begins first, from north to south and
/// west to east, goes first. This is repeated until no region is too small but those that have no neighbor at all.
///
/// **The order of work does not matter.** Two regions that may go at the same time are no neighbors (one would have to be
/// smaller than the other). When one goes, the other keeps its pixels and the classes around them, and the regions
/// around it grow or stay: it may still go, and becomes the same. So all orders end in the same map, and this one takes
/// the one that lets rows pass earliest. A region waits for smaller ones next to it, and they for theirs, so memory grows with
/// the width of the raster and with the height of chains of regions that are too small, not with the rows that have passed.
#[derive(Debug)]
pub struct Dissolver {
    extent: Window,
    regions: Regions,
    pending: VecDeque<Row>,
    /// Rows that have passed.
    taken: u32,
    /// Rows that were given away.
    given: u32,
    /// Runs of the first pending row that are known to be settled.
    settled_runs: usize,
    /// Rows that left, to be used again.
    spare: Vec<Row>,
    /// A bit for each column, set where the row at hand has another label than in the next column.
    cracks: Vec<u64>,
    counts: DissolveCounts,
}

/// What became of regions that were too small.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DissolveCounts {
    /// Regions that took another class.
    pub dissolved: u64,
    /// Regions that are too small but have no neighbor: whole islands.
    pub islands: u64,
    /// Pixels with another class than before.
    pub pixels: u64,
}

/// A row as it leaves.
#[derive(Debug)]
pub struct DissolvedRow<'a> {
    /// Its number on the grid.
    pub row: i64,
    /// Classes.
    pub labels: &'a [u8],
    /// Confidences; nodata where the class is not the one that the network gave.
    pub confidence: &'a [u8],
    /// Ground area of its pixels, square metres.
    pub pixel_area_m2: f64,
}

/// Takes the confidence from pixels whose class is not the one that the network gave: it did not say so. Where a class was imposed
/// and then became part of a neighbor of the class that the network gave, it did.
pub fn clear_unsaid(labels: &[u8], predicted: &[u8], confidence: &mut [u8]) {
    for (value, (label, said)) in confidence.iter_mut().zip(labels.iter().zip(predicted)) {
        if label != said {
            *value = CONFIDENCE_NODATA;
        }
    }
}

impl Dissolver {
    /// For the rows of `extent`.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`] when a side has 2^28 - 1 pixels or more.
    pub fn new(extent: Window, units: MappingUnits) -> Result<Self, VectorError> {
        if extent.width >= SIDE_LIMIT || extent.height >= SIDE_LIMIT {
            return Err(VectorError::ExtentTooLarge { extent });
        }
        Ok(Self {
            extent,
            regions: Regions::new(units),
            pending: VecDeque::new(),
            taken: 0,
            given: 0,
            settled_runs: 0,
            spare: Vec::new(),
            cracks: vec![0; extent.width.div_ceil(WORD)],
            counts: DissolveCounts::default(),
        })
    }

    /// Takes the next row: for each column of the extent a label, what was `predicted` - the class that the network gave, and its
    /// confidence - and, if there are several, the number of a zone; and the ground area of a pixel of this row. Rows that are
    /// settled go to `sink`, from north to south.
    ///
    /// # Errors
    /// [`VectorError`] when the row does not have the extent's width or lies below it, when the area is not a positive
    /// number, and what `sink` says.
    pub fn push_row<E: From<VectorError>>(
        &mut self,
        labels: &[u8],
        predicted: (&[u8], &[u8]),
        zones: Option<&[u8]>,
        pixel_area_m2: f64,
        sink: &mut impl FnMut(DissolvedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check(labels, predicted, zones, pixel_area_m2)?;
        let mut row = self.spare.pop().unwrap_or_default();
        row.fill(labels, predicted, pixel_area_m2);
        find_runs(labels, &mut self.cracks, &mut row.runs);
        let nothing = Vec::new();
        let above = self.pending.back().map_or(&nothing, |row| &row.runs);
        self.regions.connect(above, &mut row.runs, zones, self.taken, pixel_area_m2);
        self.regions.close(above, self.taken);
        self.pending.push_back(row);
        self.taken += 1;
        // The last row is still to be connected with the next one.
        self.give(1, sink)
    }

    /// Gives the rows that are left to `sink`.
    ///
    /// # Errors
    /// What `sink` says.
    pub fn finish<E>(
        mut self,
        sink: &mut impl FnMut(DissolvedRow) -> Result<(), E>,
    ) -> Result<DissolveCounts, E> {
        let nothing = Vec::new();
        let last = self.pending.back().map_or(&nothing, |row| &row.runs);
        self.regions.close(last, self.taken);
        self.give(0, sink)?;
        debug_assert!(self.pending.is_empty(), "every region is settled at the end");
        let (dissolved, islands) = self.regions.counts();
        Ok(DissolveCounts { dissolved, islands, ..self.counts })
    }

    /// Rows that wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.pending.len()
    }

    fn check(
        &self,
        labels: &[u8],
        (predicted, confidence): (&[u8], &[u8]),
        zones: Option<&[u8]>,
        pixel_area_m2: f64,
    ) -> Result<(), VectorError> {
        let (row, expected) = (self.extent.row + i64::from(self.taken), self.extent.width);
        check_row(self.extent, row, labels, confidence, pixel_area_m2)?;
        if predicted.len() != expected || zones.is_some_and(|zones| zones.len() != expected) {
            let (labels, confidence) = (labels.len(), confidence.len());
            return Err(VectorError::RowLength { row, expected, labels, confidence });
        }
        Ok(())
    }

    /// Gives the rows away that are settled, up to the first that is not, but for the last `kept` ones.
    fn give<E>(
        &mut self,
        kept: usize,
        sink: &mut impl FnMut(DissolvedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.pending.len() > kept {
            let Some(row) = self.pending.front_mut() else { break };
            let waiting = row.runs[self.settled_runs..].iter();
            let settled = waiting.take_while(|run| self.regions.is_settled(run.region)).count();
            self.settled_runs += settled;
            if self.settled_runs < row.runs.len() {
                break;
            }
            let runs = std::mem::take(&mut row.runs);
            for run in &runs {
                let class_id = self.regions.class_of(run.region);
                if class_id != run.class_id {
                    row.dissolve(run.start as usize, run.end as usize, class_id);
                    self.counts.pixels += u64::from(run.end - run.start);
                }
            }
            row.runs = runs;
            clear_unsaid(&row.labels, &row.predicted, &mut row.confidence);
            let number = self.extent.row + i64::from(self.given);
            let Row { labels, confidence, pixel_area_m2, .. } = &*row;
            sink(DissolvedRow { row: number, labels, confidence, pixel_area_m2: *pixel_area_m2 })?;
            self.spare.extend(self.pending.pop_front());
            self.spare.truncate(SPARE_ROWS);
            self.given += 1;
            self.settled_runs = 0;
        }
        self.regions.forget_others(self.pending.iter_mut().flat_map(|row| &mut row.runs));
        Ok(())
    }
}
