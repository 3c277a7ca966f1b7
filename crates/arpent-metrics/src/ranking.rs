//! Ranked candidates with their truth.

use arpent_base::number::{exact, wide};

use crate::count::ratio;
use crate::{Merge, MetricsError, OperatingPoint, Roc};

/// Scores of items (tiles, candidates, parcels) whose truth is known. Its [`Roc`] allows predictions for populations
/// in which positives are rarer than in the sample.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    positives: u64,
    /// Score and whether positive.
    items: Vec<(f32, bool)>,
}

impl Ranking {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one item.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] if the score is not a finite number.
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

    /// Number of items that are negative.
    pub fn negatives(&self) -> u64 {
        wide(self.items.len()) - self.positives
    }

    /// Share of the sample that is positive.
    pub fn prevalence(&self) -> Option<f64> {
        ratio(self.positives, wide(self.items.len()))
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
                sensitivity: exact(seen[1]) / exact(self.positives),
                false_positive_rate: exact(seen[0]) / exact(self.negatives()),
            }
        };
        #[allow(clippy::float_cmp, reason = "equal scores are grouped")]
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
