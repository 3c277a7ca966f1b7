//! What is counted on pictures, as scores, as a section of the card, and as data for reports.

use std::collections::BTreeMap;
use std::fmt::Write;

use arpent_model::Score;
use arpent_raster::Class;
use serde::Serialize;

use super::bins::Bin;
use super::confusion::Confusion;
use super::intervals::{Interval, ROUNDS, Statistic, intervals};
use super::pictures::{Counted, headline};
use super::{Published, score};

/// Groups from which on they, and not items, are resampled.
const ENOUGH_GROUPS: usize = 4;

/// Items that are named as best and as worst, at most.
const EXTREMES: usize = 8;

/// Scores of a segmentation model, for reports.
#[derive(Debug, Serialize)]
struct Detail<'a> {
    split: &'a str,
    scores: BTreeMap<String, f64>,
    intervals: BTreeMap<String, Interval>,
    /// What the intervals resample.
    resampled: &'static str,
    rounds: usize,
    classes: Vec<ClassDetail<'a>>,
    /// Rows: truth; columns: prediction.
    confusion: Vec<&'a [u64]>,
    groups: BTreeMap<&'a str, GroupDetail>,
    calibration: Vec<Bin>,
    expected_calibration_error: f64,
    best: Vec<ItemDetail<'a>>,
    worst: Vec<ItemDetail<'a>>,
}

#[derive(Debug, Serialize)]
struct ClassDetail<'a> {
    id: u8,
    name: &'a str,
    iou: Option<f64>,
    iou_interval: Option<Interval>,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
    truth_pixels: u64,
    predicted_pixels: u64,
}

#[derive(Debug, Serialize)]
struct GroupDetail {
    pixels: u64,
    mean_iou: Option<f64>,
    overall_accuracy: Option<f64>,
}

/// An item: set and item, as the data set names it.
#[derive(Debug, Clone, Serialize)]
struct ItemDetail<'a> {
    item: &'a str,
    mean_iou: f64,
}

/// Everything that is published.
pub(super) fn publish(
    counted: &Counted,
    classes: &[Class],
    split: &str,
) -> Result<Published, serde_json::Error> {
    let detail = detail(counted, classes, split);
    Ok(Published {
        scores: scores(&detail, split),
        territories: counted.groups.keys().cloned().collect(),
        card: card(&detail),
        detail: serde_json::to_value(&detail)?,
    })
}

fn detail<'a>(counted: &'a Counted, classes: &'a [Class], split: &'a str) -> Detail<'a> {
    let by_group = counted.groups.len() >= ENOUGH_GROUPS;
    let parts: Vec<&Confusion> = if by_group {
        counted.groups.values().collect()
    } else {
        counted.items.iter().map(|(_, c)| c).collect()
    };
    let class_iou = |c: usize| -> Statistic<'_> { Box::new(move |m| m.iou(c)) };
    let mut statistics: Vec<Statistic<'_>> = (0..classes.len()).map(class_iou).collect();
    statistics.push(Box::new(Confusion::mean_iou));
    statistics.push(Box::new(Confusion::accuracy));
    let found = intervals(&parts, classes.len(), &statistics);
    let named = ["mean_iou", "overall_accuracy"].into_iter().zip(&found[classes.len()..]);
    let (best, worst) = extremes(&counted.items);
    Detail {
        split,
        scores: headline(&counted.all),
        intervals: named.filter_map(|(name, i)| Some((name.to_owned(), (*i)?))).collect(),
        resampled: if by_group { "groups" } else { "items" },
        rounds: ROUNDS,
        classes: classes.iter().enumerate().map(|(i, c)| class(&counted.all, i, c, found[i])).collect(),
        confusion: counted.all.rows(),
        groups: counted.groups.iter().map(|(name, c)| (name.as_str(), group(c))).collect(),
        calibration: counted.bins.report(),
        expected_calibration_error: counted.bins.error(),
        best,
        worst,
    }
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

fn group(confusion: &Confusion) -> GroupDetail {
    let (mean_iou, overall_accuracy) = (confusion.mean_iou(), confusion.accuracy());
    GroupDetail { pixels: confusion.pixels(), mean_iou, overall_accuracy }
}

/// The items with the highest and the lowest scores; equal ones in the order of the data set.
fn extremes(items: &[(String, Confusion)]) -> (Vec<ItemDetail<'_>>, Vec<ItemDetail<'_>>) {
    let scored = items.iter().filter_map(|(item, c)| Some(ItemDetail { item, mean_iou: c.mean_iou()? }));
    let mut all: Vec<ItemDetail<'_>> = scored.collect();
    all.sort_by(|a, b| a.mean_iou.total_cmp(&b.mean_iou));
    let count = EXTREMES.min(all.len().div_ceil(2));
    let best = all.iter().rev().take(count).cloned().collect();
    all.truncate(count);
    (best, all)
}

fn scores(detail: &Detail<'_>, split: &str) -> BTreeMap<String, Score> {
    let measures = [
        ("mean_iou", "mean over classes of intersection over union, pixels of whole pictures"),
        ("mean_f1", "mean over classes of F1, pixels of whole pictures"),
        ("overall_accuracy", "share of the pixels of whole pictures that are right"),
    ];
    let mut scores: BTreeMap<String, Score> = measures
        .iter()
        .map(|(name, measure)| {
            ((*name).to_owned(), score(detail.scores[*name], split, &with_interval(detail, name, measure)))
        })
        .collect();
    let error = detail.expected_calibration_error;
    let measure = "expected calibration error of the confidence, 15 bins; lower is better";
    scores.insert("expected_calibration_error".into(), score(error, split, measure));
    scores
}

fn with_interval(detail: &Detail<'_>, name: &str, measure: &str) -> String {
    match detail.intervals.get(name) {
        Some(Interval { low, high }) => {
            format!("{measure}; 95 % interval {low:.4} to {high:.4} (bootstrap over {})", detail.resampled)
        }
        None => measure.to_owned(),
    }
}

/// Tables by class and by group.
fn card(detail: &Detail<'_>) -> String {
    let said = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
    let range = |i: &Option<Interval>| i.map_or("-".to_owned(), |i| format!("{:.3} to {:.3}", i.low, i.high));
    let mut card = format!(
        "Whole pictures of the split `{}`, predicted as `arpent run` predicts them. Intervals: 95 %, {} resamples of the {}.\n\n",
        detail.split, detail.rounds, detail.resampled
    );
    // Writing to a string cannot fail.
    for (name, value) in &detail.scores {
        let _ =
            writeln!(card, "- {name}: {value:.3} (interval {})", range(&detail.intervals.get(name).copied()));
    }
    let _ = writeln!(card, "- expected calibration error: {:.3}", detail.expected_calibration_error);
    card += "\n| class | IoU | interval | precision | recall | pixels |\n|---|---|---|---|---|---|\n";
    for c in &detail.classes {
        let (iou, interval) = (said(c.iou), range(&c.iou_interval));
        let (precision, recall) = (said(c.precision), said(c.recall));
        let _ = writeln!(
            card,
            "| {} | {iou} | {interval} | {precision} | {recall} | {} |",
            c.name, c.truth_pixels
        );
    }
    card += "\n| group | mean IoU | accuracy | pixels |\n|---|---|---|---|\n";
    for (name, g) in &detail.groups {
        let _ =
            writeln!(card, "| {name} | {} | {} | {} |", said(g.mean_iou), said(g.overall_accuracy), g.pixels);
    }
    card
}
