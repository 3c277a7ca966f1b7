//! Scores of the chosen weights.

use arpent_metrics::RiskScores;
use serde::{Deserialize, Serialize};

/// A value with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Estimate {
    /// The value; `None` where it is not defined.
    #[serde(default)]
    pub(crate) value: Option<f64>,
    /// Ends of the interval.
    #[serde(default)]
    pub(crate) interval: Option<[f64; 2]>,
}

/// Method of the intervals, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Intervals {
    /// 2.5 % and 97.5 % quantiles over resamples, with replacement, of whole units.
    Bootstrap {
        /// Number of resamples.
        resamples: u32,
        /// What was drawn: `site`, `tile`, `item`, ...
        unit: String,
        /// How many of them there are.
        units: u64,
    },
    /// None were computed.
    None {
        /// The reason, a sentence: `Only 3 sites: too few to resample.`
        reason: String,
    },
}

/// Scores of the chosen weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scores {
    /// The split they were computed on.
    pub(crate) split: String,
    /// Method of the intervals.
    pub(crate) intervals: Intervals,
    /// Overall scores, the most important first: `mIoU`, `overall accuracy`, `balanced accuracy`, `kappa`, `mAP`.
    #[serde(default)]
    pub(crate) overall: Vec<OverallScore>,
    /// Scores by class, in the nomenclature's order.
    #[serde(default)]
    pub(crate) classes: Vec<ClassScore>,
    /// Scores by group.
    #[serde(default)]
    pub(crate) groups: Option<GroupScores>,
    /// Scores of thin objects.
    #[serde(default)]
    pub(crate) thin: Option<ThinScores>,
    /// Precision of the best candidates.
    #[serde(default)]
    pub(crate) rare: Option<RareScores>,
}

/// Candidates, highest probability first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RareScores {
    /// What is ranked: `cells of 32 px`, `boxes`.
    pub(crate) candidates: String,
    /// Share of real objects among the candidates in the area of use.
    #[serde(default)]
    pub(crate) prevalence: Option<f64>,
    /// One line for each class that becomes features.
    pub(crate) classes: Vec<RareClass>,
}

/// The candidates of one class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RareClass {
    /// Id of the class.
    pub(crate) class: u8,
    /// Number of candidates.
    pub(crate) candidates: u64,
    /// Number of real ones.
    pub(crate) real: u64,
    /// Average precision.
    pub(crate) average_precision: Estimate,
    /// The same at the prevalence.
    #[serde(default)]
    pub(crate) at_prevalence: Estimate,
    /// Precision among the best.
    pub(crate) best: Vec<RareBest>,
}

/// The best candidates.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RareBest {
    /// Number of candidates, k.
    pub(crate) k: u64,
    /// Share of them that is real.
    pub(crate) precision: Estimate,
    /// Share of the real ones that is among them.
    #[serde(default)]
    pub(crate) recall: Option<f64>,
    /// The precision at the prevalence.
    #[serde(default)]
    pub(crate) at_prevalence: Estimate,
    /// Whether the precision at the prevalence is an upper bound.
    #[serde(default)]
    pub(crate) is_optimistic: bool,
}

/// Precision, recall and F1 with a tolerance of a few pixels.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThinScores {
    /// Tolerance, pixels.
    pub(crate) tolerance_px: f64,
    /// The classes that become features.
    pub(crate) classes: Vec<ThinClass>,
}

/// Scores of one class of thin objects.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThinClass {
    /// Id of the class.
    pub(crate) class: u8,
    /// Harmonic mean of precision and recall.
    pub(crate) f1: Estimate,
    /// Of the predicted pixels, the share with a true one nearby.
    pub(crate) precision: Estimate,
    /// Of the true pixels, the share with a predicted one nearby.
    pub(crate) recall: Estimate,
}

/// One number on the whole split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverallScore {
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) estimate: Estimate,
    /// How it is defined, in a few words.
    #[serde(default)]
    pub(crate) meaning: Option<String>,
}

/// Scores of one class. A score that the task does not have stays without value.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassScore {
    /// Id of the class.
    pub(crate) class: u8,
    /// Intersection over union.
    #[serde(default)]
    pub(crate) iou: Estimate,
    /// Of what is predicted as this class, the share that is.
    #[serde(default)]
    pub(crate) precision: Estimate,
    /// Of what is this class, the share that is predicted so.
    #[serde(default)]
    pub(crate) recall: Estimate,
    /// Harmonic mean of precision and recall.
    #[serde(default)]
    pub(crate) f1: Estimate,
    /// Share of the class in the truth (pixels, items or objects).
    #[serde(default)]
    pub(crate) truth_share: Option<f64>,
}

/// Scores by group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupScores {
    /// Names of the scores of each row. Rows are shown by the first one, worst first.
    pub(crate) names: Vec<String>,
    /// One row per group.
    pub(crate) rows: Vec<GroupRow>,
}

/// Scores of one group.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupRow {
    /// The group.
    pub(crate) group: String,
    /// Number of items.
    pub(crate) items: u64,
    /// Number of labeled pixels.
    #[serde(default)]
    pub(crate) pixels: Option<u64>,
    /// As many as [`GroupScores::names`].
    pub(crate) scores: Vec<Option<f64>>,
}

/// Confusion matrix.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confusion {
    /// What is counted: `pixels`, `items`, `objects`.
    pub(crate) unit: String,
    /// Names of the rows, which are those of the columns: class names; for detection, also `nothing`.
    pub(crate) labels: Vec<String>,
    /// One row per truth, one column per prediction.
    pub(crate) counts: Vec<Vec<u64>>,
}

/// Confidence against accuracy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calibration {
    /// Of the network's own confidences.
    pub(crate) before: Reliability,
    /// After the correction in the package.
    #[serde(default)]
    pub(crate) after: Option<Reliability>,
    /// The correction: `temperature 1.31, fitted on the validation split`.
    #[serde(default)]
    pub(crate) method: Option<String>,
    /// What is wrong of the answers that remain when the least certain ones are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) risk: Option<RiskScores>,
}

/// A reliability diagram (Guo et al., *On calibration of modern neural networks*, 2017).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reliability {
    /// Bins of confidence that are not empty, in order.
    pub(crate) bins: Vec<ReliabilityBin>,
    /// Expected calibration error.
    #[serde(default)]
    pub(crate) ece: Option<f64>,
    /// Brier score.
    #[serde(default)]
    pub(crate) brier: Option<f64>,
}

/// One bin of confidences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReliabilityBin {
    /// Ends of the bin.
    pub(crate) range: [f64; 2],
    /// Mean confidence inside.
    pub(crate) confidence: f64,
    /// Share of right answers inside.
    pub(crate) accuracy: f64,
    /// Number of answers inside.
    pub(crate) count: u64,
}

/// Precision and recall of detections.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectionScores {
    /// Intersection over union from which a detection counts as found.
    pub(crate) iou_threshold: f64,
    /// One curve per class.
    pub(crate) classes: Vec<PrecisionRecall>,
    /// What is wrong of the detections that remain when those of the lowest scores are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) risk: Option<RiskScores>,
}

/// A precision-recall curve.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PrecisionRecall {
    /// Id of the class.
    pub(crate) class: u8,
    /// Average precision.
    #[serde(default)]
    pub(crate) average_precision: Estimate,
    /// Number of true objects.
    pub(crate) objects: u64,
    /// (recall, precision), by falling score threshold.
    pub(crate) curve: Vec<[f64; 2]>,
}
