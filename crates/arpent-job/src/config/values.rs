//! Configuration of measured values: the classes that are made of one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::toml::ConfigFile;
use crate::error::JobError;

/// Most classes that breaks make.
const MOST_BREAKS: usize = 253;

/// Classes of a measured value, for a model that gives measured values: with them there are a label raster and features, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueOptions {
    /// Lowest values of the second and each further class, ascending, in the unit of the value: `[2.0, 5.0]` makes three
    /// classes, below 2, from 2 to below 5, and 5 and more.
    pub breaks: Vec<f32>,
    /// Name of the value; needed if the model gives several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

impl ValueOptions {
    pub(super) fn check(&self, file: &ConfigFile) -> Result<(), JobError> {
        let breaks = &self.breaks;
        let ascend =
            breaks.iter().all(|value| value.is_finite()) && breaks.windows(2).all(|two| two[0] < two[1]);
        if ascend && (1..=MOST_BREAKS).contains(&breaks.len()) {
            return Ok(());
        }
        let message =
            format!("must be 1 to {MOST_BREAKS} finite numbers, each above the one before: [2.0, 5.0]");
        Err(file.value_error(&"values.breaks".into(), &message))
    }
}
