//! Coordinate reference systems, described; the crate that links GDAL makes the descriptions.

use serde::{Deserialize, Serialize};

/// What the coordinates of a CRS are, as far as areas and GSD are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CrsKind {
    /// Longitude and latitude in degrees.
    Geographic,
    /// A Mercator projection (EPSG:3857, EPSG:3395, ...): metres that are not ground metres.
    Mercator {
        /// Metres per coordinate unit.
        metres_per_unit: f64,
    },
    /// Any other projected system; its plane is trusted for areas.
    Projected {
        /// Metres per coordinate unit.
        metres_per_unit: f64,
    },
}

/// A coordinate reference system: its definitions and the little arithmetic needs to know of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crs {
    /// `EPSG:2154`, or the CRS's own name where no authority code is known.
    pub name: String,
    /// EPSG code, where there is one.
    pub epsg: Option<u32>,
    /// WKT definition (as GDAL writes it).
    pub wkt: String,
    /// PROJJSON definition; empty when it could not be written.
    pub projjson: String,
    /// What its coordinates are.
    pub kind: CrsKind,
    /// Semi-major axis of the ellipsoid, metres.
    pub semi_major_m: f64,
    /// Inverse flattening of the ellipsoid; 0 for a sphere.
    pub inverse_flattening: f64,
}

impl Crs {
    /// Whether two descriptions mean the same system: same EPSG code, or same WKT where a code is missing.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.epsg, other.epsg) {
            (Some(a), Some(b)) => a == b,
            _ => self.wkt == other.wkt,
        }
    }

    /// Metres per coordinate unit, `None` for geographic systems.
    pub fn metres_per_unit(&self) -> Option<f64> {
        match self.kind {
            CrsKind::Geographic => None,
            CrsKind::Mercator { metres_per_unit } | CrsKind::Projected { metres_per_unit } => {
                Some(metres_per_unit)
            }
        }
    }
}
