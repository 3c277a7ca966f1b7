//! Performance of a detector on a population in which positives are rarer than in its test sample.

use arpent_base::number::exact;
use serde::{Deserialize, Serialize};

use crate::MetricsError;
use crate::error::check_option;

/// Precision of a detector with this sensitivity (recall) and false-positive rate if a share `prevalence` of the
/// items is positive (Bayes). At one positive tile in a thousand, 92 % sensitivity and 93 % specificity give a
/// precision near 1 %. `None` if nothing would be flagged.
pub fn precision_at_prevalence(sensitivity: f64, false_positive_rate: f64, prevalence: f64) -> Option<f64> {
    let (right, wrong) = (sensitivity * prevalence, false_positive_rate * (1.0 - prevalence));
    (right + wrong > 0.0).then(|| right / (right + wrong))
}

/// One threshold of a detector.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Items from this score on are flagged; `None` if it is unknown or nothing is flagged.
    pub threshold: Option<f32>,
    /// Share of the positives that are flagged (recall, true-positive rate).
    pub sensitivity: f64,
    /// Share of the negatives that are flagged.
    pub false_positive_rate: f64,
}

/// The population on which a detector will be used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Number of items, e.g. tiles of a commune.
    pub items: u64,
    /// Share of them that is positive.
    pub prevalence: f64,
}

/// Expected result when only a limited number of items can be reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetPoint {
    /// Number of reviewed items: the budget, or all items if they are fewer.
    pub reviewed: u64,
    /// Expected share of positives among them: precision at k.
    pub precision: f64,
    /// Expected share of the positives that is among them: recall at k.
    pub recall: f64,
    /// Expected share of the negatives that is among them. Below one over the number of negatives in the sample, it
    /// cannot be estimated from the sample, and `precision` is an optimistic guess.
    pub false_positive_rate: f64,
    /// Items from this score on fill the budget. Items with exactly this score are chosen at random.
    pub threshold: Option<f32>,
}

/// Receiver operating characteristic: sensitivity over false-positive rate, from nothing flagged to everything
/// flagged.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Roc {
    points: Vec<OperatingPoint>,
}

impl Roc {
    /// The curve through these points, which may be as few as the one in a publication. Between two points, and from
    /// and to the corners, it is straight: one of the two thresholds is chosen at random.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if a rate is not between 0 and 1 or decreases from one point to the next.
    pub fn new(points: &[OperatingPoint]) -> Result<Self, MetricsError> {
        let corner = |rate| OperatingPoint { threshold: None, sensitivity: rate, false_positive_rate: rate };
        let mut all = vec![corner(0.0)];
        let expected = "a number from 0 to 1 that does not fall from point to point";
        for point in points.iter().copied().chain([corner(1.0)]) {
            let last = all[all.len() - 1];
            let is_fine = |value: f64, before: f64| (before..=1.0).contains(&value);
            let OperatingPoint { sensitivity: tpr, false_positive_rate: fpr, .. } = point;
            check_option(is_fine(tpr, last.sensitivity), "sensitivity", tpr, expected)?;
            check_option(is_fine(fpr, last.false_positive_rate), "false_positive_rate", fpr, expected)?;
            if point.threshold.is_some() || (tpr, fpr) != (last.sensitivity, last.false_positive_rate) {
                all.push(point);
            }
        }
        Ok(Self { points: all })
    }

    /// The points, from nothing flagged to everything flagged.
    pub fn points(&self) -> &[OperatingPoint] {
        &self.points
    }

    /// Area under the curve: the probability that a positive scores higher than a negative, ties counting half.
    pub fn area(&self) -> f64 {
        let steps = self.points.windows(2);
        let step = |p: &[OperatingPoint]| {
            (p[1].false_positive_rate - p[0].false_positive_rate) * (p[0].sensitivity + p[1].sensitivity)
                / 2.0
        };
        steps.map(step).sum()
    }

    /// Average precision if a share `prevalence` is positive: mean of the precisions at the points, weighted by the
    /// increase of recall at each, without interpolation (as `sklearn.metrics.average_precision_score`).
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if the prevalence is not between 0 and 1.
    pub fn average_precision(&self, prevalence: f64) -> Result<f64, MetricsError> {
        check_prevalence(prevalence)?;
        let step = |p: &[OperatingPoint]| {
            let [last, point] = [p[0], p[1]];
            let precision = precision_at_prevalence(point.sensitivity, point.false_positive_rate, prevalence)
                .unwrap_or(0.0);
            (point.sensitivity - last.sensitivity) * precision
        };
        Ok(self.points.windows(2).map(step).sum())
    }

    /// Expected result when the `budget` items with the highest scores of a population are reviewed: the rates of the
    /// sample are kept, and its positives and negatives are weighted as in the population.
    ///
    /// `None` if the budget or the population is empty.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if the prevalence is not between 0 and 1.
    pub fn at_budget(
        &self,
        budget: u64,
        population: Population,
    ) -> Result<Option<BudgetPoint>, MetricsError> {
        check_prevalence(population.prevalence)?;
        let reviewed = budget.min(population.items);
        if reviewed == 0 {
            return Ok(None);
        }
        let share = exact(reviewed) / exact(population.items);
        let point = self.flagging(share, population.prevalence);
        Ok(Some(BudgetPoint {
            reviewed,
            precision: (population.prevalence * point.sensitivity / share).min(1.0),
            recall: point.sensitivity,
            false_positive_rate: point.false_positive_rate,
            threshold: point.threshold,
        }))
    }

    /// The point at which this share of all items is flagged.
    fn flagging(&self, share: f64, prevalence: f64) -> OperatingPoint {
        let flagged =
            |p: &OperatingPoint| prevalence * p.sensitivity + (1.0 - prevalence) * p.false_positive_rate;
        let last = self.points.len() - 1;
        // A point that is below the share only by rounding has reached it.
        let end = self.points.partition_point(|p| flagged(p) < share * (1.0 - 1e-12)).clamp(1, last);
        let (from, to) = (&self.points[end - 1], &self.points[end]);
        let gap = flagged(to) - flagged(from);
        let along = if gap > 0.0 { ((share - flagged(from)) / gap).min(1.0) } else { 1.0 };
        let between = |a: f64, b: f64| a + (b - a) * along;
        OperatingPoint {
            threshold: to.threshold,
            sensitivity: between(from.sensitivity, to.sensitivity),
            false_positive_rate: between(from.false_positive_rate, to.false_positive_rate),
        }
    }
}

fn check_prevalence(prevalence: f64) -> Result<(), MetricsError> {
    let is_fine = prevalence > 0.0 && prevalence < 1.0;
    check_option(is_fine, "prevalence", prevalence, "a number between 0 and 1")
}
