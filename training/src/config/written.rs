//! The file as written, and its JSON schema.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arpent_datasets::SetConfig;
use arpent_raster::Class;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::tables::{Augment, EnergyOptions, Evaluate, Fit, Init, Loss, Model, Sampling};
use super::training::TaskKind;

/// A training: what to fit, on what, and how. Paths are relative to the configuration file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "TrainConfig")]
pub(super) struct Written {
    /// What the network does.
    pub(super) task: TaskKind,
    /// Folder of the model package. `--output` replaces it.
    pub(super) output: PathBuf,
    /// Folder at which relative paths of data sets start. `--data` replaces it.
    #[serde(default)]
    pub(super) data: PathBuf,
    /// The package, and the shape of the network.
    pub(super) model: Model,
    /// Classes of the model.
    pub(super) classes: Vec<Class>,
    /// Training data sets.
    // Read separately, in two parts; here for the schema, and so that hints about unknown keys name it.
    #[serde(default, rename = "sets")]
    #[schemars(with = "Vec<Set>")]
    _sets: IgnoredAny,
    /// The optimization.
    pub(super) fit: Fit,
    /// How chips are drawn from data sets.
    #[serde(default)]
    pub(super) sampling: Sampling,
    /// What is minimized.
    #[serde(default)]
    pub(super) loss: Loss,
    /// How chips are varied.
    #[serde(default)]
    pub(super) augment: Augment,
    /// Initial weights; random by default.
    #[serde(default)]
    pub(super) init: Option<Init>,
    /// Measures besides the scores of every training.
    #[serde(default)]
    pub(super) evaluate: Evaluate,
    /// How the energy is estimated.
    #[serde(default)]
    pub(super) energy: EnergyOptions,
}

/// Keys of a table `[[sets]]` besides the set's own.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Beside {
    /// Sampling weight of the set, relative to the others; above 0.
    #[serde(default = "one")]
    pub(super) weight: f64,
    /// The model's class for a class of the set; classes of equal names need no entry.
    #[serde(default)]
    pub(super) classes: BTreeMap<String, String>,
    /// Classes of the set whose pixels are ignored.
    #[serde(default)]
    pub(super) ignore: Vec<String>,
}

fn one() -> f64 {
    1.0
}

/// A table `[[sets]]`, of which the reader takes the parts one after the other.
#[derive(JsonSchema)]
#[schemars(extend("unevaluatedProperties" = false))]
#[allow(dead_code, reason = "only its schema is used")]
struct Set {
    #[serde(flatten)]
    config: SetConfig,
    #[serde(flatten)]
    beside: Beside,
}

/// The JSON schema of `train.toml`.
pub(crate) fn schema() -> Schema {
    schema_for!(Written)
}
