//! Mean and spread of measured values in a zone.

use serde::{Deserialize, Serialize};

/// Statistics of a measured value in a zone. Pixels without a value are left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValueResult {
    /// Ground area with a value, square meters.
    pub area_m2: f64,
    /// Mean, weighted by area: a pixel that is partly inside counts by its part.
    pub mean: f64,
    /// Standard deviation with the same weights, of the pixels themselves (not an estimate from a sample).
    pub std: f64,
    /// Lowest value of the pixels of which any part is inside.
    pub min: f64,
    /// Greatest value of these.
    pub max: f64,
}

/// Sums over the pixels of a zone, in their order (West, *Updating mean and variance estimates: an improved method*, 1979).
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueTotals {
    area_m2: f64,
    mean: f64,
    /// Weights times squared distances from the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl Default for ValueTotals {
    fn default() -> Self {
        Self { area_m2: 0.0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl ValueTotals {
    /// Adds a pixel of which this ground area is inside.
    pub(super) fn add(&mut self, value: f64, area_m2: f64) {
        self.area_m2 += area_m2;
        let apart = value - self.mean;
        self.mean += apart * (area_m2 / self.area_m2);
        self.squares += area_m2 * apart * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// `None` without a value.
    pub(super) fn result(&self) -> Option<ValueResult> {
        (self.area_m2 > 0.0).then(|| ValueResult {
            area_m2: self.area_m2,
            // Rounding does not take it out of the range of the values.
            mean: self.mean.clamp(self.min, self.max),
            std: (self.squares / self.area_m2).max(0.0).sqrt(),
            min: self.min,
            max: self.max,
        })
    }
}
