//! The configuration of a run, as written in TOML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::{BandNumber, CacheMb, Failure, Language, Pixels, Readers, SquareMeters, Threads};
use arpent_raster::ReadAs;
use arpent_tiling::TilingOptions;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::confidence::{AbstainOptions, ConfidenceOptions};
use super::coverage::CoverageOptions;
use super::dates::{Pattern as DatePattern, normalized as normalized_date};
use super::declared::{AlphaOption, CollarOption, NodataOption, NodataValue, ResampleFactor};
use super::mask::MaskOptions;
use super::objects::ObjectOptions;
use super::ocs_ge::OcsGeOptions;
use super::publish::PublishOptions;
use super::reference::ReferenceOptions;
use super::toml::{ConfigFile, relative_to};
use super::values::ValueOptions;
use crate::error::JobError;

/// Configuration of a run. Paths are relative to the configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the model package. `--model` replaces it.
    pub model: PathBuf,
    /// Scenes: files, globs, folders, VRTs, http(s) and s3 URLs, STAC items or item collections. `--scene`
    /// replaces them.
    #[serde(default)]
    pub scenes: Vec<String>,
    /// Scenes of the earlier date, for a model that compares two dates; `scenes` are then those of the later one.
    /// In the same forms. `--before` replaces them.
    #[serde(default)]
    pub before: Vec<String>,
    /// Area of interest: a file with polygons in any CRS; may be followed by `|layername=NAME` and `|crs=EPSG:CODE`. `--aoi`
    /// replaces it.
    #[serde(default)]
    pub aoi: Option<String>,
    /// Where to publish: a folder or an s3 URL. `--output` replaces it.
    #[serde(default)]
    pub output: Option<String>,
    /// What is published beside the data, and what it says of them.
    #[serde(default, skip_serializing_if = "PublishOptions::is_default")]
    pub publish: PublishOptions,
    /// How scenes are read.
    #[serde(default)]
    pub input: InputOptions,
    /// Masks of clouds and shadows.
    #[serde(default, skip_serializing_if = "MaskOptions::is_empty")]
    pub mask: MaskOptions,
    /// Which validation data of the model correct confidences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<ConfidenceOptions>,
    /// Answers that are left undecided; none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abstain: Option<AbstainOptions>,
    /// How the job is cut into windows.
    #[serde(default)]
    pub tiling: TilingOptions,
    /// Which features are written, and how.
    #[serde(default)]
    pub features: FeatureOptions,
    /// Features without gaps and overlaps; by default each class that is a feature has its own
    /// outlines.
    #[serde(default)]
    pub coverage: Option<CoverageOptions>,
    /// Classes of a measured value, for a model that gives measured values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<ValueOptions>,
    /// Merging of detections to objects, for a model that finds boxes.
    #[serde(default)]
    pub objects: Option<ObjectOptions>,
    /// Reference layers.
    #[serde(default)]
    pub reference: ReferenceOptions,
    /// Columns in the shape of OCS GE, the French large-scale land cover.
    #[serde(default)]
    pub ocs_ge: Option<OcsGeOptions>,
    /// Which rasters are written.
    #[serde(default)]
    pub rasters: RasterOptions,
    /// Threads, device and memory.
    #[serde(default)]
    pub compute: ComputeOptions,
    /// The file of the configuration.
    #[serde(skip)]
    pub file: Option<ConfigFile>,
}

/// How scenes are read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputOptions {
    /// Band number (from 1) for a band name of the model, if the file does not name its bands. With two dates,
    /// `red` is the band of both, `red_before` that of one.
    pub bands: BTreeMap<String, BandNumber>,
    /// Resample scenes whose GSD is outside the model's range to the model's nominal GSD, and two dates on different grids.
    pub resample: bool,
    /// Scenes that are resampled to the model's nominal GSD.
    pub gsd: TargetGsd,
    /// Largest factor by which the sides of pixels may become coarser or finer: a number for both, or `{ coarser =
    /// 5.0, finer = 2.0 }`, each 2 by default. Scenes that need a larger one are refused.
    pub resample_max_factor: ResampleFactor,
    /// Width and height of pixels, CRS units, to which all scenes are brought; needs `resample = true` or `gsd = "nominal"`. By default
    /// those of the model's nominal GSD, which in EPSG:3857 and in degrees depend on the latitude of the scenes' middle, in steps of 2 degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixel_size: Option<[f64; 2]>,
    /// Resampling method.
    pub resampling: Resampling,
    /// Sources that VRTs may name in addition to local files (remote VRTs: to files of their own host or bucket):
    /// prefixes, such as `s3://bucket/`, `/vsizip/archive.zip/`. Files there are trusted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vrt_allowed: Vec<String>,
    /// Nodata values: one for all bands, or a list of one for each band of the file; `"none"` if
    /// the file declares one that is data. They replace those of files, and apply in addition to alpha and masks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodata: Option<NodataOption>,
    /// Use of an alpha band that no band of the model is read from: `"mask"` (the default, but without a warning),
    /// `"data"` (it masks no pixel), or the number (from 1) of the band that is alpha.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<AlphaOption>,
    /// Treatment of black or white areas that are connected with the border of their scene.
    #[serde(skip_serializing_if = "CollarOption::is_tell")]
    pub collar: CollarOption,
    /// Interpretation of stored values if a file, a STAC item or a Sentinel-2 baseline declares a scale or an offset:
    /// `"raw"`, `"physical"` (scale and offset applied), or `"harmonized"` (the offset removed, the stored step kept:
    /// Sentinel-2 from baseline 04.00 less 1000). By default the unit of the bands in the model package decides, and
    /// scenes are refused if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<ReadAs>,
    /// Treatment of scenes whose values, in a sample, lie far outside of the model's `value_range`.
    #[serde(skip_serializing_if = "OutsideOption::is_refuse")]
    pub outside_values: OutsideOption,
    /// Date of acquisition of the scenes, if their own is missing or wrong: a year, a month, a day, a time (RFC 3339),
    /// or two with a slash between. With two dates, of the later one. `--acquired` replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquired: Option<String>,
    /// Pattern of the date in the scenes' file names: `*_{yyyy}{mm}{dd}_*`, or `*-{yyyy}-*` for a year alone. `*`
    /// stands for any text, `?` for one character. Replaces the dates of files and STAC items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquired_from: Option<String>,
    /// The scene that a pixel is taken from if several are valid there; needed if scenes of different dates cover the
    /// same pixels. By default the first by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

/// The scene that a pixel is taken from if several are valid there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The newest; of one date, the first by id.
    Newest,
    /// The first in the order given; scenes of one folder, glob or list are ordered by name.
    Given,
}

/// Treatment of scenes with values outside of the range of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum OutsideOption {
    /// They are refused.
    #[default]
    Refuse,
    /// They are mapped, with a warning.
    Tell,
}

impl OutsideOption {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
}

impl InputOptions {
    /// Whether scenes may be resampled at all.
    pub(crate) fn may_resample(&self) -> bool {
        self.resample || self.gsd == TargetGsd::Nominal
    }
}

/// GSD at which scenes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum TargetGsd {
    /// Their own, if it is inside the model's range; others are refused, or resampled with `resample`.
    #[default]
    Model,
    /// The model's nominal GSD for all: results do not depend on the GSD of the file.
    Nominal,
}

/// Resampling methods. Only valid pixels are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// The nearest pixel.
    Nearest,
    /// The four nearest pixels, weighted; for coarser pixels more of them.
    #[default]
    Bilinear,
    /// All pixels below the new one, weighted by area.
    Average,
}

/// Which features are written, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureOptions {
    /// Formats to write.
    pub formats: Vec<FeatureFormat>,
    /// Names of the classes to write; by default those that the model package marks as features.
    pub classes: Option<Vec<String>>,
    /// Minimum area of features, square meters (of pixels; of boxes, that of the outline): smaller ones are omitted. It
    /// filters features; rasters keep all pixels.
    pub min_area_m2: SquareMeters,
    /// Simplify outlines by this tolerance, pixels; 0 keeps every pixel corner.
    pub simplify_px: Pixels,
    /// Language of column titles, which a GeoPackage stores as aliases: `en` or `fr`. Column names are the same in
    /// both.
    pub titles: Language,
}

impl Default for FeatureOptions {
    fn default() -> Self {
        Self {
            formats: FeatureFormat::ALL.to_vec(),
            classes: None,
            min_area_m2: SquareMeters::ZERO,
            simplify_px: Pixels::ZERO,
            titles: Language::default(),
        }
    }
}

/// Formats of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeatureFormat {
    /// GeoParquet 1.1.
    GeoParquet,
    /// GeoPackage with a style of QGIS and a project inside.
    GeoPackage,
    /// FlatGeobuf.
    FlatGeobuf,
    /// GeoJSON (RFC 7946, WGS 84).
    GeoJson,
    /// PMTiles: vector tiles for maps on the web.
    PmTiles,
}

impl FeatureFormat {
    /// Every format: all are written by default.
    pub const ALL: [Self; 5] =
        [Self::GeoParquet, Self::GeoPackage, Self::FlatGeobuf, Self::GeoJson, Self::PmTiles];

    /// Ending of its file names.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::GeoParquet => "parquet",
            Self::GeoPackage => "gpkg",
            Self::FlatGeobuf => "fgb",
            Self::GeoJson => "geojson",
            Self::PmTiles => "pmtiles",
        }
    }
}

/// Which rasters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RasterOptions {
    /// The label raster (COG with color table and class names).
    pub labels: bool,
    /// The confidence raster (COG).
    pub confidence: bool,
    /// The raster of the published classes (COG), if it differs from the label raster: with the overrides of
    /// `[[reference.override]]`, with what `[abstain]` leaves undecided, and without regions below the minimum mapping unit
    /// of `[coverage]`.
    pub map: bool,
}

impl Default for RasterOptions {
    fn default() -> Self {
        Self { labels: true, confidence: true, map: true }
    }
}

/// Threads, device and memory. None of it changes the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ComputeOptions {
    /// Device to predict on.
    pub device: Device,
    /// Threads of the network; 0 for one per core.
    pub threads: Threads,
    /// Threads that read windows ahead of the network; 0 for 2, or 8 if a scene is remote, since they mostly wait then.
    pub readers: Readers,
    /// Size of the block cache, MB: that of GDAL, or, for remote and JPEG 2000 scenes, one that all readers share. 0
    /// for what the width of the map needs, 64 to 512 MB: blocks that two windows touch are then read once.
    pub cache_mb: CacheMb,
    /// Memory limit of a job, MB; 0 for none. Fewer windows are predicted in parallel to stay below it; a job that
    /// needs more with one is refused.
    pub memory_limit_mb: usize,
    /// Folder for temporary files; the system's by default.
    pub scratch: Option<PathBuf>,
}

impl ComputeOptions {
    /// Threads of the network: as configured, or one for each core.
    pub fn threads(&self) -> usize {
        match self.threads {
            Threads::ALL => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads.get(),
        }
    }

    /// Memory limit of a job, bytes.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        Some(self.memory_limit_mb as u64 * 1_000_000).filter(|limit| *limit > 0)
    }
}

impl Default for ComputeOptions {
    fn default() -> Self {
        Self {
            device: Device::Auto,
            threads: Threads::ALL,
            readers: Readers::AUTO,
            cache_mb: CacheMb::AUTO,
            memory_limit_mb: 0,
            scratch: None,
        }
    }
}

/// Resources of a machine, which replace those of a plan. None of them affects the result.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine {
    /// Threads of the network.
    pub threads: Option<Threads>,
    /// Threads that read windows ahead of the network.
    pub readers: Option<Readers>,
    /// Memory limit, MB.
    pub memory_limit_mb: Option<usize>,
    /// Device to predict on.
    pub device: Option<Device>,
}

/// Devices to predict on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The best available device.
    Auto,
    /// The CPU: results are identical byte for byte on all machines.
    Cpu,
    /// A GPU through Vulkan, in builds with Vulkan.
    Vulkan,
    /// An NVIDIA GPU through CUDA, in builds with CUDA.
    Cuda,
}

impl From<Device> for arpent_model::DeviceChoice {
    fn from(device: Device) -> Self {
        match device {
            Device::Auto => Self::Auto,
            Device::Cpu => Self::Cpu,
            Device::Vulkan => Self::Vulkan,
            Device::Cuda => Self::Cuda,
        }
    }
}

impl Config {
    /// Reads a configuration file and makes its paths absolute or relative to the working directory.
    ///
    /// # Errors
    /// [`JobError::ConfigRead`], [`JobError::ConfigParse`].
    pub fn load(path: &Path) -> Result<Self, JobError> {
        let file = ConfigFile::read(path)?;
        let mut config: Self = file.parse()?;
        config.check(&file)?;
        config.resolve_paths(path.parent().unwrap_or(Path::new(".")));
        config.file = Some(file);
        Ok(config)
    }

    /// The configuration of a run without a file: a model, and defaults for everything else.
    ///
    /// # Errors
    /// [`JobError::ConfigParse`] when the folder has no name that can be written.
    pub fn of_model(model: &Path) -> Result<Self, JobError> {
        let text = format!("model = {}\n", toml::Value::from(model.to_string_lossy().as_ref()));
        ConfigFile::of_text(Path::new("--model"), text).parse()
    }

    /// Whether published classes differ from the prediction: a layer overrides them, small regions are merged into a
    /// neighbor, or some are left undecided.
    pub(crate) fn changes_prediction(&self) -> bool {
        self.coverage.is_some() || self.abstain.is_some() || !self.reference.overrides.is_empty()
    }

    /// Rejects values of the right type that are not valid.
    fn check(&self, file: &ConfigFile) -> Result<(), JobError> {
        let bad = |key: &str, message: &str| Err(file.value_error(&key.into(), message));
        if self.coverage.is_some() {
            let gaps = [
                ("features.min_area_m2", self.features.min_area_m2 > SquareMeters::ZERO),
                ("features.simplify_px", self.features.simplify_px > Pixels::ZERO),
                ("features.classes", self.features.classes.is_some()),
            ];
            if let Some((key, _)) = gaps.into_iter().find(|(_, is_set)| *is_set) {
                return bad(key, "would leave gaps in a coverage: remove it, [coverage] has its own");
            }
        }
        self.mask.check(file)?;
        self.abstain.iter().try_for_each(|options| options.check(file))?;
        self.values.iter().try_for_each(|values| values.check(file))?;
        self.publish.check(file)?;
        let infinite = |value: &NodataValue| matches!(value, NodataValue::Number(v) if !v.is_finite());
        if self.input.nodata.iter().flat_map(NodataOption::values).any(infinite) {
            return bad(
                "input.nodata",
                "values that are not finite are written in quotes: \"nan\", \"inf\", \"-inf\"",
            );
        }
        if self.input.pixel_size.iter().flatten().any(|v| !(v.is_finite() && *v > 0.0)) {
            return bad("input.pixel_size", "must be a width and a height above 0, in units of the CRS");
        }
        if self.input.pixel_size.is_some() && !self.input.may_resample() {
            return bad(
                "input.pixel_size",
                "is the size of resampled pixels: set `resample = true` too, or remove it",
            );
        }
        if let Some(date) = &self.input.acquired
            && normalized_date(date).is_none()
        {
            return bad(
                "input.acquired",
                "must be a date: 2021, 2021-07, 2021-07-14 or 2021-07-14T10:30:00Z",
            );
        }
        if let Some(Err(message)) = self.input.acquired_from.as_deref().map(DatePattern::parse) {
            return bad("input.acquired_from", &message);
        }
        Ok(())
    }

    /// An error, with its line in the file if it is about a value of the file.
    pub(crate) fn located(&self, error: Failure) -> Failure {
        match &self.file {
            Some(file) => file.located(error),
            None => error,
        }
    }

    /// The configuration without secrets in addresses, to be stored and shown.
    #[must_use]
    pub(crate) fn redacted(&self) -> Self {
        let mut shown = self.clone();
        shown.each_location(redact);
        shown.output.iter_mut().for_each(redact);
        shown
    }

    /// Applies a function to every path or URL of an input.
    fn each_location(&mut self, change: impl Fn(&mut String)) {
        self.scenes.iter_mut().chain(&mut self.before).chain(&mut self.aoi).for_each(&change);
        self.mask.layers.iter_mut().for_each(|mask| change(mask.source_mut()));
        self.reference.layers_mut().for_each(|layer| change(&mut layer.source));
        let built_up = self.coverage.as_mut().and_then(|coverage| coverage.built_up.as_mut());
        built_up.and_then(|built| built.areas.as_mut()).into_iter().for_each(&change);
        let table = self.ocs_ge.as_mut().and_then(|options| options.nomenclature.as_mut());
        table.into_iter().for_each(&change);
    }

    /// Makes every local path absolute.
    ///
    /// # Errors
    /// When the working directory is gone.
    pub fn make_absolute(&mut self) -> std::io::Result<()> {
        let here = std::env::current_dir()?;
        self.resolve_paths(&here);
        Ok(())
    }

    fn resolve_paths(&mut self, folder: &Path) {
        self.model = folder.join(&self.model);
        self.each_location(|location| *location = relative_to(folder, location));
        self.output = self.output.as_deref().map(|p| relative_to(folder, p));
        self.compute.scratch = self.compute.scratch.as_ref().map(|p| folder.join(p));
    }
}

fn redact(location: &mut String) {
    *location = arpent_base::redacted(location);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, JobError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    fn message(text: &str) -> (usize, String, Option<String>) {
        match load(text) {
            Err(JobError::ConfigParse { line, message, hint, .. }) => (line, message, hint),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_unknown_key_shows_its_line_and_the_nearest() {
        let (line, text, hint) = message("model = \"m\"\n[tiling]\nwindw_px = 512\n");
        assert_eq!(line, 3);
        assert!(text.contains("windw_px"), "{text}");
        assert_eq!(hint.as_deref(), Some("did you mean `window_px`?"));
    }

    #[test]
    fn wrong_types_and_values_show_their_line() {
        assert_eq!(message("model = \"m\"\n[tiling]\nwindow_px = \"big\"\n").0, 3);
        assert_eq!(message("model = \"m\"\n[tiling]\nwindow_px = 3\n").0, 3);
        assert_eq!(message("model = \"m\"\n[features]\nmin_area_m2 = -1.0\n").0, 3);
        let two = "model = \"m\"\n[coverage]\nmmu_m2 = 1.0\ntolerance_px = 1.0\n[features]\nsimplify_px = 1.0\n[compute]\ncache_mb = 99999\n";
        // What cannot be read comes before what does not fit together.
        let text = load(two).unwrap_err().to_string();
        assert!(text.contains("line 8, in [compute]: `compute.cache_mb`"), "{text}");
        assert!(text.ends_with("8 | cache_mb = 99999"), "{text}");
        assert_eq!(message(&two.replace("cache_mb = 99999", "")).0, 6);
        let bands = "model = \"m\"\n[input]\nbands = { red = 1, nir = 0 }\n";
        assert!(load(bands).unwrap_err().to_string().contains("`input.bands.nir` is 0"));
        let (_, _, hint) = message("model = \"m\"\n[features]\nformats = [\"geopackge\"]\n");
        assert_eq!(hint.as_deref(), Some("did you mean `geopackage`?"));
    }

    #[test]
    fn a_model_alone_is_a_configuration() {
        let c = Config::of_model(Path::new("a \"b\"/m")).unwrap();
        assert_eq!((c.model.as_path(), c.rasters), (Path::new("a \"b\"/m"), RasterOptions::default()));
        assert!(!c.changes_prediction());
        assert!(load("model = \"m\"\n[coverage]\nmmu_m2 = 1.0\n").unwrap().changes_prediction());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let c = load("model = \"m\"\nscenes = [\"a.tif\", \"s3://b/c.tif\"]\n").unwrap();
        assert!(c.model.is_absolute() && c.scenes[0].ends_with("/a.tif") && c.scenes[0].len() > 6);
        assert_eq!(c.scenes[1], "s3://b/c.tif");
    }
}
