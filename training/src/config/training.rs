//! The configuration of a training.

use std::path::PathBuf;

use arpent_base::config::Document;
use arpent_base::{Count, Threads};
use arpent_datasets::SetConfig;
use arpent_model::DeviceChoice;
use arpent_raster::Class;
use schemars::JsonSchema;
use serde::Deserialize;

use super::tables::{Augment, EnergyOptions, Evaluate, Fit, Init, Loss, Model, Sampling};

/// What is fitted; names as in STAC's MLM extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TaskKind {
    /// A class for every pixel.
    SemanticSegmentation,
    /// A class of change for every pixel, from two pictures.
    ChangeDetection,
    /// Boxes.
    ObjectDetection,
    /// A class for every cell, from pictures that are of one class as a whole.
    SceneClassification,
}

/// A training as configured, with the changes of the command line.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its text, for messages.
    pub(crate) document: Document,
    /// The identity of the training, as TOML ([`super::identity`]).
    pub(crate) identity: String,
    pub(crate) task: TaskKind,
    /// Folder of the model package.
    pub(crate) output: PathBuf,
    /// Folder at which relative paths of data sets start.
    pub(crate) data: PathBuf,
    pub(crate) model: Model,
    pub(crate) classes: Vec<Class>,
    pub(crate) sets: Vec<SetEntry>,
    pub(crate) fit: Fit,
    pub(crate) sampling: Sampling,
    pub(crate) loss: Loss,
    pub(crate) augment: Augment,
    pub(crate) init: Option<Init>,
    pub(crate) evaluate: Evaluate,
    pub(crate) energy: EnergyOptions,
}

/// One data set of a training.
#[derive(Debug, Clone)]
pub(crate) struct SetEntry {
    /// Its location and layout.
    pub(crate) config: SetConfig,
    /// Sampling weight, relative to the other sets.
    pub(crate) weight: f64,
    /// The model's class for a class of the set; classes of equal names need no entry.
    pub(crate) classes: std::collections::BTreeMap<String, String>,
    /// Classes of the set whose pixels are ignored.
    pub(crate) ignore: Vec<String>,
    /// Line of the table in the file.
    pub(crate) line: usize,
}

/// What the command line may change.
#[derive(Debug, Default, Clone)]
pub(crate) struct Overrides {
    pub(crate) data: Option<PathBuf>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) from: Option<PathBuf>,
    pub(crate) seed: Option<u64>,
    pub(crate) epochs: Option<Count>,
    pub(crate) threads: Option<Threads>,
    pub(crate) device: Option<DeviceChoice>,
}

impl Config {
    pub(super) fn apply(&mut self, overrides: &Overrides) {
        if let Some(data) = &overrides.data {
            self.data.clone_from(data);
        }
        if let Some(output) = &overrides.output {
            self.output.clone_from(output);
        }
        if let Some(from) = &overrides.from {
            self.init = Some(Init { path: from.clone() });
        }
        if let Some(seed) = overrides.seed {
            self.fit.seed = seed;
        }
        if let Some(epochs) = overrides.epochs {
            self.fit.epochs = epochs;
        }
        if let Some(threads) = overrides.threads {
            self.fit.threads = threads;
        }
        if let Some(device) = overrides.device {
            self.fit.device = device;
        }
    }

    /// Whether boxes are fitted rather than labels.
    pub(crate) fn is_detection(&self) -> bool {
        self.task == TaskKind::ObjectDetection
    }

    /// Whether the network is a detector without anchors: boxes by the pixels of its maps, not by peaks of a heat map.
    pub(crate) fn is_located(&self) -> bool {
        self.model.architecture.get("kind").and_then(toml::Value::as_str) == Some("fcos")
    }

    /// Whether the boxes of such a network have a direction.
    pub(crate) fn is_oriented(&self) -> bool {
        self.model.architecture.get("oriented").and_then(toml::Value::as_bool) == Some(true)
    }

    /// Whether pictures are of one class as a whole.
    pub(crate) fn is_scene(&self) -> bool {
        self.task == TaskKind::SceneClassification
    }

    /// Pictures of an item.
    pub(crate) fn dates(&self) -> usize {
        if self.task == TaskKind::ChangeDetection { 2 } else { 1 }
    }
}
