//! Sums over the pixels of a region.

use arpent_raster::Window;

use super::area::square_meters;
use crate::region::{Region, Vertex};
use crate::square::Point;

/// Sums of whole numbers over pixels, which do not depend on the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Number of runs, each counted once for each cell of the lattice that it touches: the length of the outline is
    /// proportional to it.
    pub(super) runs: u64,
    pub(super) pixels: u64,
    /// Sum of the confidences, and number of pixels that have one.
    pub(super) confidence_sum: u64,
    pub(super) scored: u64,
    /// Ground area, 2^-64 square meters.
    pub(super) area_q64: u128,
}

impl Totals {
    /// Adds those of other pixels.
    pub(super) fn add(&mut self, other: &Self) {
        self.runs = self.runs.saturating_add(other.runs);
        self.pixels = self.pixels.saturating_add(other.pixels);
        self.confidence_sum = self.confidence_sum.saturating_add(other.confidence_sum);
        self.scored = self.scored.saturating_add(other.scored);
        self.area_q64 = self.area_q64.saturating_add(other.area_q64);
    }

    /// The region of these pixels.
    pub(super) fn region(
        &self,
        class_id: u8,
        rings: Vec<Vec<Vertex>>,
        drawn: Option<Vec<Vec<Point>>>,
        bbox: Window,
    ) -> Region {
        Region {
            class_id,
            rings,
            drawn,
            pixels: self.pixels,
            confidence_sum: self.confidence_sum,
            scored: self.scored,
            area_m2: square_meters(self.area_q64),
            bbox,
        }
    }
}
