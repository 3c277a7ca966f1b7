//! Boxes against boxes.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Result, bail};
use arpent_datasets::Split;
use arpent_metrics::{
    ClassDetections, DetectionOptions, DetectionScores, Grouped, Interpolation, ScoredBox, TruthBox,
};
use arpent_model::{PixelDetection, Predictor};
use arpent_raster::Class;

use super::{Judge, Published, ROUNDS, Shown, score, whole};
use crate::data::{ItemTruth, Sets};

/// Overlap from which on a box counts as found.
const FOUND: f64 = 0.5;

/// The boxes of a split.
#[derive(Debug)]
pub(crate) struct Detections<'a> {
    pub(crate) sets: &'a Sets,
    pub(crate) split: Split,
    pub(crate) classes: &'a [Class],
    /// Overlap above which two detections are one object.
    pub(crate) iou: f64,
}

impl Detections<'_> {
    /// Every picture's boxes, by group.
    fn count(&self, predictor: &Predictor) -> Result<Grouped<DetectionScores>> {
        let options = DetectionOptions {
            classes: self.classes.len(),
            iou_thresholds: vec![FOUND],
            max_per_picture: None,
        };
        let mut counted = Grouped::new(DetectionScores::new(options)?);
        for id in self.sets.items(self.split) {
            let item = self.sets.read(id)?;
            let ItemTruth::Boxes(truth) = &item.truth else { bail!("boxes were expected") };
            let truth: Vec<TruthBox> =
                truth.iter().map(|b| TruthBox { class_id: b.class, bbox: b.sides }).collect();
            let found = whole::detections_of(predictor, &item.chip)?;
            let mut scored = Vec::new();
            for (position, class) in (0u8..).zip(self.classes) {
                let of_class = found.iter().filter(|d| d.class_id == class.id).cloned().collect();
                let boxes = one_each(of_class, self.iou).into_iter();
                scored.extend(boxes.map(|d| ScoredBox { class_id: position, score: d.score, bbox: d.bbox }));
            }
            counted.group(&self.sets.group(id)).add(&truth, &scored)?;
        }
        Ok(counted)
    }
}

/// The highest of detections that overlap, highest first.
fn one_each(mut found: Vec<PixelDetection>, iou: f64) -> Vec<PixelDetection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<PixelDetection> = Vec::new();
    for detection in found {
        if kept.iter().all(|k| overlap(&k.bbox, &detection.bbox) <= iou) {
            kept.push(detection);
        }
    }
    kept
}

fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let area = |s: &[f64; 4]| (s[2] - s[0]).max(0.0) * (s[3] - s[1]).max(0.0);
    let common = area(&[a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = area(a) + area(b) - common;
    if union > 0.0 { common / union } else { 0.0 }
}

/// Area under the precision-recall curve, mean over the classes that are there.
fn average_precision(all: &DetectionScores) -> Option<f64> {
    all.mean_average_precision(Interpolation::Area)
}

/// Harmonic mean of precision and recall of a class, of all boxes that were found.
fn f1(all: &DetectionScores, class: &ClassDetections) -> Option<f64> {
    let found = usize::try_from(class.found).unwrap_or(usize::MAX);
    let at = all.at_iou(FOUND).ok()?;
    if class.truths + class.found == 0 {
        return None;
    }
    let recall = at.recall_at(found, Some(class.class_id)).unwrap_or(0.0);
    let precision = at.precision_at(found, Some(class.class_id)).unwrap_or(0.0);
    let sum = recall + precision;
    Some(if sum > 0.0 { 2.0 * recall * precision / sum } else { 0.0 })
}

fn mean_f1(all: &DetectionScores) -> Option<f64> {
    let each: Vec<f64> =
        all.summary(Interpolation::Area).classes.iter().filter_map(|class| f1(all, class)).collect();
    #[allow(clippy::cast_precision_loss, reason = "few classes")]
    let count = each.len() as f64;
    (!each.is_empty()).then(|| each.iter().sum::<f64>() / count)
}

fn headline(all: &DetectionScores) -> BTreeMap<String, f64> {
    let scores = [("average_precision_50", average_precision(all)), ("mean_f1", mean_f1(all))];
    scores.into_iter().map(|(name, value)| (name.to_owned(), value.unwrap_or(0.0))).collect()
}

impl Judge for Detections<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["average_precision_50", "mean_f1"]
    }

    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>> {
        Ok(headline(&self.count(predictor)?.pooled()?))
    }

    fn publish(&self, predictor: &Predictor) -> Result<Published> {
        let counted = self.count(predictor)?;
        let all = counted.pooled()?;
        let (scores, split) = (headline(&all), self.split.name());
        let interval = counted.interval(average_precision, 0.95, ROUNDS, 0)?;
        let said = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
        let range = interval.as_ref().map_or("-".to_owned(), |i| format!("{:.3} to {:.3}", i.low, i.high));
        let mut card = format!(
            "Boxes of whole pictures of the split `{split}`. AP50 {:.3} (95 % interval {range}, {ROUNDS} resamples of the groups).\n\n\
             | class | AP50 | F1 | objects | detections |\n|---|---|---|---|---|\n",
            scores["average_precision_50"]
        );
        let summary = all.summary(Interpolation::Area);
        let mut classes = Vec::new();
        for (class, found) in self.classes.iter().zip(&summary.classes) {
            let (ap, f1) = (found.average_precision.first().copied().flatten(), f1(&all, found));
            // Writing to a string cannot fail.
            let _ = writeln!(
                card,
                "| {} | {} | {} | {} | {} |",
                class.name,
                said(ap),
                said(f1),
                found.truths,
                found.found
            );
            classes.push(serde_json::json!({ "id": class.id, "name": class.name, "average_precision_50": ap,
                "f1": f1, "objects": found.truths, "detections": found.found }));
        }
        let groups = counted.each(average_precision);
        let detail = serde_json::json!({ "split": split, "scores": scores, "interval": interval,
            "classes": classes, "groups": groups });
        let measure = "mean over classes, boxes of whole pictures, found from an overlap of 0.5 on";
        let scores = scores.iter().map(|(name, value)| (name.clone(), score(*value, split, measure)));
        let territories = groups.into_keys().collect();
        Ok(Published { scores: scores.collect(), territories, card, detail, shown: Shown::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_detection_finds_one_object_and_precision_falls() {
        let detection =
            |x: f64, score: f32| PixelDetection { class_id: 0, score, bbox: [x, 0.0, x + 10.0, 10.0] };
        let found =
            vec![detection(0.0, 0.9), detection(1.0, 0.8), detection(50.0, 0.7), detection(21.0, 0.6)];
        let kept = one_each(found, 0.5);
        assert_eq!(kept.len(), 3, "one of two that overlap is dropped");
        let mut scores = DetectionScores::new(DetectionOptions {
            classes: 1,
            iou_thresholds: vec![FOUND],
            max_per_picture: None,
        })
        .unwrap();
        let truth = [0.0, 20.0].map(|x| TruthBox { class_id: 0, bbox: [x, 0.0, x + 10.0, 10.0] });
        let found: Vec<ScoredBox> =
            kept.iter().map(|d| ScoredBox { class_id: 0, score: d.score, bbox: d.bbox }).collect();
        scores.add(&truth, &found).unwrap();
        // Recall 0.5 at precision 1, recall 1 at precision 2/3.
        let headline = headline(&scores);
        assert!((headline["average_precision_50"] - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        assert!((headline["mean_f1"] - 0.8).abs() < 1e-12);
    }
}
