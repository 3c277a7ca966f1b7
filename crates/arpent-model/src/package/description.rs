//! What `model.json` holds.

use std::collections::BTreeMap;

use arpent_raster::{Nomenclature, SampleType};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::AnswerTables;
use super::gate::GateResult;
use super::measured::MeasuredValue;
use super::territory::Territory;
use super::window::ModelWindow;
use crate::applicability::TrainingSamples;
use crate::{Architecture, Band};

/// The package format that this version reads and writes.
pub const FORMAT: &str = "arpent-model/1";

/// Name of the description in a package.
pub(super) const DESCRIPTION: &str = "model.json";

/// Name of the file of samples in a package that is written.
const SAMPLES: &str = "applicability.json";

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
    /// One or more measured values for every pixel.
    Regression,
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

/// Name and hash of the file of samples of the training, and the samples in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplesFile {
    /// File name in the package.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// The samples, as read from the file.
    #[serde(skip)]
    pub samples: TrainingSamples,
}

impl From<TrainingSamples> for SamplesFile {
    fn from(samples: TrainingSamples) -> Self {
        Self { file: SAMPLES.to_owned(), sha256: String::new(), samples }
    }
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
    /// Right answers by class, confidence and territory, if they were counted: confidences are corrected by them after the
    /// temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<AnswerTables>,
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
    /// Classes, in the order of the network's output channels; empty for a regression model.
    pub classes: Nomenclature,
    /// Measured values, in the order of the network's output channels, of a regression model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<MeasuredValue>,
    /// Radius of the receptive field, pixels.
    pub receptive_field_px: usize,
    /// Overlap to read around a window's core, pixels.
    pub overlap_px: usize,
    /// Why an overlap below the receptive field is acceptable: measured change of the predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_tolerance: Option<String>,
    /// Total stride, pixels: windows start at its multiples.
    pub stride_px: usize,
    /// The window, where the network's answers depend on the whole of it; absent for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<ModelWindow>,
    /// The weights.
    pub weights: WeightsFile,
    /// License of the weights, SPDX.
    #[serde(alias = "licence")]
    pub license: String,
    /// The training data sets.
    pub training_data: Vec<TrainingSource>,
    /// Scores by name.
    pub scores: BTreeMap<String, Score>,
    /// Places where the model was validated: names, with polygons or a bounding box if known.
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
    /// Probability below which a class is not given, of a network whose output is probabilities: the first class has the
    /// pixel then. 0.5 for two classes, and none for more, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// Calibration of a segmentation network's confidence, if it was fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Samples of the training imagery, by which places unlike it are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applicability: Option<SamplesFile>,
    /// Ranges, if the network is computed in 8 bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
    /// The result of the gate on its scores by territory, if one was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateResult>,
    /// Why the weights may not be redistributed, if so: the data sets that forbid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restriction: Option<String>,
}

impl ModelPackage {
    /// The same package with a window that is part of the model, and what follows from it.
    #[must_use]
    pub fn with_window(self, window: ModelWindow) -> Self {
        Self {
            receptive_field_px: window.reach_px(),
            overlap_px: window.margin_px,
            overlap_tolerance: None,
            window: Some(window),
            ..self
        }
    }

    /// Whether the task is object detection.
    pub fn is_detection(&self) -> bool {
        self.task == Task::ObjectDetection
    }

    /// Whether the task is regression: measured values, and no classes.
    pub fn is_regression(&self) -> bool {
        self.task == Task::Regression
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
}
