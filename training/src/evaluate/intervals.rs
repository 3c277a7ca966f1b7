//! How far a score would move with other groups: the bootstrap.

use serde::Serialize;

use super::confusion::Confusion;
use crate::data::{Purpose, Rng};

/// Number of resamples.
pub(crate) const ROUNDS: usize = 1000;

/// A score of a matrix, if it has one.
pub(crate) type Statistic<'a> = Box<dyn Fn(&Confusion) -> Option<f64> + 'a>;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Percentile intervals of statistics of the sum of `parts`, which are drawn with replacement (Efron, Tibshirani: *An
/// introduction to the bootstrap*, 1993). Parts are what can be taken as independent: groups, or items where there are few
/// groups. `None` where a statistic has no value in most resamples.
pub(crate) fn intervals(
    parts: &[&Confusion],
    classes: usize,
    statistics: &[Statistic<'_>],
) -> Vec<Option<Interval>> {
    let mut found: Vec<Vec<f64>> = vec![Vec::new(); statistics.len()];
    for round in 0..ROUNDS {
        let mut rng = Rng::of(0, Purpose::Bootstrap, round, parts.len());
        let mut sum = Confusion::new(classes);
        (0..parts.len()).for_each(|_| sum.merge(parts[rng.below(parts.len())]));
        for (found, statistic) in found.iter_mut().zip(statistics) {
            found.extend(statistic(&sum));
        }
    }
    found.into_iter().map(percentiles).collect()
}

fn percentiles(mut values: Vec<f64>) -> Option<Interval> {
    if values.len() < ROUNDS / 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    Some(Interval { low: values[last * 25 / 1000], high: values[last - last * 25 / 1000] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_score_and_shrinks_with_agreement() {
        let part = |hits: u8| {
            let mut part = Confusion::new(2);
            (0..10).for_each(|i| part.add(&[1], &[u8::from(i < hits)]));
            part
        };
        let spread = [part(2), part(9), part(5), part(6)];
        let equal = [part(5), part(5), part(5)];
        let statistics: [Statistic<'_>; 1] = [Box::new(Confusion::accuracy)];
        let of =
            |parts: &[Confusion]| intervals(&parts.iter().collect::<Vec<_>>(), 2, &statistics)[0].unwrap();
        let (wide, narrow) = (of(&spread), of(&equal));
        assert!(wide.low < 0.55 && wide.high > 0.55 && wide.high - wide.low > 0.1, "{wide:?}");
        assert!((narrow.low - 0.5).abs() < 1e-12 && (narrow.high - 0.5).abs() < 1e-12);
    }
}
