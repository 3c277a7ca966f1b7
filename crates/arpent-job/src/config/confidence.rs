//! Configuration of confidences: which validation data correct them, and which answers are left undecided.

use arpent_base::config::Key;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toml::ConfigFile;
use crate::error::JobError;

/// Which validation data correct confidences, of a model package with tables of right answers (`arpent-train calibrate
/// --by-class`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConfidenceOptions {
    /// Territory of the model that the scenes are like, by its name; by default, the tables of all territories together
    /// apply. Classes without a table of the territory have that of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub territory: Option<String>,
}

/// Answers that are left undecided. They are pixels of a class of their own, `undecided`, in the published map; the label
/// raster keeps the prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbstainOptions {
    /// Largest expected share of errors among the answers of each class that are given, 0 to 1: the least certain ones are
    /// left undecided until it holds on the model's validation data.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_risk: f64,
}

impl AbstainOptions {
    /// Rejects a risk that is no share.
    pub(super) fn check(self, file: &ConfigFile) -> Result<(), JobError> {
        if (0.0..=1.0).contains(&self.max_risk) {
            return Ok(());
        }
        let message = "must be a share of errors from 0 to 1, such as 0.05";
        Err(file.value_error(&Key::from("abstain.max_risk"), message))
    }
}
