//! The data of a report, filled by the trainer.
//!
//! Scores are shares between 0 and 1. A value that does not exist (a precision of nothing) is `None`; a value that is
//! not finite is written as `null` in JSON and comes back as `None`.

use arpent_model::{Energy, TrainingSource};
use arpent_raster::Nomenclature;
use serde::{Deserialize, Serialize};

use crate::evaluate::figures::{Calibration, Confusion, DetectionScores, Gallery, SceneShown, Scores};

/// The value of [`TrainingReport::format`].
pub(crate) const FORMAT: &str = "arpent-training-report/1";

/// The report of a finished training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainingReport {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// The model.
    pub(crate) model: ModelFacts,
    /// The classes; every class id of a report is one of theirs.
    pub(crate) classes: Nomenclature,
    /// How the training ran.
    #[serde(default)]
    pub(crate) run: RunFacts,
    /// Training data.
    #[serde(default)]
    pub(crate) data: DataFacts,
    /// Epoch by epoch.
    #[serde(default)]
    pub(crate) curves: Option<Curves>,
    /// Scores of the chosen weights.
    #[serde(default)]
    pub(crate) scores: Option<Scores>,
    /// Truth against prediction.
    #[serde(default)]
    pub(crate) confusion: Option<Confusion>,
    /// Calibration of confidences.
    #[serde(default)]
    pub(crate) calibration: Option<Calibration>,
    /// Only for detection: one curve per class.
    #[serde(default)]
    pub(crate) detection: Option<DetectionScores>,
    /// Chips to look at.
    #[serde(default)]
    pub(crate) gallery: Option<Gallery>,
    /// Scenes that labels were drawn over, mapped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) scenes: Vec<SceneShown>,
    /// Paragraphs of plain text: limits of the model.
    #[serde(default)]
    pub(crate) limits: Vec<String>,
    /// The effective configuration, TOML.
    #[serde(default)]
    pub(crate) config_toml: Option<String>,
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelFacts {
    /// Display title.
    pub(crate) title: String,
    /// Id of the package.
    pub(crate) id: String,
    /// Version of the package.
    pub(crate) version: String,
    /// Task, named as in STAC's MLM extension: `semantic-segmentation`, `object-detection`, ...
    pub(crate) task: String,
    /// Number of trained parameters.
    #[serde(default)]
    pub(crate) parameters: Option<u64>,
    /// Cost of prediction, 10^9 floating-point operations per 10^6 pixels.
    #[serde(default)]
    pub(crate) gflop_per_mpx: Option<f64>,
    /// Whether the weights may be redistributed.
    #[serde(default)]
    pub(crate) sharing: Option<Sharing>,
}

/// Whether weights may be redistributed, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sharing {
    /// The answer.
    pub(crate) allowed: bool,
    /// The reason; follows the word "because".
    pub(crate) because: String,
}

/// How a training ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RunFacts {
    /// Day it ended, ISO 8601.
    pub(crate) date: Option<String>,
    /// Seed of all random numbers.
    pub(crate) seed: Option<u64>,
    /// Processor or accelerator, in words.
    pub(crate) device: Option<String>,
    /// Duration, seconds.
    pub(crate) duration_s: Option<f64>,
    /// Energy, and how it is known.
    pub(crate) energy: Option<Energy>,
    /// Program and version.
    pub(crate) software: Option<String>,
}

/// Data of training and evaluation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DataFacts {
    /// Data sets.
    pub(crate) sources: Vec<TrainingSource>,
    /// Splits, in order of use.
    pub(crate) splits: Vec<SplitFacts>,
    /// What a group is: `site`, `tile`, `county`, ...
    pub(crate) group_kind: Option<String>,
    /// Notes on the data: tolerated deviations, options without a match, doubtful data.
    pub(crate) told: Vec<String>,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SplitFacts {
    /// `train`, `validation`, `test`.
    pub(crate) name: String,
    /// Number of items.
    pub(crate) items: u64,
    /// Number of groups.
    pub(crate) groups: u64,
    /// Number of labeled pixels.
    #[serde(default)]
    pub(crate) pixels: Option<u64>,
}

/// A training, epoch by epoch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Curves {
    /// The epochs, in order.
    pub(crate) epochs: Vec<EpochFacts>,
    /// Name of the score that chooses the weights (`mIoU`).
    #[serde(default)]
    pub(crate) score_name: Option<String>,
    /// Number of the epoch whose weights were taken.
    #[serde(default)]
    pub(crate) best_epoch: Option<u32>,
}

/// One epoch. What was not computed is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpochFacts {
    /// Number, from 1.
    pub(crate) number: u32,
    /// Mean loss of the training chips.
    #[serde(default)]
    pub(crate) training_loss: Option<f64>,
    /// Mean loss of the validation chips.
    #[serde(default)]
    pub(crate) validation_loss: Option<f64>,
    /// Learning rate of its last step.
    #[serde(default)]
    pub(crate) learning_rate: Option<f64>,
    /// The score that chooses.
    #[serde(default)]
    pub(crate) score: Option<f64>,
}
