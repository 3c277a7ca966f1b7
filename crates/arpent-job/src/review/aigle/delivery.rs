//! What is delivered: a run, a batch, and an inference for each polygon of a feature.

use arpent_gdal::{LayerGeometry, Rings, plain_text, polygon_wkb};
use arpent_publish::TileId;
use arpent_review::Verdict;

/// Zoom of the tiles that AIGLE finds its objects by.
const ZOOM: u8 = 19;

/// Rows of the tables `run` and `batch`, which all inferences share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Batch {
    /// Id of the run and of the batch.
    pub(super) id: i64,
    pub(super) name: String,
    /// RFC 3339.
    pub(super) created: String,
    pub(super) model: String,
    pub(super) tiles_url: Option<String>,
    pub(super) description: String,
    pub(super) geozone: Option<i64>,
    pub(super) year: Option<i64>,
}

/// A row of the table `inference`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inference {
    /// Number in the batch, from 1.
    pub(super) id: i64,
    pub(super) feature: String,
    /// Which polygon of the feature, from 1.
    pub(super) part: usize,
    pub(super) score: Option<f64>,
    pub(super) object_type: String,
    /// NULL unless verdicts are delivered.
    pub(super) status: Option<&'static str>,
    /// Tile of the middle, column and row; none outside of Web Mercator.
    pub(super) tile: Option<[i64; 2]>,
    /// Longitude and latitude; none of a feature without area.
    pub(super) polygon: Option<Rings>,
}

/// The name of a type as AIGLE compares it: without accents, in lower case; what is no letter, digit or `.` is a space, and
/// spaces are single.
pub(super) fn normalized(name: &str) -> String {
    let plain = plain_text(name).to_lowercase();
    let words = plain.split(|c: char| !(c.is_alphanumeric() || c == '.')).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The verdict as AIGLE has it; a verdict that was withdrawn is none.
pub(super) fn status(verdict: Verdict) -> Option<&'static str> {
    verdict.aigle().filter(|_| verdict != Verdict::NotVerified)
}

/// The polygons of a geometry, one row each; one row without polygon where there is none.
pub(super) fn parts(geometry: &LayerGeometry) -> Vec<Option<Rings>> {
    match geometry {
        LayerGeometry::Polygons(polygons) => polygons.iter().cloned().map(Some).collect(),
        LayerGeometry::Empty | LayerGeometry::Lines(_) => vec![None],
    }
}

/// The slippy tile of the middle of a polygon's bounding box.
pub(super) fn tile(rings: &Rings) -> Option<[i64; 2]> {
    let bbox = LayerGeometry::Polygons(vec![rings.clone()]).bbox()?;
    let place = [f64::midpoint(bbox[0], bbox[2]), f64::midpoint(bbox[1], bbox[3])];
    TileId::holding(ZOOM, place).map(|tile| [i64::from(tile.x), i64::from(tile.y)])
}

/// A polygon in longitude and latitude as PostGIS writes it: well-known binary with the number of its CRS behind the type.
pub(super) fn ewkb(rings: &Rings) -> Vec<u8> {
    const WITH_SRID: u8 = 0x20;
    const SRID: u32 = 4326;
    let mut bytes = polygon_wkb(rings);
    // The type is little-endian: its highest byte is the last of the first five.
    bytes[4] |= WITH_SRID;
    bytes.splice(5..5, SRID.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_aigle_does() {
        for (name, expected) in [
            ("Piscine", "piscine"),
            ("  Caravane / Mobil-home ", "caravane mobil home"),
            ("Dépôt de matériaux (n° 2.1)", "depot de materiaux n 2.1"),
            ("HABITATION LÉGÈRE", "habitation legere"),
            ("---", ""),
        ] {
            assert_eq!(normalized(name), expected);
        }
    }

    #[test]
    fn tiles_are_those_of_the_slippy_map() {
        let square = |lon: f64, lat: f64| {
            let d = 1e-5;
            let at = |x: f64, y: f64| [lon + x * d, lat + y * d];
            vec![vec![at(-1.0, -1.0), at(1.0, -1.0), at(1.0, 1.0), at(-1.0, 1.0), at(-1.0, -1.0)]]
        };
        // `morecantile`, `WebMercatorQuad`.
        assert_eq!(tile(&square(5.3698, 43.2965)), Some([269_964, 192_057]));
        assert_eq!(tile(&square(0.0001, -0.0001)), Some([262_144, 262_144]));
        assert_eq!(tile(&square(0.0, 86.0)), None);
        let bytes = ewkb(&square(0.0, 0.0));
        assert_eq!(
            (bytes.len(), bytes[..9].to_vec()),
            (9 + 4 + 4 + 5 * 16, vec![1, 3, 0, 0, 0x20, 0xe6, 0x10, 0, 0])
        );
    }
}
