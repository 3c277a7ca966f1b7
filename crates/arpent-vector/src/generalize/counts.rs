//! Changes of area by drawing.

use arpent_base::number::exact;

use crate::Region;
use crate::square::Point;

/// How regions were drawn; all counts are 0 if borders are neither smoothed nor made square.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DrawnCounts {
    /// Regions that are not drawn along their vertices.
    pub regions: u64,
    /// Number of cut corners. Each cut moves at most half the square of its length, pixels, from one region to
    /// another.
    pub cut_corners: u64,
    /// Outlines that are drawn with right angles.
    pub squared: u64,
    /// Sum of the absolute differences between the drawn areas of regions and the areas of their pixels, pixels; it
    /// includes the effect of generalization.
    pub moved_px: f64,
    /// The largest of these differences as a fraction of the region's pixels.
    pub max_moved_share: f64,
    /// Sum of the absolute differences of area by drawing alone, without the effect of generalization, pixels.
    pub drawn_px: f64,
    /// The largest of these differences as a fraction of the generalized outline's area.
    pub max_drawn_share: f64,
}

impl DrawnCounts {
    pub(super) fn add(&mut self, region: &Region) {
        let outline: i64 = region.rings.iter().map(|ring| doubled_area(ring)).sum();
        let outline_px = exact(outline) / 2.0;
        let drawn_px =
            region.drawn.as_ref().map_or(outline_px, |rings| rings.iter().map(|ring| drawn_area(ring)).sum());
        let pixels = exact(region.pixels);
        let (moved, drawn) = ((drawn_px - pixels).abs(), (drawn_px - outline_px).abs());
        self.regions += u64::from(region.drawn.is_some());
        self.moved_px += moved;
        self.max_moved_share = self.max_moved_share.max(moved / pixels);
        self.drawn_px += drawn;
        self.max_drawn_share = self.max_drawn_share.max(drawn / outline_px);
    }
}

/// Twice the area that a ring adds, pixels: negative for a hole. Rows grow downward.
fn doubled_area(ring: &[crate::Vertex]) -> i64 {
    let first = ring[0];
    let from = |v: &crate::Vertex| [v[0] - first[0], v[1] - first[1]];
    ring.windows(2).map(|side| (from(&side[0]), from(&side[1]))).map(|(a, b)| b[0] * a[1] - a[0] * b[1]).sum()
}

/// The area that a drawn ring adds, pixels.
fn drawn_area(ring: &[Point]) -> f64 {
    let first = ring[0];
    let from = |p: &Point| [p[0] - first[0], p[1] - first[1]];
    let sides = ring.windows(2).map(|side| (from(&side[0]), from(&side[1])));
    sides.map(|(a, b)| b[0] * a[1] - a[0] * b[1]).sum::<f64>() / 2.0
}
