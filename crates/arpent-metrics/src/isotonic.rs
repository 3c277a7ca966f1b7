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

/// Items of one level.
#[derive(Debug, Clone, Copy)]
struct Level {
    low: f64,
    high: f64,
    right: u64,
    count: u64,
}

impl Level {
    fn mean(&self) -> f64 {
        exact(self.right) / exact(self.count)
    }
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
        let mut sorted = items.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut levels: Vec<Level> = Vec::new();
        for (score, right) in sorted {
            let one = Level { low: score, high: score, right: u64::from(right), count: 1 };
            match levels.last_mut() {
                // Equal scores have one probability.
                Some(last) if last.high.total_cmp(&score).is_eq() && last.low.total_cmp(&score).is_eq() => {
                    last.right += one.right;
                    last.count += 1;
                }
                _ => levels.push(one),
            }
        }
        let mut pooled: Vec<Level> = Vec::with_capacity(levels.len());
        for mut level in levels {
            while let Some(last) = pooled.last().filter(|last| last.mean() >= level.mean()) {
                level = Level {
                    low: last.low,
                    high: level.high,
                    right: last.right + level.right,
                    count: last.count + level.count,
                };
                pooled.pop();
            }
            pooled.push(level);
        }
        let ends = |level: &Level| {
            let low = (level.low, level.mean());
            let high = (level.high > level.low).then(|| (level.high, level.mean()));
            std::iter::once(low).chain(high)
        };
        let points: Vec<(f64, f64)> = pooled.iter().flat_map(ends).collect();
        Ok((!points.is_empty()).then_some(Self { points }))
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
