//! Mean and spread of measured values in a zone.

use serde::{Deserialize, Serialize};

/// A pixel of which less is inside is one that the zone only touches: places that come from coordinates of a grid, or of another
/// CRS, are exact to about a billionth of a pixel.
const TOUCHED: f64 = 1e-6;

/// Statistics of a measured value in a zone. Pixels without a value are left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValueResult {
    /// Ground area with a value, square meters.
    pub area_m2: f64,
    /// Mean, weighted by area: a pixel that is partly inside counts by its part.
    pub mean: f64,
    /// Standard deviation with the same weights, of the pixels themselves (not an estimate from a sample).
    pub std: f64,
    /// Lowest value of the pixels of which a part is inside, more than a millionth; of all, if no pixel has so much.
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
    /// Lowest and greatest value of all pixels, and of those that are not only touched.
    all: [f64; 2],
    inside: [f64; 2],
}

/// The lowest and the greatest of no value.
const NONE: [f64; 2] = [f64::INFINITY, f64::NEG_INFINITY];

impl Default for ValueTotals {
    fn default() -> Self {
        Self { area_m2: 0.0, mean: 0.0, squares: 0.0, all: NONE, inside: NONE }
    }
}

impl ValueTotals {
    /// Adds a pixel of which this part is inside, and its ground area.
    pub(super) fn add(&mut self, value: f64, part: f64, area_m2: f64) {
        self.area_m2 += area_m2;
        let apart = value - self.mean;
        self.mean += apart * (area_m2 / self.area_m2);
        self.squares += area_m2 * apart * (value - self.mean);
        let with = |[low, high]: [f64; 2]| [low.min(value), high.max(value)];
        self.all = with(self.all);
        if part > TOUCHED {
            self.inside = with(self.inside);
        }
    }

    /// `None` without a value.
    pub(super) fn result(&self) -> Option<ValueResult> {
        let [min, max] = if self.inside[0] <= self.inside[1] { self.inside } else { self.all };
        (self.area_m2 > 0.0).then(|| ValueResult {
            area_m2: self.area_m2,
            // Rounding does not take it out of the range of the values.
            mean: self.mean.clamp(self.all[0], self.all[1]),
            std: (self.squares / self.area_m2).max(0.0).sqrt(),
            min,
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(pixels: &[(f64, f64)]) -> Option<ValueResult> {
        let mut totals = ValueTotals::default();
        for (value, part) in pixels {
            totals.add(*value, *part, part * 0.25);
        }
        totals.result()
    }

    #[test]
    fn pixels_that_are_only_touched_are_neither_lowest_nor_greatest() {
        let found = totals(&[(-50.0, 1e-10), (2.0, 1.0), (3.0, 1e-3), (1.0, 1.0), (90.0, 1e-9)]).unwrap();
        assert!((found.min, found.max) == (1.0, 3.0) && (found.mean - 1.501).abs() < 1e-3, "{found:?}");
        // A zone that is smaller than that has its pixels.
        let tiny = totals(&[(4.0, 1e-8), (5.0, 3e-8)]).unwrap();
        assert!((tiny.min, tiny.max) == (4.0, 5.0) && (tiny.mean - 4.75).abs() < 1e-9, "{tiny:?}");
        assert_eq!(totals(&[]), None);
    }

    /// Of values far from 0, the spread is not lost in their squares.
    #[test]
    fn small_spreads_of_great_values_are_kept() {
        let found = totals(&[(1e8, 1.0), (1e8 + 1.0, 1.0), (1e8 + 2.0, 2.0)]).unwrap();
        assert!(
            (found.mean - (1e8 + 1.25)).abs() < 1e-6 && (found.std - 0.829_156).abs() < 1e-5,
            "{found:?}"
        );
    }
}
