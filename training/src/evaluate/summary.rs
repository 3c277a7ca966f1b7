//! What is counted on pictures, as scores, as a section of the card, and as data for reports.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use arpent_metrics::{Confusion, Interval, ReliabilityBin};
use arpent_model::Score;
use arpent_raster::Class;
use serde::Serialize;

use super::pictures::{Counted, CountedItem};
use super::rare::{self, RareDetail};
use super::shown::shown;
use super::thin::{self, ThinDetail};
use super::{Published, ROUNDS, range, said, score};
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
    pub(super) classes: Vec<ClassDetail<'a>>,
    /// Rows: truth; columns: prediction.
    pub(super) confusion: Vec<&'a [u64]>,
    pub(super) groups: BTreeMap<&'a str, GroupDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thin: Option<ThinDetail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rare: Option<RareDetail>,
    pub(super) calibration: Vec<ReliabilityBin>,
    pub(super) expected_calibration_error: f64,
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

/// A score of everything that was counted.
type Measure = fn(&Confusion) -> Option<f64>;

/// The scores of labels, with their names.
pub(super) const MEASURES: [(&str, Measure); 4] = [
    ("mean_iou", Confusion::mean_iou),
    ("mean_f1", Confusion::mean_f1),
    ("overall_accuracy", Confusion::overall_accuracy),
    ("balanced_accuracy", Confusion::balanced_accuracy),
];

/// Everything that is published.
pub(super) fn publish(
    counted: &Counted,
    rare: Option<RareDetail>,
    classes: &[Class],
    split: &str,
) -> Result<Published> {
    let detail = Detail { rare, ..detail(counted, classes, split)? };
    Ok(Published {
        scores: scores(&detail, split),
        territories: counted.parts.groups().groups().map(|(name, _)| name.to_owned()).collect(),
        card: card(&detail),
        detail: serde_json::to_value(&detail)?,
        shown: shown(&detail, counted),
    })
}

fn detail<'a>(counted: &'a Counted, classes: &'a [Class], split: &'a str) -> Result<Detail<'a>> {
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
    let class = |(i, c): (usize, &'a Class)| Ok(class(&counted.all, i, c, parts.interval(|m| m.iou(i))?));
    let (best, worst) = extremes(&counted.items);
    Ok(Detail {
        split,
        scores: counted.headline()?,
        intervals,
        resampled: parts.resampled(),
        rounds: ROUNDS,
        unit: if counted.as_a_whole { "pictures as a whole" } else { "pixels of whole pictures" },
        classes: classes.iter().enumerate().map(class).collect::<Result<_>>()?,
        confusion: counted.all.counts().chunks_exact(classes.len()).collect(),
        groups: parts.groups().groups().map(|(name, c)| (name, group(c, classes))).collect(),
        thin,
        rare: None,
        calibration: counted.bins.bins(),
        expected_calibration_error: counted.bins.expected_calibration_error().unwrap_or(0.0),
        best,
        worst,
    })
}

fn class<'a>(all: &Confusion, index: usize, class: &'a Class, interval: Option<Interval>) -> ClassDetail<'a> {
    ClassDetail {
        id: class.id,
        name: &class.name,
        iou: all.iou(index),
        iou_interval: interval,
        precision: all.precision(index),
        recall: all.recall(index),
        f1: all.f1(index),
        truth_pixels: all.truth(index),
        predicted_pixels: all.predicted(index),
    }
}

fn group(confusion: &Confusion, classes: &[Class]) -> GroupDetail {
    let class = |(index, class): (usize, &Class)| GroupClass {
        id: class.id,
        iou: confusion.iou(index),
        f1: confusion.f1(index),
        recall: confusion.recall(index),
    };
    GroupDetail {
        pixels: confusion.pixels(),
        mean_iou: confusion.mean_iou(),
        overall_accuracy: confusion.overall_accuracy(),
        balanced_accuracy: confusion.balanced_accuracy(),
        classes: classes.iter().enumerate().map(class).collect(),
    }
}

/// The items with the highest and the lowest scores; equal ones in the order of the data set.
fn extremes(items: &[CountedItem]) -> (Vec<ItemDetail<'_>>, Vec<ItemDetail<'_>>) {
    let scored =
        items.iter().filter_map(|i| Some(ItemDetail { item: &i.name, mean_iou: i.confusion.mean_iou()? }));
    let mut all: Vec<ItemDetail<'_>> = scored.collect();
    all.sort_by(|a, b| a.mean_iou.total_cmp(&b.mean_iou));
    let count = EXTREMES.min(all.len().div_ceil(2));
    let best = all.iter().rev().take(count).cloned().collect();
    all.truncate(count);
    (best, all)
}

fn scores(detail: &Detail<'_>, split: &str) -> BTreeMap<String, Score> {
    let unit = detail.unit;
    let measures = [
        ("mean_iou", format!("mean over classes of intersection over union, {unit}")),
        ("mean_f1", format!("mean over classes of F1, {unit}")),
        ("overall_accuracy", format!("share that is right, {unit}")),
        ("balanced_accuracy", format!("mean over classes of recall, {unit}")),
    ];
    let mut scores: BTreeMap<String, Score> = measures
        .iter()
        .map(|(name, measure)| {
            ((*name).to_owned(), score(detail.scores[*name], split, &with_interval(detail, name, measure)))
        })
        .collect();
    if let Some(thin) = &detail.thin {
        let measure = format!(
            "mean over the classes that become features of F1 with a tolerance of {} px, pixels of whole pictures",
            thin.tolerance_px
        );
        let measure = with_interval(detail, TOLERANCE_F1, &measure);
        scores.insert(TOLERANCE_F1.into(), score(detail.scores[TOLERANCE_F1], split, &measure));
    }
    let error = detail.expected_calibration_error;
    let measure = "expected calibration error of the confidence, 15 bins; lower is better";
    scores.insert("expected_calibration_error".into(), score(error, split, measure));
    scores
}

fn with_interval(detail: &Detail<'_>, name: &str, measure: &str) -> String {
    match detail.intervals.get(name) {
        Some(Interval { low, high, .. }) => {
            format!("{measure}; 95 % interval {low:.4} to {high:.4} (bootstrap over {})", detail.resampled)
        }
        None => measure.to_owned(),
    }
}

/// Tables by class and by group.
fn card(detail: &Detail<'_>) -> String {
    let mut card = format!(
        "Whole pictures of the split `{}`, predicted as `arpent run` predicts them. Intervals: 95 %, {} resamples of the {}.\n\n",
        detail.split, detail.rounds, detail.resampled
    );
    // Writing to a string cannot fail.
    for (name, value) in &detail.scores {
        let _ = writeln!(card, "- {name}: {value:.3} (interval {})", range(detail.intervals.get(name)));
    }
    let _ = writeln!(card, "- expected calibration error: {:.3}", detail.expected_calibration_error);
    card += "\n| class | IoU | interval | precision | recall | pixels |\n|---|---|---|---|---|---|\n";
    for c in &detail.classes {
        let (iou, interval) = (said(c.iou), range(c.iou_interval.as_ref()));
        let (precision, recall) = (said(c.precision), said(c.recall));
        let _ = writeln!(
            card,
            "| {} | {iou} | {interval} | {precision} | {recall} | {} |",
            c.name, c.truth_pixels
        );
    }
    card += &detail.thin.as_ref().map(thin::card).unwrap_or_default();
    card += &detail.rare.as_ref().map(rare::card).unwrap_or_default();
    card += "\n| group | mean IoU | accuracy | balanced | pixels |\n|---|---|---|---|---|\n";
    for (name, g) in &detail.groups {
        let [iou, overall, balanced] = [g.mean_iou, g.overall_accuracy, g.balanced_accuracy].map(said);
        let _ = writeln!(card, "| {name} | {iou} | {overall} | {balanced} | {} |", g.pixels);
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_tells_of_each_class() {
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
