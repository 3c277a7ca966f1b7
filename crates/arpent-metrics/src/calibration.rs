//! Calibration: whether predictions with a confidence of 80 % are correct four times out of five.

use arpent_base::number::{ceil, exact};
use arpent_raster::{CONFIDENCE_NODATA, CONFIDENCE_SCALE, LABEL_NODATA};
use serde::{Deserialize, Serialize};

use crate::count::ratio;
use crate::error::{check_length, check_option};
use crate::{Merge, MetricsError};

/// Confidence of the predicted class and its accuracy, in bins of equal width.
///
/// Bin `i` of `n` contains confidences above `i / n` and up to `(i + 1) / n`; the first one also contains 0 (Guo,
/// Pleiss, Sun, Weinberger: *On calibration of modern neural networks*, 2017).
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    bins: Vec<Bin>,
    /// Sum of the squared differences between confidence and outcome.
    squares: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    count: u64,
    right: u64,
    confidence: f64,
}

/// A bin of a reliability diagram, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Exclusive lower limit of confidence (inclusive for the first bin).
    pub low: f64,
    /// Inclusive upper limit of confidence.
    pub high: f64,
    /// Number of predictions in the bin.
    pub count: u64,
    /// Their mean confidence.
    pub confidence: Option<f64>,
    /// Share of them that is correct.
    pub accuracy: Option<f64>,
}

impl Bin {
    fn mean_confidence(&self) -> Option<f64> {
        (self.count > 0).then(|| self.confidence / exact(self.count))
    }

    fn accuracy(&self) -> Option<f64> {
        ratio(self.right, self.count)
    }

    fn gap(&self) -> Option<f64> {
        Some((self.accuracy()? - self.mean_confidence()?).abs())
    }
}

impl Default for Reliability {
    /// Fifteen bins, as Guo et al. use.
    fn default() -> Self {
        Self { bins: vec![Bin::default(); 15], squares: 0.0 }
    }
}

impl Reliability {
    /// Empty.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if there are not 1 to 1000 bins.
    pub fn new(bins: usize) -> Result<Self, MetricsError> {
        let value = exact(bins);
        check_option((1..=1000).contains(&bins), "bins", value, "a number from 1 to 1000")?;
        Ok(Self { bins: vec![Bin::default(); bins], squares: 0.0 })
    }

    /// Adds one prediction.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] if the confidence is not between 0 and 1.
    pub fn add(&mut self, confidence: f64, is_right: bool) -> Result<(), MetricsError> {
        if !(0.0..=1.0).contains(&confidence) {
            let expected = "a number from 0 to 1";
            return Err(MetricsError::BadScore { position: 0, score: confidence, expected });
        }
        self.count(confidence, is_right);
        Ok(())
    }

    /// Adds right and wrong predictions of one confidence.
    ///
    /// # Errors
    /// [`MetricsError::BadScore`] if the confidence is not between 0 and 1.
    pub fn add_counts(&mut self, confidence: f64, right: u64, wrong: u64) -> Result<(), MetricsError> {
        if !(0.0..=1.0).contains(&confidence) {
            let expected = "a number from 0 to 1";
            return Err(MetricsError::BadScore { position: 0, score: confidence, expected });
        }
        let bin = self.bin_of(confidence);
        bin.count += right + wrong;
        bin.right += right;
        bin.confidence += confidence * exact(right + wrong);
        self.squares += exact(right) * (confidence - 1.0).powi(2) + exact(wrong) * confidence.powi(2);
        Ok(())
    }

    fn bin_of(&mut self, confidence: f64) -> &mut Bin {
        let end = confidence * exact(self.bins.len());
        let bin = ceil::<usize>(end).saturating_sub(1).min(self.bins.len() - 1);
        &mut self.bins[bin]
    }

    /// Adds the pixels of a label raster with its confidence raster (see [`CONFIDENCE_SCALE`]), except those without
    /// truth or prediction.
    ///
    /// # Errors
    /// [`MetricsError::Length`] if the three are not equally long, [`MetricsError::BadScore`] if a confidence is
    /// above 1; nothing is added then.
    pub fn add_rasters(
        &mut self,
        truth: &[u8],
        labels: &[u8],
        confidence: &[u8],
    ) -> Result<(), MetricsError> {
        check_length("the prediction", truth.len(), labels.len())?;
        check_length("the confidence", truth.len(), confidence.len())?;
        let decode = |c: u8| f64::from(c) * CONFIDENCE_SCALE;
        let is_answer = |c: u8| c != CONFIDENCE_NODATA;
        if let Some(position) = confidence.iter().position(|c| is_answer(*c) && decode(*c) > 1.0) {
            let score = decode(confidence[position]);
            return Err(MetricsError::BadScore { position, score, expected: "a number from 0 to 1" });
        }
        for ((truth, label), confidence) in truth.iter().zip(labels).zip(confidence) {
            if *truth != LABEL_NODATA && *label != LABEL_NODATA && is_answer(*confidence) {
                self.count(decode(*confidence), truth == label);
            }
        }
        Ok(())
    }

    fn count(&mut self, confidence: f64, is_right: bool) {
        let bin = self.bin_of(confidence);
        bin.count += 1;
        bin.right += u64::from(is_right);
        bin.confidence += confidence;
        self.squares += (confidence - f64::from(u8::from(is_right))).powi(2);
    }

    /// Number of predictions.
    pub fn answers(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// The reliability diagram.
    pub fn bins(&self) -> Vec<ReliabilityBin> {
        let edge = |i: usize| exact(i) / exact(self.bins.len());
        let line = |(i, bin): (usize, &Bin)| ReliabilityBin {
            low: edge(i),
            high: edge(i + 1),
            count: bin.count,
            confidence: bin.mean_confidence(),
            accuracy: bin.accuracy(),
        };
        self.bins.iter().enumerate().map(line).collect()
    }

    /// Expected calibration error: mean gap between confidence and accuracy of the bins, weighted by their counts.
    pub fn expected_calibration_error(&self) -> Option<f64> {
        let all = self.answers();
        let weighted = |bin: &Bin| bin.gap().unwrap_or(0.0) * exact(bin.count) / exact(all);
        (all > 0).then(|| self.bins.iter().map(weighted).sum())
    }

    /// Maximum calibration error: the largest gap between confidence and accuracy of a bin, however few predictions
    /// it contains.
    pub fn maximum_calibration_error(&self) -> Option<f64> {
        self.bins.iter().filter_map(Bin::gap).max_by(f64::total_cmp)
    }

    /// Brier score of the predicted class: mean squared difference between its confidence and 1 if it is correct, 0
    /// if it is not.
    pub fn brier(&self) -> Option<f64> {
        let all = self.answers();
        (all > 0).then(|| self.squares / exact(all))
    }
}

impl Merge for Reliability {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.bins.len() != other.bins.len() {
            return Err(MetricsError::Merge { what: "their number of bins" });
        }
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.count += more.count;
            bin.right += more.right;
            bin.confidence += more.confidence;
        }
        self.squares += other.squares;
        Ok(())
    }
}

/// Calibration of the scores of all classes: [`Reliability`] of the predicted one, Brier score and log loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    classes: usize,
    reliability: Reliability,
    squares: f64,
    logs: f64,
}

/// The scores of a [`Calibration`], for reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationScores {
    /// Number of predictions.
    pub answers: u64,
    /// See [`Reliability::expected_calibration_error`].
    pub expected_calibration_error: Option<f64>,
    /// See [`Reliability::maximum_calibration_error`].
    pub maximum_calibration_error: Option<f64>,
    /// See [`Calibration::brier`].
    pub brier: Option<f64>,
    /// See [`Reliability::brier`].
    pub top_label_brier: Option<f64>,
    /// See [`Calibration::negative_log_likelihood`].
    pub negative_log_likelihood: Option<f64>,
    /// The reliability diagram.
    pub bins: Vec<ReliabilityBin>,
}

impl Calibration {
    /// Empty, for `classes` classes.
    ///
    /// # Errors
    /// [`MetricsError::BadOption`] if there are not 1 to 255 classes or 1 to 1000 bins.
    pub fn new(classes: usize, bins: usize) -> Result<Self, MetricsError> {
        let value = exact(classes);
        check_option((1..=255).contains(&classes), "classes", value, "a number from 1 to 255")?;
        Ok(Self { classes, reliability: Reliability::new(bins)?, squares: 0.0, logs: 0.0 })
    }

    /// Adds one prediction: the score of each class (after softmax) and the true class. The predicted class is the
    /// first one with the highest score.
    ///
    /// # Errors
    /// As [`Self::add_pixels`], for one pixel.
    pub fn add(&mut self, scores: &[f32], truth: u8) -> Result<(), MetricsError> {
        self.add_pixels(scores, &[truth], None)
    }

    /// Adds pixels: their scores class by class (all pixels of class 0 first), and their true classes, except those
    /// whose truth is `ignore`.
    ///
    /// # Errors
    /// [`MetricsError::Length`] if there is not one score for each class and truth, [`MetricsError::LabelOutOfRange`]
    /// if a truth is not a class, [`MetricsError::BadScore`] if a score is not between 0 and 1 or the scores of a
    /// pixel do not sum to 1 within 0.001; nothing is added then.
    pub fn add_pixels(
        &mut self,
        scores: &[f32],
        truth: &[u8],
        ignore: Option<u8>,
    ) -> Result<(), MetricsError> {
        check_length("the scores", self.classes * truth.len(), scores.len())?;
        let known = || truth.iter().enumerate().filter(|(_, label)| ignore != Some(**label));
        let of = |pixel: usize| scores.iter().skip(pixel).step_by(truth.len()).map(|s| f64::from(*s));
        known().try_for_each(|(pixel, label)| self.check(pixel, *label, of(pixel)))?;
        known().for_each(|(pixel, label)| self.count(*label, of(pixel)));
        Ok(())
    }

    fn check(
        &self,
        position: usize,
        label: u8,
        mut scores: impl Iterator<Item = f64> + Clone,
    ) -> Result<(), MetricsError> {
        if usize::from(label) >= self.classes {
            return Err(MetricsError::LabelOutOfRange { label, position, classes: self.classes });
        }
        let sum: f64 = scores.clone().sum();
        if let Some(score) = scores.find(|score| !(0.0..=1.0).contains(score)) {
            return Err(MetricsError::BadScore { position, score, expected: "a number from 0 to 1" });
        }
        let expected = "one of scores that sum to 1";
        if (sum - 1.0).abs() <= 1e-3 {
            Ok(())
        } else {
            Err(MetricsError::BadScore { position, score: sum, expected })
        }
    }

    fn count(&mut self, label: u8, scores: impl Iterator<Item = f64>) {
        let label = usize::from(label);
        let (mut best, mut highest) = (0, -1.0);
        for (class, score) in scores.enumerate() {
            if score > highest {
                (best, highest) = (class, score);
            }
            self.squares += (score - f64::from(u8::from(class == label))).powi(2);
            if class == label {
                self.logs -= score.max(f64::EPSILON).ln();
            }
        }
        self.reliability.count(highest, best == label);
    }

    /// The reliability of the predicted class.
    pub fn reliability(&self) -> &Reliability {
        &self.reliability
    }

    /// Brier score of all classes: mean over predictions of the sum over classes of the squared differences between
    /// score and truth, 0 to 2 (Brier: *Verification of forecasts expressed in terms of probability*, 1950).
    pub fn brier(&self) -> Option<f64> {
        self.per_answer(self.squares)
    }

    /// Negative log-likelihood (log loss, cross entropy): mean of `-ln` of the score of the true class; scores below
    /// 2.2e-16 count as 2.2e-16.
    pub fn negative_log_likelihood(&self) -> Option<f64> {
        self.per_answer(self.logs)
    }

    fn per_answer(&self, sum: f64) -> Option<f64> {
        let answers = self.reliability.answers();
        (answers > 0).then(|| sum / exact(answers))
    }

    /// All scores at once.
    pub fn scores(&self) -> CalibrationScores {
        let reliability = &self.reliability;
        CalibrationScores {
            answers: reliability.answers(),
            expected_calibration_error: reliability.expected_calibration_error(),
            maximum_calibration_error: reliability.maximum_calibration_error(),
            brier: self.brier(),
            top_label_brier: reliability.brier(),
            negative_log_likelihood: self.negative_log_likelihood(),
            bins: reliability.bins(),
        }
    }
}

impl Merge for Calibration {
    fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.classes != other.classes {
            return Err(MetricsError::Merge { what: "their number of classes" });
        }
        self.reliability.merge(&other.reliability)?;
        self.squares += other.squares;
        self.logs += other.logs;
        Ok(())
    }
}
