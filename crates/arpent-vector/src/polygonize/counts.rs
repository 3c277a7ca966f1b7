//! Changes of area by drawing.

use arpent_base::number::exact;

use super::area::{fixed_point, square_meters};
use crate::region::{Region, Vertex};
use crate::square::Point;

/// How regions were drawn; all counts are 0 if borders are neither smoothed nor made square. Those of parts of a map
/// add up to those of the map ([`DrawnCounts::add`]), whatever the parts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DrawnCounts {
    /// Regions that are not drawn along their vertices.
    pub regions: u64,
    /// Number of cut corners. Each cut moves at most half the square of its length, pixels, from one region to
    /// another.
    pub cut_corners: u64,
    /// Outlines that are drawn with right angles.
    pub squared: u64,
    /// The largest difference between the drawn area of a region and the area of its pixels, as a fraction of the
    /// latter.
    pub max_moved_share: f64,
    /// The largest difference of area by drawing alone, as a fraction of the generalized outline's area.
    pub max_drawn_share: f64,
    /// Sums of differences, 2^-64 pixels: sums of whole numbers do not depend on the order.
    pub(super) moved_q64: u128,
    pub(super) drawn_q64: u128,
}

impl DrawnCounts {
    /// Sum of the absolute differences between the drawn areas of regions and the areas of their pixels, pixels; it
    /// includes the effect of generalization.
    pub fn moved_px(&self) -> f64 {
        square_meters(self.moved_q64)
    }

    /// Sum of the absolute differences of area by drawing alone, without the effect of generalization, pixels.
    pub fn drawn_px(&self) -> f64 {
        square_meters(self.drawn_q64)
    }

    /// Adds those of another part of the map.
    pub fn add(&mut self, other: &Self) {
        self.regions = self.regions.saturating_add(other.regions);
        self.cut_corners = self.cut_corners.saturating_add(other.cut_corners);
        self.squared = self.squared.saturating_add(other.squared);
        self.max_moved_share = self.max_moved_share.max(other.max_moved_share);
        self.max_drawn_share = self.max_drawn_share.max(other.max_drawn_share);
        self.moved_q64 = self.moved_q64.saturating_add(other.moved_q64);
        self.drawn_q64 = self.drawn_q64.saturating_add(other.drawn_q64);
    }

    /// Adds a region.
    pub(super) fn add_region(&mut self, region: &Region) {
        let outline: i64 = region.rings.iter().map(|ring| doubled_area(ring.iter().copied())).sum();
        let outline_px = exact(outline) / 2.0;
        let drawn_px =
            region.drawn.as_ref().map_or(outline_px, |rings| rings.iter().map(|ring| drawn_area(ring)).sum());
        let pixels = exact(region.pixels);
        let (moved, drawn) = ((drawn_px - pixels).abs(), (drawn_px - outline_px).abs());
        self.regions += u64::from(region.drawn.is_some());
        self.moved_q64 = self.moved_q64.saturating_add(fixed_point(moved));
        self.max_moved_share = self.max_moved_share.max(moved / pixels);
        self.drawn_q64 = self.drawn_q64.saturating_add(fixed_point(drawn));
        self.max_drawn_share = self.max_drawn_share.max(drawn / outline_px);
    }
}

/// Twice the area that a ring adds, pixels: negative for a hole. Rows grow downward.
pub(super) fn doubled_area(ring: impl Iterator<Item = Vertex>) -> i64 {
    let mut first = None;
    let mut last = [0, 0];
    let mut sum = 0;
    for vertex in ring {
        let [col, row] = *first.get_or_insert(vertex);
        let next = [vertex[0] - col, vertex[1] - row];
        sum += next[0] * last[1] - last[0] * next[1];
        last = next;
    }
    sum
}

/// The area that a drawn ring adds, pixels.
fn drawn_area(ring: &[Point]) -> f64 {
    let first = ring[0];
    let from = |p: &Point| [p[0] - first[0], p[1] - first[1]];
    let sides = ring.windows(2).map(|side| (from(&side[0]), from(&side[1])));
    sides.map(|(a, b)| b[0] * a[1] - a[0] * b[1]).sum::<f64>() / 2.0
}
