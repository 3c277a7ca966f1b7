//! Rows of both dates.

use ndarray::{ArrayView1, ArrayView2};

use super::EvidenceError;

/// One row of both dates, co-registered, of one width.
#[derive(Debug, Clone, Copy)]
pub struct PairRow<'a> {
    /// Values of the first date, bands x columns, in any unit.
    pub before: ArrayView2<'a, f32>,
    /// Values of the second date, of the same shape, with the same bands in the same order.
    pub after: ArrayView2<'a, f32>,
    /// Which columns are valid at both dates. A pixel with a value that is not finite is invalid, too.
    pub valid: ArrayView1<'a, bool>,
}

/// The valid pixels of a row, as doubles: channels (bands of the first date, then of the second) x pixels.
pub(super) struct Pixels {
    /// Columns of the valid pixels.
    pub(super) columns: Vec<usize>,
    /// One line per channel.
    pub(super) channels: Vec<Vec<f64>>,
}

impl PairRow<'_> {
    /// The valid pixels, without `centers` (one per channel).
    pub(super) fn pixels(&self, bands: usize, centers: &[f64]) -> Result<Pixels, EvidenceError> {
        let width = self.valid.len();
        for (what, got, expected) in [
            ("bands of the first date", self.before.nrows(), bands),
            ("bands of the second date", self.after.nrows(), bands),
            ("columns of the first date", self.before.ncols(), width),
            ("columns of the second date", self.after.ncols(), width),
        ] {
            if got != expected {
                return Err(EvidenceError::Shape { what, got, expected });
            }
        }
        let lines: Vec<ArrayView1<'_, f32>> =
            self.before.rows().into_iter().chain(self.after.rows()).collect();
        let is_valid = |col: &usize| self.valid[*col] && lines.iter().all(|line| line[*col].is_finite());
        let columns: Vec<usize> = (0..width).filter(is_valid).collect();
        let channel = |(line, center): (&ArrayView1<'_, f32>, &f64)| {
            columns.iter().map(|col| f64::from(line[*col]) - center).collect()
        };
        let channels = lines.iter().zip(centers).map(channel).collect();
        Ok(Pixels { columns, channels })
    }
}
