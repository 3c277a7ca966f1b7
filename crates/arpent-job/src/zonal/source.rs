//! The map to measure.

use arpent_base::Result;
use arpent_base::number::offset;
use arpent_gdal::{PublishedRaster, Rings};
use arpent_publish::{Artifact, Manifest, PublishError, ROLE_CONFIDENCE, ROLE_LABELS, ROLE_MAP, Target};
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
    labels: PublishedRaster,
    /// The prediction, if it is another raster: a confidence is that of the predicted class only.
    prediction: Option<PublishedRaster>,
    confidence: Option<PublishedRaster>,
    area: PixelArea,
    statistics: ZoneStatistics,
    pixels_at_a_time: usize,
}

impl SourceMap {
    /// Reads the manifest and opens the rasters.
    pub(crate) fn open(url: &str, measure: Measure) -> Result<Self> {
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
        let labels = artifact(&manifest, role).ok_or_else(|| match role {
            ROLE_MAP => {
                let has_labels = artifact(&manifest, ROLE_LABELS).is_some();
                ZonalError::NoMapRaster { map: url.to_owned(), has_labels }
            }
            _ => ZonalError::NoLabels { map: url.to_owned() },
        })?;
        let labels = open(labels)?;
        let prediction = artifact(&manifest, ROLE_LABELS).filter(|_| published).map(open).transpose()?;
        let confidence = artifact(&manifest, ROLE_CONFIDENCE).map(open).transpose()?;
        // Without the prediction, the classes of the confidences are unknown.
        let confidence = confidence.filter(|_| !published || prediction.is_some());
        let fits =
            |c: &PublishedRaster| c.window() == labels.window() && c.grid().key() == labels.grid().key();
        if !confidence.iter().chain(&prediction).all(fits) {
            return Err(ZonalError::RastersDiffer { map: url.to_owned() }.into());
        }
        let area = PixelArea::new(labels.grid());
        Ok(Self {
            url: url.to_owned(),
            manifest,
            target,
            role,
            labels,
            prediction,
            confidence,
            area,
            statistics: ZoneStatistics::default(),
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

    /// The measured raster.
    pub(crate) fn raster(&self) -> &PublishedRaster {
        &self.labels
    }

    pub(crate) fn grid(&self) -> &Grid {
        self.labels.grid()
    }

    /// The pixels of the map.
    pub(crate) fn window(&self) -> Window {
        self.labels.window()
    }

    /// Confidences of a window inside the map: of the classes that it has, none where these are not the predicted ones.
    /// `None` if the map has no confidences.
    pub(crate) fn confidence_in(&self, window: Window) -> Result<Option<Raster<u8>>> {
        if self.confidence.is_none() {
            return Ok(None);
        }
        let (prediction, confidence) = (self.prediction.as_ref(), self.confidence.as_ref());
        Ok(Block::read(&self.labels, prediction, confidence, window)?.confidence)
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
        self.labels.classes().iter().map(|(id, name)| (*id, name.as_str()))
    }

    /// The classes, with their colors.
    pub(crate) fn nomenclature(&self) -> Option<Nomenclature> {
        let color = |id: &u8| self.labels.colors().get(id).copied().unwrap_or(Color([128; 3]));
        let class = |(id, name): (&u8, &String)| Class {
            id: *id,
            name: name.clone(),
            name_fr: None,
            code: None,
            color: color(id),
            features: false,
        };
        let classes = self.labels.classes().iter().filter(|(id, _)| **id != LABEL_NODATA);
        Nomenclature::new(classes.map(class).collect()).ok()
    }

    /// Ids of the classes that the map has features of.
    pub(crate) fn classes_of_features(&self) -> Vec<u8> {
        let kept = &self.manifest.counts.features_per_class;
        self.classes().filter(|(_, name)| kept.contains_key(*name)).map(|(id, _)| id).collect()
    }

    /// Ids of classes by their names.
    pub(crate) fn class_ids(&self, key: &'static str, names: &[String]) -> Result<Vec<u8>, ZonalError> {
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
        let bytes = self.window().width * BLOCK_ROWS * rasters;
        u32::try_from(bytes >> 20).unwrap_or(u32::MAX).saturating_add(32).clamp(128, 512)
    }

    /// Counts of the map inside polygons, given in its CRS. Rasters are read by blocks of rows.
    pub(crate) fn measure(&mut self, polygons: &[Rings]) -> Result<ZoneResult> {
        let (grid, window) = (self.labels.grid(), self.labels.window());
        let pixel = |point: &[f64; 2]| <[f64; 2]>::from(grid.pixel(point[0], point[1]));
        let in_pixels: Vec<Rings> = polygons
            .iter()
            .map(|rings| rings.iter().map(|ring| ring.iter().map(pixel).collect()).collect())
            .collect();
        let mut rows = ZoneRows::new(&in_pixels, &window)?;
        let common = rows.window().intersect(&window);
        let mut block: Option<Block> = None;
        while let Some(row) = rows.next_row() {
            let pixel_area_m2 = self.area.of_row(row.row);
            let Some(common) = common.filter(|_| !row.parts.is_empty()) else {
                self.statistics.add_outside(&row, pixel_area_m2)?;
                continue;
            };
            let here = match block.take() {
                Some(block) if block.labels.window().row_end() > row.row => block,
                _ => Block::read(
                    &self.labels,
                    self.prediction.as_ref(),
                    self.confidence.as_ref(),
                    rows_from(common, row.row, self.pixels_at_a_time),
                )?,
            };
            let at = offset(row.row - here.labels.window().row);
            let confidence = here.confidence.as_ref().map(|c| c.row(at));
            self.statistics.add_row(&row, here.labels.row(at), confidence, pixel_area_m2)?;
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
    labels: Raster<u8>,
    confidence: Option<Raster<u8>>,
}

impl Block {
    /// A pixel whose class is not the predicted one has no confidence.
    fn read(
        labels: &PublishedRaster,
        prediction: Option<&PublishedRaster>,
        confidence: Option<&PublishedRaster>,
        window: Window,
    ) -> Result<Self> {
        let labels = labels.read(window)?;
        let mut confidence = confidence.map(|c| c.read(window)).transpose()?;
        if let (Some(confidence), Some(prediction)) = (&mut confidence, prediction) {
            clear_unsaid(labels.data(), prediction.read(window)?.data(), confidence.data_mut());
        }
        Ok(Self { labels, confidence })
    }
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
