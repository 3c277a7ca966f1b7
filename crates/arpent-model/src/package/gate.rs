//! The result of a gate: whether no territory is much worse than the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The result of a gate (`gate.toml`) on the scores by territory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateResult {
    /// The score, such as `mean_iou`.
    pub metric: String,
    /// How far a territory may be below the mean.
    pub below_mean: f64,
    /// What is compared: the `value` of a territory, or an end of its 95 % interval (`low`, `high`).
    pub judged_by: String,
    /// Mean of the territories that were judged, each counted once; none if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Number of territories that were judged.
    pub judged: usize,
    /// Fewest territories that had to be judged.
    pub least_territories: usize,
    /// Whether the package passed.
    pub passed: bool,
    /// Territories that are too far below the mean, worst first.
    pub failed: Vec<GateScore>,
    /// Territories that were not judged, and why, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// The score of a territory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateScore {
    /// The territory.
    pub territory: String,
    /// Its score.
    pub value: f64,
    /// Ends of its 95 % interval, over its pictures; none of a single picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Number of samples (pixels, pictures or objects) with truth.
    pub samples: u64,
}
