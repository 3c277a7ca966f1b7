//! Rings and polygons for tests. Label maps come from `arpent_testing::shapes`.

use arpent_base::number::exact;
use geo::Validation as _;
use geo_types::{LineString, Polygon};

use crate::{Region, Vertex};

/// Sides of a ring.
pub(crate) fn edges(ring: &[Vertex]) -> impl Iterator<Item = (Vertex, Vertex)> {
    (0..ring.len()).map(|i| (ring[i], ring[(i + 1) % ring.len()]))
}

/// Ground area enclosed, pixels; positive for counter-clockwise rings on the ground.
pub(crate) fn doubled_area(ring: &[Vertex]) -> i64 {
    // Relative to the first vertex: products of coordinates far from the origin are too large.
    let from = |v: Vertex| [v[0] - ring[0][0], v[1] - ring[0][1]];
    -edges(ring).map(|(a, b)| (from(a), from(b))).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<i64>()
}

/// Panics if the polygon of a region is not valid.
#[track_caller]
pub(crate) fn assert_valid(region: &Region) {
    let [col, row] = region.rings[0][0];
    let mut near = region.clone();
    near.rings.iter_mut().flatten().for_each(|v| *v = [v[0] - col, v[1] - row]);
    if let Err(error) = polygon(&near).check_validation() {
        panic!("{error} in {region:?}");
    }
}

/// A region as a polygon, y up.
pub(crate) fn polygon(region: &Region) -> Polygon<f64> {
    let line = |r: &Vec<Vertex>| {
        LineString::from(r.iter().chain(r.first()).map(|v| (exact(v[0]), exact(-v[1]))).collect::<Vec<_>>())
    };
    Polygon::new(line(&region.rings[0]), region.rings[1..].iter().map(line).collect())
}
