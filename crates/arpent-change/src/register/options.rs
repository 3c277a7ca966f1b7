//! How cells are measured.

use serde::{Deserialize, Serialize};

use super::RegisterError;

/// How cells are measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegisterOptions {
    /// Side of a cell in pixels, 32 to 4096, even. Cell (c, r) covers the columns c * cell to (c + 1) * cell - 1 and the
    /// rows r * cell to (r + 1) * cell - 1, counted from the origin of the CRS.
    pub cell: usize,
    /// Smallest share of pixels of a cell that are valid at both dates, above 0 to 1.
    pub min_valid: f64,
    /// Smallest [reliability](super::Cell::reliability) of a good cell, 0 to 1.
    pub min_reliability: f64,
    /// Largest [standard error](super::Cell::error) of a good shift in pixels, above 0.
    pub max_error: f64,
    /// Largest length of a good shift in pixels, at most a quarter of the cell.
    pub max_shift: f64,
}

impl Default for RegisterOptions {
    fn default() -> Self {
        Self { cell: 256, min_valid: 0.75, min_reliability: 0.4, max_error: 0.3, max_shift: 10.0 }
    }
}

impl RegisterOptions {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`RegisterError::BadOption`].
    pub fn check(&self) -> Result<(), RegisterError> {
        let bad = |option, value, expected| Err(RegisterError::BadOption { option, value, expected });
        let side = arpent_base::number::exact(self.cell.min(1 << 40));
        if self.cell % 2 == 1 || !(32..=4096).contains(&self.cell) {
            return bad("cell", side, "an even number from 32 to 4096 (pixels)");
        }
        if !(self.min_valid > 0.0 && self.min_valid <= 1.0) {
            return bad("min_valid", self.min_valid, "a share above 0, at most 1");
        }
        if !(0.0..=1.0).contains(&self.min_reliability) {
            return bad("min_reliability", self.min_reliability, "0 to 1");
        }
        if !(self.max_error > 0.0 && self.max_error.is_finite()) {
            return bad("max_error", self.max_error, "above 0 (pixels)");
        }
        if !(self.max_shift > 0.0 && self.max_shift <= side / 4.0) {
            return bad("max_shift", self.max_shift, "above 0, at most a quarter of the cell (pixels)");
        }
        Ok(())
    }
}
