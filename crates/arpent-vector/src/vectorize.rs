//! Converts regions and detections to features.

use arpent_base::number::{exact, fitted, offset, signed};
use arpent_raster::{
    CONFIDENCE_NODATA, CONFIDENCE_SCALE, Grid, LABEL_NODATA, Nomenclature, PixelArea, Window,
};
use geo_types::{Coord, LineString, Polygon};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::feature::{content_id, round4, round6};
use crate::forest::find_root;
use crate::ground::ground_area;
use crate::objects::shape::{Shape, box_numbers, enclose, outline, outline_of_rectangles, rectangle_numbers};
use crate::region::Vertex;
use crate::simplify::simplify;
use crate::{Detection, Feature, Object, Polygonizer, Region, VectorError};

/// Options of the conversion from regions and detections to features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VectorOptions {
    /// Features with a smaller ground area, square meters, are dropped: the area of the pixels, or of the outline for
    /// features made from boxes.
    pub min_area_m2: f64,
    /// Vertices whose triangle with their neighbors is smaller than the square of this many pixels are removed,
    /// polygon by polygon; none if absent. Shared borders of polygons may separate.
    pub simplify_px: Option<f64>,
}

impl VectorOptions {
    /// Checks the values.
    ///
    /// # Errors
    /// [`VectorError::BadOption`] if one is negative or not finite.
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

/// Which classes of a nomenclature become features, by id.
pub fn kept_classes(nomenclature: &Nomenclature) -> [bool; 256] {
    let mut is_kept = [false; 256];
    for class in nomenclature.classes() {
        is_kept[usize::from(class.id)] = class.features;
    }
    is_kept
}

/// Makes features from regions and detections on one grid.
///
/// ```
/// use std::sync::Arc;
///
/// use arpent_raster::{Class, Color, Crs, CrsKind, Grid, Nomenclature};
/// use arpent_vector::{Detection, VectorOptions, Vectorizer};
///
/// let crs = Crs {
///     name: "EPSG:2154".into(),
///     epsg: Some(2154),
///     wkt: String::new(),
///     projjson: String::new(),
///     kind: CrsKind::Projected { meters_per_unit: 1.0 },
///     semi_major_m: 6_378_137.0,
///     inverse_flattening: 298.257_222_101,
/// };
/// let grid = Grid { crs: Arc::new(crs), origin_x: 0.0, origin_y: 0.0, gsd_x: 0.2, gsd_y: 0.2 };
/// let (name, color) = ("pool".to_owned(), Color([0, 120, 255]));
/// let classes = Nomenclature::new(vec![Class { id: 3, name, name_fr: None, code: None, color, features: true }])?;
///
/// let vectorizer = Vectorizer::new(&grid, &classes, VectorOptions { min_area_m2: 2.0, simplify_px: None })?;
/// let pool = Detection { class_id: 3, score: 0.9, bbox: [100.0, 50.0, 120.0, 80.0], oriented: None };
/// let feature = vectorizer.detection_to_feature(&pool).ok_or("it is large enough")?;
/// assert_eq!((feature.class_name.as_str(), feature.area_m2), ("pool", 24.0));
/// // Smaller ones are dropped.
/// assert!(vectorizer.detection_to_feature(&Detection { bbox: [0.0, 0.0, 5.0, 5.0], ..pool }).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// [`VectorError::BadOption`] if an option is negative or not finite.
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

    /// The grid of its pixels.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The feature of a region, `None` if it is smaller than the minimum area. Its id is that of the pixels' outline,
    /// independent of simplification and drawing. A region of a coverage that is not drawn along its vertices is not
    /// simplified. Its area is that of its polygon, its score the mean of the existing confidences.
    pub fn region_to_feature(&self, region: &Region) -> Option<Feature> {
        if region.area_m2 < self.options.min_area_m2 {
            return None;
        }
        let (polygon, drawn_m2) = match (&region.drawn, self.options.simplify_px) {
            (Some(drawn), _) => (self.drawn_polygon(drawn), ground_area(drawn, &self.pixel_area)),
            (None, Some(tolerance_px)) => {
                let rings = simplify(&region.rings, tolerance_px);
                (self.polygon(&rings), self.area_of(&rings))
            }
            (None, None) => (self.polygon(&region.rings), self.area_of(&region.rings)),
        };
        // If the outline was not redrawn, both are the same number, independent of rounding.
        let same = (drawn_m2 - region.area_m2).abs() <= 1e-9 * region.area_m2;
        let area_m2 = if same { region.area_m2 } else { drawn_m2 };
        let score = (region.scored > 0)
            .then(|| round4(exact(region.confidence_sum) / exact(region.scored) * CONFIDENCE_SCALE));
        Some(Feature {
            id: content_id(&self.grid_key, region.class_id, region.rings.iter().flat_map(|r| numbers(r))),
            class_id: region.class_id,
            class_name: self.class_name(region.class_id),
            score,
            area_m2: round6(area_m2),
            pixels_area_m2: Some(round6(region.area_m2)),
            scene_ids: Vec::new(),
            acquired: None,
            attributes: Vec::new(),
            polygons: polygon.into(),
        })
    }

    /// The rectangle of a detection, in its direction if it has one; `None` if it is smaller than the minimum area. Its id
    /// is that of its class and its corners to 1/16 pixel.
    pub fn detection_to_feature(&self, detection: &Detection) -> Option<Feature> {
        self.object_to_feature(&Object::of(detection), Shape::Box)
    }

    /// The outline of an object, `None` if it is smaller than the minimum area or has no fragment. Its id is that of
    /// its class and the boxes of its fragments to 1/16 pixel, independent of the shape.
    pub fn object_to_feature(&self, object: &Object, shape: Shape) -> Option<Feature> {
        let bbox = object.boxes.iter().copied().reduce(|a, b| enclose(a, &b))?;
        let (outline, numbers) = if object.oriented.is_empty() {
            (outline(&object.boxes, bbox, shape), box_numbers(&object.boxes))
        } else {
            (outline_of_rectangles(&object.oriented, bbox, shape), rectangle_numbers(&object.oriented))
        };
        let everywhere = self.pixel_area.everywhere().map(|area| outline.area_px * area);
        let area_m2 = everywhere.unwrap_or_else(|| ground_area(&outline.rings, &self.pixel_area));
        if area_m2 < self.options.min_area_m2 {
            return None;
        }
        Some(Feature {
            id: content_id(&self.grid_key, object.class_id, numbers.into_iter()),
            class_id: object.class_id,
            class_name: self.class_name(object.class_id),
            score: Some(round4(f64::from(object.score))),
            area_m2: round6(area_m2),
            pixels_area_m2: None,
            scene_ids: Vec::new(),
            acquired: None,
            attributes: Vec::new(),
            polygons: self.drawn_polygon(&outline.rings).into(),
        })
    }

    /// The feature of any pixels of a grid: runs as row, first column and one past the last column, in that order and
    /// apart from each other. It has a polygon for each of their 4-connected parts, along the pixels, and an id made
    /// from them; no score.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`], [`VectorError::PixelArea`].
    pub fn runs_to_feature(&self, class_id: u8, runs: &[[i64; 3]]) -> Result<Feature, VectorError> {
        let mut regions = Vec::new();
        for part in connected(runs) {
            polygonize_runs(&part, class_id, &self.pixel_area, &mut regions)?;
        }
        regions.sort_by(|a, b| a.rings.cmp(&b.rings));
        let numbers = regions.iter().flat_map(|region| region.rings.iter().flat_map(|ring| numbers(ring)));
        // Of several parts the ids of each are known, too: what is hashed starts with their number.
        let parts = std::iter::once(signed(regions.len()));
        let area_m2 = round6(regions.iter().map(|region| region.area_m2).sum());
        Ok(Feature {
            id: content_id(&self.grid_key, class_id, parts.chain(numbers)),
            class_id,
            class_name: self.class_name(class_id),
            score: None,
            area_m2,
            pixels_area_m2: Some(area_m2),
            scene_ids: Vec::new(),
            acquired: None,
            attributes: Vec::new(),
            polygons: regions.iter().map(|region| self.polygon(&region.rings)).collect(),
        })
    }

    /// Ground area inside rings of vertices.
    fn area_of(&self, rings: &[Vec<Vertex>]) -> f64 {
        let place = |ring: &Vec<Vertex>| ring.iter().map(|v| v.map(exact)).collect();
        ground_area(&rings.iter().map(place).collect::<Vec<_>>(), &self.pixel_area)
    }

    fn class_name(&self, id: u8) -> String {
        self.nomenclature.by_id(id).map_or_else(|| format!("class {id}"), |class| class.name.clone())
    }

    fn polygon(&self, rings: &[Vec<Vertex>]) -> Polygon<f64> {
        let mut lines = rings.iter().map(|ring| self.line(ring));
        let exterior = lines.next().unwrap_or_else(|| LineString(Vec::new()));
        Polygon::new(exterior, lines.collect())
    }

    /// A polygon from rings in fractional pixels.
    fn drawn_polygon(&self, rings: &[Vec<[f64; 2]>]) -> Polygon<f64> {
        let line = |ring: &Vec<[f64; 2]>| {
            let corners = ring.iter().chain(ring.first());
            LineString(corners.map(|[col, row]| Coord::from(self.grid.ground(*col, *row))).collect())
        };
        let mut lines = rings.iter().map(line);
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
    let count = signed(ring.len());
    std::iter::once(count).chain(ring.iter().flatten().copied())
}

/// The 4-connected parts of runs, each in the order of the runs.
fn connected(runs: &[[i64; 3]]) -> Vec<Vec<[i64; 3]>> {
    let mut parents: Vec<u32> = (0..fitted(runs.len())).collect();
    let mut above = 0;
    for (i, [row, start, end]) in runs.iter().enumerate() {
        while above < i && (runs[above][0] < row - 1 || runs[above][0] == row - 1 && runs[above][2] <= *start)
        {
            above += 1;
        }
        for j in (above..i).take_while(|j| runs[*j][0] == row - 1 && runs[*j][1] < *end) {
            let (a, b) = (find_root(&mut parents, fitted(i)), find_root(&mut parents, fitted(j)));
            parents[a.max(b) as usize] = a.min(b);
        }
    }
    let mut parts = std::collections::BTreeMap::<u32, Vec<[i64; 3]>>::new();
    for (i, run) in runs.iter().enumerate() {
        parts.entry(find_root(&mut parents, fitted(i))).or_default().push(*run);
    }
    parts.into_values().collect()
}

/// The regions of one part, in its own window.
fn polygonize_runs(
    part: &[[i64; 3]],
    class_id: u8,
    pixel_area: &PixelArea,
    regions: &mut Vec<Region>,
) -> Result<(), VectorError> {
    let (Some(first), Some(last)) = (part.first(), part.last()) else { return Ok(()) };
    let west = part.iter().map(|run| run[1]).min().unwrap_or(first[1]);
    let east = part.iter().map(|run| run[2]).max().unwrap_or(first[2]);
    let window = Window::between(west, first[0], east, last[0] + 1);
    let mut polygonizer = Polygonizer::new(window, [true; 256])?.without_cuts();
    let (mut labels, confidence) = (vec![LABEL_NODATA; window.width], vec![CONFIDENCE_NODATA; window.width]);
    let mut sink = |region: Region| regions.push(Region { class_id, ..region });
    for row in part.chunk_by(|a, b| a[0] == b[0]) {
        labels.fill(LABEL_NODATA);
        for [_, start, end] in row {
            // Any label but nodata.
            labels[offset(start - west)..offset(end - west)].fill(0);
        }
        polygonizer.push_row(&labels, &confidence, pixel_area.of_row(row[0][0]), &mut sink)?;
    }
    polygonizer.finish(&mut sink);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Polygonizer;
    use arpent_base::Diagnostic as _;
    use arpent_raster::{Class, Color, Crs, CrsKind, OrientedBox, Window};
    use geo::Area;
    use geo::orient::{Direction, Orient};
    use std::sync::Arc;

    fn grid(kind: CrsKind, epsg: u32, gsd: f64) -> Grid {
        let crs = Crs {
            name: format!("EPSG:{epsg}"),
            epsg: Some(epsg),
            wkt: String::new(),
            projjson: String::new(),
            kind,
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_223_563,
        };
        Grid { crs: Arc::new(crs), origin_x: 0.05, origin_y: -0.05, gsd_x: gsd, gsd_y: gsd }
    }

    fn lambert() -> Grid {
        grid(CrsKind::Projected { meters_per_unit: 1.0 }, 2154, 0.2)
    }

    fn nomenclature() -> Nomenclature {
        let class = |id, features| Class {
            id,
            name: format!("name of {id}"),
            name_fr: None,
            code: None,
            color: Color([0; 3]),
            features,
        };
        Nomenclature::new(vec![class(1, true), class(3, true), class(9, false)]).unwrap()
    }

    fn vectorizer(grid: &Grid, options: VectorOptions) -> Vectorizer {
        Vectorizer::new(grid, &nomenclature(), options).unwrap()
    }

    /// A 4 x 3 block with a hole, in an extent that begins `west` columns before it.
    fn region(class_id: u8, west: usize) -> Region {
        let width = 4 + west;
        let extent = Window::new(10 - i64::try_from(west).unwrap(), -6, width, 3);
        let mut regions = vec![];
        let mut polygonizer = Polygonizer::new(extent, [true; 256]).unwrap();
        for row in 0..3 {
            let mut labels = vec![255; width];
            labels[west..].fill(class_id);
            labels[west + 1] = if row == 1 { 255 } else { class_id };
            polygonizer.push_row(&labels, &vec![201; width], 0.04, &mut |r| regions.push(r)).unwrap();
        }
        polygonizer.finish(&mut |r| regions.push(r));
        regions.remove(0)
    }

    #[test]
    fn a_feature_describes_its_region() {
        let feature =
            vectorizer(&lambert(), VectorOptions::default()).region_to_feature(&region(3, 0)).unwrap();
        assert_eq!((feature.class_id, feature.class_name.as_str()), (3, "name of 3"));
        assert_eq!((feature.score, feature.area_m2, feature.pixels_area_m2), (Some(0.804), 0.44, Some(0.44)));
        assert!(feature.scene_ids.is_empty() && feature.acquired.is_none());
        let expected = [2.05, 0.55, 2.85, 1.15];
        assert!(
            feature.bbox().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
            "{:?}",
            feature.bbox()
        );
        assert_eq!(feature.polygons.0[0].interiors().len(), 1);
        assert!(feature.polygons.0[0].exterior().is_closed());
        assert_eq!(
            feature.polygons.0[0],
            feature.polygons.0[0].orient(Direction::Default),
            "exterior left, holes right"
        );
    }

    #[test]
    fn features_depend_on_the_pixels_only() {
        let v = vectorizer(&lambert(), VectorOptions::default());
        let feature = v.region_to_feature(&region(3, 0)).unwrap();
        assert_eq!(v.region_to_feature(&region(3, 17)).unwrap(), feature);
        assert_ne!(v.region_to_feature(&region(1, 0)).unwrap().id, feature.id);
        let other = vectorizer(
            &grid(CrsKind::Projected { meters_per_unit: 1.0 }, 2154, 0.4),
            VectorOptions::default(),
        );
        assert_ne!(other.region_to_feature(&region(3, 0)).unwrap().id, feature.id);
    }

    #[test]
    fn what_was_overridden_has_no_score() {
        let v = vectorizer(&lambert(), VectorOptions::default());
        let score = |confidence_sum, scored| {
            v.region_to_feature(&Region { confidence_sum, scored, ..region(3, 0) }).unwrap().score
        };
        assert_eq!(score(0, 0), None);
        // Of 11 pixels, two are as predicted by the network.
        assert_eq!(score(400, 2), Some(0.8));
        assert_eq!(score(0, 11), Some(0.0), "a score of 0 is one");
    }

    #[test]
    fn simplification_changes_the_outline_and_its_area_only() {
        let region = {
            let mut r = region(3, 0);
            r.rings = vec![vec![[0, 0], [0, 9], [9, 9], [9, 1], [8, 1], [8, 0]]];
            r
        };
        let plain = vectorizer(&lambert(), VectorOptions::default()).region_to_feature(&region).unwrap();
        let options = VectorOptions { min_area_m2: 0.0, simplify_px: Some(1.0) };
        let simple = vectorizer(&lambert(), options).region_to_feature(&region).unwrap();
        assert!(simple.polygons.0[0].exterior().0.len() < plain.polygons.0[0].exterior().0.len());
        assert!((simple.area_m2 - simple.polygons.0[0].unsigned_area()).abs() < 1e-4, "{}", simple.area_m2);
        assert_ne!(simple.area_m2.to_bits(), plain.area_m2.to_bits());
        assert_eq!(Feature { polygons: plain.polygons.clone(), area_m2: plain.area_m2, ..simple }, plain);
    }

    #[test]
    fn a_drawn_region_keeps_its_id_and_the_area_of_its_pixels() {
        let plain = region(3, 0);
        let ring = vec![[10.5, -6.0], [10.0, -5.5], [10.0, -3.0], [14.0, -3.0], [14.0, -6.0]];
        let drawn = Region {
            drawn: Some(vec![ring, vec![[11.0, -5.0], [12.0, -5.0], [12.0, -4.0]]]),
            ..plain.clone()
        };
        let options = VectorOptions { min_area_m2: 0.0, simplify_px: Some(1.0) };
        let feature = vectorizer(&lambert(), options).region_to_feature(&drawn).unwrap();
        let same = vectorizer(&lambert(), options).region_to_feature(&plain).unwrap();
        let (exterior, holes) = (feature.polygons.0[0].exterior(), feature.polygons.0[0].interiors());
        assert_eq!((exterior.0.len(), holes.len(), holes[0].0.len()), (6, 1, 4));
        assert!((exterior.0[0].x - 2.15).abs() < 1e-12 && (exterior.0[1].y - 1.05).abs() < 1e-12);
        // A corner less, of an eighth of a pixel; the hole of one pixel is half of it.
        assert!((feature.area_m2 - (12.0 - 0.125 - 0.5) * 0.04).abs() < 1e-12, "{}", feature.area_m2);
        assert!((feature.area_m2 - feature.polygons.0[0].unsigned_area()).abs() < 1e-4);
        assert_eq!(feature.pixels_area_m2, Some(0.44));
        assert_eq!(Feature { polygons: same.polygons.clone(), area_m2: same.area_m2, ..feature }, same);
    }

    #[test]
    fn small_features_are_dropped() {
        let at = |min_area_m2| vectorizer(&lambert(), VectorOptions { min_area_m2, simplify_px: None });
        assert!(at(0.44).region_to_feature(&region(3, 0)).is_some());
        assert!(at(0.45).region_to_feature(&region(3, 0)).is_none());
        let d = Detection { class_id: 1, score: 0.5, bbox: [0.0, 0.0, 2.0, 5.5], oriented: None };
        assert!(at(0.43).detection_to_feature(&d).is_some());
        assert!(at(0.45).detection_to_feature(&d).is_none());
    }

    #[test]
    fn a_detection_is_a_rectangle() {
        let v = vectorizer(&lambert(), VectorOptions::default());
        let d = Detection { class_id: 1, score: 0.123_456, bbox: [10.0, -6.5, 14.25, 3.0], oriented: None };
        let feature = v.detection_to_feature(&d).unwrap();
        assert_eq!((feature.score, feature.pixels_area_m2), (Some(0.1235), None));
        assert!((feature.area_m2 - 1.615).abs() < 1e-12);
        let expected = [2.05, -0.65, 2.9, 1.25];
        assert!(
            feature.bbox().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12),
            "{:?}",
            feature.bbox()
        );
        assert_eq!(feature.polygons.0[0], feature.polygons.0[0].orient(Direction::Default));
        // Within 1/32 pixel it is the same detection, beyond it is another.
        let id = |shift: f64| {
            v.detection_to_feature(&Detection { bbox: [10.0 + shift, -6.5, 14.25, 3.0], ..d }).unwrap().id
        };
        assert_eq!((id(0.02), id(-0.03)), (feature.id.clone(), feature.id.clone()));
        assert_ne!(id(0.05), feature.id);
    }

    #[test]
    fn an_object_of_one_fragment_is_its_detection() {
        let v = vectorizer(&lambert(), VectorOptions { min_area_m2: 0.5, simplify_px: None });
        for bbox in [[10.0, -6.5, 14.3, 3.01], [0.0, 0.0, 1.0, 1.0], [2.02, 5.0, 40.0, 5.03]] {
            let d = Detection { class_id: 1, score: 0.123_456, bbox, oriented: None };
            for shape in [Shape::Box, Shape::OrientedBox, Shape::Footprint] {
                assert_eq!(v.object_to_feature(&Object::of(&d), shape), v.detection_to_feature(&d));
            }
        }
        // As it was before there were objects.
        let d = Detection { class_id: 1, score: 0.5, bbox: [10.0, -6.5, 14.3, 3.01], oriented: None };
        assert_eq!(v.detection_to_feature(&d).unwrap().id, "90c5d77aaa9b98685d006fefcf5bc772");
    }

    #[test]
    fn an_object_is_one_feature() {
        let v = vectorizer(&lambert(), VectorOptions::default());
        let crack = |shift: f64| Object {
            class_id: 3,
            score: 0.75,
            boxes: (0..9).map(|i| f64::from(i) * 10.0 + shift).map(|p| [p, p, p + 11.0, p + 11.0]).collect(),
            oriented: vec![],
        };
        let feature = |object: &Object, shape| v.object_to_feature(object, shape).unwrap();
        let [upright, oriented, footprint] =
            [Shape::Box, Shape::OrientedBox, Shape::Footprint].map(|shape| feature(&crack(0.0), shape));
        assert!((upright.area_m2 - 331.24).abs() < 1e-9, "{}", upright.area_m2);
        assert!((oriented.area_m2 - 80.08).abs() < 1e-9, "{}", oriented.area_m2);
        assert!((footprint.area_m2 - 43.24).abs() < 1e-9, "{}", footprint.area_m2);
        for feature in [&upright, &oriented, &footprint] {
            assert_eq!(feature.polygons.0[0], feature.polygons.0[0].orient(Direction::Default));
            assert!((feature.polygons.0[0].unsigned_area() - feature.area_m2).abs() < 1e-6);
            assert_eq!((feature.id.as_str(), feature.score), (upright.id.as_str(), Some(0.75)));
        }
        // Not the order of the boxes, nor what is less than 1/32 pixel.
        let mut turned = crack(0.01);
        turned.boxes.reverse();
        assert_eq!(feature(&turned, Shape::OrientedBox), oriented);
        assert_eq!(feature(&turned, Shape::Footprint), footprint);
        assert_ne!(feature(&crack(0.05), Shape::Box).id, upright.id);
        assert!(v.object_to_feature(&Object { boxes: vec![], ..turned }, Shape::Box).is_none());
        let strict = vectorizer(&lambert(), VectorOptions { min_area_m2: 81.0, simplify_px: None });
        assert!(strict.object_to_feature(&crack(0.0), Shape::OrientedBox).is_none());
    }

    #[test]
    fn a_rectangle_with_a_direction_is_drawn_along_it() {
        let v = vectorizer(&lambert(), VectorOptions::default());
        let rectangle = |x: f64| OrientedBox::new([x, 50.0], [12.0, 9.0], 5.0);
        let detection = |x: f64| {
            let oriented = rectangle(x);
            Detection { class_id: 1, score: 0.5, bbox: oriented.bbox(), oriented: Some(oriented) }
        };
        let one = v.detection_to_feature(&detection(100.0)).unwrap();
        // 30 x 10 pixels of 0.2 m, whatever the shape asked for.
        assert!((one.area_m2 - 12.0).abs() < 1e-9, "{}", one.area_m2);
        let polygon = &one.polygons.0[0];
        assert_eq!(polygon, &polygon.orient(Direction::Default));
        assert!((polygon.unsigned_area() - 12.0).abs() < 1e-9 && polygon.exterior().0.len() == 5);
        for shape in [Shape::Box, Shape::OrientedBox, Shape::Footprint] {
            assert_eq!(v.object_to_feature(&Object::of(&detection(100.0)), shape).unwrap(), one);
        }
        // The same box around it is another feature, and so is a rectangle that is a little longer.
        let upright = Detection { oriented: None, ..detection(100.0) };
        assert_ne!(v.detection_to_feature(&upright).unwrap().id, one.id);
        // Joined to one object: end to end, the smallest rectangle around both is as wide as each.
        let next = OrientedBox::new([124.0, 68.0], [12.0, 9.0], 5.0);
        let boxes = vec![rectangle(100.0).bbox(), next.bbox()];
        let joined = Object { class_id: 1, score: 0.5, boxes, oriented: vec![rectangle(100.0), next] };
        for (shape, area_px) in
            [(Shape::OrientedBox, 600.0), (Shape::Footprint, 600.0), (Shape::Box, 54.0 * 44.0)]
        {
            let feature = v.object_to_feature(&joined, shape).unwrap();
            // Corners of joined boxes are kept to 1/16 pixel.
            assert!((feature.area_m2 / 0.04 - area_px).abs() < 0.02 * area_px, "{}", feature.area_m2 / 0.04);
        }
    }

    #[test]
    fn detections_in_degrees_have_ground_areas() {
        let v = vectorizer(&grid(CrsKind::Geographic, 4326, 1e-5), VectorOptions::default());
        let d = Detection { class_id: 1, score: 0.5, bbox: [0.0, -10.0, 10.0, 0.0], oriented: None };
        let north = Detection { bbox: [0.0, -6_000_010.0, 10.0, -6_000_000.0], ..d };
        let area = |d| v.detection_to_feature(d).unwrap().area_m2;
        // 1e-5 degrees are 1.1132 m along the equator and 1.1057 m along a meridian there.
        assert!((area(&d) - 123.09).abs() < 0.01, "{}", area(&d));
        assert!((area(&north) / area(&d) - 0.505_8).abs() < 1e-4, "{}", area(&north) / area(&d));
    }

    #[test]
    fn options_are_checked() {
        assert!(VectorOptions { min_area_m2: f64::NAN, simplify_px: None }.check().is_err());
        let error = VectorOptions { min_area_m2: 0.0, simplify_px: Some(-1.0) }.check().unwrap_err();
        assert_eq!(error.hint().unwrap(), "set `simplify_px` to a number of 0 or more");
        assert!(serde_json::from_str::<VectorOptions>(r#"{"min_area": 1}"#).is_err());
        let options: VectorOptions = serde_json::from_str(r#"{"simplify_px": 1.5}"#).unwrap();
        assert_eq!(options, VectorOptions { min_area_m2: 0.0, simplify_px: Some(1.5) });
    }

    #[test]
    fn background_classes_are_not_kept() {
        let is_kept = kept_classes(&nomenclature());
        assert_eq!((0..=255u8).filter(|i| is_kept[usize::from(*i)]).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn features_come_back_from_json() {
        // Quarters, because serde_json reads other fractions to the last bit but one.
        let grid = Grid { origin_x: 0.0, origin_y: 0.0, gsd_x: 0.25, gsd_y: 0.25, ..lambert() };
        let feature = vectorizer(&grid, VectorOptions::default()).region_to_feature(&region(3, 0)).unwrap();
        let json = serde_json::to_string(&feature).unwrap();
        assert_eq!(serde_json::from_str::<Feature>(&json).unwrap(), feature);
    }

    #[test]
    fn any_pixels_are_a_feature() {
        // A ring around a hole, a pixel at its corner, and a bar far away.
        let runs = [[2, 5, 8], [3, 5, 6], [3, 7, 8], [4, 5, 8], [5, 8, 9], [900, -40, 10]];
        let grid = grid(CrsKind::Projected { meters_per_unit: 1.0 }, 2154, 0.5);
        let vectorizer = vectorizer(&grid, VectorOptions::default());
        let feature = vectorizer.runs_to_feature(3, &runs).unwrap();
        let parts: Vec<(usize, usize)> =
            feature.polygons.iter().map(|p| (p.exterior().0.len(), p.interiors().len())).collect();
        assert_eq!(parts, [(5, 0), (5, 1), (5, 0)]);
        let area = vectorizer.pixel_area.everywhere().unwrap();
        assert!((feature.area_m2 - 59.0 * area).abs() < 1e-9 && feature.score.is_none());
        assert!((feature.polygons.unsigned_area() - feature.area_m2).abs() < 1e-6);
        // The order of work and what is beside do not matter, the pixels do.
        let other = vectorizer.runs_to_feature(3, &runs[..5]).unwrap();
        assert_ne!(other.id, feature.id);
        assert_eq!(feature.polygons.0[1..], other.polygons.0);
        assert_ne!(vectorizer.runs_to_feature(2, &runs).unwrap().id, feature.id);
        assert_eq!(feature.wkb()[1], 6);
    }
}
