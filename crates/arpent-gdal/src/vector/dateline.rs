//! Cuts geometries in degrees at the antimeridian (RFC 7946, section 3.1.9), or half a turn from the middle of a map
//! that crosses it.

use gdal::vector::Geometry;
use gdal_sys::OGRwkbGeometryType::wkbGeometryCollection;

use super::geometry::{LayerGeometry, Line, taken_apart};
use crate::GdalError;
use crate::ffi::{self, failure};

/// Largest distance from the antimeridian of both ends of an edge that crosses it, degrees: as in `ogr2ogr
/// -wrapdateline`.
const NEAR: f64 = 10.0;
const TURN: f64 = 360.0;

/// The longitude in the middle of the turn of a region: 0 except for regions beyond 180 degrees.
pub(crate) fn middle_of([west, _, east, _]: [f64; 4]) -> f64 {
    if west >= -180.0 && east <= 180.0 { 0.0 } else { west.midpoint(east) }
}

/// The geometry without jumps: an edge from beyond 170 degrees east to beyond 170 degrees west, or back, continues
/// over 180 degrees. `None` if there is no such edge, and no longitude farther than half a turn from `middle`.
pub(crate) fn unwrapped(geometry: &Geometry, middle: f64) -> Option<Unwrapped> {
    let around = geometry.envelope();
    let beyond = around.MinX < middle - 180.0 || around.MaxX > middle + 180.0;
    let near = around.MinX < NEAR - 180.0 && around.MaxX > 180.0 - NEAR;
    if !beyond && !near {
        return None;
    }
    let mut taken = taken_apart(geometry);
    let mut jumps = false;
    match &mut taken {
        LayerGeometry::Empty => return None,
        LayerGeometry::Lines(lines) => lines.iter_mut().for_each(|line| jumps |= unwrap(line)),
        LayerGeometry::Polygons(polygons) => {
            for rings in polygons {
                let mut jumped = false;
                for ring in rings.iter_mut() {
                    // No short circuit: every ring is processed.
                    jumped |= unwrap(ring);
                }
                jumps |= jumped;
                if jumped {
                    holes_inside(rings);
                }
            }
        }
    }
    if !jumps && !beyond {
        return None;
    }
    let geometry = Geometry::from_wkb(&taken.to_wkb()?).ok()?;
    Some(Unwrapped { geometry, middle })
}

/// A geometry whose longitudes may be farther than half a turn from the middle.
pub(crate) struct Unwrapped {
    pub(crate) geometry: Geometry,
    middle: f64,
}

impl Unwrapped {
    /// Cuts it half a turn from the middle; all longitudes are within half a turn then.
    pub(crate) fn cut(&self) -> Result<Geometry, GdalError> {
        let doing = "cut a geometry at the antimeridian";
        let call = |message: String| GdalError::Call { doing, message };
        let (west, around) = (self.middle - TURN / 2.0, self.geometry.envelope());
        let is_area = matches!(taken_apart(&self.geometry), LayerGeometry::Polygons(_));
        let last = ((around.MaxX - west) / TURN).floor();
        let mut turns = ((around.MinX - west) / TURN).floor();
        let mut parts = LayerGeometry::Empty;
        while turns <= last {
            let by = turns * TURN;
            let strip =
                Geometry::bbox(west + by, -90.0, west + by + TURN, 90.0).map_err(|e| call(failure(&e)))?;
            let common = strip.intersection(&self.geometry).ok_or_else(|| call(ffi::last_message()))?;
            let part = taken_apart(&common);
            // If an area only touches the cut, the intersection is a line.
            if !is_area || matches!(part, LayerGeometry::Polygons(_)) {
                parts = joined(parts, moved(part, -by, [west, west + TURN]));
            }
            turns += 1.0;
        }
        let made = |wkb: Vec<u8>| Geometry::from_wkb(&wkb).map_err(|e| call(failure(&e)));
        let Some(wkb) = parts.to_wkb() else {
            return Geometry::empty(wkbGeometryCollection).map_err(|e| call(failure(&e)));
        };
        let cut = made(wkb)?;
        // Parts that the file has cut at 180 degrees are united, since that meridian is inside the map.
        match parts {
            LayerGeometry::Polygons(several) if several.len() > 1 && self.middle.abs() > 0.0 => {
                made(ffi::union_wkb(&cut).ok_or_else(|| call(ffi::last_message()))?)
            }
            _ => Ok(cut),
        }
    }
}

/// Removes jumps from a ring or line; returns whether there were any.
fn unwrap(line: &mut Line) -> bool {
    let (mut shift, mut jumps) = (0.0, false);
    let mut last: Option<f64> = None;
    for point in line.iter_mut() {
        if let Some(last) = last {
            let step = point[0] - last;
            let across = step.abs() > TURN - 2.0 * NEAR && step.abs() < TURN;
            if across && last.abs() >= 180.0 - NEAR && point[0].abs() >= 180.0 - NEAR {
                shift -= TURN * step.signum();
                jumps = true;
            }
        }
        last = Some(point[0]);
        point[0] += shift;
    }
    jumps
}

/// Shifts holes to the turn of their polygon.
fn holes_inside(rings: &mut [Line]) {
    let middle = |ring: &Line| {
        let (low, high) =
            ring.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p[0]), h.max(p[0])));
        low.midpoint(high)
    };
    let Some((outer, holes)) = rings.split_first_mut() else { return };
    let at = middle(outer);
    for hole in holes {
        let turns = ((at - middle(hole)) / TURN).round() * TURN;
        for point in hole.iter_mut() {
            point[0] += turns;
        }
    }
}

fn moved(geometry: LayerGeometry, by: f64, [west, east]: [f64; 2]) -> LayerGeometry {
    let line = |line: Line| line.into_iter().map(|[x, y]| [(x + by).clamp(west, east), y]).collect::<Line>();
    match geometry {
        LayerGeometry::Empty => LayerGeometry::Empty,
        LayerGeometry::Lines(lines) => LayerGeometry::Lines(lines.into_iter().map(line).collect()),
        LayerGeometry::Polygons(polygons) => {
            let rings = |rings: Vec<Line>| rings.into_iter().map(line).collect();
            LayerGeometry::Polygons(polygons.into_iter().map(rings).collect())
        }
    }
}

fn joined(a: LayerGeometry, b: LayerGeometry) -> LayerGeometry {
    match (a, b) {
        (LayerGeometry::Polygons(a), LayerGeometry::Polygons(b)) => LayerGeometry::Polygons([a, b].concat()),
        (LayerGeometry::Lines(a), LayerGeometry::Lines(b)) => LayerGeometry::Lines([a, b].concat()),
        (LayerGeometry::Empty, other) => other,
        (some, _) => some,
    }
}
