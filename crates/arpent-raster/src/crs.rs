//! Descriptions of coordinate reference systems, which `arpent-gdal` creates.

use serde::{Deserialize, Serialize};

/// Kind of a CRS, as needed for areas and GSD.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CrsKind {
    /// Longitude and latitude in degrees.
    Geographic,
    /// A Mercator projection (EPSG:3857, EPSG:3395, ...): its meters are not ground meters.
    Mercator {
        /// Meters per coordinate unit.
        meters_per_unit: f64,
    },
    /// Any other projected system; areas are those of its plane.
    Projected {
        /// Meters per coordinate unit.
        meters_per_unit: f64,
    },
}

/// A coordinate reference system: its definitions, and the parameters needed for areas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crs {
    /// `EPSG:2154`, or the CRS's own name without an authority code.
    pub name: String,
    /// EPSG code, if any.
    pub epsg: Option<u32>,
    /// WKT definition (as GDAL writes it).
    pub wkt: String,
    /// PROJJSON definition; empty when it could not be written.
    pub projjson: String,
    /// Its kind.
    pub kind: CrsKind,
    /// Semi-major axis of the ellipsoid, meters.
    pub semi_major_m: f64,
    /// Inverse flattening of the ellipsoid; 0 for a sphere.
    pub inverse_flattening: f64,
}

impl Crs {
    /// Whether two descriptions are of the same system: same EPSG code, or same WKT if a code is missing.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.epsg, other.epsg) {
            (Some(a), Some(b)) => a == b,
            _ => self.wkt == other.wkt,
        }
    }

    /// Meters per coordinate unit, `None` for geographic systems.
    pub fn meters_per_unit(&self) -> Option<f64> {
        match self.kind {
            CrsKind::Geographic => None,
            CrsKind::Mercator { meters_per_unit } | CrsKind::Projected { meters_per_unit } => {
                Some(meters_per_unit)
            }
        }
    }
}
