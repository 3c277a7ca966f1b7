//! Numbers as text.

use arpent_metrics::Interval;
use arpent_model::Score;

/// Resamples of an interval.
pub(super) const ROUNDS: usize = 1000;

/// A value in a card.
pub(super) fn value_text(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |v| format!("{v:.3}"))
}

/// An interval in a card.
pub(super) fn range(interval: Option<&Interval>) -> String {
    interval.map_or("-".to_owned(), |i| format!("{:.3} to {:.3}", i.low, i.high))
}

/// A value, rounded to the four published digits.
pub(crate) fn rounded(value: f64) -> f64 {
    arpent_base::number::rounded(value, 4)
}

/// A score, rounded.
pub(crate) fn score(value: f64, split: &str, measure: &str) -> Score {
    Score { value: rounded(value), split: split.into(), measure: measure.into() }
}
