//! Boxes against boxes.

use std::collections::BTreeMap;

use arpent_base::number::exact;
use arpent_base::{Result, bail};
use arpent_datasets::Split;
use arpent_metrics::{DetectionOptions, DetectionScores, Interpolation, ScoredBox, TruthBox};
use arpent_model::{PixelDetection, Predictor};
use arpent_raster::{Chip, Class, intersection_over_union};

use super::parts::Parts;
use super::whole;
use crate::config::Evaluate;
use crate::data::{ItemId, ItemTruth, ObjectBox, Sets};

/// Overlap from which on a box counts as found.
pub(super) const FOUND: f64 = 0.5;

/// The boxes of a split.
#[derive(Debug)]
pub(crate) struct Detections<'a> {
    pub(crate) sets: &'a Sets,
    pub(crate) split: Split,
    pub(crate) classes: &'a [Class],
    /// Overlap above which two detections are one object.
    pub(crate) iou: f64,
    pub(crate) evaluate: &'a Evaluate,
}

/// What was counted.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) parts: Parts<DetectionScores>,
    pub(super) items: Vec<CountedBoxes>,
}

/// What was counted on one item.
#[derive(Debug)]
pub(super) struct CountedBoxes {
    pub(super) id: ItemId,
    pub(super) name: String,
    pub(super) group: String,
    pub(super) scores: DetectionScores,
}

impl Detections<'_> {
    /// Every picture's boxes.
    pub(super) fn count(&self, predictor: &Predictor) -> Result<Counted> {
        let options = DetectionOptions {
            classes: self.classes.len(),
            iou_thresholds: vec![FOUND],
            max_per_picture: None,
        };
        let empty = DetectionScores::new(options)?;
        let mut counted = Counted { parts: Parts::new(&empty), items: Vec::new() };
        for id in self.sets.items(self.split) {
            let item = self.sets.read(id)?;
            let ItemTruth::Boxes(truth) = &item.truth else { bail!("boxes were expected") };
            // A network whose boxes have no direction is compared with the boxes around the objects.
            let of = |b: &ObjectBox| TruthBox {
                class_id: b.class,
                bbox: b.sides,
                oriented: b.oriented.filter(|_| predictor.is_oriented()),
            };
            let truth: Vec<TruthBox> = truth.iter().map(of).collect();
            let mut scores = empty.clone();
            scores.add(&truth, &self.found(predictor, &item.chip)?)?;
            let (name, group) = (self.sets.name(id), self.sets.group(id));
            counted.parts.add(&group, &name, &scores)?;
            counted.items.push(CountedBoxes { id, name, group, scores });
        }
        Ok(counted)
    }

    /// The boxes that are found in a picture, with the positions of their classes.
    pub(super) fn found(&self, predictor: &Predictor, chip: &Chip) -> Result<Vec<ScoredBox>> {
        let found = whole::detections_of(predictor, chip)?;
        let mut scored = Vec::new();
        for (position, class) in (0u8..).zip(self.classes) {
            let of_class = found.iter().filter(|d| d.class_id == class.id).cloned().collect();
            let boxes = one_each(of_class, self.iou).into_iter();
            scored.extend(boxes.map(|d| ScoredBox {
                class_id: position,
                score: d.score,
                bbox: d.bbox,
                oriented: d.oriented,
            }));
        }
        Ok(scored)
    }
}

/// The highest of detections that overlap, highest first.
fn one_each(mut found: Vec<PixelDetection>, iou: f64) -> Vec<PixelDetection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<PixelDetection> = Vec::new();
    for detection in found {
        if kept.iter().all(|k| overlap(k, &detection) <= iou) {
            kept.push(detection);
        }
    }
    kept
}

fn overlap(a: &PixelDetection, b: &PixelDetection) -> f64 {
    intersection_over_union((&a.bbox, a.oriented.as_ref()), (&b.bbox, b.oriented.as_ref()))
}

/// Area under the precision-recall curve, mean over the classes that are there.
pub(super) fn average_precision(all: &DetectionScores) -> Option<f64> {
    all.mean_average_precision(Interpolation::Area)
}

/// The same of one class.
pub(super) fn average_precision_of(all: &DetectionScores, class: u8) -> Option<f64> {
    all.at_iou(FOUND).ok()?.average_precision(class, Interpolation::Area)
}

/// Precision and recall of a class, of all boxes that were found.
pub(super) fn precision_recall(all: &DetectionScores, class: u8) -> [Option<f64>; 2] {
    let Ok(at) = all.at_iou(FOUND) else { return [None; 2] };
    [at.precision_at(usize::MAX, Some(class)), at.recall_at(usize::MAX, Some(class))]
}

/// Their harmonic mean; `None` of a class that is neither there nor found.
pub(super) fn f1(all: &DetectionScores, class: u8) -> Option<f64> {
    match precision_recall(all, class) {
        [None, None] => None,
        [Some(p), Some(r)] if p + r > 0.0 => Some(2.0 * p * r / (p + r)),
        _ => Some(0.0),
    }
}

/// Mean F1 of the classes that are there.
pub(super) fn mean_f1(all: &DetectionScores) -> Option<f64> {
    let classes = all.summary(Interpolation::Area).classes;
    let there = classes.iter().filter(|class| class.truths > 0);
    let each: Vec<f64> = there.filter_map(|class| f1(all, class.class_id)).collect();
    let count = exact(each.len());
    (!each.is_empty()).then(|| each.iter().sum::<f64>() / count)
}

/// The scores of an epoch.
pub(super) fn headline(all: &DetectionScores) -> BTreeMap<String, f64> {
    let scores = [("average_precision_50", average_precision(all)), ("mean_f1", mean_f1(all))];
    scores.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_detection_finds_one_object_and_precision_falls() {
        let detection = |x: f64, score: f32| PixelDetection {
            class_id: 0,
            score,
            bbox: [x, 0.0, x + 10.0, 10.0],
            oriented: None,
        };
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
        let truth =
            [0.0, 20.0].map(|x| TruthBox { class_id: 0, bbox: [x, 0.0, x + 10.0, 10.0], oriented: None });
        let found: Vec<ScoredBox> = kept
            .iter()
            .map(|d| ScoredBox { class_id: 0, score: d.score, bbox: d.bbox, oriented: None })
            .collect();
        scores.add(&truth, &found).unwrap();
        // Recall 0.5 at precision 1, recall 1 at precision 2/3.
        let headline = headline(&scores);
        assert!((headline["average_precision_50"] - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        assert!((headline["mean_f1"] - 0.8).abs() < 1e-12);
    }
}
