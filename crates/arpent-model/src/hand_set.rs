//! Packages with hand-set weights: exact-answer tests and benchmarks need no training.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_raster::{Class, Color, Nomenclature, SampleType};

use crate::package::{FORMAT, GsdRange, WeightsFile};
use crate::{Architecture, Band, Detection, MeasuredValue, ModelError, ModelPackage, Task, Weights, field};

/// Settings of a hand-set package; the others are such that raw values reach the network unchanged (mean 0, standard
/// deviation 1).
#[derive(Debug, Clone, PartialEq)]
pub struct HandSet {
    /// Id of the model.
    pub id: String,
    /// The task.
    pub task: Task,
    /// Common names of the bands.
    pub bands: Vec<String>,
    /// Classes; for detection, the network has two more outputs.
    pub classes: Nomenclature,
    /// Measured values, for regression.
    pub values: Vec<MeasuredValue>,
    /// GSD accepted, meters.
    pub gsd_m: GsdRange,
    /// Sample types accepted.
    pub sample_types: Vec<SampleType>,
    /// Lowest and highest raw value.
    pub value_range: [f32; 2],
    /// Detection settings, for detection.
    pub detection: Option<Detection>,
}

impl HandSet {
    /// A segmentation of 8-bit bands (any GSD from 1 cm to 100 m) with classes 0, 1, ...; class 0 gives no features.
    pub fn segmentation(bands: &[&str], classes: u8) -> Self {
        let class = |id: u8| Class {
            id,
            name: if id == 0 { "background".to_owned() } else { format!("class {id}") },
            name_fr: None,
            code: None,
            color: Color([id.wrapping_mul(97), id.wrapping_mul(57).wrapping_add(60), 255 - id]),
            features: id > 0,
        };
        // Ids that count up are unique and below 255.
        let classes = Nomenclature::new((0..classes.min(254)).map(class).collect());
        Self {
            id: "hand-set".into(),
            task: Task::SemanticSegmentation,
            bands: bands.iter().map(|b| (*b).to_owned()).collect(),
            classes: classes.unwrap_or_else(|_| unreachable!("ids count up from 0 to at most 253")),
            values: Vec::new(),
            gsd_m: GsdRange { nominal: 0.1, min: 0.01, max: 100.0 },
            sample_types: vec![SampleType::Uint8],
            value_range: [0.0, 255.0],
            detection: None,
        }
    }

    /// As [`HandSet::segmentation`], for measured values of these names.
    pub fn regression(bands: &[&str], values: &[&str]) -> Self {
        let values = values.iter().map(|name| MeasuredValue::named(*name)).collect();
        Self { task: Task::Regression, values, ..Self::segmentation(bands, 0) }
    }

    /// The package of a network with this architecture; [`ModelPackage::save`] completes it.
    pub fn package(&self, architecture: Architecture) -> ModelPackage {
        let band = |name: &String| Band {
            name: name.clone(),
            mean: 0.0,
            std: 1.0,
            unit: None,
            number: None,
            dequantize: None,
        };
        let detection = self.task == Task::ObjectDetection;
        ModelPackage {
            format: FORMAT.into(),
            id: self.id.clone(),
            version: "0.0.0".into(),
            task: self.task,
            title: "A network set by hand".into(),
            bands: self.bands.iter().map(band).collect(),
            value_range: self.value_range,
            sample_types: self.sample_types.clone(),
            gsd_m: self.gsd_m,
            classes: self.classes.clone(),
            values: self.values.clone(),
            receptive_field_px: field::receptive_field_radius(&architecture).unwrap_or_default(),
            overlap_px: field::overlap(&architecture, detection).unwrap_or_default(),
            overlap_tolerance: None,
            stride_px: field::stride(&architecture),
            window: None,
            weights: WeightsFile { file: "weights.safetensors".into(), sha256: String::new() },
            license: "CC0-1.0".into(),
            training_data: Vec::new(),
            scores: BTreeMap::new(),
            territories: Vec::new(),
            tried_on: Vec::new(),
            failed_on: Vec::new(),
            energy: None,
            calibration: None,
            applicability: None,
            quantization: None,
            gate: None,
            threshold: None,
            restriction: None,
            detection: self.detection,
            architecture,
        }
    }
}

/// Writes the package of a network of one convolution: `weights[output]` holds, for each band, 1 value (1 x 1
/// kernel) or 9 (3 x 3 kernel, rows from the north, band after band).
///
/// # Errors
/// [`ModelError`] if the numbers of weights, biases, bands and classes do not match, or if the directory cannot be
/// written.
pub fn hand_set_linear(
    settings: &HandSet,
    weights: &[Vec<f32>],
    bias: &[f32],
    dir: &Path,
) -> Result<ModelPackage, ModelError> {
    let (outputs, inputs) = (weights.len(), settings.bands.len());
    let per_output = weights.first().map_or(0, Vec::len);
    let kernel = if per_output == 9 * inputs { 3 } else { 1 };
    let mut tensors = Weights::default();
    tensors.insert("head.weight", &[outputs, inputs, kernel, kernel], weights.concat());
    tensors.insert("head.bias", &[outputs], bias.to_vec());
    let architecture = Architecture::Linear { in_channels: inputs, out_channels: outputs, kernel };
    let mut package = settings.package(architecture);
    package.save(&tensors, dir)?;
    Ok(package)
}
