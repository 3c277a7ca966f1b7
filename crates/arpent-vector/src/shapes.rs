//! Rings and polygons as tests look at them.

use geo_types::{LineString, Polygon};

use crate::{Region, Vertex};

/// Sides of a ring.
pub(crate) fn edges(ring: &[Vertex]) -> impl Iterator<Item = (Vertex, Vertex)> {
    (0..ring.len()).map(|i| (ring[i], ring[(i + 1) % ring.len()]))
}

/// Ground area enclosed, pixels; positive for counter-clockwise rings on the ground.
pub(crate) fn doubled_area(ring: &[Vertex]) -> i64 {
    -edges(ring).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<i64>()
}

/// A region as a polygon, y up.
#[allow(clippy::cast_precision_loss, reason = "numbers of small maps")]
pub(crate) fn polygon(region: &Region) -> Polygon<f64> {
    let line = |r: &Vec<Vertex>| {
        LineString::from(r.iter().chain(r.first()).map(|v| (v[0] as f64, -v[1] as f64)).collect::<Vec<_>>())
    };
    Polygon::new(line(&region.rings[0]), region.rings[1..].iter().map(line).collect())
}
