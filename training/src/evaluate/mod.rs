//! Scores, computed with the package as users run it.

mod bins;
mod confusion;
pub(crate) mod crowns;
mod detection;
mod intervals;
mod pictures;
mod summary;
mod verb;
mod whole;

use std::collections::BTreeMap;

use anyhow::Result;
use arpent_model::{Predictor, Score};

pub(crate) use bins::Bins;
pub(crate) use detection::Detections;
pub(crate) use pictures::Pictures;
pub(crate) use verb::{EvaluateArgs, run};
pub(crate) use whole::scores_of;

/// What is published of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Published {
    /// Scores by name.
    pub(crate) scores: BTreeMap<String, Score>,
    /// Where it was validated.
    pub(crate) territories: Vec<String>,
    /// Sections of the card, Markdown.
    pub(crate) card: String,
    /// Everything, for reports.
    pub(crate) detail: serde_json::Value,
}

/// What says how good a model is.
pub(crate) trait Judge {
    /// Names of the scores, the one that counts by default first.
    fn names(&self) -> &'static [&'static str];

    /// Scores by name, 0 to 1, higher is better.
    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>>;

    /// Scores in full.
    fn publish(&self, predictor: &Predictor) -> Result<Published>;
}

/// A score to four digits.
pub(crate) fn score(value: f64, split: &str, measure: &str) -> Score {
    Score { value: (value * 1e4).round() / 1e4, split: split.into(), measure: measure.into() }
}

#[allow(clippy::cast_precision_loss, reason = "counts are far smaller than 2^52")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
