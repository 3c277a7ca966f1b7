//! Scores, computed with the package as users run it.

mod boxes;
mod cells;
pub(crate) mod crowns;
mod detection;
mod gallery;
mod parts;
mod pictures;
mod rare;
pub(crate) mod scene;
mod shown;
mod summary;
mod thin;
mod verb;
mod whole;

use std::collections::BTreeMap;

use anyhow::Result;
use arpent_metrics::Interval;
use arpent_model::{Predictor, Score};

use crate::report;

pub(crate) use detection::Detections;
pub(crate) use pictures::Pictures;
pub(crate) use summary::CONFIDENCE;
pub(crate) use verb::{EvaluateArgs, run};
pub(crate) use whole::{ranges_of, scores_of};

/// Resamples of an interval.
const ROUNDS: usize = 1000;

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
    pub(crate) scores: Option<report::Scores>,
    pub(crate) confusion: Option<report::Confusion>,
    pub(crate) calibration: Option<report::Calibration>,
    pub(crate) detection: Option<report::DetectionScores>,
    pub(crate) gallery: Option<report::Gallery>,
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

/// A value in a card.
fn said(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |v| format!("{v:.3}"))
}

/// An interval in a card.
fn range(interval: Option<&Interval>) -> String {
    interval.map_or("-".to_owned(), |i| format!("{:.3} to {:.3}", i.low, i.high))
}

/// A value to the four digits that are told.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// A score, rounded.
pub(crate) fn score(value: f64, split: &str, measure: &str) -> Score {
    Score { value: rounded(value), split: split.into(), measure: measure.into() }
}
