//! Scores of the boxes of pictures, added one picture after another.

use arpent_base::number::wide;
use arpent_raster::OrientedBox;
use serde::{Deserialize, Serialize};

use super::boxes::{ScoredBox, TruthBox};
use super::curve::{AtIou, Interpolation};
use super::matching;
use super::options::DetectionOptions;
use super::outcomes::ClassOutcomes;
use crate::count::mean;
use crate::{Merge, MetricsError};

/// Average precision, and precision and recall among the best, of boxes in pictures.
///
/// Pictures are added one after another; of a detected box, only its score and the thresholds at which it matched are
/// kept. Matching is that of `pycocotools`: class by class, from the highest score down (in the given order on ties),
/// each box takes the free true box with the largest overlap (the last one on ties), if that is at least the
/// threshold.
///
/// Across pictures, boxes of equal score stay in the order in which they were added or merged, as in `pycocotools`.
#[derive(Debug, Clone)]
pub struct DetectionScores {
    options: DetectionOptions,
    classes: Vec<ClassOutcomes>,
}

/// The scores of a [`DetectionScores`], for reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectionSummary {
    /// The IoU thresholds.
    pub iou_thresholds: Vec<f64>,
    /// Interpolation of the curve.
    pub interpolation: Interpolation,
    /// Mean over thresholds and the classes that are in the truth: AP50:95 with the thresholds of COCO.
    pub mean_average_precision: Option<f64>,
    /// Mean over classes, for each threshold.
    pub by_threshold: Vec<Option<f64>>,
    /// One line for each class, in order.
    pub classes: Vec<ClassDetections>,
}

/// The scores of a [`DetectionScores`] for one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassDetections {
    /// The class.
    pub class_id: u8,
    /// Number of true boxes.
    pub truths: u64,
    /// Number of detected boxes.
    pub found: u64,
    /// Average precision for each threshold.
    pub average_precision: Vec<Option<f64>>,
}

impl DetectionScores {
    /// Empty.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if the thresholds are not ascending numbers between 0 and 1, or not 1 to 32; or if
    /// there are not 1 to 256 classes.
    pub fn new(options: DetectionOptions) -> Result<Self, MetricsError> {
        options.check()?;
        let classes = vec![ClassOutcomes::default(); options.classes];
        Ok(Self { options, classes })
    }

    /// Without boxes, of the same options.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self { options: self.options.clone(), classes: vec![ClassOutcomes::default(); self.classes.len()] }
    }

    /// Compares the boxes of one picture.
    ///
    /// # Errors
    /// [`MetricsError::LabelOutOfRange`], [`MetricsError::BadBox`] or [`MetricsError::BadScore`] for an invalid box;
    /// nothing is added then.
    pub fn add(&mut self, truths: &[TruthBox], found: &[ScoredBox]) -> Result<(), MetricsError> {
        truths.iter().enumerate().try_for_each(|(i, t)| self.check(i, t.class_id, t.bbox, t.oriented))?;
        found.iter().enumerate().try_for_each(|(i, f)| self.check(i, f.class_id, f.bbox, f.oriented))?;
        if let Some(position) = found.iter().position(|f| !f.score.is_finite()) {
            let score = f64::from(found[position].score);
            return Err(MetricsError::BadScore { position, score, expected: "a number" });
        }
        for (class_id, class) in (0u8..=255).zip(&mut self.classes) {
            let truths: Vec<&TruthBox> = truths.iter().filter(|t| t.class_id == class_id).collect();
            let mut found: Vec<&ScoredBox> = found.iter().filter(|f| f.class_id == class_id).collect();
            found.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(std::cmp::Ordering::Equal));
            found.truncate(self.options.max_per_picture.unwrap_or(usize::MAX));
            class.truths += wide(truths.len());
            class.outcomes.extend(matching::greedy(&truths, &found, &self.options.iou_thresholds));
        }
        Ok(())
    }

    fn check(
        &self,
        position: usize,
        label: u8,
        bbox: [f64; 4],
        oriented: Option<OrientedBox>,
    ) -> Result<(), MetricsError> {
        let classes = self.classes.len();
        if usize::from(label) >= classes {
            return Err(MetricsError::LabelOutOfRange { label, position, classes });
        }
        let is_fine = bbox.iter().all(|v| v.is_finite())
            && bbox[0] <= bbox[2]
            && bbox[1] <= bbox[3]
            && oriented.is_none_or(|oriented| oriented.is_finite());
        if is_fine { Ok(()) } else { Err(MetricsError::BadBox { position, bbox }) }
    }

    /// The scores at one of the IoU thresholds.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if it is not one of the thresholds.
    pub fn at_iou(&self, iou: f64) -> Result<AtIou<'_>, MetricsError> {
        let found = self.options.iou_thresholds.iter().position(|t| (t - iou).abs() < 1e-9);
        let expected = "one of the thresholds of the options";
        let bit = found.ok_or(MetricsError::BadOption { option: "iou", value: iou, expected })?;
        Ok(AtIou { classes: &self.classes, bit })
    }

    fn at_each_iou(&self) -> impl Iterator<Item = AtIou<'_>> {
        (0..self.options.iou_thresholds.len()).map(|bit| AtIou { classes: &self.classes, bit })
    }

    /// Mean of the average precisions over all thresholds and over the classes that are in the truth: AP50:95 with
    /// the thresholds of COCO.
    pub fn mean_average_precision(&self, interpolation: Interpolation) -> Option<f64> {
        mean(self.at_each_iou().map(|at| at.mean_average_precision(interpolation)))
    }

    /// All average precisions at once.
    pub fn summary(&self, interpolation: Interpolation) -> DetectionSummary {
        let class = |(class_id, class): (u8, &ClassOutcomes)| ClassDetections {
            class_id,
            truths: class.truths,
            found: wide(class.outcomes.len()),
            average_precision: self
                .at_each_iou()
                .map(|at| at.average_precision(class_id, interpolation))
                .collect(),
        };
        DetectionSummary {
            iou_thresholds: self.options.iou_thresholds.clone(),
            interpolation,
            mean_average_precision: self.mean_average_precision(interpolation),
            by_threshold: self.at_each_iou().map(|at| at.mean_average_precision(interpolation)).collect(),
            classes: (0u8..=255).zip(&self.classes).map(class).collect(),
        }
    }
}

impl Merge for DetectionScores {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.options != other.options {
            return Err(MetricsError::Merge { what: "their options" });
        }
        for (class, more) in self.classes.iter_mut().zip(&other.classes) {
            class.truths += more.truths;
            class.outcomes.extend_from_slice(&more.outcomes);
        }
        Ok(())
    }
}
