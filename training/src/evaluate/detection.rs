//! Boxes against boxes.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Result, bail};
use arpent_datasets::Split;
use arpent_model::{PixelDetection, Predictor};
use arpent_raster::Class;

use super::{Judge, Published, Shown, score, whole};
use crate::data::{ItemTruth, ObjectBox, Sets};

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

/// Answers of one class: score and whether right; and how many objects there are.
#[derive(Debug, Clone, Default, PartialEq)]
struct Answers {
    found: Vec<(f32, bool)>,
    objects: usize,
}

impl Detections<'_> {
    fn answers(&self, predictor: &Predictor) -> Result<(Vec<Answers>, Vec<String>)> {
        let mut answers = vec![Answers::default(); self.classes.len()];
        let mut groups = std::collections::BTreeSet::new();
        for id in self.sets.items(self.split) {
            let item = self.sets.read(id)?;
            let ItemTruth::Boxes(truth) = &item.truth else { bail!("boxes were expected") };
            let found = whole::detections_of(predictor, &item.chip)?;
            for (position, class) in self.classes.iter().enumerate() {
                let found = found.iter().filter(|d| d.class_id == class.id).cloned().collect();
                let truth: Vec<&ObjectBox> =
                    truth.iter().filter(|b| usize::from(b.class) == position).collect();
                answers[position].objects += truth.len();
                answers[position].found.extend(matched(one_each(found, self.iou), &truth));
            }
            groups.insert(self.sets.group(id));
        }
        for of_class in &mut answers {
            of_class.found.sort_by(|a, b| b.0.total_cmp(&a.0));
        }
        Ok((answers, groups.into_iter().collect()))
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

/// Each detection with whether it found an object that no higher one had found.
fn matched(found: Vec<PixelDetection>, truth: &[&ObjectBox]) -> Vec<(f32, bool)> {
    let mut free = vec![true; truth.len()];
    let one = |detection: PixelDetection| {
        let overlaps = truth.iter().enumerate().map(|(i, b)| (i, overlap(&b.sides, &detection.bbox)));
        let best = overlaps.filter(|(i, o)| free[*i] && *o >= FOUND).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, _)) = best {
            free[i] = false;
        }
        (detection.score, best.is_some())
    };
    found.into_iter().map(one).collect()
}

fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let area = |s: &[f64; 4]| (s[2] - s[0]).max(0.0) * (s[3] - s[1]).max(0.0);
    let common = area(&[a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = area(a) + area(b) - common;
    if union > 0.0 { common / union } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
impl Answers {
    fn right(&self) -> f64 {
        self.found.iter().filter(|(_, right)| *right).count() as f64
    }

    /// Area under the precision-recall curve, precision made to fall (Everingham et al.: *Pascal VOC*, 2010).
    fn average_precision(&self) -> Option<f64> {
        if self.objects == 0 {
            return None;
        }
        let mut right = 0.0;
        let points = self.found.iter().enumerate().map(|(i, (_, is_right))| {
            right += f64::from(u8::from(*is_right));
            (right / self.objects as f64, right / (i + 1) as f64)
        });
        let points: Vec<(f64, f64)> = points.collect();
        let (mut area, mut best, mut next) = (0.0, 0.0f64, points.last().map_or(0.0, |p| p.0));
        for (recall, precision) in points.iter().rev() {
            area += (next - recall) * best;
            best = best.max(*precision);
            next = *recall;
        }
        Some(area + next * best)
    }

    fn f1(&self) -> Option<f64> {
        let all = self.found.len() + self.objects;
        (all > 0).then(|| 2.0 * self.right() / all as f64)
    }
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> f64 {
    let values: Vec<f64> = values.flatten().collect();
    #[allow(clippy::cast_precision_loss, reason = "few classes")]
    let count = values.len().max(1) as f64;
    values.iter().sum::<f64>() / count
}

fn headline(answers: &[Answers]) -> BTreeMap<String, f64> {
    BTreeMap::from([
        ("average_precision_50".to_owned(), mean(answers.iter().map(Answers::average_precision))),
        ("mean_f1".to_owned(), mean(answers.iter().map(Answers::f1))),
    ])
}

impl Judge for Detections<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["average_precision_50", "mean_f1"]
    }

    fn scores(&self, predictor: &Predictor) -> Result<BTreeMap<String, f64>> {
        Ok(headline(&self.answers(predictor)?.0))
    }

    fn publish(&self, predictor: &Predictor) -> Result<Published> {
        let (answers, territories) = self.answers(predictor)?;
        let all = headline(&answers);
        let split = self.split.name();
        let measure = "mean over classes, boxes of whole pictures, found from an overlap of 0.5 on";
        let mut card = format!(
            "Boxes of whole pictures of the split `{split}`.\n\n| class | AP50 | F1 | objects | detections |\n|---|---|---|---|---|\n"
        );
        let said = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
        for (class, a) in self.classes.iter().zip(&answers) {
            let (ap, f1) = (said(a.average_precision()), said(a.f1()));
            // Writing to a string cannot fail.
            let _ = writeln!(card, "| {} | {ap} | {f1} | {} | {} |", class.name, a.objects, a.found.len());
        }
        let classes = self.classes.iter().zip(&answers).map(|(class, a)| {
            serde_json::json!({ "id": class.id, "name": class.name, "average_precision_50": a.average_precision(),
                "f1": a.f1(), "objects": a.objects, "detections": a.found.len() })
        });
        let detail =
            serde_json::json!({ "split": split, "scores": all, "classes": classes.collect::<Vec<_>>() });
        let scores = all.iter().map(|(name, value)| (name.clone(), score(*value, split, measure))).collect();
        Ok(Published { scores, territories, card, detail, shown: Shown::default() })
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
        let truth = [0.0, 20.0].map(|x| ObjectBox { class: 0, sides: [x, 0.0, x + 10.0, 10.0] });
        let found = matched(kept, &truth.iter().collect::<Vec<_>>());
        assert_eq!(found.iter().map(|f| f.1).collect::<Vec<_>>(), [true, false, true]);
        let answers = Answers { found, objects: 2 };
        // Recall 0.5 at precision 1, recall 1 at precision 2/3.
        assert!((answers.average_precision().unwrap() - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        assert!((answers.f1().unwrap() - 0.8).abs() < 1e-12);
    }
}
