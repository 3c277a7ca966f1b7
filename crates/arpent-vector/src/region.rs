//! The region record, the output of the polygonizer.

use arpent_raster::Window;

/// A pixel corner: column and row of the pixel to its south-east, counted from the CRS origin.
pub type Vertex = [i64; 2];

/// A group of pixels of one class, 4-connected unless [`crate::Connectivity::Eight`] was chosen.
///
/// All properties depend on the region's own pixels only: two runs over different extents, files or neighbors that
/// contain it as a whole give equal regions. In a coverage ([`crate::Generalizer`]), rings lack some of the corners
/// and have vertices on straight sides where borders of other regions end, so they depend on the pixels around, too.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// The class.
    pub class_id: u8,
    /// The exterior, then the holes by row and column of their first vertex. A ring starts at its northernmost, then
    /// westernmost vertex, keeps the region on its left (counter-clockwise on the ground for the exterior), contains
    /// corners only and does not repeat its first vertex. Rings are simple and touch each other at most in vertices,
    /// so the polygon of a 4-connected region is valid after OGC 06-103r4. If a region is joined at corners only, a
    /// ring may pass a vertex twice, or rings may touch in several; none crosses itself or another.
    pub rings: Vec<Vec<Vertex>>,
    /// The drawn outline where borders are smoothed or made square ([`crate::Generalizer`]); `None` if it is equal to
    /// `rings`. A ring for each of `rings`, in the same direction, columns and rows as of a [`Vertex`]. Regions that
    /// share a border have the same coordinates on it, bit for bit. Rings are simple and touch where `rings` do.
    pub drawn: Option<Vec<Vec<[f64; 2]>>>,
    /// Number of pixels.
    pub pixels: u64,
    /// Sum of the pixels' confidences, in steps of `CONFIDENCE_SCALE`; a pixel without confidence counts 0.
    pub confidence_sum: u64,
    /// Number of pixels that have a confidence: 0 if all of them were overridden.
    pub scored: u64,
    /// Ground area, square meters: the exact sum over the pixels, rounded once.
    pub area_m2: f64,
    /// The smallest window that contains it.
    pub bbox: Window,
}
