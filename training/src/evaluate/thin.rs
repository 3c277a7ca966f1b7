//! Thin objects: precision and recall with a tolerance of a few pixels.

use std::collections::BTreeMap;
use std::fmt::Write;

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_datasets::IGNORE;
use arpent_metrics::{Interval, Merge, MetricsError, ToleranceScore, ToleranceScores};
use arpent_raster::{Class, Raster, Window};
use serde::Serialize;

use super::numbers::{range, value_text};
use super::parts::Parts;

/// One score for each class that becomes features, in the order of the classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thin(Vec<(u8, ToleranceScore)>);

impl Thin {
    /// Nothing yet, for the classes that become features.
    pub(super) fn new(classes: &[Class], tolerance_px: f64) -> Result<Self> {
        let positions = (0u8..).zip(classes).filter(|(_, class)| class.features);
        let scores = positions.map(|(position, _)| Ok((position, ToleranceScore::new(tolerance_px)?)));
        Ok(Self(scores.collect::<Result<_>>()?))
    }

    /// Takes a picture: positions of the classes, or [`IGNORE`] where truth or prediction is unknown.
    pub(super) fn add(&mut self, window: Window, truth: &[u8], predicted: &[u8]) -> Result<()> {
        let mask = |labels: &[u8], is: &dyn Fn(u8) -> bool| {
            Raster::new(window, labels.iter().map(|label| is(*label)).collect())
        };
        let known = mask(truth, &|label| label != IGNORE)?;
        for (position, score) in &mut self.0 {
            let of_class = |label: u8| label == *position;
            let (truth, predicted) = (mask(truth, &of_class)?, mask(predicted, &of_class)?);
            score.add(&truth, &predicted, Some(&known), window)?;
        }
        Ok(())
    }

    /// Mean F1 of the classes that are in the truth.
    pub(super) fn mean_f1(&self) -> Option<f64> {
        let with_truth = self.0.iter().filter(|(_, score)| score.scores().truth > 0);
        let each: Vec<f64> = with_truth.filter_map(|(_, score)| score.f1()).collect();
        let count = exact(each.len());
        (!each.is_empty()).then(|| each.iter().sum::<f64>() / count)
    }
}

impl Merge for Thin {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        self.0.iter_mut().zip(&other.0).try_for_each(|((_, score), (_, more))| score.merge(more))
    }
}

/// Scores of thin objects, for reports.
#[derive(Debug, Serialize)]
pub(super) struct ThinDetail<'a> {
    pub(super) tolerance_px: f64,
    pub(super) classes: Vec<ThinClass<'a>>,
    pub(super) groups: BTreeMap<&'a str, ThinGroup<'a>>,
}

/// Scores of a class.
#[derive(Debug, Serialize)]
pub(super) struct ThinClass<'a> {
    pub(super) id: u8,
    pub(super) name: &'a str,
    #[serde(flatten)]
    pub(super) scores: ToleranceScores,
    pub(super) f1_interval: Option<Interval>,
}

/// Scores of a group.
#[derive(Debug, Serialize)]
pub(super) struct ThinGroup<'a> {
    pub(super) mean_f1: Option<f64>,
    /// By name of the class.
    pub(super) classes: BTreeMap<&'a str, ToleranceScores>,
}

/// All scores of thin objects.
pub(super) fn detail<'a>(
    parts: &'a Parts<Thin>,
    classes: &'a [Class],
    tolerance_px: f64,
) -> Result<ThinDetail<'a>> {
    let all = parts.pooled()?;
    let class_of = |position: u8| &classes[usize::from(position)];
    let class = |(i, (position, score)): (usize, &(u8, ToleranceScore))| {
        let Class { id, name, .. } = class_of(*position);
        let f1_interval = parts.interval(|thin| thin.0[i].1.f1())?;
        Ok(ThinClass { id: *id, name, scores: score.scores(), f1_interval })
    };
    let group = |(name, thin): (&'a str, &'a Thin)| {
        let by_class = thin.0.iter().map(|(p, score)| (class_of(*p).name.as_str(), score.scores()));
        (name, ThinGroup { mean_f1: thin.mean_f1(), classes: by_class.collect() })
    };
    Ok(ThinDetail {
        tolerance_px,
        classes: all.0.iter().enumerate().map(class).collect::<Result<_>>()?,
        groups: parts.groups().groups().map(group).collect(),
    })
}

/// A table for the card.
pub(super) fn card(detail: &ThinDetail<'_>) -> String {
    let mut card = format!(
        "\nWith a tolerance of {} px, for the classes that become features:\n\n\
         | class | F1 | interval | precision | recall |\n|---|---|---|---|---|\n",
        detail.tolerance_px
    );
    for ThinClass { name, scores, f1_interval, .. } in &detail.classes {
        let interval = range(f1_interval.as_ref());
        let [f1, precision, recall] = [scores.f1, scores.precision, scores.recall].map(value_text);
        // Writing to a string cannot fail.
        let _ = writeln!(card, "| {name} | {f1} | {interval} | {precision} | {recall} |");
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(id: u8, features: bool) -> Class {
        let color = arpent_raster::Color([0; 3]);
        Class { id, name: format!("class{id}"), name_fr: None, code: None, color, features }
    }

    #[test]
    fn a_line_beside_the_true_one_is_right_within_the_tolerance() {
        let classes = [class(3, false), class(5, true)];
        let mut parts = Parts::new(&Thin::new(&classes, 1.0).unwrap());
        // 4 x 2 pixels: the true line is the upper row; the answer the lower one, less its first pixel, which nobody
        // labeled. The last pixel of the upper row is not labeled either.
        let truth = [1, 1, 1, IGNORE, IGNORE, 0, 0, 0];
        let answer = [0, 0, 0, 0, 1, 1, 1, 1];
        let mut one = Thin::new(&classes, 1.0).unwrap();
        one.add(Window::new(0, 0, 4, 2), &truth, &answer).unwrap();
        parts.add("town", "item", &one).unwrap();
        let detail = detail(&parts, &classes, 1.0).unwrap();
        let [crack] = &detail.classes[..] else { panic!("background is no object") };
        assert_eq!((crack.id, crack.scores.truth, crack.scores.predicted), (5, 3, 3));
        // The answers at columns 1 and 2 touch the line, the one at column 3 is sqrt(2) away from it; of the line,
        // columns 1 and 2 are touched, column 0 is sqrt(2) away.
        assert!((crack.scores.precision.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((crack.scores.recall.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((detail.groups["town"].mean_f1.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(detail.groups["town"].classes["class5"], crack.scores);
    }

    #[test]
    fn without_a_tolerance_it_is_the_f1_of_pixels() {
        let classes = [class(3, false), class(5, true)];
        let mut thin = Thin::new(&classes, 0.0).unwrap();
        thin.add(Window::new(0, 0, 4, 1), &[1, 1, 0, 0], &[1, 0, 1, 1]).unwrap();
        // One of three right, one of two found: 2 * 1 / (3 + 2).
        assert!((thin.mean_f1().unwrap() - 0.4).abs() < 1e-12);
    }
}
