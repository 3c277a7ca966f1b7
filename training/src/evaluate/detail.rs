//! Scores of pictures, as data.

use std::collections::BTreeMap;

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_metrics::{Confusion, Interval, Reliability, ReliabilityBin, RiskCoverage, RiskScores};
use arpent_raster::Class;
use serde::Serialize;

use super::answers::Answers;
use super::numbers::ROUNDS;
use super::pictures::{Counted, CountedItem, Found, MEASURES};
use super::rare::RareDetail;
use super::territories::{TerritoryScores, territories};
use super::thin::{self, ThinDetail};
use crate::config::TOLERANCE_F1;

/// Items that are named as best and as worst, at most.
const EXTREMES: usize = 8;

/// Scores of a segmentation model, for reports.
#[derive(Debug, Serialize)]
pub(super) struct Detail<'a> {
    pub(super) split: &'a str,
    pub(super) scores: BTreeMap<String, f64>,
    pub(super) intervals: BTreeMap<String, Interval>,
    /// What the intervals resample.
    pub(super) resampled: &'static str,
    pub(super) rounds: usize,
    /// What counts once.
    pub(super) unit: &'static str,
    /// The same in a word.
    #[serde(skip)]
    pub(super) counted: &'static str,
    pub(super) classes: Vec<ClassDetail<'a>>,
    /// Rows: truth; columns: prediction.
    pub(super) confusion: Vec<&'a [u64]>,
    pub(super) groups: BTreeMap<&'a str, GroupDetail>,
    /// The same scores with intervals, for gates.
    pub(super) territories: BTreeMap<String, TerritoryScores>,
    /// By set, where objects count.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) found: BTreeMap<&'a str, Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thin: Option<ThinDetail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rare: Option<RareDetail>,
    pub(super) calibration: Vec<ReliabilityBin>,
    pub(super) expected_calibration_error: f64,
    /// What is wrong of the answers that remain when the least certain ones are left out.
    pub(super) risk: RiskScores,
    /// Of the area under the generalized risk by coverage, over the groups.
    pub(super) augrc_interval: Option<Interval>,
    pub(super) best: Vec<ItemDetail<'a>>,
    pub(super) worst: Vec<ItemDetail<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ClassDetail<'a> {
    pub(super) id: u8,
    pub(super) name: &'a str,
    pub(super) iou: Option<f64>,
    pub(super) iou_interval: Option<Interval>,
    pub(super) precision: Option<f64>,
    pub(super) recall: Option<f64>,
    pub(super) f1: Option<f64>,
    pub(super) truth_pixels: u64,
    pub(super) predicted_pixels: u64,
    /// Expected calibration error of the predictions of this class.
    pub(super) calibration_error: Option<f64>,
    /// Number of those predictions.
    pub(super) calibration_answers: u64,
    /// Area under the generalized risk by coverage of those predictions.
    pub(super) augrc: Option<f64>,
    /// Share of those predictions that can be kept with at most 5 % wrong.
    pub(super) coverage_at_5_percent: Option<f64>,
    /// False positive rate: share of the pixels of other classes that are predicted as this one.
    pub(super) false_positive_rate: Option<f64>,
    /// Precision at given prevalences.
    pub(super) at_prevalence: Vec<AtPrevalence>,
}

/// Precision of a class at a prevalence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct AtPrevalence {
    pub(super) prevalence: f64,
    pub(super) precision: f64,
    /// Whether no pixel of other classes was predicted as it: the false positive rate is then the upper end of its 95 %
    /// interval, and the precision a lower bound.
    pub(super) is_lower_bound: bool,
}

/// Prevalences in cards.
const PREVALENCES: [f64; 3] = [0.1, 0.01, 0.001];

/// Precision at given shares of the ground, from recall r and false positive rate f: `r p / (r p + f (1 - p))` (Altman,
/// Bland: *Diagnostic tests 2: predictive values*, BMJ 309, 1994). Where no false positive was seen among n pixels, f is
/// 3 / n (Hanley, Lippman-Hand: *If nothing goes wrong, is everything all right?*, JAMA 249, 1983).
fn at_prevalence(recall: f64, false_positives: u64, others: u64) -> Vec<AtPrevalence> {
    if others == 0 {
        return Vec::new();
    }
    let is_lower_bound = false_positives == 0;
    let rate =
        if is_lower_bound { (3.0 / exact(others)).min(1.0) } else { exact(false_positives) / exact(others) };
    let one = |prevalence: f64| {
        let (right, wrong) = (recall * prevalence, rate * (1.0 - prevalence));
        (right + wrong > 0.0).then(|| AtPrevalence {
            prevalence,
            precision: right / (right + wrong),
            is_lower_bound,
        })
    };
    PREVALENCES.into_iter().filter_map(one).collect()
}

#[derive(Debug, Serialize)]
pub(super) struct GroupDetail {
    pub(super) pixels: u64,
    pub(super) mean_iou: Option<f64>,
    pub(super) overall_accuracy: Option<f64>,
    pub(super) balanced_accuracy: Option<f64>,
    /// In the order of the classes.
    pub(super) classes: Vec<GroupClass>,
}

/// Scores of a class in a group.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct GroupClass {
    pub(super) id: u8,
    pub(super) iou: Option<f64>,
    pub(super) f1: Option<f64>,
    pub(super) recall: Option<f64>,
}

/// An item: set and item, as the data set names it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ItemDetail<'a> {
    pub(super) item: &'a str,
    pub(super) mean_iou: f64,
}

pub(super) fn detail<'a>(counted: &'a Counted, classes: &'a [Class], split: &'a str) -> Result<Detail<'a>> {
    let parts = &counted.parts;
    let mut intervals = BTreeMap::new();
    for (name, measure) in MEASURES {
        intervals.extend(parts.interval(measure)?.map(|i| (name.to_owned(), i)));
    }
    let thin = counted.thin.as_ref();
    if let Some((_, parts)) = thin {
        intervals.extend(parts.interval(thin::Thin::mean_f1)?.map(|i| (TOLERANCE_F1.to_owned(), i)));
    }
    let thin = thin.map(|(px, parts)| thin::detail(parts, classes, *px)).transpose()?;
    let answers = counted.answers.pooled()?;
    let class = |(i, c): (usize, &'a Class)| {
        let interval = parts.interval(|m| m.iou(i).filter(|_| m.truth(i) > 0))?;
        let risk = answers.risk_of(i)?;
        Ok(class(&counted.all, i, c, interval, (&counted.class_bins[i], &risk)))
    };
    let (best, worst) = extremes(&counted.items);
    let augrc = |answers: &Answers| answers.risk().ok()?.augrc();
    Ok(Detail {
        split,
        scores: counted.headline()?,
        intervals,
        resampled: parts.resampled(),
        rounds: ROUNDS,
        unit: counted.unit.describe(),
        counted: counted.unit.name(),
        classes: classes.iter().enumerate().map(class).collect::<Result<_>>()?,
        confusion: counted.all.counts().chunks_exact(classes.len()).collect(),
        groups: parts.groups().groups().map(|(name, c)| (name, group(c, classes))).collect(),
        territories: territories(
            counted.items.iter().map(|item| (item.group.as_str(), item.name.as_str(), &item.confusion)),
            &Confusion::new(classes.len())?,
            Confusion::pixels,
            &MEASURES,
        )?,
        found: counted.found.iter().map(|(set, found)| (set.as_str(), *found)).collect(),
        thin,
        rare: None,
        calibration: counted.bins.bins(),
        expected_calibration_error: counted.bins.expected_calibration_error().unwrap_or(0.0),
        risk: answers.risk()?.scores(),
        augrc_interval: counted.answers.interval(augrc, 0.95, ROUNDS, 0)?,
        best,
        worst,
    })
}

fn class<'a>(
    all: &Confusion,
    index: usize,
    class: &'a Class,
    interval: Option<Interval>,
    (bins, risk): (&Reliability, &RiskCoverage),
) -> ClassDetail<'a> {
    let (others, wrong) = (all.pixels() - all.truth(index), all.predicted(index) - all.of(index, index));
    let false_positive_rate = (others > 0).then(|| exact(wrong) / exact(others));
    // Without truth of the class, its scores are undefined.
    let told = |score: Option<f64>| score.filter(|_| all.truth(index) > 0);
    ClassDetail {
        id: class.id,
        name: &class.name,
        iou: told(all.iou(index)),
        iou_interval: interval.filter(|_| all.truth(index) > 0),
        precision: told(all.precision(index)),
        recall: told(all.recall(index)),
        f1: told(all.f1(index)),
        truth_pixels: all.truth(index),
        predicted_pixels: all.predicted(index),
        calibration_error: bins.expected_calibration_error(),
        calibration_answers: bins.answers(),
        augrc: risk.augrc(),
        coverage_at_5_percent: coverage_at_5_percent(risk),
        false_positive_rate,
        at_prevalence: all.recall(index).map_or(Vec::new(), |recall| at_prevalence(recall, wrong, others)),
    }
}

/// Share of answers that can be kept with at most 5 % wrong; 0 if none can, `None` without answers.
pub(super) fn coverage_at_5_percent(risk: &RiskCoverage) -> Option<f64> {
    let point = risk.coverage_at_risk(0.05).ok()?;
    (risk.answers() > 0).then(|| point.map_or(0.0, |point| point.coverage))
}

fn group(confusion: &Confusion, classes: &[Class]) -> GroupDetail {
    let class = |(index, class): (usize, &Class)| GroupClass {
        id: class.id,
        iou: confusion.iou(index).filter(|_| confusion.truth(index) > 0),
        f1: confusion.f1(index).filter(|_| confusion.truth(index) > 0),
        recall: confusion.recall(index),
    };
    GroupDetail {
        pixels: confusion.pixels(),
        mean_iou: confusion.mean_iou_with_truth(),
        overall_accuracy: confusion.overall_accuracy(),
        balanced_accuracy: confusion.balanced_accuracy(),
        classes: classes.iter().enumerate().map(class).collect(),
    }
}

/// The items with the highest and the lowest scores; equal ones in the order of the data set.
fn extremes(items: &[CountedItem]) -> (Vec<ItemDetail<'_>>, Vec<ItemDetail<'_>>) {
    let scored = items
        .iter()
        .filter_map(|i| Some(ItemDetail { item: &i.name, mean_iou: i.confusion.mean_iou_with_truth()? }));
    let mut all: Vec<ItemDetail<'_>> = scored.collect();
    all.sort_by(|a, b| a.mean_iou.total_cmp(&b.mean_iou));
    let count = EXTREMES.min(all.len().div_ceil(2));
    let best = all.iter().rev().take(count).cloned().collect();
    all.truncate(count);
    (best, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_truth_has_no_score_and_is_in_no_mean() {
        // 200 pixels of one class, 197 right and 3 taken for a class that is not there.
        let confusion = Confusion::from_counts(2, vec![197, 3, 0, 0]).unwrap();
        assert_eq!(confusion.mean_iou_with_truth(), Some(0.985));
        assert_eq!(confusion.mean_f1_with_truth(), Some(2.0 * 197.0 / 397.0));
        let name = |name: &str| Class {
            id: 0,
            name: name.into(),
            name_fr: None,
            code: None,
            color: arpent_raster::Color([0; 3]),
            features: true,
        };
        let other = name("other");
        let none = class(&confusion, 1, &other, None, (&Reliability::default(), &RiskCoverage::new()));
        assert_eq!((none.iou, none.precision, none.recall, none.f1), (None, None, None, None));
        assert_eq!((none.truth_pixels, none.predicted_pixels), (0, 3));
        assert_eq!(group(&confusion, &[name("field"), other.clone()]).classes[1].iou, None);
        // Of two polygons the one that is 98.5 % right is not the worse one.
        let item = |id: usize, counts| CountedItem {
            id: crate::data::ItemId { set: 0, item: id },
            name: id.to_string(),
            group: String::new(),
            confusion: Confusion::from_counts(2, counts).unwrap(),
        };
        let items = [item(1, vec![197, 3, 0, 0]), item(2, vec![0, 0, 60, 140])];
        let (best, worst) = extremes(&items);
        assert_eq!((best[0].item, worst[0].item), ("1", "2"));
    }

    #[test]
    fn precision_falls_with_the_share_of_the_ground() {
        let of = |false_positives, others| -> Vec<f64> {
            at_prevalence(0.9, false_positives, others).iter().map(|at| at.precision).collect()
        };
        // Recall 0.9, 1 of 100 others taken for it: 0.09 / (0.09 + 0.009), 0.009 / (0.009 + 0.0099), ...
        let wanted = [0.09 / 0.099, 0.009 / 0.0189, 0.000_9 / (0.000_9 + 0.009_99)];
        assert!(of(10, 1000).iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{:?}", of(10, 1000));
        // None of 1000 seen: as if 3 were.
        assert_eq!(of(0, 1000), of(3, 1000));
        assert!(at_prevalence(0.9, 0, 1000).iter().all(|at| at.is_lower_bound));
        assert!(at_prevalence(0.9, 0, 0).is_empty() && at_prevalence(0.0, 0, 1000)[0].precision == 0.0);
    }

    #[test]
    fn a_group_has_scores_of_each_class() {
        let class = |id| Class {
            id,
            name: format!("class{id}"),
            name_fr: None,
            code: None,
            color: arpent_raster::Color([0; 3]),
            features: true,
        };
        // 10 of the first class, 6 right and 4 taken for the second; 2 of the second, 1 right; none of the third.
        let confusion = Confusion::from_counts(3, vec![6, 4, 0, 1, 1, 0, 0, 0, 0]).unwrap();
        let told = group(&confusion, &[class(4), class(9), class(2)]);
        let score = |id, iou, f1, recall| GroupClass { id, iou, f1, recall };
        assert_eq!(told.classes[0], score(4, Some(6.0 / 11.0), Some(12.0 / 17.0), Some(0.6)));
        assert_eq!(told.classes[1], score(9, Some(1.0 / 6.0), Some(2.0 / 7.0), Some(0.5)));
        assert_eq!(told.classes[2], score(2, None, None, None));
        assert!((told.balanced_accuracy.unwrap() - 0.55).abs() < 1e-12, "{told:?}");
        assert_eq!((told.pixels, told.overall_accuracy), (12, Some(7.0 / 12.0)));
    }
}
