//! Crowns by what they are and what they were seen as.

use arpent_datasets::Health;
use serde::Serialize;

/// How many crowns were seen as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Counts {
    /// Live crowns seen as live.
    pub(super) live_as_live: usize,
    /// Live crowns seen as dead.
    pub(super) live_as_dead: usize,
    /// Live crowns not seen.
    pub(super) live_missed: usize,
    /// Dead crowns seen as live.
    pub(super) dead_as_live: usize,
    /// Dead crowns seen as dead.
    pub(super) dead_as_dead: usize,
    /// Dead crowns not seen.
    pub(super) dead_missed: usize,
}

impl Counts {
    pub(super) fn add(&mut self, truth: Health, seen: Option<Health>) {
        let count = match (truth, seen) {
            (Health::Live, Some(Health::Live)) => &mut self.live_as_live,
            (Health::Live, Some(Health::Dead)) => &mut self.live_as_dead,
            (Health::Live, None) => &mut self.live_missed,
            (Health::Dead, Some(Health::Live)) => &mut self.dead_as_live,
            (Health::Dead, Some(Health::Dead)) => &mut self.dead_as_dead,
            (Health::Dead, None) => &mut self.dead_missed,
        };
        *count += 1;
    }

    /// Share of the live crowns that are seen as live; a crown that is not seen counts as wrong.
    pub(super) fn live_recall(&self) -> f64 {
        ratio(self.live_as_live, self.live_as_live + self.live_as_dead + self.live_missed)
    }

    /// Share of the dead crowns that are seen as dead.
    pub(super) fn dead_recall(&self) -> f64 {
        ratio(self.dead_as_dead, self.dead_as_live + self.dead_as_dead + self.dead_missed)
    }

    /// Mean of the two.
    pub(super) fn balanced_accuracy(&self) -> f64 {
        f64::midpoint(self.live_recall(), self.dead_recall())
    }

    /// The scores by name.
    pub(super) fn named(&self) -> [(&'static str, f64); 4] {
        [
            ("balanced_accuracy", self.balanced_accuracy()),
            ("live_recall", self.live_recall()),
            ("dead_recall", self.dead_recall()),
            ("dead_precision", self.dead_precision()),
        ]
    }

    /// Share of the crowns seen as dead that are dead.
    pub(super) fn dead_precision(&self) -> f64 {
        ratio(self.dead_as_dead, self.dead_as_dead + self.live_as_dead)
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_crown_counts_as_wrong() {
        let mut counts = Counts::default();
        for seen in [Some(Health::Dead), Some(Health::Dead), None, Some(Health::Live)] {
            counts.add(Health::Dead, seen);
        }
        counts.add(Health::Live, Some(Health::Dead));
        assert!((counts.dead_recall() - 0.5).abs() < 1e-12 && counts.live_recall().abs() < 1e-12);
        assert!((counts.balanced_accuracy() - 0.25).abs() < 1e-12);
        assert!((counts.dead_precision() - 2.0 / 3.0).abs() < 1e-12);
    }
}
