//! Thin objects, whose position is known to a few pixels only.

use arpent_base::number::wide;
use arpent_raster::{Raster, Window};
use serde::{Deserialize, Serialize};

use crate::count::ratio;
use crate::error::check_option;
use crate::{Merge, MetricsError};

/// Largest tolerance: no thin object needs more.
const LARGEST_TOLERANCE_PX: u32 = 100;

/// Precision, recall and F1 of a mask of thin objects (cracks, lines, outlines) with a spatial tolerance.
///
/// A predicted pixel is correct if a true pixel lies within the tolerance; a true pixel is found if a predicted one
/// does (Martin, Fowlkes, Malik: *Learning to detect natural image boundaries*, 2004, with nearest neighbors instead
/// of a one-to-one assignment, as is usual for cracks since Shi et al.: *Automatic road crack detection using random
/// structured forests*, 2016). Distances are Euclidean, between pixel centers, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct ToleranceScore {
    tolerance_px: f64,
    /// For each row offset from 0 on, the largest column offset within the tolerance.
    reach: Vec<u32>,
    truth: u64,
    found: u64,
    predicted: u64,
    right: u64,
}

/// The scores of a [`ToleranceScore`], for reports.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ToleranceScores {
    /// The tolerance, pixels.
    pub tolerance_px: f64,
    /// Number of true pixels.
    pub truth: u64,
    /// Number of predicted pixels.
    pub predicted: u64,
    /// Share of predicted pixels with a true one nearby.
    pub precision: Option<f64>,
    /// Share of true pixels with a predicted one nearby.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
}

impl ToleranceScore {
    /// A score with a tolerance of `tolerance_px` pixels.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if that is not a number from 0 to 100.
    pub fn new(tolerance_px: f64) -> Result<Self, MetricsError> {
        let is_fine = (0.0..=f64::from(LARGEST_TOLERANCE_PX)).contains(&tolerance_px);
        check_option(is_fine, "tolerance_px", tolerance_px, "a number from 0 to 100")?;
        let reach = reach_of(tolerance_px);
        Ok(Self { tolerance_px, reach, truth: 0, found: 0, predicted: 0, right: 0 })
    }

    /// Number of pixels around the core that a chip must contain for its result not to depend on where it was cut.
    pub fn needed_overlap(&self) -> usize {
        self.reach.len() - 1
    }

    /// Counts the pixels of `core`, with matches in the whole chip. Pixels that are not `valid` are neither true nor
    /// predicted. With [`Self::needed_overlap`] pixels around cores that are disjoint, the sum over chips is the
    /// score of the whole.
    ///
    /// # Errors
    /// [`MetricsError::Windows`] if the rasters do not cover the same pixels or do not contain the core.
    pub fn add(
        &mut self,
        truth: &Raster<bool>,
        predicted: &Raster<bool>,
        valid: Option<&Raster<bool>>,
        core: Window,
    ) -> Result<(), MetricsError> {
        let window = truth.window();
        let misfit = |what, got| MetricsError::Windows { what, expected: window, got };
        let others = [("the prediction", Some(predicted)), ("the validity mask", valid)];
        let mut others = others.into_iter().filter_map(|(what, raster)| Some((what, raster?.window())));
        if let Some((what, got)) = others.find(|(_, got)| *got != window) {
            return Err(misfit(what, got));
        }
        if !window.contains(&core) {
            return Err(misfit("the core", core));
        }
        let (truth, predicted) = (masked(truth, valid), masked(predicted, valid));
        self.count(&truth, &predicted, &inner(window, core));
        Ok(())
    }

    fn count(&mut self, truth: &Raster<bool>, predicted: &Raster<bool>, core: &[std::ops::Range<usize>]) {
        let (by_truth, by_predicted) = (self.near(truth), self.near(predicted));
        let both = |mask: &Raster<bool>, near: &[bool]| {
            let pixels = core.iter().cloned().flatten();
            wide(pixels.filter(|i| mask.data()[*i] && near[*i]).count())
        };
        let all = vec![true; by_truth.len()];
        self.truth += both(truth, &all);
        self.found += both(truth, &by_predicted);
        self.predicted += both(predicted, &all);
        self.right += both(predicted, &by_truth);
    }

    /// Whether each pixel has a pixel of the mask within the tolerance: exact dilation by a disk.
    fn near(&self, mask: &Raster<bool>) -> Vec<bool> {
        let Window { width, height, .. } = mask.window();
        let distances: Vec<Vec<u32>> = (0..height).map(|row| along_row(mask.row(row))).collect();
        let mut near = vec![false; width * height];
        for (row, out) in near.chunks_exact_mut(width.max(1)).enumerate() {
            for (offset, reach) in self.reach.iter().enumerate() {
                let rows = [row.checked_sub(offset), row.checked_add(offset)];
                for from in rows.into_iter().flatten().filter_map(|r| distances.get(r)) {
                    out.iter_mut().zip(from).for_each(|(near, distance)| *near |= distance <= reach);
                }
            }
        }
        near
    }

    /// Share of predicted pixels with a true one nearby.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.right, self.predicted)
    }

    /// Share of true pixels with a predicted one nearby.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.found, self.truth)
    }

    /// Harmonic mean of precision and recall; 0 if only one of truth and prediction is non-empty, `None` if neither
    /// is.
    pub fn f1(&self) -> Option<f64> {
        match (self.precision(), self.recall()) {
            (None, None) => None,
            (Some(p), Some(r)) if p + r > 0.0 => Some(2.0 * p * r / (p + r)),
            _ => Some(0.0),
        }
    }

    /// All scores at once.
    pub fn scores(&self) -> ToleranceScores {
        ToleranceScores {
            tolerance_px: self.tolerance_px,
            truth: self.truth,
            predicted: self.predicted,
            precision: self.precision(),
            recall: self.recall(),
            f1: self.f1(),
        }
    }
}

impl Merge for ToleranceScore {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.reach != other.reach {
            return Err(MetricsError::Merge { what: "their tolerance" });
        }
        self.truth += other.truth;
        self.found += other.found;
        self.predicted += other.predicted;
        self.right += other.right;
        Ok(())
    }
}

/// For each row offset within the radius, the largest column offset within it.
fn reach_of(radius: f64) -> Vec<u32> {
    let is_within = |x: u32, y: u32| (f64::from(x).powi(2) + f64::from(y).powi(2)).sqrt() <= radius;
    let largest = |y| (0..=LARGEST_TOLERANCE_PX).rev().find(|x| is_within(*x, y));
    (0..=LARGEST_TOLERANCE_PX).map_while(largest).collect()
}

/// Distance of each pixel of a row to the nearest set one, `u32::MAX` if there is none.
fn along_row(row: &[bool]) -> Vec<u32> {
    let step = |last: &mut u32, is_set: bool| {
        *last = if is_set { 0 } else { last.saturating_add(1) };
        Some(*last)
    };
    let mut distances: Vec<u32> = row.iter().scan(u32::MAX, |last, set| step(last, *set)).collect();
    let from_east = row.iter().rev().scan(u32::MAX, |last, set| step(last, *set));
    distances
        .iter_mut()
        .rev()
        .zip(from_east)
        .for_each(|(distance, other)| *distance = (*distance).min(other));
    distances
}

fn masked(mask: &Raster<bool>, valid: Option<&Raster<bool>>) -> Raster<bool> {
    let mut mask = mask.clone();
    let valid = valid.into_iter().flat_map(Raster::data);
    mask.data_mut().iter_mut().zip(valid).for_each(|(set, valid)| *set &= valid);
    mask
}

/// The pixels of `core` as positions in `window`, one range for each row.
fn inner(window: Window, core: Window) -> Vec<std::ops::Range<usize>> {
    let Some((col, row)) = window.offset_of(&core) else { return Vec::new() };
    let start = |r: usize| (row + r) * window.width + col;
    (0..core.height).map(|r| start(r)..start(r) + core.width).collect()
}
