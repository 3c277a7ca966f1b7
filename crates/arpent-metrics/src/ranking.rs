//! Candidates, best first, and which of them are real.

use crate::count::{as_f64, as_u64, ratio};
use crate::{Merge, MetricsError, OperatingPoint, Roc};

/// Scores of items (tiles, candidates, parcels) whose truth is known. What is asked of it is its [`Roc`], from which
/// follows what to expect of populations in which positives are rarer than in the sample.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    positives: u64,
    /// Score and whether positive.
    items: Vec<(f32, bool)>,
}

impl Ranking {
    /// No items yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one item.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] when the score is not a finite number.
    pub fn add(&mut self, score: f32, is_positive: bool) -> Result<(), MetricsError> {
        if !score.is_finite() {
            let (position, score) = (self.items.len(), f64::from(score));
            return Err(MetricsError::BadScore { position, score, expected: "a number" });
        }
        self.positives += u64::from(is_positive);
        self.items.push((score, is_positive));
        Ok(())
    }

    /// Number of items that are positive.
    pub fn positives(&self) -> u64 {
        self.positives
    }

    /// Number of items that are not.
    pub fn negatives(&self) -> u64 {
        as_u64(self.items.len()) - self.positives
    }

    /// Share of the sample that is positive.
    pub fn prevalence(&self) -> Option<f64> {
        ratio(self.positives, as_u64(self.items.len()))
    }

    /// The curve, one point for each score that occurs; `None` without a positive or without a negative.
    pub fn roc(&self) -> Option<Roc> {
        if self.positives == 0 || self.negatives() == 0 {
            return None;
        }
        let mut items = self.items.clone();
        items.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut seen = [0u64; 2];
        let point = |group: &[(f32, bool)]| {
            for (_, is_positive) in group {
                seen[usize::from(*is_positive)] += 1;
            }
            OperatingPoint {
                threshold: Some(group[0].0),
                sensitivity: as_f64(seen[1]) / as_f64(self.positives),
                false_positive_rate: as_f64(seen[0]) / as_f64(self.negatives()),
            }
        };
        #[allow(clippy::float_cmp, reason = "equal scores are what is looked for")]
        let points: Vec<OperatingPoint> = items.chunk_by(|a, b| a.0 == b.0).map(point).collect();
        Roc::new(&points).ok()
    }
}

impl Merge for Ranking {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        self.positives += other.positives;
        self.items.extend_from_slice(&other.items);
        Ok(())
    }
}
