//! The map to measure.

use arpent_base::number::offset;
use arpent_base::{Failure, Result};
use arpent_gdal::{PublishedRaster, PublishedValues, Rings};
use arpent_publish::{
    Artifact, Manifest, MeasuredCounts, PublishError, ROLE_CONFIDENCE, ROLE_LABELS, ROLE_MAP, ROLE_VALUES,
    Target,
};
use arpent_raster::{Class, Color, Grid, LABEL_NODATA, Nomenclature, PixelArea, Raster, Window};
use arpent_vector::{ZoneResult, ZoneRows, ZoneStatistics, clear_unsaid};

use super::error::ZonalError;
use crate::address::{checked_address, is_changed, is_same_place, run_of};
use crate::config::Measure;

/// Pixels that are read of a raster at a time, unless a single row has more.
const PIXELS_AT_A_TIME: usize = 4_000_000;
/// Rows of a block of the rasters of a run.
const BLOCK_ROWS: usize = 512;

/// A published map: its manifest and its rasters.
pub(crate) struct SourceMap {
    /// Its address.
    pub(crate) url: String,
    pub(crate) manifest: Manifest,
    target: Target,
    /// Role of the measured raster.
    role: &'static str,
    /// The classes; none of a map of measured values only.
    labels: Option<PublishedRaster>,
    /// The measured values, if they are asked for.
    values: Option<PublishedValues>,
    grid: Grid,
    window: Window,
    /// The prediction, if it is another raster: a confidence is that of the predicted class only.
    prediction: Option<PublishedRaster>,
    confidence: Option<PublishedRaster>,
    area: PixelArea,
    statistics: ZoneStatistics,
    pixels_at_a_time: usize,
}

impl SourceMap {
    /// Reads the manifest and opens the rasters of classes.
    pub(crate) fn open(url: &str, measure: Measure) -> Result<Self> {
        Self::open_with(url, measure, false)
    }

    /// The same, with the raster of measured values if the map has one and it is asked for: a map that has no other is then
    /// accepted.
    pub(crate) fn open_with(url: &str, measure: Measure, with_values: bool) -> Result<Self> {
        let target = Target::parse(url)?;
        let manifest = read_manifest(&target, url)?;
        if manifest.counts.zones.is_some() {
            let of = manifest.inputs.first().map(|input| input.uri.clone());
            return Err(ZonalError::MapIsZonal { map: url.to_owned(), of }.into());
        }
        // The results contain the hashes of the manifest: other bytes are an error.
        let open = |artifact: &Artifact| -> Result<PublishedRaster> {
            Ok(PublishedRaster::open(&checked_address(&target, artifact)?)?)
        };
        let published = measure == Measure::Map && is_changed(&manifest);
        let role = if published { ROLE_MAP } else { ROLE_LABELS };
        let names = manifest.counts.values.len();
        let values = artifact(&manifest, ROLE_VALUES).filter(|_| with_values && names > 0);
        let values =
            values.map(|of| Ok::<_, Failure>(PublishedValues::open(&checked_address(&target, of)?, names)?));
        let values = values.transpose()?;
        let labels = match (artifact(&manifest, role), &values) {
            (Some(labels), _) => Some(open(labels)?),
            // A map that has classes, whose raster was not written, is refused as ever: its columns would be missing.
            (None, Some(_)) if !published && manifest.counts.features_per_class.is_empty() => None,
            (None, _) if published => {
                let has_labels = artifact(&manifest, ROLE_LABELS).is_some();
                return Err(ZonalError::NoMapRaster { map: url.to_owned(), has_labels }.into());
            }
            (None, _) => return Err(ZonalError::NoLabels { map: url.to_owned() }.into()),
        };
        let role = if labels.is_some() { role } else { ROLE_VALUES };
        let prediction = artifact(&manifest, ROLE_LABELS).filter(|_| published).map(open).transpose()?;
        let confidence = artifact(&manifest, ROLE_CONFIDENCE).map(open).transpose()?;
        // Without the prediction, the classes of the confidences are unknown.
        let confidence = confidence.filter(|_| labels.is_some() && (!published || prediction.is_some()));
        let place = |c: &PublishedRaster| (c.window(), c.grid().clone());
        let place_of_values = values.as_ref().map(|values| (values.window(), values.grid().clone()));
        let places = labels.iter().chain(&confidence).chain(&prediction).map(place).chain(place_of_values);
        let places: Vec<(Window, Grid)> = places.collect();
        let Some((window, grid)) = places.first().cloned() else {
            return Err(ZonalError::NoLabels { map: url.to_owned() }.into());
        };
        if !places.iter().all(|(of, other)| *of == window && other.key() == grid.key()) {
            return Err(ZonalError::RastersDiffer { map: url.to_owned() }.into());
        }
        let count = values.as_ref().map_or(0, |_| names);
        Ok(Self {
            url: url.to_owned(),
            manifest,
            target,
            role,
            area: PixelArea::new(&grid),
            statistics: ZoneStatistics::of_values(count, labels.is_none()),
            labels,
            values,
            grid,
            window,
            prediction,
            confidence,
            pixels_at_a_time: PIXELS_AT_A_TIME,
        })
    }

    /// Whether the measured raster differs from the published classes.
    pub(crate) fn is_prediction_only(&self) -> bool {
        self.role == ROLE_LABELS && is_changed(&self.manifest)
    }

    /// Address of an artifact, after a check of its hash.
    pub(crate) fn address(&self, artifact: &Artifact) -> Result<String> {
        checked_address(&self.target, artifact)
    }

    /// Whether results may be published at an address: not over the map itself.
    pub(crate) fn check_output(&self, output: &str) -> Result<()> {
        if is_same_place(output, &self.url)? {
            return Err(ZonalError::OutputIsMap { output: output.to_owned() }.into());
        }
        Ok(())
    }

    /// The raster of classes. A map that was opened without its measured values has one.
    pub(crate) fn raster(&self) -> &PublishedRaster {
        self.labels.as_ref().expect("only a map of measured values has no classes")
    }

    pub(crate) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The pixels of the map.
    pub(crate) fn window(&self) -> Window {
        self.window
    }

    /// Whether the map has classes.
    pub(crate) fn has_classes(&self) -> bool {
        self.labels.is_some()
    }

    /// The measured values that are read, in the order of their bands.
    pub(crate) fn measured_values(&self) -> &[MeasuredCounts] {
        if self.values.is_some() { &self.manifest.counts.values } else { &[] }
    }

    /// The raster of measured values among the artifacts, if it is read.
    pub(crate) fn values_artifact(&self) -> Option<&Artifact> {
        self.values.as_ref().and_then(|_| artifact(&self.manifest, ROLE_VALUES))
    }

    /// Confidences of a window inside the map: of the classes that it has, none where these are not the predicted ones.
    /// `None` if the map has no confidences.
    pub(crate) fn confidence_in(&self, window: Window) -> Result<Option<Raster<u8>>> {
        if self.confidence.is_none() {
            return Ok(None);
        }
        Ok(self.block(window, false)?.confidence)
    }

    pub(crate) fn has_confidence(&self) -> bool {
        self.confidence.is_some()
    }

    /// The measured raster, among the artifacts.
    pub(crate) fn measured_artifact(&self) -> Option<&Artifact> {
        artifact(&self.manifest, self.role)
    }

    /// The label raster among the artifacts.
    pub(crate) fn labels_artifact(&self) -> Option<&Artifact> {
        artifact(&self.manifest, ROLE_LABELS)
    }

    /// The confidence raster among the artifacts.
    pub(crate) fn confidence_artifact(&self) -> Option<&Artifact> {
        artifact(&self.manifest, ROLE_CONFIDENCE)
    }

    /// Ids and names of the classes, by id.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (u8, &str)> {
        let classes = self.labels.iter().flat_map(PublishedRaster::classes);
        classes.map(|(id, name)| (*id, name.as_str()))
    }

    /// The classes, with their colors.
    pub(crate) fn nomenclature(&self) -> Option<Nomenclature> {
        let colors = self.labels.as_ref().map(PublishedRaster::colors);
        let color = |id: u8| colors.and_then(|of| of.get(&id)).copied().unwrap_or(Color([128; 3]));
        let class = |(id, name): (u8, &str)| Class {
            id,
            name: name.to_owned(),
            name_fr: None,
            code: None,
            color: color(id),
            features: false,
        };
        let classes = self.classes().filter(|(id, _)| *id != LABEL_NODATA);
        Nomenclature::new(classes.map(class).collect()).ok()
    }

    /// Ids of the classes that the map has features of.
    pub(crate) fn classes_of_features(&self) -> Vec<u8> {
        let kept = &self.manifest.counts.features_per_class;
        self.classes().filter(|(_, name)| kept.contains_key(*name)).map(|(id, _)| id).collect()
    }

    /// Ids of classes by their names.
    pub(crate) fn class_ids(&self, key: &'static str, names: &[String]) -> Result<Vec<u8>, ZonalError> {
        if !self.has_classes() {
            return Err(ZonalError::NoClasses { key, map: self.url.clone() });
        }
        let id = |name: &String| {
            self.classes().find(|(_, known)| known == name).map(|(id, _)| id).ok_or_else(|| {
                ZonalError::UnknownClass {
                    key,
                    class: name.clone(),
                    available: self.classes().map(|(_, known)| known).collect::<Vec<_>>().join(", "),
                }
            })
        };
        names.iter().map(id).collect()
    }

    /// Block cache that holds a row of blocks of all rasters, MiB: neighbors in a layer are mostly neighbors on the
    /// ground.
    pub(crate) fn cache_mb(&self) -> u32 {
        let rasters = if self.prediction.is_some() { 3 } else { 2 };
        let bytes = self.window().width * BLOCK_ROWS * (rasters + 4 * self.measured_values().len());
        u32::try_from(bytes >> 20).unwrap_or(u32::MAX).saturating_add(32).clamp(128, 512)
    }

    /// Pixels to read at a time: of measured values fewer, which are larger.
    fn pixels_at_a_time(&self) -> usize {
        (self.pixels_at_a_time / (1 + self.measured_values().len())).max(1)
    }

    /// Reads a window of all rasters. A pixel whose class is not the predicted one has no confidence.
    fn block(&self, window: Window, with_values: bool) -> Result<Block> {
        let labels = self.labels.as_ref().map(|labels| labels.read(window)).transpose()?;
        let mut confidence = self.confidence.as_ref().map(|c| c.read(window)).transpose()?;
        if let (Some(confidence), Some(prediction), Some(labels)) =
            (&mut confidence, &self.prediction, &labels)
        {
            clear_unsaid(labels.data(), prediction.read(window)?.data(), confidence.data_mut());
        }
        let values = self.values.as_ref().filter(|_| with_values);
        let values = values.map_or(Ok(Vec::new()), |values| values.read(window))?;
        Ok(Block { window, labels, confidence, values })
    }

    /// Counts of the map inside polygons, given in its CRS. Rasters are read by blocks of rows.
    pub(crate) fn measure(&mut self, polygons: &[Rings]) -> Result<ZoneResult> {
        let (grid, window) = (&self.grid, self.window);
        let pixel = |point: &[f64; 2]| <[f64; 2]>::from(grid.pixel(point[0], point[1]));
        let in_pixels: Vec<Rings> = polygons
            .iter()
            .map(|rings| rings.iter().map(|ring| ring.iter().map(pixel).collect()).collect())
            .collect();
        let mut rows = ZoneRows::new(&in_pixels, &window)?;
        let common = rows.window().intersect(&window);
        let mut block: Option<Block> = None;
        // The labels of a map without classes.
        let nowhere = vec![LABEL_NODATA; common.map_or(0, |common| common.width)];
        while let Some(row) = rows.next_row() {
            let pixel_area_m2 = self.area.of_row(row.row);
            let Some(common) = common.filter(|_| !row.parts.is_empty()) else {
                self.statistics.add_outside(&row, pixel_area_m2)?;
                continue;
            };
            let here = match block.take() {
                Some(block) if block.window.row_end() > row.row => block,
                _ => self.block(rows_from(common, row.row, self.pixels_at_a_time()), true)?,
            };
            let at = offset(row.row - here.window.row);
            let confidence = here.confidence.as_ref().map(|c| c.row(at));
            let labels = here.labels.as_ref().map_or(&nowhere[..common.width], |labels| labels.row(at));
            self.statistics.add_row(&row, labels, confidence, pixel_area_m2)?;
            if !here.values.is_empty() {
                let values: Vec<&[f32]> = here.values.iter().map(|values| values.row(at)).collect();
                self.statistics.add_values(&row, &values, pixel_area_m2)?;
            }
            block = Some(here);
        }
        Ok(self.statistics.finish())
    }
}

/// The manifest of a map; a file of a map is refused.
fn read_manifest(target: &Target, url: &str) -> Result<Manifest> {
    match target.read_manifest() {
        Ok(manifest) => Ok(manifest),
        Err(error) => {
            let run = run_of(url);
            let is_file = target.local_folder().is_some_and(std::path::Path::is_file);
            if is_file || run.is_some() && matches!(error, PublishError::NoManifest { .. }) {
                let output = run.map(|run| run.output);
                return Err(ZonalError::MapIsFile { map: url.to_owned(), output }.into());
            }
            Err(error.into())
        }
    }
}

/// Some rows of a zone, of all rasters.
struct Block {
    window: Window,
    labels: Option<Raster<u8>>,
    confidence: Option<Raster<u8>>,
    /// One raster for each measured value.
    values: Vec<Raster<f32>>,
}

/// The rows of a zone to read next.
fn rows_from(common: Window, row: i64, pixels: usize) -> Window {
    let rows = (pixels / common.width.max(1)).max(1);
    let end = common.row_end().min(row.saturating_add_unsigned(rows as u64));
    Window::between(common.col, row, common.col_end(), end)
}

fn artifact<'a>(manifest: &'a Manifest, role: &str) -> Option<&'a Artifact> {
    manifest.artifacts.iter().find(|artifact| artifact.role == role)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_gdal::{RasterKind, StripWriter, describe_crs};
    use arpent_publish::{MANIFEST_FORMAT, StagedArtifact};
    use arpent_raster::{Class, Color, Nomenclature};
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn wide_zones_are_read_in_fewer_rows() {
        let wide = Window::new(3, 10, 1_000_000, 100);
        let of = |window, row| rows_from(window, row, PIXELS_AT_A_TIME);
        assert_eq!(of(wide, 12), Window::new(3, 12, 1_000_000, 4));
        assert_eq!(of(wide, 108), Window::new(3, 108, 1_000_000, 2));
        assert_eq!(of(Window::new(0, 0, 9_000_000, 9), 1).height, 1);
        assert_eq!(of(Window::new(0, 0, 10, 9), 0).height, 9);
    }

    /// A map of a hundred columns and rows, in degrees: its pixels differ in area from row to row.
    fn map(folder: &Path) -> SourceMap {
        let crs = Arc::new(describe_crs("EPSG:4326").unwrap());
        let placed = Grid::place(crs, [3.0, 0.01, 0.0, 47.0, 0.0, -0.01], 100, 100).unwrap();
        let class = |id: u8| {
            let (name, color) = (format!("c{id}"), Color([id, 0, 0]));
            Class { id, name, name_fr: None, code: None, color, features: true }
        };
        let classes = Nomenclature::new((0..7).map(class).collect()).unwrap();
        let raster = |name: &str, kind: RasterKind<'_>, step: usize, below: usize| {
            let mut writer =
                StripWriter::create(&folder.join("tmp"), placed.window, &placed.grid, kind).unwrap();
            let values: Vec<u8> = (0..10_000).map(|i| u8::try_from(i * step / 3 % below).unwrap()).collect();
            writer.write_rows(placed.window.row, &values).unwrap();
            writer.finish_cog(&folder.join(name), 1).unwrap();
            StagedArtifact::new(&folder.join(name), name.trim_end_matches(".tif")).unwrap()
        };
        let staged = [
            raster("labels.tif", RasterKind::Labels(&classes), 5, 7),
            raster("confidence.tif", RasterKind::Confidence, 7, 251),
        ];
        let manifest = serde_json::json!({
            "format": MANIFEST_FORMAT, "run_id": "r", "created": "", "attempt": "", "software": {}, "inputs": [],
            "failed_inputs": [], "model": { "id": "", "version": "", "sha256": "", "license": "" }, "config": {},
            "counts": {}, "timings_s": {}, "artifacts": [],
        });
        let url = folder.join("map").to_string_lossy().into_owned();
        let manifest = serde_json::from_value(manifest).unwrap();
        Target::parse(&url).unwrap().publish(&staged, manifest, false).unwrap();
        SourceMap::open(&url, Measure::Map).unwrap()
    }

    #[test]
    fn the_rows_read_at_a_time_change_no_bit() {
        let dir = tempfile::tempdir().unwrap();
        let mut map = map(dir.path());
        let zone = vec![vec![vec![[2.955, 46.9], [3.71, 46.98], [3.9, 46.1], [3.3, 45.9], [2.955, 46.9]]]];
        let whole = map.measure(&zone).unwrap();
        assert!(whole.classes.len() == 7 && whole.inside_m2 < whole.area_m2);
        for pixels in [1, 100, 777, 5000] {
            map.pixels_at_a_time = pixels;
            assert_eq!(map.measure(&zone).unwrap(), whole, "{pixels}");
        }
    }
}
