//! Model packages: written after a training, exported where that is allowed.

pub(crate) mod card;
mod export;

use arpent_base::number::signed;
use arpent_base::{DoingWhat as _, Result};
use arpent_datasets::Card;
use arpent_model::{
    Architecture, Band, ModelPackage, Task, TrainingSource, WeightsFile, overlap, receptive_field_radius,
    stride,
};
use arpent_raster::Nomenclature;

pub(crate) use export::{ExportArgs, run as export};

use crate::config::{Config, TaskKind};
use crate::error::TrainError;

/// Name of the weights inside a package.
const WEIGHTS: &str = "weights.safetensors";

/// The network of a configuration: channels follow from bands and classes where they are not written.
pub(crate) fn architecture(config: &Config, bands: usize) -> Result<Architecture> {
    let outputs = config.classes.len() + if config.is_detection() { 2 } else { 0 };
    let mut table = config.model.architecture.clone();
    if let Some(kind @ ("retinanet" | "onnx")) = table.get("kind").and_then(toml::Value::as_str) {
        let problem = format!("model.architecture.kind is {kind}, which is imported and not trained");
        return Err(TrainError::refused(problem, "take fcos or encoder-unet, which find boxes, too").into());
    }
    // A siamese network takes the bands of each date on their own, any other those of all dates together.
    let dates = table.get("dates").and_then(toml::Value::as_integer).and_then(|d| usize::try_from(d).ok());
    let answers =
        if config.is_located() { ("classes", config.classes.len()) } else { ("out_channels", outputs) };
    for (key, count) in [("in_channels", bands / dates.unwrap_or(1).max(1)), answers] {
        let count = toml::Value::Integer(signed(count));
        let written = table.entry(key).or_insert_with(|| count.clone());
        if *written != count {
            let problem = format!("model.architecture.{key} is {written}, bands and classes make {count}");
            return Err(TrainError::refused(problem, "remove the key, it is derived").into());
        }
    }
    let architecture: Architecture =
        table.try_into().map_err(|e: toml::de::Error| architecture_error(config, e.message()))?;
    architecture.check(&config.model.id)?;
    let stride = stride(&architecture);
    if !config.fit.chip_px.get().is_multiple_of(stride) {
        let problem =
            format!("fit.chip_px is {}, the network needs a multiple of {stride}", config.fit.chip_px);
        return Err(TrainError::refused(problem, "round it up").into());
    }
    Ok(architecture)
}

fn architecture_error(config: &Config, message: &str) -> TrainError {
    let place = config.document.spot_of(&"model.architecture".into());
    TrainError::Config {
        path: config.path.clone(),
        line: place.line,
        table: place.table,
        text: place.text,
        message: message.to_owned(),
        hint: Some("write it as in the model.json of a package, without in_channels and out_channels".into()),
    }
}

/// Provenance of the weights: sources for the package, and why it may not be redistributed, if so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Provenance {
    pub(crate) sources: Vec<TrainingSource>,
    pub(crate) restriction: Option<String>,
}

impl Provenance {
    /// Of data sets, by their cards.
    pub(crate) fn of_cards(cards: &[&Card]) -> Self {
        let source = |c: &&Card| TrainingSource {
            name: c.name.clone(),
            license: c.license.clone(),
            source: c.source.clone(),
        };
        let mut sources: Vec<TrainingSource> = Vec::new();
        for one in cards.iter().map(source) {
            if !sources.contains(&one) {
                sources.push(one);
            }
        }
        let held =
            cards.iter().filter(|c| !c.weights_may_ship).map(|c| format!("`{}` ({})", c.name, c.license));
        let held: std::collections::BTreeSet<String> = held.collect();
        let restriction = (!held.is_empty()).then(|| {
            let names: Vec<String> = held.into_iter().collect();
            format!("weights trained on these data sets may not be redistributed: {}", names.join(", "))
        });
        Self { sources, restriction }
    }
}

/// The package of a training before it has scores.
pub(crate) fn draft(
    config: &Config,
    architecture: &Architecture,
    bands: &[Band],
    provenance: Provenance,
) -> Result<ModelPackage> {
    let task = match config.task {
        // In a package, change is a label of every pixel, from bands of two dates.
        TaskKind::SemanticSegmentation | TaskKind::ChangeDetection => Task::SemanticSegmentation,
        TaskKind::ObjectDetection => Task::ObjectDetection,
        TaskKind::SceneClassification => Task::SceneClassification,
    };
    let package = ModelPackage {
        format: arpent_model::FORMAT.into(),
        id: config.model.id.clone(),
        version: config.model.version.clone(),
        task,
        title: config.model.title.clone(),
        bands: bands.to_vec(),
        value_range: config.model.value_range,
        sample_types: config.model.sample_types.clone(),
        gsd_m: config.model.gsd_m,
        classes: Nomenclature::new(config.classes.clone())?,
        values: Vec::new(),
        receptive_field_px: receptive_field_radius(architecture).unwrap_or_default(),
        overlap_px: overlap(architecture, config.is_detection()).unwrap_or_default(),
        overlap_tolerance: None,
        stride_px: stride(architecture),
        window: None,
        weights: WeightsFile { file: WEIGHTS.into(), sha256: String::new() },
        license: config.model.license.clone(),
        training_data: provenance.sources,
        scores: std::collections::BTreeMap::new(),
        territories: Vec::new(),
        tried_on: config.model.tried_on.clone(),
        failed_on: config.model.failed_on.clone(),
        energy: None,
        detection: config.model.detection,
        calibration: None,
        applicability: None,
        quantization: None,
        gate: None,
        threshold: None,
        restriction: provenance.restriction,
        architecture: architecture.clone(),
    };
    package.check().with_context(|| config.path.display().to_string())?;
    Ok(package)
}
