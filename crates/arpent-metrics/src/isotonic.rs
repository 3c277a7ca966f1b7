//! Isotonic regression: from scores to probabilities that never fall where scores rise.

use arpent_base::number::exact;
use serde::{Deserialize, Serialize};

use crate::MetricsError;

/// Probabilities by score, from items whose truth is known: the non-decreasing function with the least squared error (Barlow,
/// Bartholomew, Bremner, Brunk: *Statistical inference under order restrictions*, 1972, pool adjacent violators; for
/// classifiers: Zadrozny and Elkan, *Transforming classifier scores into accurate multiclass probability estimates*, 2002).
/// Linear between the ends of its levels, constant beyond the lowest and the highest score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Score and probability at the ends of each level, both ascending.
    points: Vec<(f64, f64)>,
}

/// A level of an [`Isotonic`] regression: scores of one probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IsotonicLevel {
    /// Lowest score of its items.
    pub low: f64,
    /// Highest score of its items.
    pub high: f64,
    /// Number of its items that are right.
    pub right: u64,
    /// Number of its items.
    pub count: u64,
}

impl IsotonicLevel {
    /// Its probability: the share of its items that is right.
    pub fn mean(&self) -> f64 {
        exact(self.right) / exact(self.count)
    }
}

/// Scores with their right items and all items, pooled until the shares of right ones rise from level to level.
fn levels(counts: &[(f64, u64, u64)]) -> Vec<IsotonicLevel> {
    let mut sorted: Vec<_> = counts.iter().filter(|(_, _, count)| *count > 0).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut each: Vec<IsotonicLevel> = Vec::new();
    for &&(score, right, count) in &sorted {
        match each.last_mut() {
            // Equal scores have one probability.
            Some(last) if last.high.total_cmp(&score).is_eq() => {
                last.right += right;
                last.count += count;
            }
            _ => each.push(IsotonicLevel { low: score, high: score, right, count }),
        }
    }
    let mut pooled: Vec<IsotonicLevel> = Vec::with_capacity(each.len());
    for mut level in each {
        while let Some(last) = pooled.last().filter(|last| last.mean() >= level.mean()) {
            level = IsotonicLevel {
                low: last.low,
                high: level.high,
                right: last.right + level.right,
                count: last.count + level.count,
            };
            pooled.pop();
        }
        pooled.push(level);
    }
    pooled
}

impl Isotonic {
    /// Fits scores and whether each was right; `None` without items.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] if a score is not a finite number.
    pub fn fit(items: &[(f64, bool)]) -> Result<Option<Self>, MetricsError> {
        if let Some(position) = items.iter().position(|(score, _)| !score.is_finite()) {
            let score = items[position].0;
            return Err(MetricsError::BadScore { position, score, expected: "a number" });
        }
        let one = |(score, right): &(f64, bool)| (*score, u64::from(*right), 1);
        Ok(Self::of_levels(&levels(&items.iter().map(one).collect::<Vec<_>>())))
    }

    /// The regression of its levels, lowest first; `None` without levels.
    pub fn of_levels(levels: &[IsotonicLevel]) -> Option<Self> {
        let ends = |level: &IsotonicLevel| {
            let low = (level.low, level.mean());
            let high = (level.high > level.low).then(|| (level.high, level.mean()));
            std::iter::once(low).chain(high)
        };
        let points: Vec<(f64, f64)> = levels.iter().flat_map(ends).collect();
        (!points.is_empty()).then_some(Self { points })
    }

    /// The levels of scores, each with its number of right items and of all items, in any order. Items without a finite
    /// score are refused.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] if a score is not a finite number, or has more right items than items.
    pub fn levels(counts: &[(f64, u64, u64)]) -> Result<Vec<IsotonicLevel>, MetricsError> {
        let bad = |(score, right, count): &(f64, u64, u64)| !score.is_finite() || right > count;
        if let Some(position) = counts.iter().position(bad) {
            let (score, expected) = (counts[position].0, "a number, with no more right items than items");
            return Err(MetricsError::BadScore { position, score, expected });
        }
        Ok(levels(counts))
    }

    /// The probability of a score.
    pub fn of(&self, score: f64) -> f64 {
        let after = self.points.partition_point(|(at, _)| *at < score);
        let at = |place: Option<usize>| place.and_then(|place| self.points.get(place)).copied();
        match (at(after.checked_sub(1)), at(Some(after))) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (score - x0) / (x1 - x0),
            (None, Some((_, y))) | (Some((_, y)), None) => y,
            (None, None) => score,
        }
    }

    /// Score and probability at the ends of each level, both ascending.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_are_pooled_and_values_between_them_are_interpolated() {
        let items = [(0.1, false), (0.2, true), (0.3, false), (0.6, true), (0.9, true)];
        let fitted = Isotonic::fit(&items).unwrap().unwrap();
        assert_eq!(fitted.points(), [(0.1, 0.0), (0.2, 0.5), (0.3, 0.5), (0.6, 1.0), (0.9, 1.0)]);
        for (score, expected) in [(0.0, 0.0), (0.15, 0.25), (0.25, 0.5), (0.45, 0.75), (0.99, 1.0)] {
            assert!((fitted.of(score) - expected).abs() < 1e-12, "{score}: {}", fitted.of(score));
        }
        assert_eq!(Isotonic::fit(&[]), Ok(None));
        assert!(Isotonic::fit(&[(f64::NAN, true)]).is_err());
        let same = Isotonic::fit(&[(0.5, true), (0.5, false), (0.5, false), (0.5, true)]).unwrap().unwrap();
        assert_eq!((same.of(0.5), same.of(0.1), same.points().len()), (0.5, 0.5, 1));
    }

    #[test]
    fn counts_are_items() {
        let items =
            [(0.1, false), (0.2, true), (0.2, false), (0.3, false), (0.6, true), (0.6, true), (0.9, true)];
        let counts = [(0.9, 1, 1), (0.2, 1, 2), (0.3, 0, 1), (0.6, 2, 2), (0.1, 0, 1), (0.5, 0, 0)];
        let levels = Isotonic::levels(&counts).unwrap();
        assert_eq!(Isotonic::of_levels(&levels), Isotonic::fit(&items).unwrap());
        assert_eq!(levels.iter().map(|level| level.count).sum::<u64>(), 7);
        assert!(Isotonic::levels(&[(f64::NAN, 0, 1)]).is_err() && Isotonic::levels(&[(0.5, 2, 1)]).is_err());
        assert_eq!((Isotonic::levels(&[]).unwrap(), Isotonic::of_levels(&[])), (vec![], None));
    }

    proptest! {
        /// The least-squares solution is, at every item, the largest mean that ends there or after among the smallest that
        /// begin there or before: the formula of maxima and minima (Barlow et al., 1972, theorem 1.4), which shares nothing with
        /// the way it is computed.
        #[test]
        fn it_is_the_formula_of_maxima_and_minima(truth in proptest::collection::vec(any::<bool>(), 1..60)) {
            let items: Vec<(f64, bool)> =
                truth.iter().enumerate().map(|(i, right)| (exact(i) / 60.0, *right)).collect();
            let fitted = Isotonic::fit(&items).unwrap().unwrap();
            let mean = |from: usize, to: usize| {
                let right: u64 = truth[from..=to].iter().map(|right| u64::from(*right)).sum();
                exact(right) / exact(to + 1 - from)
            };
            for (at, (score, _)) in items.iter().enumerate() {
                let of = |from: usize| (at..truth.len()).map(|to| mean(from, to)).fold(f64::INFINITY, f64::min);
                let expected = (0..=at).map(of).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((fitted.of(*score) - expected).abs() < 1e-9, "{at}");
            }
        }
    }
}
