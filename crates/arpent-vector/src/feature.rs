//! The feature record, the output of this crate.

use arpent_base::number::rounded;
use arpent_base::{Value, hex};
use geo_types::{LineString, MultiPolygon, Polygon};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::wkb::{parts_to_wkb, to_wkb};

/// One feature on the ground: geometry in the scene's CRS, and attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// 32 hex digits: SHA-256 (truncated) of grid key, class id and rings or boxes in grid pixels; independent of
    /// run, order and file.
    pub id: String,
    /// Class id, as in the label raster.
    pub class_id: u8,
    /// Name of the class in the nomenclature.
    pub class_name: String,
    /// Mean confidence of the pixels of a region that have one, or the highest score of an object's detections; 0 to
    /// 1, rounded to 4 decimals. `None` if no pixel has a confidence because all were overridden.
    pub score: Option<f64>,
    /// Ground area of the polygon in square meters, rounded to 6 decimals: of the drawn outline, which may differ
    /// from its pixels.
    pub area_m2: f64,
    /// Ground area of a region's pixels, square meters, rounded to 6 decimals: minimum areas and mapping units refer
    /// to it. `None` for features made from boxes.
    pub pixels_area_m2: Option<f64>,
    /// Source scenes of its pixels, sorted, or one text for many; empty until the caller sets it.
    pub scene_ids: Vec<String>,
    /// RFC 3339 date (earliest of the scenes'), if known; empty until the caller sets it.
    pub acquired: Option<String>,
    /// A value for each additional column of the map, in order, `None` if missing; empty until the caller sets it.
    pub attributes: Vec<Option<Value>>,
    /// CRS coordinates, exteriors counter-clockwise in x-right y-up ground coordinates, holes clockwise, closed. One
    /// polygon for regions, detections and objects; a change may have several.
    pub polygons: MultiPolygon<f64>,
}

impl Feature {
    /// Ground rectangle [min x, min y, max x, max y] of its polygons, CRS units.
    pub fn bbox(&self) -> [f64; 4] {
        bbox(&self.polygons.0)
    }

    /// All rings of its polygons.
    pub fn rings(&self) -> impl Iterator<Item = &LineString<f64>> {
        self.polygons
            .iter()
            .flat_map(|polygon| std::iter::once(polygon.exterior()).chain(polygon.interiors()))
    }

    /// Well-known binary: a polygon if it has one, else a multipolygon.
    pub fn wkb(&self) -> Vec<u8> {
        match &*self.polygons.0 {
            [polygon] => to_wkb(polygon),
            polygons => parts_to_wkb(polygons),
        }
    }
}

/// Rectangle [min x, min y, max x, max y] around polygons; from infinity to minus infinity without any.
pub fn bbox(polygons: &[Polygon<f64>]) -> [f64; 4] {
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    polygons
        .iter()
        .flat_map(|polygon| polygon.exterior().coords())
        .fold(start, |b, c| [b[0].min(c.x), b[1].min(c.y), b[2].max(c.x), b[3].max(c.y)])
}

/// Rounds to 4 decimals, the precision of published scores.
pub(crate) fn round4(value: f64) -> f64 {
    rounded(value, 4)
}

/// Rounds to 6 decimals, the precision of published areas in square meters. Pixels may be as small as a millimeter.
pub(crate) fn round6(value: f64) -> f64 {
    rounded(value, 6)
}

/// The id of a feature of a class on a grid: `shape` is its geometry as integers, in a canonical order.
pub(crate) fn content_id(grid_key: &str, class_id: u8, shape: impl Iterator<Item = i64>) -> String {
    let mut hash = Sha256::new();
    hash.update(grid_key.as_bytes());
    hash.update([0, class_id]);
    // Hashed in blocks: one call for each number would cost more than the hashing.
    let mut block = Vec::with_capacity(4096);
    for number in shape {
        block.extend_from_slice(&number.to_le_bytes());
        if block.len() >= 4096 {
            hash.update(&block);
            block.clear();
        }
    }
    hash.update(&block);
    hex(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_types::polygon;

    #[test]
    fn ids_are_truncated_sha256() {
        // `printf 'g\0\x07\x01\0\0\0\0\0\0\0' | sha256sum`
        assert_eq!(content_id("g", 7, [1].into_iter()), "eff91add69d64e00f9d4c0f7e232c42d");
    }

    #[test]
    fn long_shapes_are_hashed_whole() {
        let id = |last| content_id("g", 7, (0..5_000).chain([last]));
        assert_ne!(id(1), id(2));
        assert_eq!(id(1).len(), 32);
    }

    #[test]
    fn the_bbox_is_that_of_the_exterior() {
        let polygon = polygon![(x: 1.0, y: -2.0), (x: 4.0, y: 7.0), (x: -3.0, y: 5.0), (x: 1.0, y: -2.0)];
        let feature = Feature {
            id: String::new(),
            class_id: 0,
            class_name: String::new(),
            score: None,
            area_m2: 0.0,
            pixels_area_m2: None,
            scene_ids: vec![],
            acquired: None,
            attributes: vec![],
            polygons: polygon.into(),
        };
        assert_eq!(feature.bbox().map(f64::to_bits), [-3.0, -2.0, 4.0, 7.0].map(f64::to_bits));
    }
}
