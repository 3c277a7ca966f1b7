//! Model packages: `model.json` and its weights.
//!
//! The corresponding properties of STAC's Machine Learning Model extension (MLM 1.4 and 1.5); `arpent inspect` prints
//! them:
//!
//! | `model.json` | MLM |
//! |---|---|
//! | `id` (`version` has no counterpart) | `mlm:name` |
//! | `architecture` | `mlm:architecture` (its name), `mlm:hyperparameters` (its numbers) |
//! | `task` | `mlm:tasks` |
//! | `bands[].name` | `mlm:input[].bands[].name` |
//! | `bands[].mean`, `.std` | `mlm:input[].value_scaling[]`, `z-score`: `mean`, `stddev` |
//! | `bands[].dequantize` | `mlm:input[].value_scaling[]`, `processing`: `expression`, in place of `z-score` |
//! | `stride_px`, `overlap_px` | none: `mlm:input[].input.shape` has free sides (-1) |
//! | `classes` | `mlm:output[].classification:classes` |
//! | `weights` | `mlm:total_parameters`, counted; the asset with the role `mlm:model` |
//! | `training_data` | `mlm:pretrained_source` (names) |
//! | engine, CPU only | `mlm:framework`, `mlm:framework_version`, `mlm:accelerator` (null) |

use std::collections::BTreeMap;
use std::fs;
use std::io::{Error, ErrorKind, Read as _, Write};
use std::path::Path;

use arpent_base::sha256_hex;
use arpent_raster::{Nomenclature, SampleType};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Architecture, Band, ModelError, Weights, field};

/// The package format that this version reads and writes.
pub const FORMAT: &str = "arpent-model/1";

/// Name of the description in a package.
const DESCRIPTION: &str = "model.json";

/// Size limits of the description and of the weights: two thousand million parameters in single precision.
const MOST_DESCRIPTION_BYTES: u64 = 16 << 20;
const MOST_WEIGHTS_BYTES: u64 = 8 << 30;

/// Task names, as in STAC's MLM extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A class for every pixel.
    SemanticSegmentation,
    /// Bounding boxes.
    ObjectDetection,
    /// A class for every cell of the lattice, written to all pixels of the cell.
    SceneClassification,
}

/// Ground sample distances that the network accepts, meters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GsdRange {
    /// The GSD of its training data.
    pub nominal: f64,
    /// Finest accepted GSD.
    pub min: f64,
    /// Coarsest accepted GSD.
    pub max: f64,
}

/// Name and hash of the weights file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightsFile {
    /// File name in the package.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// A schema that also accepts the former spelling of `license`.
fn with_former_license(schema: &mut Schema) {
    let Some(license) = schema.pointer("/properties/license").cloned() else { return };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let mut former = license;
        former["deprecated"] = true.into();
        properties.insert("licence".into(), former);
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|key| key != "license");
    }
    schema.insert("anyOf".into(), json!([{ "required": ["license"] }, { "required": ["licence"] }]));
}

/// A data set in the training data of the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = with_former_license)]
pub struct TrainingSource {
    /// The name.
    pub name: String,
    /// The license (SPDX if it has an identifier).
    #[serde(alias = "licence")]
    pub license: String,
    /// The source.
    pub source: String,
}

/// A score, with the data and the method of its measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The value.
    pub value: f64,
    /// The part of the data: `validation`, ...
    pub split: String,
    /// Method of measurement, as text.
    pub measure: String,
}

/// Energy of the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Energy {
    /// Energy of the training run, watt-hours.
    pub training_wh: f64,
    /// Method (`measured`: hardware counters, `estimated`: CPU time x stated power).
    pub method: String,
}

/// Settings of an object-detection network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// Lowest score of a detection, 0 to 1.
    pub threshold: f32,
    /// Overlap (intersection over union) above which two boxes are the same object, 0 to 1.
    pub iou: f64,
}

/// Calibration of scores to probabilities (Guo et al.: *On calibration of modern neural networks*, 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Temperature: scores are divided by it before the softmax.
    pub temperature: f32,
    /// Expected calibration error at a temperature of 1.
    pub ece_before: f64,
    /// Expected calibration error at the temperature.
    pub ece_after: f64,
    /// The part of the data that the temperature was fitted on.
    pub split: String,
}

/// Ranges of a network that is computed in 8 bits, and the change of its accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantization {
    /// Greatest value of each step's output that is represented, in the order of the network's steps; 0 if no value
    /// is positive.
    pub ranges: Vec<f32>,
    /// The data that the ranges were measured on.
    pub measured_on: String,
    /// The package's score in single precision.
    pub score_f32: f64,
    /// The score with 8 bits.
    pub score_int8: f64,
    /// Name of the score and its split.
    pub score: String,
}

/// A place where a model was validated: a name, or a name with a bounding box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a name, or a table { name, bbox = [west, south, east, north] }")]
pub enum Territory {
    /// A name.
    Name(String),
    /// A name with a bounding box.
    Place(Place),
}

/// A place with its name and bounding box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The name.
    pub name: String,
    /// West, south, east, north, degrees of WGS 84; west is greater than east across the antimeridian.
    pub bbox: [f64; 4],
}

impl Territory {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Place(place) => &place.name,
        }
    }

    /// The bounding box, if known.
    pub fn bbox(&self) -> Option<[f64; 4]> {
        match self {
            Self::Name(_) => None,
            Self::Place(place) => Some(place.bbox),
        }
    }
}

impl From<String> for Territory {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl PartialEq<&str> for Territory {
    fn eq(&self, name: &&str) -> bool {
        self.name() == *name
    }
}

/// The description of a model, everything that is needed to run it; `model.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = with_former_license)]
pub struct ModelPackage {
    /// Format of the package: [`FORMAT`].
    pub format: String,
    /// Short id: lower-case letters, digits and hyphens.
    pub id: String,
    /// Version of the weights.
    pub version: String,
    /// The task.
    pub task: Task,
    /// Display title.
    pub title: String,
    /// Architecture of the network.
    pub architecture: Architecture,
    /// Bands, in the order of the network's input channels.
    pub bands: Vec<Band>,
    /// Lowest and highest valid raw value.
    pub value_range: [f32; 2],
    /// Sample types that are accepted without rescaling.
    pub sample_types: Vec<SampleType>,
    /// Accepted GSD.
    pub gsd_m: GsdRange,
    /// Classes, in the order of the network's output channels.
    pub classes: Nomenclature,
    /// Radius of the receptive field, pixels.
    pub receptive_field_px: usize,
    /// Overlap to read around a window's core, pixels.
    pub overlap_px: usize,
    /// Why an overlap below the receptive field is acceptable: measured change of the predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_tolerance: Option<String>,
    /// Total stride, pixels: windows start at its multiples.
    pub stride_px: usize,
    /// The weights.
    pub weights: WeightsFile,
    /// License of the weights, SPDX.
    #[serde(alias = "licence")]
    pub license: String,
    /// The training data sets.
    pub training_data: Vec<TrainingSource>,
    /// Scores by name.
    pub scores: BTreeMap<String, Score>,
    /// Places where the model was validated: names, with a bounding box if known.
    pub territories: Vec<Territory>,
    /// Other imagery on which the model was tested, a line each: imagery, place and result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_on: Vec<String>,
    /// Imagery on which the model was tested and failed, a line each: imagery, place and failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_on: Vec<String>,
    /// Energy of the training, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Energy>,
    /// Settings of a detection network; absent for segmentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detection>,
    /// Calibration of a segmentation network's confidence, if it was fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Ranges, if the network is computed in 8 bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
    /// Why the weights may not be redistributed, if so: the data sets that forbid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<String>,
}

/// Only the key that determines how the rest is read.
#[derive(Deserialize)]
struct FormatKey {
    format: String,
}

impl ModelPackage {
    /// Reads and checks a package.
    ///
    /// # Errors
    /// [`ModelError`]: a missing file, another format version, a wrong hash, weights of another architecture or not
    /// finite, contradictory statements.
    pub fn load(dir: &Path) -> Result<(Self, Weights), ModelError> {
        let path = dir.join(DESCRIPTION);
        let text = read(dir, DESCRIPTION, MOST_DESCRIPTION_BYTES)?;
        let parse = |source| ModelError::Parse { path: path.clone(), source };
        let key: FormatKey = serde_json::from_slice(&text).map_err(parse)?;
        if key.format != FORMAT {
            return Err(ModelError::UnknownFormat { path, found: key.format, expected: FORMAT });
        }
        let package: Self = serde_json::from_slice(&text).map_err(parse)?;
        package.check()?;
        let bytes = read(dir, &package.weights.file, MOST_WEIGHTS_BYTES)?;
        let found = sha256_hex(&bytes);
        if found != package.weights.sha256 {
            let path = dir.join(&package.weights.file);
            return Err(ModelError::WrongHash { path, expected: package.weights.sha256, found });
        }
        let weights = Weights::from_bytes(&bytes)?;
        weights.check(&package.architecture.tensors())?;
        Ok((package, weights))
    }

    /// Writes the package: weights first, `model.json` last, each renamed into place when complete. Sets the hash of
    /// the weights.
    ///
    /// # Errors
    /// As [`ModelPackage::load`], which accepts what this writes; [`ModelError::Write`].
    pub fn save(&mut self, weights: &Weights, dir: &Path) -> Result<(), ModelError> {
        weights.check(&self.architecture.tensors())?;
        let bytes = weights.to_bytes()?;
        self.weights.sha256 = sha256_hex(&bytes);
        self.check()?;
        fs::create_dir_all(dir).map_err(|source| ModelError::Write { path: dir.to_owned(), source })?;
        write(dir, &self.weights.file, &bytes)?;
        write(dir, DESCRIPTION, &self.to_json())
    }

    /// SHA-256 of `model.json` as [`ModelPackage::save`] writes it, which contains the hash of the weights:
    /// identifies the model in outputs.
    pub fn sha256(&self) -> String {
        sha256_hex(&self.to_json())
    }

    /// Whether the task is object detection.
    pub fn is_detection(&self) -> bool {
        self.task == Task::ObjectDetection
    }

    /// The bands of each date that the network compares, the earlier first; one list for a single-date network. Two
    /// dates are compared by a two-date architecture, or by any other whose band names end in `_before`, then
    /// `_after`.
    pub fn bands_of_dates(&self) -> Vec<&[Band]> {
        let named = self.bands.iter().filter(|b| b.is_of_date(0)).count();
        let before = if self.architecture.dates() > 1 { self.bands.len() / 2 } else { named };
        let (before, after) = self.bands.split_at(before);
        if before.is_empty() { vec![after] } else { vec![before, after] }
    }

    fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("plain data with string keys is JSON");
        json.push(b'\n');
        json
    }

    /// Checks that the statements of `model.json` are consistent.
    ///
    /// # Errors
    /// [`ModelError::Inconsistent`] with the key, [`ModelError::UnknownFormat`].
    pub fn check(&self) -> Result<(), ModelError> {
        self.check_names()?;
        self.architecture.check(&self.id)?;
        self.check_task()?;
        self.check_bands()?;
        self.check_classes()?;
        self.check_reach()
    }

    fn bad<T>(&self, field: &'static str, problem: impl Into<String>) -> Result<T, ModelError> {
        Err(ModelError::Inconsistent { id: self.id.clone(), field, problem: problem.into() })
    }

    fn check_names(&self) -> Result<(), ModelError> {
        if self.format != FORMAT {
            let (path, found) = (DESCRIPTION.into(), self.format.clone());
            return Err(ModelError::UnknownFormat { path, found, expected: FORMAT });
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || !self.id.chars().all(plain) {
            return self.bad("id", "must be lower-case letters, digits and hyphens");
        }
        // A package must not cause reads outside of its directory.
        let name = Path::new(&self.weights.file);
        if name.file_name() != Some(name.as_os_str()) || self.weights.file == DESCRIPTION {
            return self.bad("weights", "must name a file inside the package");
        }
        Ok(())
    }

    fn check_task(&self) -> Result<(), ModelError> {
        let cells = matches!(self.architecture, Architecture::Classifier { .. });
        if cells == (self.task == Task::SceneClassification) {
            return Ok(());
        }
        self.bad("task", "scene-classification and the architecture `classifier` belong together")
    }

    fn check_bands(&self) -> Result<(), ModelError> {
        let wanted = self.architecture.in_channels();
        if self.bands.len() != wanted {
            return self.bad("bands", format!("lists {}, the network takes {wanted}", self.bands.len()));
        }
        for (i, band) in self.bands.iter().enumerate() {
            if self.bands[..i].iter().any(|b| b.name == band.name) {
                return self.bad("bands", format!("lists `{}` twice", band.name));
            }
            if let Some(problem) = band.problem(&self.sample_types) {
                return self.bad("bands", problem);
            }
        }
        if !self.dates_are_in_order() {
            return self.bad(
                "bands",
                "must be all of the earlier date (`*_before`), then all of the later (`*_after`)",
            );
        }
        let is_place = |[west, south, east, north]: [f64; 4]| {
            let in_world = [west, east].iter().all(|v| (-180.0..=180.0).contains(v));
            in_world && -90.0 <= south && south <= north && north <= 90.0
        };
        if let Some(wrong) = self.territories.iter().find(|t| t.bbox().is_some_and(|bbox| !is_place(bbox))) {
            return self.bad(
                "territories",
                format!("`{}` needs a bbox of west, south, east, north in degrees", wrong.name()),
            );
        }
        let [low, high] = self.value_range;
        if !(low.is_finite() && high.is_finite() && low < high) {
            return self.bad("value_range", "must be two finite numbers, the first below the second");
        }
        let GsdRange { nominal, min, max } = self.gsd_m;
        if !(min > 0.0 && min <= nominal && nominal <= max && max.is_finite()) {
            return self.bad("gsd_m", "must satisfy 0 < min <= nominal <= max");
        }
        if self.sample_types.is_empty() {
            return self.bad("sample_types", "is empty");
        }
        Ok(())
    }

    /// Whether bands with a date suffix are grouped by date, without other bands among them.
    fn dates_are_in_order(&self) -> bool {
        let names_dates = self.bands.iter().any(|b| b.is_of_date(0) || b.is_of_date(1));
        let dates = self.bands_of_dates();
        let is_in_order =
            || dates.len() == 2 && dates.iter().enumerate().all(|(i, of)| of.iter().all(|b| b.is_of_date(i)));
        !names_dates || is_in_order()
    }

    fn check_classes(&self) -> Result<(), ModelError> {
        let (classes, out) = (self.classes.classes().len(), self.architecture.out_channels());
        // A detection network also outputs the logarithms of width and height.
        let extra = if self.is_detection() { 2 } else { 0 };
        if classes == 0 || classes + extra != out {
            let problem = format!("lists {classes}, with {extra} more the network has {out} output channels");
            return self.bad("classes", problem);
        }
        match (self.is_detection(), self.detection) {
            (true, None) => self.bad("detection", "is missing for an object-detection model"),
            (false, Some(_)) => self.bad("detection", "is given for a model that is not object-detection"),
            (true, Some(d)) if !(d.threshold > 0.0 && d.threshold < 1.0 && d.iou > 0.0 && d.iou <= 1.0) => {
                self.bad("detection", "needs 0 < threshold < 1 and 0 < iou <= 1")
            }
            _ => self.check_calibration(),
        }
    }

    fn check_calibration(&self) -> Result<(), ModelError> {
        match &self.calibration {
            Some(_) if self.is_detection() => self.bad("calibration", "is for labels, not for boxes"),
            Some(c) if !(c.temperature > 0.0 && c.temperature.is_finite()) => {
                self.bad("calibration", "needs a temperature above 0")
            }
            _ => Ok(()),
        }
    }

    fn check_reach(&self) -> Result<(), ModelError> {
        let radius = field::receptive_field_radius(&self.architecture);
        let stride = field::stride(&self.architecture);
        if self.receptive_field_px != radius {
            let problem = format!("is {}, the layers have {radius}", self.receptive_field_px);
            return self.bad("receptive_field_px", problem);
        }
        if self.stride_px != stride {
            return self.bad("stride_px", format!("is {}, the layers have {stride}", self.stride_px));
        }
        if let Some(Quantization { ranges, .. }) = &self.quantization {
            let steps = self.architecture.graph().steps.len() + 1;
            if ranges.len() != steps || ranges.iter().any(|r| !r.is_finite() || *r < 0.0) {
                return self.bad("quantization", format!("needs {steps} ranges of 0 or more"));
            }
        }
        if !self.overlap_px.is_multiple_of(stride) {
            return self.bad("overlap_px", format!("is {}, not a multiple of the stride", self.overlap_px));
        }
        let needed = radius + usize::from(self.is_detection());
        if self.overlap_px < needed && self.overlap_tolerance.is_none() {
            return self
                .bad("overlap_px", format!("is {}, exact predictions need {needed}", self.overlap_px));
        }
        Ok(())
    }
}

/// Reads a file of an untrusted package, up to a size limit.
fn read(dir: &Path, file: &str, most: u64) -> Result<Vec<u8>, ModelError> {
    let path = dir.join(file);
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(&path)?.take(most + 1).read_to_end(&mut bytes)?;
        let too_large = || Error::new(ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
        if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
    };
    read().map_err(|source| match source.kind() {
        ErrorKind::NotFound => ModelError::MissingFile { dir: dir.to_owned(), file: file.to_owned() },
        _ => ModelError::Read { path: path.clone(), source },
    })
}

/// Writes a temporary file in the same directory and renames it: readers never see a partial file.
fn write(dir: &Path, file: &str, bytes: &[u8]) -> Result<(), ModelError> {
    let path = dir.join(file);
    let written = || -> std::io::Result<()> {
        let mut staged = tempfile::Builder::new().permissions(public()).tempfile_in(dir)?;
        staged.write_all(bytes)?;
        staged.as_file().sync_all()?;
        staged.persist(&path)?;
        Ok(())
    };
    written().map_err(|source| ModelError::Write { path: path.clone(), source })
}

/// Temporary files are private by default; packages are public.
fn public() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o644)
}
