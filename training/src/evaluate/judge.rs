//! The interface of evaluations, and their results.

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
    /// Of these, the section on confidences; empty for tasks without.
    pub(crate) confidence: String,
    /// Everything, as data.
    pub(crate) detail: serde_json::Value,
    /// Its part of the report.
    pub(crate) shown: Shown,
}

/// The parts of a report that an evaluation fills; the others stay empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) scores: Option<figures::Scores>,
    pub(crate) confusion: Option<figures::Confusion>,
    pub(crate) calibration: Option<figures::Calibration>,
    pub(crate) detection: Option<figures::DetectionScores>,
    pub(crate) gallery: Option<figures::Gallery>,
}

/// Evaluates a model.
pub(crate) trait Judge {
    /// Names of the scores, the one that counts by default first.
    fn names(&self) -> &'static [&'static str];

    /// Scores by name, 0 to 1, higher is better.
    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>>;

    /// Scores in full.
    fn publish(&self, predictor: &Predictor) -> Result<Published>;
}
