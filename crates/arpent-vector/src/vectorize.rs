//! Regions and detections to features.

use arpent_raster::{CONFIDENCE_SCALE, Grid, Nomenclature, PixelArea};
use geo_types::{Coord, LineString, Polygon};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::feature::{content_id, round4};
use crate::polygonize::Vertex;
use crate::simplify::simplify;
use crate::{Detection, Feature, Region, VectorError};

/// Boxes are identified by their sides in this fraction of a pixel.
const BOX_STEPS: f64 = 16.0;

/// How regions and detections become features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VectorOptions {
    /// Features with a smaller ground area, square metres, are dropped.
    pub min_area_m2: f64,
    /// Vertices whose triangle with their neighbors is smaller than the square of this many pixels are removed,
    /// polygon by polygon; none when absent. Borders that polygons share may come apart.
    pub simplify_px: Option<f64>,
}

impl VectorOptions {
    /// Checks that the values make sense.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] when one is negative or not finite.
    pub fn check(&self) -> Result<(), VectorError> {
        let options = [("min_area_m2", Some(self.min_area_m2)), ("simplify_px", self.simplify_px)];
        for (option, value) in options {
            if let Some(value) = value.filter(|v| !(v.is_finite() && *v >= 0.0)) {
                return Err(VectorError::BadOption { option, value, expected: "a number of 0 or more" });
            }
        }
        Ok(())
    }
}

/// Which classes of a nomenclature are wanted as features, by id.
pub fn kept_classes(nomenclature: &Nomenclature) -> [bool; 256] {
    let mut is_kept = [false; 256];
    for class in nomenclature.classes() {
        is_kept[usize::from(class.id)] = class.features;
    }
    is_kept
}

/// Makes features of what was found on one grid.
#[derive(Debug, Clone)]
pub struct Vectorizer {
    grid: Grid,
    grid_key: String,
    pixel_area: PixelArea,
    nomenclature: Nomenclature,
    options: VectorOptions,
}

impl Vectorizer {
    /// A vectorizer for regions and detections in the pixels of `grid`.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] when an option is negative or not finite.
    pub fn new(
        grid: &Grid,
        nomenclature: &Nomenclature,
        options: VectorOptions,
    ) -> Result<Self, VectorError> {
        options.check()?;
        Ok(Self {
            grid: grid.clone(),
            grid_key: grid.key(),
            pixel_area: PixelArea::new(grid),
            nomenclature: nomenclature.clone(),
            options,
        })
    }

    /// The feature of a region, `None` when it is smaller than wanted. Its id is that of the pixels' outline,
    /// whatever the simplification.
    pub fn region_to_feature(&self, region: &Region) -> Option<Feature> {
        if region.area_m2 < self.options.min_area_m2 {
            return None;
        }
        let polygon = match self.options.simplify_px {
            Some(tolerance_px) => self.polygon(&simplify(&region.rings, tolerance_px)),
            None => self.polygon(&region.rings),
        };
        #[allow(clippy::cast_precision_loss, reason = "counts of pixels stay far below 2^52")]
        let score = region.confidence_sum as f64 / region.pixels as f64 * CONFIDENCE_SCALE;
        Some(Feature {
            id: content_id(&self.grid_key, region.class_id, region.rings.iter().flat_map(|r| numbers(r))),
            class_id: region.class_id,
            class_name: self.class_name(region.class_id),
            score: round4(score),
            area_m2: round4(region.area_m2),
            scene_ids: Vec::new(),
            acquired: None,
            polygon,
        })
    }

    /// The rectangle of a detection, `None` when it is smaller than wanted. Its area is that of its pixels, each
    /// as large as those of its middle row; its id is that of its class and its box to 1/16 pixel.
    #[allow(clippy::cast_possible_truncation, reason = "f64 to i64 casts saturate")]
    pub fn detection_to_feature(&self, detection: &Detection) -> Option<Feature> {
        let [col0, row0, col1, row1] = detection.bbox;
        let middle = ((row0 + row1) / 2.0).floor() as i64;
        let area_m2 = (col1 - col0) * (row1 - row0) * self.pixel_area.of_row(middle);
        if area_m2 < self.options.min_area_m2 {
            return None;
        }
        let corners = [(col0, row0), (col0, row1), (col1, row1), (col1, row0), (col0, row0)];
        let exterior = corners.map(|(col, row)| Coord::from(self.grid.ground(col, row)));
        let quantised = detection.bbox.map(|v| (v * BOX_STEPS).round() as i64);
        Some(Feature {
            id: content_id(&self.grid_key, detection.class_id, quantised.into_iter()),
            class_id: detection.class_id,
            class_name: self.class_name(detection.class_id),
            score: round4(f64::from(detection.score)),
            area_m2: round4(area_m2),
            scene_ids: Vec::new(),
            acquired: None,
            polygon: Polygon::new(LineString(exterior.to_vec()), Vec::new()),
        })
    }

    fn class_name(&self, id: u8) -> String {
        self.nomenclature.by_id(id).map_or_else(|| format!("class {id}"), |class| class.name.clone())
    }

    fn polygon(&self, rings: &[Vec<Vertex>]) -> Polygon<f64> {
        let mut lines = rings.iter().map(|ring| self.line(ring));
        let exterior = lines.next().unwrap_or_else(|| LineString(Vec::new()));
        Polygon::new(exterior, lines.collect())
    }

    /// A ring in ground coordinates, closed.
    fn line(&self, ring: &[Vertex]) -> LineString<f64> {
        let vertices = ring.iter().chain(ring.first());
        LineString(vertices.map(|[col, row]| Coord::from(self.grid.corner(*col, *row))).collect())
    }
}

/// A ring as the numbers that identify it: how many vertices, then each one's column and row.
fn numbers(ring: &[Vertex]) -> impl Iterator<Item = i64> {
    let count = i64::try_from(ring.len()).unwrap_or(i64::MAX);
    std::iter::once(count).chain(ring.iter().flatten().copied())
}
