//! Geometries of features: polygons and lines.

use gdal::vector::{Geometry, OGRwkbGeometryType, geometry_type_flatten, geometry_type_to_name};
use gdal_sys::OGRwkbGeometryType::{
    wkbGeometryCollection, wkbLineString, wkbLinearRing, wkbMultiLineString, wkbMultiPolygon, wkbPolygon,
};

/// A line of two points or more: x, y in units of the CRS.
pub type Line = Vec<[f64; 2]>;

/// The exterior ring and the holes of a polygon, each closed: its last point is its first. Either direction.
pub type Rings = Vec<Line>;

/// Geometry of a feature. Heights are dropped, arcs are approximated by short straight lines.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerGeometry {
    /// No geometry, or one that is empty.
    Empty,
    /// The polygons of a polygon or multipolygon, one or more. They do not overlap.
    Polygons(Vec<Rings>),
    /// The lines of a line or multiline, one or more.
    Lines(Vec<Line>),
}

impl LayerGeometry {
    /// Its bounding box (min x, min y, max x, max y).
    pub fn bbox(&self) -> Option<[f64; 4]> {
        let points: Box<dyn Iterator<Item = &[f64; 2]>> = match self {
            Self::Empty => return None,
            Self::Polygons(polygons) => Box::new(polygons.iter().flatten().flatten()),
            Self::Lines(lines) => Box::new(lines.iter().flatten()),
        };
        let empty = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        Some(points.fold(empty, |b, [x, y]| [b[0].min(*x), b[1].min(*y), b[2].max(*x), b[3].max(*y)]))
    }

    /// Whether its bounding box touches a rectangle (min x, min y, max x, max y).
    pub(super) fn touches(&self, [west, south, east, north]: [f64; 4]) -> bool {
        self.bbox()
            .is_some_and(|bbox| bbox[0] <= east && bbox[2] >= west && bbox[1] <= north && bbox[3] >= south)
    }
}

/// The parts of a geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GeometryKind {
    Polygons,
    Lines,
}

impl GeometryKind {
    /// Polygons if there are any, else lines, and whether there are parts of another type; otherwise the name of the
    /// geometry type.
    #[allow(non_upper_case_globals, reason = "GDAL's names of geometry types")]
    pub(super) fn of(geometry: &Geometry) -> Result<(Self, bool), String> {
        let flat = geometry_type_flatten(geometry.geometry_type());
        match flat {
            wkbPolygon | wkbMultiPolygon => Ok((Self::Polygons, false)),
            wkbLineString | wkbMultiLineString | wkbLinearRing => Ok((Self::Lines, false)),
            wkbGeometryCollection => {
                let parts = (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i));
                let kinds: Vec<_> = parts.filter(|p| !p.is_empty()).map(|p| Self::of(&p)).collect();
                let has = |kind| kinds.iter().any(|k| k.as_ref().is_ok_and(|(k, _)| *k == kind));
                let kind = if has(Self::Polygons) { Self::Polygons } else { Self::Lines };
                if !has(kind) {
                    return Err(geometry_type_to_name(flat));
                }
                Ok((kind, kinds.iter().any(|k| *k != Ok((kind, false)))))
            }
            other => Err(geometry_type_to_name(other)),
        }
    }
}

/// The parts of a geometry that are of its type; a repair may turn very thin polygons into lines.
pub(super) struct Parts {
    kind: GeometryKind,
    polygons: Vec<Rings>,
    lines: Vec<Line>,
}

/// The polygons or lines of a geometry.
pub(super) fn taken_apart(geometry: &Geometry) -> LayerGeometry {
    GeometryKind::of(geometry).map_or(LayerGeometry::Empty, |(kind, _)| Parts::of(geometry, kind))
}

impl Parts {
    pub(super) fn of(geometry: &Geometry, kind: GeometryKind) -> LayerGeometry {
        let mut parts = Self { kind, polygons: Vec::new(), lines: Vec::new() };
        parts.take(geometry);
        parts.into_geometry()
    }

    #[allow(non_upper_case_globals, reason = "GDAL's names of geometry types")]
    fn take(&mut self, geometry: &Geometry) {
        let flat: OGRwkbGeometryType::Type = geometry_type_flatten(geometry.geometry_type());
        let parts = || (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i));
        match (flat, self.kind) {
            (wkbPolygon, GeometryKind::Polygons) => {
                let rings: Rings = parts().map(|ring| points(&ring)).filter(|r| r.len() > 3).collect();
                if !rings.is_empty() {
                    self.polygons.push(rings);
                }
            }
            (wkbLineString | wkbLinearRing, GeometryKind::Lines) => {
                let line = points(geometry);
                if line.len() > 1 {
                    self.lines.push(line);
                }
            }
            (wkbMultiPolygon | wkbMultiLineString | wkbGeometryCollection, _) => {
                parts().for_each(|part| self.take(&part));
            }
            _ => {}
        }
    }

    fn into_geometry(self) -> LayerGeometry {
        match (self.polygons.is_empty(), self.lines.is_empty()) {
            (false, _) => LayerGeometry::Polygons(self.polygons),
            (true, false) => LayerGeometry::Lines(self.lines),
            (true, true) => LayerGeometry::Empty,
        }
    }
}

fn points(geometry: &Geometry) -> Line {
    let mut points = Vec::with_capacity(geometry.point_count());
    geometry.get_points(&mut points);
    points.iter().map(|(x, y, _)| [*x, *y]).collect()
}
