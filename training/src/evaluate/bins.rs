//! Is a score of 0.8 right eight times of ten? Counts by score.

use serde::Serialize;

const BINS: usize = 15;

/// Answers by their score, in bins of equal width.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bins {
    bins: [Sum; BINS],
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum {
    count: u64,
    right: u64,
    score: f64,
}

/// A bin, for reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bin {
    /// Lowest and highest score.
    range: [f64; 2],
    /// Answers in it.
    count: u64,
    /// Their mean score.
    confidence: f64,
    /// Share of them that are right.
    accuracy: f64,
}

impl Default for Bins {
    fn default() -> Self {
        Self { bins: [Sum::default(); BINS] }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts are far smaller than 2^52")]
impl Bins {
    /// Counts an answer.
    pub(crate) fn add(&mut self, score: f64, is_right: bool) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 15")]
        let index = (score.clamp(0.0, 1.0) * BINS as f64) as usize;
        let bin = &mut self.bins[index.min(BINS - 1)];
        bin.count += 1;
        bin.right += u64::from(is_right);
        bin.score += score;
    }

    /// The bins that hold answers.
    pub(crate) fn report(&self) -> Vec<Bin> {
        let edge = |i: usize| i as f64 / BINS as f64;
        let bin = |(i, sum): (usize, &Sum)| Bin {
            range: [edge(i), edge(i + 1)],
            count: sum.count,
            confidence: sum.score / sum.count as f64,
            accuracy: sum.right as f64 / sum.count as f64,
        };
        self.bins.iter().enumerate().filter(|(_, s)| s.count > 0).map(bin).collect()
    }

    /// Expected calibration error (Naeini, Cooper, Hauskrecht 2015): mean distance of score and share that is right, by
    /// the bins' counts.
    pub(crate) fn error(&self) -> f64 {
        let total = self.bins.iter().map(|s| s.count).sum::<u64>().max(1) as f64;
        self.bins.iter().map(|s| (s.score - s.right as f64).abs()).sum::<f64>() / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_mean_distance() {
        let mut bins = Bins::default();
        // Ten answers of score 0.8, seven right; ten of 0.5, five right.
        (0..10).for_each(|i| bins.add(0.8, i < 7));
        (0..10).for_each(|i| bins.add(0.5, i < 5));
        bins.add(1.0, true);
        assert!((bins.error() - 1.0 / 21.0).abs() < 1e-9, "{}", bins.error());
        assert_eq!(bins.report().len(), 3);
    }
}
