//! A measure by group and by item, which bootstrap intervals resample.

use arpent_base::Result;
use arpent_base::number::fitted;
use arpent_metrics::{Grouped, Interval, Merge};

use super::figures::Intervals;
use super::numbers::ROUNDS;

/// Number of groups from which on groups, not items, are resampled.
const ENOUGH_GROUPS: usize = 4;

/// A measure by group and by item.
#[derive(Debug, Clone)]
pub(super) struct Parts<M> {
    groups: Grouped<M>,
    items: Grouped<M>,
}

impl<M: Merge> Parts<M> {
    /// Nothing yet; each part will start as `empty`.
    pub(super) fn new(empty: &M) -> Self {
        Self { groups: Grouped::new(empty.clone()), items: Grouped::new(empty.clone()) }
    }

    /// Takes what was measured on an item.
    pub(super) fn add(&mut self, group: &str, item: &str, one: &M) -> Result<()> {
        self.groups.group(group).merge(one)?;
        Ok(self.items.group(item).merge(one)?)
    }

    /// All of it together.
    pub(super) fn pooled(&self) -> Result<M> {
        Ok(self.groups.pooled()?)
    }

    /// By group.
    pub(super) fn groups(&self) -> &Grouped<M> {
        &self.groups
    }

    /// What intervals resample.
    pub(super) fn resampled(&self) -> &'static str {
        if self.by_group() { "groups" } else { "items" }
    }

    /// Number of groups or items that are resampled.
    pub(super) fn units(&self) -> usize {
        self.drawn().groups().len()
    }

    /// Method of the intervals for the report, or why there are none.
    pub(super) fn intervals(&self, are_there: bool) -> Intervals {
        let (resampled, units) = (self.resampled(), self.units());
        if !are_there {
            return Intervals::None {
                reason: format!("Only {units} of the {resampled}: too few to resample."),
            };
        }
        Intervals::Bootstrap {
            resamples: fitted(ROUNDS),
            unit: resampled.trim_end_matches('s').to_owned(),
            units: units as u64,
        }
    }

    /// The 95 % interval of a score.
    pub(super) fn interval(&self, statistic: impl Fn(&M) -> Option<f64>) -> Result<Option<Interval>> {
        Ok(self.drawn().interval(statistic, 0.95, ROUNDS, 0)?)
    }

    fn by_group(&self) -> bool {
        self.groups.groups().len() >= ENOUGH_GROUPS
    }

    fn drawn(&self) -> &Grouped<M> {
        if self.by_group() { &self.groups } else { &self.items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_metrics::Confusion;

    /// `right` of 10 pixels right.
    fn one(right: u8) -> Confusion {
        let mut one = Confusion::new(2).unwrap();
        (0..10).for_each(|i| one.add(0, u8::from(i >= right)).unwrap());
        one
    }

    #[test]
    fn items_are_resampled_until_there_are_four_groups() {
        let mut parts = Parts::new(&Confusion::new(2).unwrap());
        for (i, group) in ["a", "a", "b", "c"].into_iter().enumerate() {
            parts.add(group, &format!("item{i}"), &one(if i == 0 { 0 } else { 10 })).unwrap();
        }
        assert_eq!((parts.resampled(), parts.units()), ("items", 4));
        assert_eq!(parts.pooled().unwrap().overall_accuracy(), Some(0.75));
        let interval = parts.interval(Confusion::overall_accuracy).unwrap().unwrap();
        // Of four items with three right, the share is 0.25 at worst (p = 0.05) and 1 at best (p = 0.32).
        assert!(interval.low <= 0.5 && (interval.high - 1.0).abs() < 1e-12, "{interval:?}");
        parts.add("d", "item4", &one(10)).unwrap();
        assert_eq!((parts.resampled(), parts.units()), ("groups", 4));
    }
}
