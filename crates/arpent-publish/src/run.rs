//! What is the same for every feature of a run.

use arpent_vector::Column;
use serde::{Deserialize, Serialize};

/// State of a feature that no named person has decided on.
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
    /// Review state, [`STATE_NOT_VERIFIED`] for whatever a model proposes.
    pub state: String,
    /// Columns that its features have beside those of every run.
    pub columns: Vec<Column>,
}

impl RunInfo {
    /// The attributes of a new run, whose features nobody has verified.
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
            columns: Vec::new(),
        }
    }
}
