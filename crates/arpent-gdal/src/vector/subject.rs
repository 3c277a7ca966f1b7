//! Comparison of a polygon of the map with features of a reference layer.

use gdal::vector::{Envelope, Geometry, geometry_type_flatten};
use gdal_sys::OGRwkbGeometryType::{wkbMultiPolygon, wkbPolygon};

use super::reference::ReferenceFeature;
use crate::GdalError;
use crate::ffi::{self, failure};

/// A polygon with more points is processed in pieces: the time to intersect a small reference feature with a polygon grows with
/// the number of points of the polygon.
const PIECE_POINTS: usize = 200;

/// Maximum depth of halving a polygon.
const DEEPEST: u32 = 24;

/// A polygon of the map, for comparison with features of a reference layer.
#[derive(Debug)]
pub struct Subject {
    pieces: Vec<(Envelope, Geometry)>,
    area: f64,
}

impl Subject {
    /// A polygon, well-known binary, CRS units.
    ///
    /// # Errors
    /// [`GdalError::Call`] when it is not a polygon.
    pub fn new(wkb: &[u8]) -> Result<Self, GdalError> {
        let polygon = Geometry::from_wkb(wkb)
            .map_err(|e| GdalError::Call { doing: "read a polygon", message: failure(&e) })?;
        let area = polygon.area();
        let mut pieces = Vec::new();
        split(polygon, DEEPEST, &mut pieces)?;
        Ok(Self { pieces, area })
    }

    /// Its area, units of the CRS.
    pub fn area(&self) -> f64 {
        self.area
    }

    /// Share of the polygon that lies in a feature, 0 to 1: area of the intersection over area of the polygon, in units
    /// of the CRS.
    ///
    /// # Errors
    /// [`GdalError::Call`] when GEOS fails.
    pub fn share_in(&self, feature: &ReferenceFeature) -> Result<f64, GdalError> {
        if self.area <= 0.0 {
            return Ok(0.0);
        }
        let (mut common, around) = (0.0, feature.geometry.envelope());
        for (envelope, piece) in &self.pieces {
            if meet(envelope, &around) {
                common += intersection(piece, &feature.geometry)?.area();
            }
        }
        Ok((common / self.area).clamp(0.0, 1.0))
    }
}

fn meet(a: &Envelope, b: &Envelope) -> bool {
    a.MinX < b.MaxX && b.MinX < a.MaxX && a.MinY < b.MaxY && b.MinY < a.MaxY
}

fn intersection(a: &Geometry, b: &Geometry) -> Result<Geometry, GdalError> {
    ffi::reset_error();
    a.intersection(b).ok_or_else(|| GdalError::Call {
        doing: "intersect a feature with a reference",
        message: ffi::last_message(),
    })
}

/// Halves a geometry across its longer side until each piece has few points.
fn split(geometry: Geometry, deepest: u32, pieces: &mut Vec<(Envelope, Geometry)>) -> Result<(), GdalError> {
    let envelope = geometry.envelope();
    if points(&geometry) <= PIECE_POINTS || deepest == 0 {
        pieces.push((envelope, geometry));
        return Ok(());
    }
    let Envelope { MinX: west, MaxX: east, MinY: south, MaxY: north } = envelope;
    let (x, y) = (west.midpoint(east), south.midpoint(north));
    let halves = if east - west > north - south {
        [[west, south, x, north], [x, south, east, north]]
    } else {
        [[west, south, east, y], [west, y, east, north]]
    };
    for [west, south, east, north] in halves {
        let half = Geometry::bbox(west, south, east, north)
            .map_err(|e| GdalError::Call { doing: "halve a polygon", message: failure(&e) })?;
        split(intersection(&geometry, &half)?, deepest - 1, pieces)?;
    }
    Ok(())
}

/// Number of points of polygons; 0 for other types.
fn points(geometry: &Geometry) -> usize {
    let kind = geometry_type_flatten(geometry.geometry_type());
    let parts = (0..geometry.geometry_count()).map(|i| geometry.get_geometry(i));
    if kind == wkbPolygon {
        parts.map(|ring| ring.point_count()).sum()
    } else if kind == wkbMultiPolygon || geometry.geometry_count() > 0 {
        parts.map(|part| points(&part)).sum()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(wkt: &str) -> ReferenceFeature {
        ReferenceFeature { number: 1, values: Vec::new(), geometry: Geometry::from_wkt(wkt).unwrap() }
    }

    #[test]
    fn a_long_polygon_in_pieces_has_the_shares_of_the_whole() {
        // A comb of 400 teeth, each 1 wide and 50 high, on a beam of 1.
        let mut points = vec![(0.0, -1.0), (800.0, -1.0)];
        for tooth in (0..400).rev() {
            let x = f64::from(tooth) * 2.0;
            points.extend([(x + 1.0, 0.0), (x + 1.0, 50.0), (x, 50.0), (x, 0.0)]);
        }
        points.push((0.0, -1.0));
        let text: Vec<String> = points.iter().map(|(x, y)| format!("{x} {y}")).collect();
        let comb = Geometry::from_wkt(&format!("POLYGON (({}))", text.join(","))).unwrap();
        let subject = Subject::new(&comb.wkb().unwrap()).unwrap();
        assert!(subject.pieces.len() > 8);
        let whole: f64 = subject.pieces.iter().map(|(_, piece)| piece.area()).sum();
        assert!((whole - comb.area()).abs() < 1e-6);
        for wkt in [
            "POLYGON ((0 10,800 10,800 20,0 20,0 10))",
            "POLYGON ((10.5 -9,13.5 -9,13.5 9,10.5 9,10.5 -9))",
            "POLYGON ((3 -3,420 30,417 41,3 -3))",
            "POLYGON ((900 0,901 0,901 1,900 0))",
        ] {
            let reference = feature(wkt);
            let expected = comb.intersection(&reference.geometry).unwrap().area() / comb.area();
            let share = subject.share_in(&reference).unwrap();
            assert!((share - expected).abs() < 1e-9, "{wkt}: {share} and {expected}");
        }
    }
}
