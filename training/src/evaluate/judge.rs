//! What says how good a model is, and what it says.

use std::collections::BTreeMap;

use arpent_base::Result;
use arpent_model::{Predictor, Score};

use super::figures;

/// What is published of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Published {
    /// Scores by name.
    pub(crate) scores: BTreeMap<String, Score>,
    /// Where it was validated.
    pub(crate) territories: Vec<String>,
    /// Sections of the card, Markdown.
    pub(crate) card: String,
    /// Of these, what is said of confidences; empty where a task has none.
    pub(crate) confidence: String,
    /// Everything, as data.
    pub(crate) detail: serde_json::Value,
    /// What the report shows of it.
    pub(crate) shown: Shown,
}

/// The parts of a report that a judge fills; those it has nothing for stay empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) scores: Option<figures::Scores>,
    pub(crate) confusion: Option<figures::Confusion>,
    pub(crate) calibration: Option<figures::Calibration>,
    pub(crate) detection: Option<figures::DetectionScores>,
    pub(crate) gallery: Option<figures::Gallery>,
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
