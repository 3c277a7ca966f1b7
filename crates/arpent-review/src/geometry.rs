//! Corrected geometries: GeoJSON in longitude and latitude.

use geo::{ChamberlainDuquetteArea as _, Validation as _};
use serde::{Deserialize, Serialize};

use crate::error::ReviewError;

/// Most positions of a geometry.
pub const MOST_POSITIONS: usize = 5_000;

/// A geometry as GeoJSON (RFC 7946) in EPSG:4326, longitude first, two dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "coordinates", deny_unknown_fields)]
pub enum Geometry {
    /// A point.
    Point([f64; 2]),
    /// A line.
    LineString(Vec<[f64; 2]>),
    /// Several lines.
    MultiLineString(Vec<Vec<[f64; 2]>>),
    /// A polygon: the outer ring, then holes.
    Polygon(Vec<Vec<[f64; 2]>>),
    /// Several polygons.
    MultiPolygon(Vec<Vec<Vec<[f64; 2]>>>),
}

fn line(positions: &[[f64; 2]]) -> geo::LineString {
    positions.iter().map(|[x, y]| geo::Coord { x: *x, y: *y }).collect()
}

fn polygon(rings: &[Vec<[f64; 2]>]) -> geo::Polygon {
    let mut lines = rings.iter().map(|ring| line(ring));
    let outer = lines.next().unwrap_or_else(|| line(&[]));
    geo::Polygon::new(outer, lines.collect())
}

impl Geometry {
    /// All its positions.
    pub fn positions(&self) -> Vec<&[f64; 2]> {
        match self {
            Self::Point(position) => vec![position],
            Self::LineString(line) => line.iter().collect(),
            Self::MultiLineString(lines) | Self::Polygon(lines) => lines.iter().flatten().collect(),
            Self::MultiPolygon(polygons) => polygons.iter().flatten().flatten().collect(),
        }
    }

    fn rings(&self) -> Vec<&Vec<[f64; 2]>> {
        match self {
            Self::Polygon(rings) => rings.iter().collect(),
            Self::MultiPolygon(polygons) => polygons.iter().flatten().collect(),
            _ => Vec::new(),
        }
    }

    fn as_geo(&self) -> geo::Geometry {
        match self {
            Self::Point([x, y]) => geo::Point::new(*x, *y).into(),
            Self::LineString(positions) => line(positions).into(),
            Self::MultiLineString(lines) => {
                geo::MultiLineString(lines.iter().map(|l| line(l)).collect()).into()
            }
            Self::Polygon(rings) => polygon(rings).into(),
            Self::MultiPolygon(polygons) => {
                geo::MultiPolygon(polygons.iter().map(|rings| polygon(rings)).collect()).into()
            }
        }
    }

    /// Area on the sphere, square meters; 0 of points and lines.
    pub fn area_m2(&self) -> f64 {
        self.as_geo().chamberlain_duquette_unsigned_area()
    }

    /// Checks that it is in degrees, valid (closed rings that do not cross, holes inside) and not larger than `most_m2`.
    ///
    /// # Errors
    /// [`ReviewError::Field`].
    pub fn check(&self, most_m2: f64) -> Result<(), ReviewError> {
        let bad = |found: String, expected: &str| Err(ReviewError::field("geometry", found, expected));
        let positions = self.positions();
        if positions.is_empty() || positions.len() > MOST_POSITIONS {
            return bad(format!("{} positions", positions.len()), "1 to 5,000 positions");
        }
        let in_degrees = |[x, y]: &&&[f64; 2]| (-180.0..=180.0).contains(x) && (-90.0..=90.0).contains(y);
        if let Some([x, y]) = positions.iter().find(|position| !in_degrees(position)) {
            return bad(format!("{x}, {y}"), "longitude and latitude in degrees (EPSG:4326)");
        }
        // geo closes rings by itself.
        if self.rings().into_iter().any(|ring| ring.len() < 4 || ring.first() != ring.last()) {
            return bad("a ring that is not closed".into(), "closed rings of 4 or more positions");
        }
        if let Err(error) = self.as_geo().check_validation() {
            return bad(error.to_string(), "a valid geometry (OGC Simple Features)");
        }
        let area = self.area_m2();
        if !area.is_finite() || area > most_m2 {
            return bad(format!("{area:.0} m2"), &format!("at most {most_m2} m2, as the review says"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Geometry, String> {
        let geometry: Geometry = serde_json::from_str(text).map_err(|error| error.to_string())?;
        geometry.check(1e6).map_err(|error| error.to_string()).map(|()| geometry)
    }

    #[test]
    fn valid_geometries_are_read_and_others_refused() {
        let square =
            r#"{"type":"Polygon","coordinates":[[[5,43],[5.001,43],[5.001,43.001],[5,43.001],[5,43]]]}"#;
        let area = read(square).unwrap().area_m2();
        // 111.32 m x 81.4 m on the sphere.
        assert!((area - 9_061.0).abs() < 60.0, "{area}");
        for good in [
            r#"{"type":"Point","coordinates":[5,43]}"#,
            r#"{"type":"LineString","coordinates":[[5,43],[6,44]]}"#,
            r#"{"type":"MultiPolygon","coordinates":[[[[5,43],[5.001,43],[5,43.001],[5,43]]]]}"#,
        ] {
            read(good).unwrap();
        }
        for (bad, why) in [
            (r#"{"type":"Polygon","coordinates":[[[5,43],[6,43],[6,44],[5,44]]]}"#, "closed"),
            (r#"{"type":"Polygon","coordinates":[[[5,43],[6,44],[6,43],[5,44],[5,43]]]}"#, "valid geometry"),
            (r#"{"type":"Polygon","coordinates":[[[5,43],[6,43],[6,44],[5,44],[5,43]]]}"#, "at most"),
            (
                r#"{"type":"Polygon","coordinates":[[[500000,6200000],[500010,6200000],[500000,6200010],[500000,6200000]]]}"#,
                "EPSG:4326",
            ),
            (r#"{"type":"Polygon","coordinates":[]}"#, "positions"),
            (r#"{"type":"Point","coordinates":[5,43,100]}"#, "trailing"),
            (r#"{"type":"Circle","coordinates":[5,43]}"#, "variant"),
            (r#"{"type":"Point","coordinates":[5,43],"crs":"EPSG:2154"}"#, "crs"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
