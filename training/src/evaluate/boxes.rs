//! Scores of boxes: for the log, the card, as data and for the report.

use std::collections::BTreeMap;
use std::fmt::Write;

use arpent_base::Result;
use arpent_base::number::{exact, index};
use arpent_metrics::{DetectionScores, Interpolation, Interval, RiskScores};
use arpent_raster::Class;
use serde::Serialize;

use super::detail::coverage_at_5_percent;
use super::detection::{
    Counted, FOUND, average_precision, average_precision_of, f1, headline, mean_f1, precision_recall,
};
use super::figures;
use super::figures::{ClassScore, Estimate, GroupRow, GroupScores, OverallScore, PrecisionRecall, Scores};
use super::judge::{Published, Shown};
use super::numbers::{ROUNDS, range, score, value_text};
use super::rare::{self, Best, Measured, RareClass, RareDetail, estimate, measured};
use super::summary;
use super::territories::{Measure, TerritoryScores, territories};
use crate::config::Evaluate;

/// Minimum distance of two points of a curve: a finer one is not visible.
const STEP: f64 = 0.005;

/// Scores of a detection model, for reports.
#[derive(Debug, Serialize)]
struct Detail<'a> {
    split: &'a str,
    scores: BTreeMap<String, f64>,
    /// That of the average precision.
    interval: Option<Interval>,
    intervals: BTreeMap<String, Interval>,
    /// What the intervals resample.
    resampled: &'static str,
    classes: Vec<ClassDetail<'a>>,
    /// What is wrong of the boxes that remain when those of the lowest scores are left out.
    risk: RiskScores,
    /// Average precision.
    groups: BTreeMap<String, Option<f64>>,
    /// Scores with intervals, for gates.
    territories: BTreeMap<String, TerritoryScores>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rare: Option<RareDetail>,
}

#[derive(Debug, Serialize)]
struct ClassDetail<'a> {
    id: u8,
    name: &'a str,
    average_precision_50: Option<f64>,
    average_precision_interval: Option<Interval>,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
    f1_interval: Option<Interval>,
    objects: u64,
    detections: u64,
    /// Recall and precision, thinned.
    curve: Vec<[f64; 2]>,
    /// Area under the generalized risk by coverage of its boxes.
    augrc: Option<f64>,
    /// Share of its boxes that can be kept with at most 5 % wrong.
    coverage_at_5_percent: Option<f64>,
}

/// Everything that is published but the gallery.
pub(super) fn publish(
    counted: &Counted,
    classes: &[Class],
    split: &str,
    evaluate: &Evaluate,
) -> Result<Published> {
    let all = counted.parts.pooled()?;
    let is_ranked = !evaluate.precision_at_k.is_empty();
    let rare = is_ranked.then(|| ranked(counted, &all, classes, &evaluate.precision_at_k())).transpose()?;
    let detail = Detail { rare, ..detail(counted, &all, classes, split)? };
    let measure = "mean over classes, boxes of whole pictures, found from an overlap of 0.5 on";
    let scores = detail.scores.iter().map(|(name, value)| (name.clone(), score(*value, split, measure)));
    Ok(Published {
        scores: scores.collect(),
        territories: detail.groups.keys().cloned().collect(),
        card: card(&detail),
        confidence: String::new(),
        shown: shown(&detail, counted),
        detail: serde_json::to_value(&detail)?,
    })
}

fn detail<'a>(
    counted: &Counted,
    all: &DetectionScores,
    classes: &'a [Class],
    split: &'a str,
) -> Result<Detail<'a>> {
    let parts = &counted.parts;
    let summary = all.summary(Interpolation::Area);
    let class = |(class, found): (&'a Class, &arpent_metrics::ClassDetections)| {
        let position = found.class_id;
        let average = measured(parts, all, |s| average_precision_of(s, position))?;
        let f1 = measured(parts, all, |s| f1(s, position))?;
        let [precision, recall] = precision_recall(all, position);
        let risk = all.at_iou(FOUND)?.risk(Some(position));
        Ok(ClassDetail {
            augrc: risk.augrc(),
            coverage_at_5_percent: coverage_at_5_percent(&risk),
            id: class.id,
            name: &class.name,
            average_precision_50: average.value,
            average_precision_interval: average.interval,
            precision,
            recall,
            f1: f1.value,
            f1_interval: f1.interval,
            objects: found.truths,
            detections: found.found,
            curve: thinned(&all.at_iou(FOUND)?.precision_recall(position)),
        })
    };
    let interval = parts.interval(average_precision)?;
    let named = |name: &str, interval: Option<Interval>| interval.map(|i| (name.to_owned(), i));
    let intervals = [named("average_precision_50", interval), named("mean_f1", parts.interval(mean_f1)?)];
    Ok(Detail {
        split,
        scores: headline(all),
        interval,
        intervals: intervals.into_iter().flatten().collect(),
        resampled: parts.resampled(),
        classes: classes.iter().zip(&summary.classes).map(class).collect::<Result<_>>()?,
        risk: all.at_iou(FOUND)?.risk(None).scores(),
        groups: parts.groups().each(average_precision),
        territories: by_territory(counted)?,
        rare: None,
    })
}

/// Scores of each territory; samples are true boxes.
fn by_territory(counted: &Counted) -> Result<BTreeMap<String, TerritoryScores>> {
    let pictures = counted.items.iter().map(|item| (item.group.as_str(), item.name.as_str(), &item.scores));
    let Some(empty) = counted.items.first().map(|item| item.scores.emptied()) else {
        return Ok(BTreeMap::new());
    };
    let samples =
        |all: &DetectionScores| all.summary(Interpolation::Area).classes.iter().map(|c| c.truths).sum();
    let measures: [Measure<DetectionScores>; 2] =
        [("average_precision_50", average_precision), ("mean_f1", mean_f1)];
    territories(pictures, &empty, samples, &measures)
}

/// Leaves points out that lie where the last one does; the first and the last one stay.
fn thinned(curve: &[(f64, f64)]) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    for (i, (recall, precision)) in curve.iter().enumerate() {
        let is_far =
            kept.last().is_none_or(|[r, p]| (recall - r).abs() >= STEP || (precision - p).abs() >= STEP);
        if is_far || i + 1 == curve.len() {
            kept.push([*recall, *precision]);
        }
    }
    kept
}

/// Boxes of the classes that become features, highest score first.
fn ranked(counted: &Counted, all: &DetectionScores, classes: &[Class], ks: &[u64]) -> Result<RareDetail> {
    let parts = &counted.parts;
    let summary = all.summary(Interpolation::Area);
    let class = |(class, found): (&Class, &arpent_metrics::ClassDetections)| {
        let position = found.class_id;
        let best = |k: &u64| {
            let count = index(*k);
            let precision = |s: &DetectionScores| s.at_iou(FOUND).ok()?.precision_at(count, Some(position));
            Ok(Best {
                k: *k,
                precision: measured(parts, all, precision)?,
                recall: all.at_iou(FOUND)?.recall_at(count, Some(position)),
                precision_at_prevalence: None,
                at_prevalence_is_optimistic: None,
            })
        };
        Ok(RareClass {
            id: class.id,
            name: class.name.clone(),
            candidates: found.found,
            real: found.truths,
            average_precision: measured(parts, all, |s| average_precision_of(s, position))?,
            average_precision_at_prevalence: None,
            best: ks.iter().map(best).collect::<Result<_>>()?,
        })
    };
    let features = classes.iter().zip(&summary.classes).filter(|(class, _)| class.features);
    let classes = features.map(class).collect::<Result<_>>()?;
    Ok(RareDetail { candidates: "boxes".into(), prevalence: None, classes })
}

fn card(detail: &Detail<'_>) -> String {
    let (split, resampled) = (detail.split, detail.resampled);
    let (ap, interval) =
        (value_text(detail.scores.get("average_precision_50").copied()), range(detail.interval.as_ref()));
    let mut card = format!(
        "Boxes of whole pictures of the split `{split}`. AP50 {ap} (95 % interval {interval}, {ROUNDS} resamples of the {resampled}).\n\n\
         | class | AP50 | interval | F1 | precision | recall | objects | detections |\n|---|---|---|---|---|---|---|---|\n",
    );
    for c in &detail.classes {
        // Without truth of the class, its scores are undefined.
        let told = |value: Option<f64>| value_text(value.filter(|_| c.objects > 0));
        let [ap, f1, precision, recall] = [c.average_precision_50, c.f1, c.precision, c.recall].map(told);
        let ap = if c.objects == 0 { "no truth".to_owned() } else { ap };
        let interval = range(c.average_precision_interval.as_ref());
        // Writing to a string cannot fail.
        let _ = writeln!(
            card,
            "| {} | {ap} | {interval} | {f1} | {precision} | {recall} | {} | {} |",
            c.name, c.objects, c.detections
        );
    }
    card += &detail.rare.as_ref().map(rare::card).unwrap_or_default();
    card + &summary::risk(&detail.risk, None)
}

fn shown(detail: &Detail<'_>, counted: &Counted) -> Shown {
    let curve = |class: &ClassDetail<'_>| PrecisionRecall {
        class: class.id,
        average_precision: with(class.average_precision_50, class.average_precision_interval),
        objects: class.objects,
        curve: class.curve.clone(),
    };
    Shown {
        scores: Some(scores(detail, counted)),
        detection: Some(figures::DetectionScores {
            iou_threshold: FOUND,
            classes: detail.classes.iter().map(curve).collect(),
            risk: Some(detail.risk.clone()),
        }),
        ..Shown::default()
    }
}

fn with(value: Option<f64>, interval: Option<Interval>) -> Estimate {
    estimate(&Measured { value, interval })
}

fn scores(detail: &Detail<'_>, counted: &Counted) -> Scores {
    let intervals = counted.parts.intervals(!detail.intervals.is_empty());
    let overall = [
        ("AP50", "average_precision_50", "mean over classes of the area under the precision-recall curve"),
        ("mean F1", "mean_f1", "mean over classes of F1 of all detections above the threshold"),
    ];
    let overall = overall.map(|(name, key, meaning)| OverallScore {
        name: name.into(),
        estimate: with(detail.scores.get(key).copied(), detail.intervals.get(key).copied()),
        meaning: Some(meaning.into()),
    });
    let objects: u64 = detail.classes.iter().map(|c| c.objects).sum();
    let class = |c: &ClassDetail<'_>| ClassScore {
        class: c.id,
        iou: Estimate::default(),
        precision: with(c.precision, None),
        recall: with(c.recall, None),
        f1: with(c.f1, c.f1_interval),
        truth_share: (objects > 0).then(|| exact(c.objects) / exact(objects)),
    };
    let items = |group: &str| counted.items.iter().filter(|i| i.group == group).count() as u64;
    let row = |(group, scores): (&str, &DetectionScores)| GroupRow {
        group: group.to_owned(),
        items: items(group),
        pixels: None,
        scores: vec![average_precision(scores), mean_f1(scores)],
    };
    Scores {
        split: detail.split.into(),
        intervals,
        overall: overall.to_vec(),
        classes: detail.classes.iter().map(class).collect(),
        groups: Some(GroupScores {
            names: vec!["AP50".into(), "mean F1".into()],
            rows: counted.parts.groups().groups().map(row).collect(),
        }),
        thin: None,
        rare: detail.rare.as_ref().map(rare::shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_thinned_to_what_can_be_seen() {
        let curve: Vec<(f64, f64)> = (0..=1000).map(|i| (f64::from(i) / 1000.0, 1.0)).collect();
        let thin = thinned(&curve);
        assert_eq!((thin[0], thin[thin.len() - 1]), ([0.0, 1.0], [1.0, 1.0]));
        assert!((150..=201).contains(&thin.len()), "{}", thin.len());
        // A step down stays, however little lies between.
        assert_eq!(thinned(&[(0.5, 1.0), (0.501, 0.8), (0.502, 0.8)]).len(), 3);
        assert!(thinned(&[]).is_empty());
    }
}
