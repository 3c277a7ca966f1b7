//! Counts of pixels and ground areas that add up without rounding.

use arpent_base::number::fitted;
use arpent_vector::{fixed_point, square_meters};
use serde::{Deserialize, Serialize};

/// A number of pixels and their ground area, both as integers: sums are exact and independent of the order of
/// addition, so partial sums of any cut of the work give the same result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Amount {
    /// Pixels in steps of 2^-64: a pixel on the border of a zone counts by the part inside.
    pixels_q64: u128,
    /// Ground area in steps of 2^-64 square meters.
    area_q64: u128,
}

/// An amount in a file: whole numbers, and the rest in steps of 2^-64. JSON readers have no integers of 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    pixels: [u64; 2],
    area_m2: [u64; 2],
}

impl From<Amount> for Stored {
    fn from(amount: Amount) -> Self {
        let parts = |n: u128| [fitted(n >> 64), fitted(n & (ONE_Q64 - 1))];
        Self { pixels: parts(amount.pixels_q64), area_m2: parts(amount.area_q64) }
    }
}

impl From<Stored> for Amount {
    fn from(stored: Stored) -> Self {
        let whole = |[high, low]: [u64; 2]| u128::from(high) << 64 | u128::from(low);
        Self { pixels_q64: whole(stored.pixels), area_q64: whole(stored.area_m2) }
    }
}

/// 1 pixel.
const ONE_Q64: u128 = 1 << 64;

impl Amount {
    /// Whole pixels of one ground area each, square meters.
    pub fn of_pixels(pixels: u64, pixel_area_m2: f64) -> Self {
        let area_q64 = fixed_point(pixel_area_m2).saturating_mul(u128::from(pixels));
        Self { pixels_q64: ONE_Q64 * u128::from(pixels), area_q64 }
    }

    /// Whole pixels with the sum of their areas, steps of 2^-64 square meters.
    pub(super) fn of_sums(pixels: u64, area_q64: u128) -> Self {
        Self { pixels_q64: ONE_Q64 * u128::from(pixels), area_q64 }
    }

    /// A part (0 to 1) of one pixel.
    pub fn of_part(part: f64, pixel_area_m2: f64) -> Self {
        // A part of 1 has exactly the area of a whole pixel.
        Self { pixels_q64: fixed_point(part), area_q64: fixed_point(part * pixel_area_m2) }
    }

    /// Adds another amount.
    pub fn add(&mut self, other: Self) {
        self.pixels_q64 = self.pixels_q64.saturating_add(other.pixels_q64);
        self.area_q64 = self.area_q64.saturating_add(other.area_q64);
    }

    /// Number of pixels; with a fraction where zones cut pixels. Exact below 2^53.
    pub fn pixels(&self) -> f64 {
        // The unit is that of areas: 2^-64.
        square_meters(self.pixels_q64)
    }

    /// Ground area, square meters: the nearest double.
    pub fn area_m2(&self) -> f64 {
        square_meters(self.area_q64)
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.pixels_q64 == 0
    }

    /// This area less another, square meters; the difference is exact before it is rounded to the nearest double.
    pub fn net_m2(&self, less: &Self) -> f64 {
        if self.area_q64 >= less.area_q64 {
            square_meters(self.area_q64 - less.area_q64)
        } else {
            -square_meters(less.area_q64 - self.area_q64)
        }
    }

    /// The share of this area in a whole, 0 to 1; `None` of an empty whole.
    pub fn share_of(&self, whole: &Self) -> Option<f64> {
        (whole.area_q64 > 0).then(|| self.area_m2() / whole.area_m2())
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |mut sum, amount| {
            sum.add(amount);
            sum
        })
    }
}

impl<'a> std::iter::Sum<&'a Self> for Amount {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_amounts_come_back() {
        let mut amount = Amount::of_pixels(1 << 40, 0.04);
        amount.add(Amount::of_part(0.3, 0.04));
        let stored = Stored::from(amount);
        assert_eq!(Amount::from(stored), amount);
        assert_eq!((stored.pixels[0], stored.area_m2[0]), (1 << 40, 43_980_465_111));
        assert_eq!(
            Stored::from(Amount::of_pixels(3, 0.25)),
            Stored { pixels: [3, 0], area_m2: [0, 3 << 62] }
        );
    }

    #[test]
    fn differences_have_a_sign() {
        let [small, large] = [1, 3].map(|pixels| Amount::of_pixels(pixels, 2.0));
        assert_eq!((large.net_m2(&small), small.net_m2(&large), small.net_m2(&small)), (4.0, -4.0, 0.0));
        assert_eq!((small.share_of(&large), small.share_of(&Amount::default())), (Some(1.0 / 3.0), None));
    }
}
