//! Attributes that are the same for every feature of a run.

use arpent_base::Column;
use serde::{Deserialize, Serialize};

/// State of a feature that no named person has reviewed.
pub const STATE_NOT_VERIFIED: &str = "not_verified";

/// Run-wide attributes, which the writers repeat on every feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Id of the run.
    pub run_id: String,
    /// Id of the model package.
    pub model_id: String,
    /// SHA-256 of the model package, hexadecimal.
    pub model_sha256: String,
    /// Review state, [`STATE_NOT_VERIFIED`] for predictions.
    pub state: String,
    /// Whether each feature has a state of its own, which persons decided: the value after those of `columns`.
    pub own_states: bool,
    /// Additional columns of its features.
    pub columns: Vec<Column>,
}

impl RunInfo {
    /// The attributes of a new run, whose features are not verified.
    pub fn new(
        run_id: impl Into<String>,
        model_id: impl Into<String>,
        model_sha256: impl Into<String>,
    ) -> Self {
        Self {
            run_id: run_id.into(),
            model_id: model_id.into(),
            model_sha256: model_sha256.into(),
            state: STATE_NOT_VERIFIED.into(),
            own_states: false,
            columns: Vec::new(),
        }
    }
}
