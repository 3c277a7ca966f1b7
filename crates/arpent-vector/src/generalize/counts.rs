//! How far areas have moved.

use crate::Region;
use crate::square::Point;

/// How regions were drawn: nothing is counted where borders are neither smoothed nor made square.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DrawnCounts {
    /// Regions that are drawn other than along their vertices.
    pub regions: u64,
    /// Corners that are cut. One moves at most half the square of the length that it is cut at, pixels, from one region to
    /// another.
    pub cut_corners: u64,
    /// Outlines that are drawn with right angles.
    pub squared: u64,
    /// By how much the areas that regions are drawn with differ from those of their pixels: the sum of the differences, all
    /// taken as positive, pixels. What generalization moves is a part of it.
    pub moved_px: f64,
    /// The greatest of these differences as a part of the region's pixels.
    pub max_moved_share: f64,
    /// By how much drawing alone changed areas, that is without what generalization moves: the sum of the differences, all taken
    /// as positive, pixels.
    pub drawn_px: f64,
    /// The greatest of these differences as a part of the generalized outline's area.
    pub max_drawn_share: f64,
}

impl DrawnCounts {
    #[allow(clippy::cast_precision_loss, reason = "numbers of a region stay far below 2^52")]
    pub(super) fn add(&mut self, region: &Region) {
        let outline: i64 = region.rings.iter().map(|ring| doubled_area(ring)).sum();
        let outline_px = outline as f64 / 2.0;
        let drawn_px =
            region.drawn.as_ref().map_or(outline_px, |rings| rings.iter().map(|ring| drawn_area(ring)).sum());
        let pixels = region.pixels as f64;
        let (moved, drawn) = ((drawn_px - pixels).abs(), (drawn_px - outline_px).abs());
        self.regions += u64::from(region.drawn.is_some());
        self.moved_px += moved;
        self.max_moved_share = self.max_moved_share.max(moved / pixels);
        self.drawn_px += drawn;
        self.max_drawn_share = self.max_drawn_share.max(drawn / outline_px);
    }
}

/// Twice the area that a ring adds, pixels: less than nothing for a hole. Rows go down.
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
