//! Confusion matrix.

use arpent_base::number::exact;
use serde::{Deserialize, Serialize};

use crate::count::{f1, mean, ratio};
use crate::error::{check_length, check_option};
use crate::{Merge, MetricsError};

/// Number of pixels of each true class that were predicted to be each class.
///
/// Classes are 0 to `classes - 1`. Pixels whose truth or prediction has the value to ignore are counted separately
/// and do not contribute to any score.
///
/// ```
/// use arpent_metrics::Confusion;
///
/// let mut confusion = Confusion::new(2)?;
/// for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
///     confusion.add(truth, predicted)?;
/// }
/// assert_eq!(confusion.overall_accuracy(), Some(0.75));
/// assert_eq!(confusion.iou(1), Some(0.5));
/// # Ok::<(), arpent_metrics::MetricsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Confusion {
    classes: usize,
    /// Row by row: true class, then predicted class.
    counts: Vec<u64>,
    ignored: u64,
    unanswered: u64,
}

/// A confusion matrix in a file, not yet checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    classes: usize,
    counts: Vec<u64>,
    #[serde(default)]
    ignored: u64,
    #[serde(default)]
    unanswered: u64,
}

impl TryFrom<Stored> for Confusion {
    type Error = MetricsError;

    fn try_from(stored: Stored) -> Result<Self, MetricsError> {
        let Stored { classes, counts, ignored, unanswered } = stored;
        Ok(Self { ignored, unanswered, ..Self::from_counts(classes, counts)? })
    }
}

impl Confusion {
    /// An empty matrix.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if there are not 1 to 255 classes.
    pub fn new(classes: usize) -> Result<Self, MetricsError> {
        let is_fine = (1..=255).contains(&classes);
        check_option(is_fine, "classes", exact(classes), "a number from 1 to 255")?;
        Ok(Self { classes, counts: vec![0; classes * classes], ignored: 0, unanswered: 0 })
    }

    /// A matrix of these counts, row by row: true class, then predicted class.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] and [`MetricsError::Length`] if there are not `classes` x `classes` counts,
    /// [`MetricsError::TooManyPixels`] if their sum is above 2^64.
    pub fn from_counts(classes: usize, counts: Vec<u64>) -> Result<Self, MetricsError> {
        let empty = Self::new(classes)?;
        check_length("a confusion matrix", empty.counts.len(), counts.len())?;
        let sum = counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
        sum.ok_or(MetricsError::TooManyPixels)?;
        Ok(Self { counts, ..empty })
    }

    /// Counts one pixel.
    ///
    /// # Errors
    /// [`MetricsError::LabelOutOfRange`] if a label is not a class; nothing is counted then.
    pub fn add(&mut self, truth: u8, predicted: u8) -> Result<(), MetricsError> {
        self.check(0, truth)?;
        self.check(0, predicted)?;
        self.count(truth, predicted);
        Ok(())
    }

    /// Counts pixels, except those whose truth or prediction is `ignore`.
    ///
    /// # Errors
    /// [`MetricsError::Length`] if there is not one prediction for each truth, [`MetricsError::LabelOutOfRange`] if
    /// another label is not a class; nothing is counted then.
    pub fn add_slices(
        &mut self,
        truth: &[u8],
        predicted: &[u8],
        ignore: Option<u8>,
    ) -> Result<(), MetricsError> {
        check_length("the prediction", truth.len(), predicted.len())?;
        let is_ignored = |label: u8| ignore == Some(label);
        for (position, (t, p)) in truth.iter().zip(predicted).enumerate() {
            let labels = [*t, *p].into_iter().filter(|label| !is_ignored(*label));
            labels.into_iter().try_for_each(|label| self.check(position, label))?;
        }
        for (t, p) in truth.iter().zip(predicted) {
            match (is_ignored(*t), is_ignored(*p)) {
                (true, _) => self.ignored += 1,
                (false, true) => self.unanswered += 1,
                (false, false) => self.count(*t, *p),
            }
        }
        Ok(())
    }

    fn check(&self, position: usize, label: u8) -> Result<(), MetricsError> {
        let classes = self.classes;
        let is_class = usize::from(label) < classes;
        if is_class { Ok(()) } else { Err(MetricsError::LabelOutOfRange { label, position, classes }) }
    }

    fn count(&mut self, truth: u8, predicted: u8) {
        self.counts[usize::from(truth) * self.classes + usize::from(predicted)] += 1;
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The counts, row by row: true class, then predicted class.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Number of pixels whose truth is ignored.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Number of pixels that have a truth but no prediction.
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Number of pixels in the matrix.
    pub fn pixels(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Number of pixels of class `truth` that were predicted to be `predicted`; 0 if either is not a class.
    pub fn of(&self, truth: usize, predicted: usize) -> u64 {
        let is_inside = truth < self.classes && predicted < self.classes;
        if is_inside { self.counts[truth * self.classes + predicted] } else { 0 }
    }

    /// Number of pixels whose truth is `class`.
    pub fn truth(&self, class: usize) -> u64 {
        (0..self.classes).map(|predicted| self.of(class, predicted)).sum()
    }

    /// Number of pixels that were predicted to be `class`.
    pub fn predicted(&self, class: usize) -> u64 {
        (0..self.classes).map(|truth| self.of(truth, class)).sum()
    }

    /// The matrix of a coarser nomenclature, in which `class` of this one is `coarser(class)`.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] and [`MetricsError::LabelOutOfRange`] if that is not one of `classes` classes.
    pub fn collapse(&self, classes: usize, coarser: impl Fn(usize) -> u8) -> Result<Self, MetricsError> {
        let mut collapsed =
            Self { ignored: self.ignored, unanswered: self.unanswered, ..Self::new(classes)? };
        for (position, count) in self.counts.iter().enumerate() {
            let (truth, predicted) = (coarser(position / self.classes), coarser(position % self.classes));
            collapsed.check(position, truth)?;
            collapsed.check(position, predicted)?;
            collapsed.counts[usize::from(truth) * classes + usize::from(predicted)] += count;
        }
        Ok(collapsed)
    }

    /// The matrix without its pixels of class `truth` predicted to be `predicted`.
    #[must_use]
    pub(crate) fn without(&self, truth: usize, predicted: usize) -> Self {
        let mut rest = self.clone();
        rest.counts[truth * self.classes + predicted] = 0;
        rest
    }

    /// Share of pixels that were predicted correctly.
    pub fn overall_accuracy(&self) -> Option<f64> {
        ratio((0..self.classes).map(|class| self.of(class, class)).sum(), self.pixels())
    }

    /// Share of the pixels predicted to be `class` that are of that class; `None` if none was predicted.
    pub fn precision(&self, class: usize) -> Option<f64> {
        ratio(self.of(class, class), self.predicted(class))
    }

    /// Share of the pixels of `class` that were predicted to be of it; `None` if there are none.
    pub fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.of(class, class), self.truth(class))
    }

    /// Harmonic mean of precision and recall; `None` if `class` is in neither truth nor prediction.
    pub fn f1(&self, class: usize) -> Option<f64> {
        f1(self.of(class, class), self.truth(class), self.predicted(class))
    }

    /// Intersection over union (Jaccard index); `None` if `class` is in neither truth nor prediction.
    pub fn iou(&self, class: usize) -> Option<f64> {
        let both = self.of(class, class);
        ratio(both, self.truth(class) + self.predicted(class) - both)
    }

    /// Mean IoU of the classes that are in truth or prediction.
    pub fn mean_iou(&self) -> Option<f64> {
        mean((0..self.classes).map(|class| self.iou(class)))
    }

    /// Mean F1 of the classes that are in truth or prediction.
    pub fn mean_f1(&self) -> Option<f64> {
        mean((0..self.classes).map(|class| self.f1(class)))
    }

    /// Mean IoU of the classes that are in the truth: no prediction of another class can be correct.
    pub fn mean_iou_with_truth(&self) -> Option<f64> {
        mean(self.with_truth().map(|class| self.iou(class)))
    }

    /// Mean F1 of the classes that are in the truth.
    pub fn mean_f1_with_truth(&self) -> Option<f64> {
        mean(self.with_truth().map(|class| self.f1(class)))
    }

    /// Classes that are in the truth.
    fn with_truth(&self) -> impl Iterator<Item = usize> {
        (0..self.classes).filter(|class| self.truth(*class) > 0)
    }

    /// Mean of the IoUs, each weighted with the share of its class in the truth (Long, Shelhamer, Darrell: *Fully
    /// convolutional networks for semantic segmentation*, 2015).
    pub fn frequency_weighted_iou(&self) -> Option<f64> {
        let pixels = self.pixels();
        let share = |class| Some(ratio(self.truth(class), pixels)? * self.iou(class).unwrap_or(0.0));
        (0..self.classes).map(share).sum()
    }

    /// Mean recall of the classes that are in the truth.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean((0..self.classes).map(|class| self.recall(class)))
    }

    /// Agreement beyond that expected by chance of two independent raters (Cohen: *A coefficient of agreement for
    /// nominal scales*, 1960); `None` if chance alone agrees on every pixel.
    pub fn kappa(&self) -> Option<f64> {
        let observed = self.overall_accuracy()?;
        let pixels = self.pixels();
        let by_chance =
            |class| Some(ratio(self.truth(class), pixels)? * ratio(self.predicted(class), pixels)?);
        let expected = (0..self.classes).map(by_chance).sum::<Option<f64>>()?;
        (expected < 1.0).then(|| (observed - expected) / (1.0 - expected))
    }
}

impl Merge for Confusion {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.classes != other.classes {
            return Err(MetricsError::Merge { what: "their number of classes" });
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.ignored += other.ignored;
        self.unanswered += other.unanswered;
        Ok(())
    }
}
