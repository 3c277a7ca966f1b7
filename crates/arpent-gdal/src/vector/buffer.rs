//! Buffers of lines with a width, such as road sections.

use gdal::vector::Geometry;
use gdal_sys::OGRwkbGeometryType::{wkbLinearRing, wkbMultiPolygon, wkbPoint, wkbPolygon};

use super::geometry::{LayerGeometry, Line, Rings, taken_apart};
use crate::GdalError;
use crate::ffi::{self, failure};

/// Segments per quarter circle at the bends of a line.
const EDGES_OF_A_QUARTER: u32 = 8;

/// The buffer of lines, `distance` on both sides, in units of their CRS. Ends are flat, so that the buffers of
/// consecutive sections do not overlap. Bends are round. Buffers of several lines of one call are united.
///
/// A union (GEOS) of a rectangle for each edge and a disc for each vertex between two edges.
///
/// # Errors
/// [`GdalError::Call`] when GEOS fails, for instance on coordinates that are NaN.
pub fn buffer_lines(lines: &[Line], distance: f64) -> Result<Vec<Rings>, GdalError> {
    ffi::reset_error();
    let united = pieces(lines, distance).and_then(|pieces| pieces.buffer(0.0, EDGES_OF_A_QUARTER));
    let united = united.map_err(|e| GdalError::Call { doing: "buffer a line", message: failure(&e) })?;
    match taken_apart(&united) {
        LayerGeometry::Polygons(polygons) => Ok(polygons),
        _ => Ok(Vec::new()),
    }
}

fn pieces(lines: &[Line], distance: f64) -> gdal::errors::Result<Geometry> {
    let mut pieces = Geometry::empty(wkbMultiPolygon)?;
    for line in lines {
        let mut line = line.clone();
        line.dedup();
        for ends in line.windows(2) {
            pieces.add_geometry(rectangle(ends[0], ends[1], distance)?)?;
        }
        let closed = line.len() > 2 && line.first() == line.last();
        let bends =
            line.iter().skip(1).take(if closed { line.len() - 1 } else { line.len().saturating_sub(2) });
        for [x, y] in bends {
            let mut point = Geometry::empty(wkbPoint)?;
            point.add_point_2d((*x, *y));
            pieces.add_geometry(point.buffer(distance, EDGES_OF_A_QUARTER)?)?;
        }
    }
    Ok(pieces)
}

/// The points within a distance of an edge, except those beyond its ends.
fn rectangle(a: [f64; 2], b: [f64; 2], distance: f64) -> gdal::errors::Result<Geometry> {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let scale = distance / dx.hypot(dy);
    let (nx, ny) = (-dy * scale, dx * scale);
    let mut ring = Geometry::empty(wkbLinearRing)?;
    for (from, side) in [(a, 1.0), (a, -1.0), (b, -1.0), (b, 1.0), (a, 1.0)] {
        ring.add_point_2d((from[0] + side * nx, from[1] + side * ny));
    }
    let mut polygon = Geometry::empty(wkbPolygon)?;
    polygon.add_geometry(ring)?;
    Ok(polygon)
}
