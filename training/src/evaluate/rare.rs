//! Rare objects: precision and recall of the best candidates.

use std::fmt::Write;

use arpent_base::Result;
use arpent_metrics::{Interval, Merge};
use serde::Serialize;

use super::figures::{self, Estimate};
use super::numbers::{range, value_text};
use super::parts::Parts;

/// A score and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) value: Option<f64>,
    pub(super) interval: Option<Interval>,
}

/// Scores of rare objects.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct RareDetail {
    /// What is ranked: `cells of 32 px`, `boxes`.
    pub(super) candidates: String,
    /// Share of real objects among the candidates in the area of use.
    pub(super) prevalence: Option<f64>,
    pub(super) classes: Vec<RareClass>,
}

/// Scores of a class.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct RareClass {
    pub(super) id: u8,
    pub(super) name: String,
    /// Number of candidates.
    pub(super) candidates: u64,
    /// Number of real ones (of boxes: of those that are there, found or not).
    pub(super) real: u64,
    pub(super) average_precision: Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) average_precision_at_prevalence: Option<Measured>,
    pub(super) best: Vec<Best>,
}

/// Scores of the best candidates.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Best {
    /// How many of them.
    pub(super) k: u64,
    /// Share of them that is real.
    pub(super) precision: Measured,
    /// Share of the real ones that is among them.
    pub(super) recall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) precision_at_prevalence: Option<Measured>,
    /// Whether too few wrong candidates were held out for the precision at the prevalence: it is an upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_prevalence_is_optimistic: Option<bool>,
}

/// A score of all parts together, and its interval.
pub(super) fn measured<M: Merge>(
    parts: &Parts<M>,
    all: &M,
    statistic: impl Fn(&M) -> Option<f64>,
) -> Result<Measured> {
    Ok(Measured { value: statistic(all), interval: parts.interval(&statistic)? })
}

/// Tables for the card.
pub(super) fn card(detail: &RareDetail) -> String {
    let cell = |m: &Measured| format!("{} ({})", value_text(m.value), range(m.interval.as_ref()));
    let at = |m: Option<&Measured>| m.map_or("-".to_owned(), cell);
    let prevalence = match detail.prevalence {
        Some(share) => format!(" In brackets: 95 % intervals. `expected`: where {share} of them are real."),
        None => " In brackets: 95 % intervals.".to_owned(),
    };
    let mut card = format!(
        "\nRanked {}, the likeliest first.{prevalence}\n\n\
         | class | candidates | real | best | precision | recall | expected precision |\n|---|---|---|---|---|---|---|\n",
        detail.candidates
    );
    for class in &detail.classes {
        let RareClass { name, candidates, real, .. } = class;
        // Writing to a string cannot fail.
        for best in &class.best {
            let (precision, recall) = (cell(&best.precision), value_text(best.recall));
            let expected = at(best.precision_at_prevalence.as_ref());
            let k = best.k;
            let _ = writeln!(
                card,
                "| {name} | {candidates} | {real} | {k} | {precision} | {recall} | {expected} |"
            );
        }
        let average = cell(&class.average_precision);
        let expected = at(class.average_precision_at_prevalence.as_ref());
        let _ =
            writeln!(card, "| {name} | {candidates} | {real} | all (average) | {average} | - | {expected} |");
    }
    card
}

/// The same for the report.
pub(super) fn shown(detail: &RareDetail) -> figures::RareScores {
    let best = |best: &Best| figures::RareBest {
        k: best.k,
        precision: estimate(&best.precision),
        recall: best.recall,
        at_prevalence: best.precision_at_prevalence.as_ref().map(estimate).unwrap_or_default(),
        is_optimistic: best.at_prevalence_is_optimistic.unwrap_or(false),
    };
    let class = |class: &RareClass| figures::RareClass {
        class: class.id,
        candidates: class.candidates,
        real: class.real,
        average_precision: estimate(&class.average_precision),
        at_prevalence: class.average_precision_at_prevalence.as_ref().map(estimate).unwrap_or_default(),
        best: class.best.iter().map(best).collect(),
    };
    figures::RareScores {
        candidates: detail.candidates.clone(),
        prevalence: detail.prevalence,
        classes: detail.classes.iter().map(class).collect(),
    }
}

pub(super) fn estimate(measured: &Measured) -> Estimate {
    Estimate { value: measured.value, interval: measured.interval.map(|i| [i.low, i.high]) }
}
