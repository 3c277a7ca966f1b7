//! A cell of the lattice: its pixels, and the shift in it.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Fewest good cells from which a field is summarized: a median and a 90 % quantile of fewer say little.
pub const MIN_GOOD_CELLS: usize = 20;

/// A window of one date: rows x columns.
#[derive(Debug, Clone, Copy)]
pub struct DateWindow<'a> {
    /// Values of one band, in any unit. Those that are not finite count as invalid.
    pub values: ArrayView2<'a, f32>,
    /// Which pixels are valid, of the same shape.
    pub valid: ArrayView2<'a, bool>,
}

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CellState {
    /// The shift is measured.
    Good,
    /// No distinct maximum of the correlation, or one whose position is uncertain: no texture, a periodic texture,
    /// noise, or nothing in common.
    Unreliable,
    /// The shift differs from those of the other cells ([`ShiftField::new`](super::ShiftField::new)).
    Outlier,
    /// Fewer valid pixels than [`RegisterOptions::min_valid`](super::RegisterOptions::min_valid).
    TooFewValid,
    /// A distinct maximum at a shift longer than [`RegisterOptions::max_shift`](super::RegisterOptions::max_shift).
    BeyondMax,
}

/// The shift in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Column of the cell on the lattice.
    pub col: i64,
    /// Row of the cell on the lattice.
    pub row: i64,
    /// Shift eastward and southward in pixels; `None` where there is nothing to measure. Only that of a good cell is to
    /// be used.
    pub shift: Option<[f64; 2]>,
    /// Standard error of the shift, pixels, both axes together: from the phases that the shift does not explain. It holds
    /// for independent noise; what differs by method (resampling, relief, shadows) is not in it.
    pub error: Option<f64>,
    /// 1 - second / first maximum of the correlation, 0 to 1. The second is the highest value farther than 5 px from the
    /// first.
    pub reliability: f64,
    /// Mean cosine of what the shift leaves of the phase differences, weighted as the correlation is, -1 to 1: 1 for
    /// equal images.
    pub coherence: f64,
    /// Share of pixels that are valid at both dates.
    pub valid: f64,
    /// What became of the cell.
    pub state: CellState,
}
