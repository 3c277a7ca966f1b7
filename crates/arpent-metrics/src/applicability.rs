//! Area of applicability: how unlike the training samples a place is.

use arpent_base::number::{exact, floor};

use crate::MetricsError;

/// Dissimilarity of places to the samples of a training (Meyer, Pebesma: *Predicting into unknown space?*, 2021,
/// doi:10.1111/2041-210X.13650; `trainDI` and `aoa` of the R package CAST).
///
/// Predictors are scaled to a mean of 0 and a standard deviation of 1 over the samples, and multiplied by their weights. The
/// dissimilarity index of a place is its Euclidean distance to the nearest sample, divided by the mean distance between
/// samples. The threshold is the largest index of a sample to the samples of other folds that is no outlier: the upper
/// quartile plus 1.5 times the range between the quartiles, and not more than the largest index.
///
/// A predictor that is the same in all samples is left out (CAST refuses it).
///
/// ```
/// use arpent_metrics::Applicability;
///
/// let samples = vec![vec![0.0], vec![1.0], vec![2.0], vec![3.0]];
/// let known = Applicability::of(&samples, &[0, 1, 0, 1], &[1.0])?;
/// assert_eq!(known.dissimilarity(&[2.0]), 0.0);
/// // The next sample is 1 away; samples are 5 / 3 apart on average.
/// assert!((known.dissimilarity(&[4.0]) - 0.6).abs() < 1e-12);
/// assert!(known.threshold() < known.dissimilarity(&[5.0]));
/// # Ok::<(), arpent_metrics::MetricsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Applicability {
    /// Number of predictors.
    predictors: usize,
    center: Vec<f64>,
    /// Weight over standard deviation; 0 for a predictor that is left out.
    factor: Vec<f64>,
    /// Scaled samples, one after the other.
    samples: Vec<f64>,
    mean_distance: f64,
    of_samples: Vec<f64>,
    threshold: f64,
}

impl Applicability {
    /// Of samples, each with its values, the fold of each, and the weight of each predictor (1 where its importance is
    /// not known).
    ///
    /// # Errors
    /// [`MetricsError::Length`] for samples of other lengths, less than two of them or of their folds;
    /// [`MetricsError::BadOption`] for weights below 0 and values that are not finite, and where all samples are equal.
    pub fn of(samples: &[Vec<f64>], folds: &[usize], weights: &[f64]) -> Result<Self, MetricsError> {
        let predictors = weights.len();
        check(samples, folds, weights)?;
        let (mut center, mut factor) = (Vec::new(), Vec::new());
        for (at, weight) in weights.iter().enumerate() {
            let values = || samples.iter().map(|sample| sample[at]);
            let mean = values().sum::<f64>() / exact(samples.len());
            let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / exact(samples.len() - 1);
            center.push(mean);
            factor.push(if variance > 0.0 { weight / variance.sqrt() } else { 0.0 });
        }
        let mut known = Self {
            predictors,
            center,
            factor,
            samples: Vec::with_capacity(samples.len() * predictors),
            mean_distance: 0.0,
            of_samples: Vec::new(),
            threshold: 0.0,
        };
        for sample in samples {
            let scaled: Vec<f64> = known.scaled(sample).collect();
            known.samples.extend(scaled);
        }
        known.compare_samples(folds)?;
        Ok(known)
    }

    /// Distances of each sample to all others, and to the nearest one of another fold.
    fn compare_samples(&mut self, folds: &[usize]) -> Result<(), MetricsError> {
        let rows: Vec<&[f64]> = self.samples.chunks_exact(self.predictors).collect();
        let others = exact(rows.len() - 1);
        let (mut mean, mut nearest) = (0.0, Vec::with_capacity(rows.len()));
        for (at, row) in rows.iter().enumerate() {
            let (mut sum, mut least) = (0.0, f64::INFINITY);
            for (other, to) in rows.iter().enumerate().filter(|(other, _)| *other != at) {
                let distance = squared(row, to, f64::INFINITY).sqrt();
                sum += distance;
                if folds[other] != folds[at] {
                    least = least.min(distance);
                }
            }
            mean += sum / others;
            nearest.push(least);
        }
        self.mean_distance = mean / exact(rows.len());
        if self.mean_distance <= 0.0 {
            let expected = "above 0: samples that differ";
            return Err(MetricsError::BadOption {
                option: "mean distance of samples",
                value: self.mean_distance,
                expected,
            });
        }
        self.of_samples = nearest.iter().map(|distance| distance / self.mean_distance).collect();
        self.threshold = upper_whisker(&self.of_samples).unwrap_or(0.0);
        Ok(())
    }

    /// The dissimilarity index of a place with these values, one for each predictor; infinite for values that are not
    /// finite.
    ///
    /// # Panics
    /// When the values are not as many as the predictors.
    pub fn dissimilarity(&self, values: &[f64]) -> f64 {
        assert_eq!(values.len(), self.predictors, "a value for each predictor");
        if !values.iter().all(|value| value.is_finite()) {
            return f64::INFINITY;
        }
        let place: Vec<f64> = self.scaled(values).collect();
        let rows = self.samples.chunks_exact(self.predictors);
        let nearest = rows.fold(f64::INFINITY, |least, row| least.min(squared(&place, row, least)));
        nearest.sqrt() / self.mean_distance
    }

    /// The largest index of a place inside of the area of applicability.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Mean distance between samples, in scaled and weighted units.
    pub fn mean_distance(&self) -> f64 {
        self.mean_distance
    }

    /// The index of each sample to the samples of other folds.
    pub fn of_samples(&self) -> &[f64] {
        &self.of_samples
    }

    fn scaled<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        let factors = self.center.iter().zip(&self.factor);
        values.iter().zip(factors).map(|(value, (center, factor))| (value - center) * factor)
    }
}

fn check(samples: &[Vec<f64>], folds: &[usize], weights: &[f64]) -> Result<(), MetricsError> {
    let length = |what, expected, got| Err(MetricsError::Length { what, expected, got });
    if folds.len() != samples.len() {
        return length("the folds of samples", samples.len(), folds.len());
    }
    if samples.len() < 2 {
        return length("the area of applicability", 2, samples.len());
    }
    if !folds.iter().any(|fold| *fold != folds[0]) {
        return length("the number of folds", 2, 1);
    }
    if let Some(sample) = samples.iter().find(|sample| sample.len() != weights.len()) {
        return length("a sample", weights.len(), sample.len());
    }
    let bad =
        |option, value: &f64, expected| Err(MetricsError::BadOption { option, value: *value, expected });
    if let Some(weight) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        return bad("weight", weight, "a finite number from 0");
    }
    if let Some(value) = samples.iter().flatten().find(|value| !value.is_finite()) {
        return bad("value of a sample", value, "a finite number");
    }
    Ok(())
}

/// Squared distance; any number from `most` on where it is not less than that.
fn squared(a: &[f64], b: &[f64], most: f64) -> f64 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        sum += (a - b) * (a - b);
        if sum >= most {
            break;
        }
    }
    sum
}

/// The upper quartile plus 1.5 times the range between the quartiles, and not more than the largest value; `None` without
/// values. Quartiles are interpolated between ranks (type 7 of Hyndman, Fan: *Sample quantiles*, 1996).
///
/// ```
/// assert_eq!(arpent_metrics::upper_whisker(&[1.0, 2.0, 3.0, 4.0, 100.0]), Some(7.0));
/// assert_eq!(arpent_metrics::upper_whisker(&[]), None);
/// ```
pub fn upper_whisker(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = *sorted.last()?;
    let quantile = |share: f64| {
        let place = share * exact(sorted.len() - 1);
        let below = floor::<usize>(place);
        let above = sorted[(below + 1).min(sorted.len() - 1)];
        sorted[below] + (place - exact(below)) * (above - sorted[below])
    };
    let (lower, upper) = (quantile(0.25), quantile(0.75));
    Some((upper + 1.5 * (upper - lower)).min(last))
}
