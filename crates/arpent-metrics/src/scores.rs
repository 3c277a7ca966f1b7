//! Scores of a confusion matrix, for reports.

use serde::{Deserialize, Serialize};

use crate::Confusion;

/// The scores of a [`Confusion`], of all classes together and of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Number of pixels in the matrix.
    pub pixels: u64,
    /// Number of pixels whose truth is ignored.
    pub ignored: u64,
    /// Number of pixels that have a truth but no prediction.
    pub unanswered: u64,
    /// See [`Confusion::overall_accuracy`].
    pub overall_accuracy: Option<f64>,
    /// See [`Confusion::balanced_accuracy`].
    pub balanced_accuracy: Option<f64>,
    /// See [`Confusion::mean_iou`].
    pub mean_iou: Option<f64>,
    /// See [`Confusion::frequency_weighted_iou`].
    pub frequency_weighted_iou: Option<f64>,
    /// See [`Confusion::mean_f1`].
    pub mean_f1: Option<f64>,
    /// See [`Confusion::kappa`].
    pub kappa: Option<f64>,
    /// One line for each class, in order.
    pub classes: Vec<ClassScores>,
}

/// The scores of a [`Confusion`] for one class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// The class.
    pub class: usize,
    /// Number of pixels of the class.
    pub truth: u64,
    /// Number of pixels predicted to be of the class.
    pub predicted: u64,
    /// See [`Confusion::iou`].
    pub iou: Option<f64>,
    /// See [`Confusion::precision`].
    pub precision: Option<f64>,
    /// See [`Confusion::recall`].
    pub recall: Option<f64>,
    /// See [`Confusion::f1`].
    pub f1: Option<f64>,
}

impl Confusion {
    /// All scores at once.
    pub fn scores(&self) -> Scores {
        Scores {
            pixels: self.pixels(),
            ignored: self.ignored(),
            unanswered: self.unanswered(),
            overall_accuracy: self.overall_accuracy(),
            balanced_accuracy: self.balanced_accuracy(),
            mean_iou: self.mean_iou(),
            frequency_weighted_iou: self.frequency_weighted_iou(),
            mean_f1: self.mean_f1(),
            kappa: self.kappa(),
            classes: (0..self.classes()).map(|class| self.class_scores(class)).collect(),
        }
    }

    fn class_scores(&self, class: usize) -> ClassScores {
        ClassScores {
            class,
            truth: self.truth(class),
            predicted: self.predicted(class),
            iou: self.iou(class),
            precision: self.precision(class),
            recall: self.recall(class),
            f1: self.f1(class),
        }
    }
}
