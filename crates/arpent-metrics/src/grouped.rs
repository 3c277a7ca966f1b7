//! Scores by group, and their confidence intervals.

use std::collections::BTreeMap;

use arpent_base::SplitMix64;
use arpent_base::number::{exact, truncate};
use serde::{Deserialize, Serialize};

use crate::MetricsError;
use crate::error::check_option;

/// A measure that can be computed in parts.
pub trait Merge: Clone {
    /// Adds what `other` has counted.
    ///
    /// # Errors
    /// [`MetricsError::Merge`] if the two measure different things; nothing is added then.
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError>;
}

/// One accumulator for each group: a site, a tile, a county; units that are similar inside and differ from the
/// others.
///
/// Errors of neighboring pixels are correlated, so an interval over pixels would be far too narrow. Groups are
/// resampled instead: the interval is for *other* groups of the same kind.
#[derive(Debug, Clone)]
pub struct Grouped<M> {
    empty: M,
    groups: BTreeMap<String, M>,
}

/// A score and its confidence interval for other groups of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The score of all groups together.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Share of resamples inside, e.g. 0.95.
    pub level: f64,
    /// Number of groups.
    pub groups: usize,
    /// Number of resamples drawn.
    pub resamples: usize,
    /// Number of resamples in which the score is not defined; they are excluded from the interval.
    pub undefined: usize,
}

impl<M: Merge> Grouped<M> {
    /// Empty; each group will start as `empty`.
    pub fn new(empty: M) -> Self {
        Self { empty, groups: BTreeMap::new() }
    }

    /// The accumulator of a group, to add to.
    pub fn group(&mut self, name: &str) -> &mut M {
        self.groups.entry(name.to_owned()).or_insert_with(|| self.empty.clone())
    }

    /// The groups, by name.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&str, &M)> {
        self.groups.iter().map(|(name, measure)| (name.as_str(), measure))
    }

    /// A score of each group, by name: a score of all groups together hides the site where a model fails.
    pub fn each(&self, statistic: impl Fn(&M) -> Option<f64>) -> BTreeMap<String, Option<f64>> {
        self.groups.iter().map(|(name, measure)| (name.clone(), statistic(measure))).collect()
    }

    /// All groups together.
    ///
    /// # Errors
    /// [`MetricsError::Merge`] if a group was replaced by one that measures something else.
    pub fn pooled(&self) -> Result<M, MetricsError> {
        self.merged(self.groups.values())
    }

    fn merged<'a>(&self, mut parts: impl Iterator<Item = &'a M>) -> Result<M, MetricsError>
    where
        M: 'a,
    {
        parts.try_fold(self.empty.clone(), |mut sum, part| {
            sum.merge(part)?;
            Ok(sum)
        })
    }

    /// Percentile interval of `statistic` (Efron: *Bootstrap methods*, 1979): as many groups as exist are drawn with
    /// replacement, merged and measured, `resamples` times; the ends are the `(1 - level) / 2` quantile and its
    /// counterpart, linearly interpolated. The same seed gives the same interval. With few groups (below about 20)
    /// such intervals are too narrow.
    ///
    /// `None` with fewer than two groups, or if the score of all groups together is not defined.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if `level` is not between 0 and 1 or `resamples` is 0, [`MetricsError::Merge`] as
    /// in [`Self::pooled`].
    pub fn interval(
        &self,
        statistic: impl Fn(&M) -> Option<f64>,
        level: f64,
        resamples: usize,
        seed: u64,
    ) -> Result<Option<Interval>, MetricsError> {
        check_option(level > 0.0 && level < 1.0, "level", level, "a number between 0 and 1")?;
        check_option(resamples > 0, "resamples", 0.0, "at least 1")?;
        let groups = self.groups.len();
        let Some(estimate) = statistic(&self.pooled()?).filter(|_| groups >= 2) else { return Ok(None) };
        let values = self.resampled(statistic, resamples, seed)?;
        let tail = (1.0 - level) / 2.0;
        let ends = quantile(&values, tail).zip(quantile(&values, 1.0 - tail));
        let undefined = resamples - values.len();
        Ok(ends.map(|(low, high)| Interval { estimate, low, high, level, groups, resamples, undefined }))
    }

    /// The defined values of the statistic in each resample, ascending.
    fn resampled(
        &self,
        statistic: impl Fn(&M) -> Option<f64>,
        resamples: usize,
        seed: u64,
    ) -> Result<Vec<f64>, MetricsError> {
        let groups: Vec<&M> = self.groups.values().collect();
        let mut random = SplitMix64::new(seed);
        let mut values = Vec::with_capacity(resamples);
        for _ in 0..resamples {
            let drawn = (0..groups.len()).map(|_| groups[random.below(groups.len())]);
            values.extend(statistic(&self.merged(drawn)?));
        }
        values.sort_unstable_by(f64::total_cmp);
        Ok(values)
    }
}

/// Quantile of ascending values, linear between neighbors (type 7 of Hyndman and Fan, 1996; numpy's default).
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = share * exact(last);
    let below = truncate::<usize>(position).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    Some(low + (high - low) * position.fract())
}
