//! Precision and recall from outcomes.

use arpent_base::number::{exact, wide};
use serde::{Deserialize, Serialize};

use super::outcomes::{ClassOutcomes, Outcome};
use crate::RiskCoverage;
use crate::count::{mean, ratio};

/// How the area under the curve of precision over recall is computed. In both, precision is first made
/// non-increasing: at each recall it is the highest value at that recall or above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Mean of the precisions at recall 0.00, 0.01, ... 1.00 (Lin et al.: *Microsoft COCO*, 2014; `pycocotools`).
    Coco101,
    /// Area under the steps (Everingham et al.: *The PASCAL visual object classes challenge: a retrospective*,
    /// 2015; VOC since 2010).
    Area,
}

/// A [`crate::DetectionScores`] at one IoU threshold.
#[derive(Debug, Clone, Copy)]
pub struct AtIou<'a> {
    pub(super) classes: &'a [ClassOutcomes],
    pub(super) bit: usize,
}

impl AtIou<'_> {
    /// Average precision of a class; `None` if the class is not in the truth.
    pub fn average_precision(&self, class_id: u8, interpolation: Interpolation) -> Option<f64> {
        let class = self.classes.get(usize::from(class_id)).filter(|class| class.truths > 0)?;
        let curve = self.curve(class);
        Some(match interpolation {
            Interpolation::Coco101 => coco101(&curve),
            Interpolation::Area => area(&curve),
        })
    }

    /// Mean of the average precisions of the classes that are in the truth.
    pub fn mean_average_precision(&self, interpolation: Interpolation) -> Option<f64> {
        let classes = (0u8..=255).take(self.classes.len());
        mean(classes.map(|class| self.average_precision(class, interpolation)))
    }

    /// Share of the `k` boxes with the highest scores that are correct, of one class or of all together. With fewer
    /// than `k` boxes, of all of them; `None` without any.
    pub fn precision_at(&self, k: usize, class_id: Option<u8>) -> Option<f64> {
        let best = self.best(k, class_id);
        ratio(self.right(&best), wide(best.len()))
    }

    /// Share of the true boxes that are matched by the `k` boxes with the highest scores, of one class or of all
    /// together; `None` without any true box.
    pub fn recall_at(&self, k: usize, class_id: Option<u8>) -> Option<f64> {
        let truths = self.chosen(class_id).map(|class| class.truths).sum();
        ratio(self.right(&self.best(k, class_id)), truths)
    }

    /// Recall and precision of a class, box by box from the highest score down; precision is the highest value at
    /// that recall or above, as for [`Interpolation::Area`]. Empty if the class is not in the truth or nothing was
    /// detected.
    pub fn precision_recall(&self, class_id: u8) -> Vec<(f64, f64)> {
        let class = self.classes.get(usize::from(class_id)).filter(|class| class.truths > 0);
        class.map(|class| self.curve(class)).unwrap_or_default()
    }

    /// Detected boxes by their scores, right where they are matched, of one class or of all together.
    pub fn risk(&self, class_id: Option<u8>) -> RiskCoverage {
        let mut risk = RiskCoverage::new();
        for outcome in self.chosen(class_id).flat_map(|class| &class.outcomes) {
            let is_right = u64::from(self.is_right(*outcome));
            risk.count(f64::from(outcome.score), is_right, 1 - is_right);
        }
        risk
    }

    fn chosen(&self, class_id: Option<u8>) -> impl Iterator<Item = &ClassOutcomes> {
        let classes = (0u8..=255).zip(self.classes);
        classes.filter(move |(id, _)| class_id.is_none_or(|wanted| wanted == *id)).map(|(_, class)| class)
    }

    fn best(&self, k: usize, class_id: Option<u8>) -> Vec<Outcome> {
        let mut best = sorted(self.chosen(class_id).flat_map(|class| &class.outcomes).copied().collect());
        best.truncate(k);
        best
    }

    fn right(&self, outcomes: &[Outcome]) -> u64 {
        wide(outcomes.iter().filter(|outcome| self.is_right(**outcome)).count())
    }

    fn is_right(&self, outcome: Outcome) -> bool {
        outcome.matched >> self.bit & 1 == 1
    }

    /// Recall and the best precision at that recall or above, box by box from the highest score down.
    fn curve(&self, class: &ClassOutcomes) -> Vec<(f64, f64)> {
        let mut right = 0;
        let mut point = |(i, outcome): (usize, Outcome)| {
            right += u64::from(self.is_right(outcome));
            (exact(right) / exact(class.truths), exact(right) / exact(i + 1))
        };
        let mut curve: Vec<(f64, f64)> =
            sorted(class.outcomes.clone()).into_iter().enumerate().map(&mut point).collect();
        let mut highest = 0.0f64;
        for (_, precision) in curve.iter_mut().rev() {
            highest = highest.max(*precision);
            *precision = highest;
        }
        curve
    }
}

/// Best first; ties keep their order.
fn sorted(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(std::cmp::Ordering::Equal));
    outcomes
}

fn coco101(curve: &[(f64, f64)]) -> f64 {
    let at = |i: u32| {
        // As numpy.linspace(0, 1, 101): 0.57 is a little more than 57 / 100 there.
        let wanted = f64::from(i) * 0.01;
        curve
            .get(curve.partition_point(|(recall, _)| *recall < wanted))
            .map_or(0.0, |(_, precision)| *precision)
    };
    (0..=100).map(at).sum::<f64>() / 101.0
}

fn area(curve: &[(f64, f64)]) -> f64 {
    let before = std::iter::once(0.0).chain(curve.iter().map(|(recall, _)| *recall));
    curve.iter().zip(before).map(|((recall, precision), last)| (recall - last) * precision).sum()
}
