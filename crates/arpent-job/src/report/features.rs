//! Figures of the features, and those that a report shows: found while the rows of the `GeoParquet` file pass.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use arpent_base::number::{approximate, exact, truncate};
use arpent_base::{Cell, Result};
use arpent_publish::FeatureTable;

/// Features of each list.
pub(crate) const LISTED: usize = 10;
/// Bars of the chart of scores.
pub(crate) const BARS: usize = 10;

/// Sums of features.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    /// Number of the class in the label raster.
    pub(crate) class_id: u8,
    pub(crate) features: u64,
    /// Sum of their areas, in the order of the file.
    pub(crate) area_m2: f64,
    /// Those with a score.
    pub(crate) scored: u64,
    score_sum: f64,
}

impl Totals {
    fn add(&mut self, area_m2: f64, score: Option<f64>) {
        self.features += 1;
        self.area_m2 += area_m2;
        if let Some(score) = score {
            self.scored += 1;
            self.score_sum += score;
        }
    }

    /// Mean of the scores; `None` without any.
    pub(crate) fn mean_score(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.score_sum / approximate(self.scored))
    }
}

/// A feature that is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notable {
    /// Number of its row.
    pub(crate) row: u64,
    pub(crate) id: String,
    pub(crate) class: String,
    pub(crate) class_id: u8,
    pub(crate) score: f64,
    pub(crate) area_m2: f64,
}

impl Notable {
    /// A feature of which only the row matters.
    pub(crate) fn of_row(row: u64, id: &str) -> Self {
        Self { row, id: id.to_owned(), class: String::new(), class_id: 0, score: 0.0, area_m2: 0.0 }
    }
}

/// What the rows hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    pub(crate) all: Totals,
    /// By name.
    pub(crate) classes: BTreeMap<String, Totals>,
    /// Numbers of features by score, from 0 to 1.
    pub(crate) scores: [u64; BARS],
    /// The highest scores first.
    pub(crate) most: Vec<Notable>,
    /// The lowest scores first.
    pub(crate) least: Vec<Notable>,
}

impl Found {
    /// Reads the figures of all rows. Memory does not grow with their number.
    ///
    /// # Errors
    /// When the file cannot be read, or is no table of features.
    pub(crate) fn read(table: &FeatureTable) -> Result<Self> {
        let mut found = Self::default();
        table.each(&["id", "class_id", "class_name", "score", "area_m2"], &mut |row, cells| {
            if let [Cell::Text(id), Cell::Integer(class_id), Cell::Text(class), score, Cell::Real(area_m2)] =
                cells
            {
                let score = if let Cell::Real(score) = score { Some(*score) } else { None };
                found.add(row, (id, u8::try_from(*class_id).unwrap_or(u8::MAX), class), *area_m2, score);
            }
            true
        })?;
        Ok(found)
    }

    fn add(&mut self, row: u64, (id, class_id, class): (&str, u8, &str), area_m2: f64, score: Option<f64>) {
        self.all.add(area_m2, score);
        if !self.classes.contains_key(class) {
            self.classes.insert(class.to_owned(), Totals { class_id, ..Totals::default() });
        }
        if let Some(totals) = self.classes.get_mut(class) {
            totals.add(area_m2, score);
        }
        let Some(score) = score else { return };
        self.scores[truncate::<usize>(score.clamp(0.0, 1.0) * exact(BARS)).min(BARS - 1)] += 1;
        let notable =
            || Notable { row, id: id.to_owned(), class: class.to_owned(), class_id, score, area_m2 };
        insert(&mut self.most, &notable, &|other| {
            other.score.total_cmp(&score).then_with(|| id.cmp(&other.id))
        });
        insert(&mut self.least, &notable, &|other| {
            score.total_cmp(&other.score).then_with(|| id.cmp(&other.id))
        });
    }
}

/// Puts a feature into a list at its place, if it has one; `compare` says how another one of the list compares with it: ties
/// by id, so that the order of the rows does not matter.
fn insert(list: &mut Vec<Notable>, notable: &dyn Fn() -> Notable, compare: &dyn Fn(&Notable) -> Ordering) {
    let at = list.partition_point(|other| compare(other).is_gt());
    if at < LISTED {
        list.insert(at, notable());
        list.truncate(LISTED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_the_same_in_any_order_of_the_rows() {
        let rows: Vec<(String, f64)> =
            (0..60u32).map(|i| (format!("{:032x}", i * 7 % 60), f64::from(i * 11 % 20) / 20.0)).collect();
        let take = |order: &mut dyn Iterator<Item = &(String, f64)>| {
            let mut found = Found::default();
            order.for_each(|(id, score)| found.add(0, (id, 1, "roof"), 2.0, Some(*score)));
            found
        };
        let (forward, backward) = (take(&mut rows.iter()), take(&mut rows.iter().rev()));
        assert_eq!((&forward.most, &forward.least), (&backward.most, &backward.least));
        let ids = |list: &[Notable]| list.iter().map(|n| n.id.clone()).collect::<Vec<_>>();
        let mut sorted = rows.clone();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        assert_eq!(ids(&forward.most), sorted.iter().take(10).map(|r| r.0.clone()).collect::<Vec<_>>());
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        assert_eq!(ids(&forward.least), sorted.iter().take(10).map(|r| r.0.clone()).collect::<Vec<_>>());
        assert_eq!((forward.all.features, forward.scores.iter().sum::<u64>()), (60, 60));
        assert_eq!(forward.scores[9], 6, "0.90 and 0.95");
    }

    #[test]
    fn what_has_no_score_is_counted_and_not_listed() {
        let mut found = Found::default();
        found.add(0, ("a", 3, "<b>\"é🌲"), 2.5, None);
        found.add(1, ("b", 3, "<b>\"é🌲"), 1.5, Some(1.0));
        let totals = &found.classes["<b>\"é🌲"];
        assert_eq!((totals.features, totals.scored, totals.class_id), (2, 1, 3));
        assert_eq!((totals.area_m2, totals.mean_score()), (4.0, Some(1.0)));
        assert_eq!((found.most.len(), found.scores[9]), (1, 1));
        assert_eq!(Totals::default().mean_score(), None);
    }
}
