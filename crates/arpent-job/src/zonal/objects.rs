//! Counts the features of the map in a zone.

use std::path::Path;

use arpent_base::number::truncate;
use arpent_base::{Result, Value};
use arpent_gdal::{LayerSource, Reference, ReferenceIndex, ReferenceKind, Rings};
use arpent_publish::{Artifact, ROLE_FEATURES};
use arpent_raster::Grid;
use arpent_vector::representative_point;
use geo_types::{Coord, LineString, Polygon};

use super::source::SourceMap;

/// Formats to read, the fastest first, with the name of the layer in formats with several layers.
const READ: [(&str, Option<&str>); 4] =
    [(".gpkg", Some("features")), (".fgb", None), (".geojson", None), (".parquet", None)];

/// Steps in which vertices lie.
const STEPS_OF_A_PIXEL: f64 = 16.0;

/// Spatial index of the map's features.
pub(crate) struct Objects {
    reference: Reference,
    /// Grid of the map.
    grid: Grid,
}

/// The file of features to count; `None` if the map has none, or if they are of another raster than the measured one.
pub(crate) fn features_of(map: &SourceMap) -> Option<(&Artifact, Option<&'static str>)> {
    if map.is_prediction_only() {
        return None;
    }
    let features = map.manifest.artifacts.iter().filter(|artifact| artifact.role == ROLE_FEATURES);
    READ.iter().find_map(|(ending, layer)| {
        features.clone().find(|artifact| artifact.href.ends_with(ending)).map(|artifact| (artifact, *layer))
    })
}

impl Objects {
    /// Copies the features to a file with an index. They were published, so that any problem is an error: results
    /// with a missing column would look complete.
    ///
    /// # Errors
    /// When they differ from the published ones, cannot be read, or the disk is full.
    pub(crate) fn read(map: &SourceMap, scratch: &Path) -> Result<Option<Self>> {
        let Some((artifact, layer)) = features_of(map) else { return Ok(None) };
        let address = map.address(artifact)?;
        let crs = &map.grid().crs;
        let source = LayerSource { layer, fields: &["class_id"], ..LayerSource::new(&address, crs) };
        // Smoothed outlines may extend beyond the pixels.
        let [west, south, east, north] = map.grid().bbox(&map.window());
        let (width, height) = (east - west, north - south);
        let within = [west - width, south - height, east + width, north + height];
        let path = scratch.join("objects.gpkg");
        let index =
            ReferenceIndex::build(&source, ReferenceKind::Areas(None), within, &path, &mut |_, _| {})?;
        Ok(Some(Self { reference: index.open()?, grid: map.grid().clone() }))
    }

    /// Features by class id that lie in polygons: those whose point - the centroid, or one inside - does, so that of zones that do
    /// not overlap one has it at most.
    pub(crate) fn count(&self, polygons: &[Rings]) -> Result<Vec<(u8, u64)>> {
        let mut counts = [0u64; 256];
        let nothing = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let bbox = polygons
            .iter()
            .flatten()
            .flatten()
            .fold(nothing, |b, p| [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])]);
        if bbox[0] <= bbox[2] {
            self.reference.each_in(bbox, &mut |feature| -> Result<()> {
                let class = feature.values.first().and_then(Option::as_ref).and_then(Value::as_number);
                // A feature is one polygon; if it was repaired, slivers may lie next to it.
                let polygons_of = feature.polygons().into_iter().map(|rings| drawn(&self.grid, rings));
                let largest = polygons_of.max_by(|a, b| doubled_area(a).total_cmp(&doubled_area(b)));
                let (Some(class), Some(polygon)) = (class, largest) else { return Ok(()) };
                let point = representative_point(&polygon);
                let (x, y) = self.grid.ground(point.x, point.y);
                let point = Coord { x, y };
                if polygons.iter().any(|zone| holds(zone, point)) {
                    let class = truncate::<u8>(class.clamp(0.0, 255.0));
                    counts[usize::from(class)] += 1;
                }
                Ok(())
            })?;
        }
        Ok((0..=u8::MAX).zip(counts).filter(|(_, count)| *count > 0).collect())
    }
}

/// A polygon in pixels of the map, its vertices at the nearest sixteenths: outlines run along pixels, and of what a format changes of
/// their last digits (degrees with nine decimals, there and back) nothing is left. Which part is the widest, and whether the
/// centroid is inside, is then the same for every format.
fn drawn(grid: &Grid, rings: Rings) -> Polygon<f64> {
    let near = |pixels: f64| (pixels * STEPS_OF_A_PIXEL).round() / STEPS_OF_A_PIXEL;
    let vertex = |[x, y]: [f64; 2]| {
        let (col, row) = grid.pixel(x, y);
        Coord { x: near(col), y: near(row) }
    };
    let mut lines = rings.into_iter().map(|ring| LineString(ring.into_iter().map(vertex).collect()));
    let exterior = lines.next().unwrap_or_else(|| LineString(Vec::new()));
    Polygon::new(exterior, lines.collect())
}

/// Twice the area inside the exterior ring.
fn doubled_area(polygon: &Polygon<f64>) -> f64 {
    polygon.exterior().lines().map(|side| side.determinant()).sum::<f64>().abs()
}

/// Whether a point lies in a polygon: an odd number of its sides is crossed on the way to the east. On a side that two zones share,
/// it is in one of them.
pub(crate) fn holds(rings: &Rings, point: Coord<f64>) -> bool {
    let crosses = |ring: &Vec<[f64; 2]>| {
        let sides = ring.iter().zip(ring.iter().skip(1).chain(ring.first()));
        let crossed = sides.filter(|(a, b)| {
            // From the lower end, so that both zones of a side calculate the same.
            let (low, high) = if a[1] <= b[1] { (a, b) } else { (b, a) };
            let spans = low[1] <= point.y && point.y < high[1];
            spans && point.x < low[0] + (point.y - low[1]) / (high[1] - low[1]) * (high[0] - low[0])
        });
        crossed.count()
    };
    rings.iter().map(crosses).sum::<usize>() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_in_one_of_zones_that_share_a_border() {
        let square =
            |x: f64, y: f64| vec![vec![[x, y], [x + 2.0, y], [x + 2.0, y + 2.0], [x, y + 2.0], [x, y]]];
        let zones = [square(0.0, 0.0), square(2.0, 0.0), square(0.0, 2.0), square(2.0, 2.0)];
        for (x, y) in [(1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0), (3.9, 0.0), (0.0, 0.0)] {
            let held = zones.iter().filter(|zone| holds(zone, Coord { x, y })).count();
            assert_eq!(held, 1, "{x} {y}");
        }
        let mut hollow = square(0.0, 0.0);
        hollow.push(vec![[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5], [0.5, 0.5]]);
        assert!(!holds(&hollow, Coord { x: 1.0, y: 1.0 }) && holds(&hollow, Coord { x: 0.25, y: 1.0 }));
        assert!(!holds(&square(0.0, 0.0), Coord { x: 9.0, y: 1.0 }));
    }
}
