//! From a score to change: Otsu's threshold of a streamed histogram, and a confidence.

use arpent_base::number;
use arpent_raster::CONFIDENCE_SCALE;
use statrs::distribution::{ChiSquared, ContinuousCDF as _};

use super::EvidenceError;

/// Bins of a histogram.
const BINS: usize = 4096;
/// Width of a bin, deviations: the histogram reaches from 0 to 64.
const WIDTH: f64 = 1.0 / 64.0;
/// The confidence of a score that equals the threshold, as stored: 0.5.
const HALF: u8 = 125;

/// Counts of scores in 4096 bins of 1/64 from 0 to 64; larger ones count in the last bin. Counts do not depend on the
/// order of what is added.
///
/// A score is a length of change in deviations of what is unchanged: of [`ChangeVectors`](super::ChangeVectors), or the
/// square root of [`PixelScore::statistic`](super::PixelScore::statistic).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BINS] }
    }
}

impl Histogram {
    /// Counts a score. Negative ones and NaN count in the first bin.
    pub fn add(&mut self, score: f64) {
        let bin: usize = number::floor(score / WIDTH);
        self.counts[bin.min(BINS - 1)] += 1;
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    /// Number of scores.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The median: the middle of its bin; `None` without scores.
    pub fn median(&self) -> Option<f64> {
        let half = self.count().div_ceil(2);
        let mut below = 0;
        let bin = self.counts.iter().position(|n| {
            below += n;
            below >= half && half > 0
        })?;
        Some((number::exact(bin) + 0.5) * WIDTH)
    }

    /// The score that one in a thousand unchanged pixels exceeds, if at least half of all are unchanged and their scores are
    /// lengths of `bands` independent normal deviates: the median times the ratio of the two quantiles of the chi
    /// distribution. A threshold below it calls unchanged pixels changed.
    pub fn noise(&self, bands: usize) -> Option<f64> {
        let squares = ChiSquared::new(number::exact(bands)).ok()?;
        let quantile = |share: f64| squares.inverse_cdf(share).sqrt();
        Some(self.median()? * quantile(0.999) / quantile(0.5))
    }

    /// Otsu's threshold (A threshold selection method from gray-level histograms, 1979): the upper edge of the bin that
    /// separates the two classes with the largest variance between them, the first of equal ones. Scores above it are
    /// change. It always divides: where nothing changed, too.
    ///
    /// # Errors
    /// [`EvidenceError::TooFewPixels`] without a count, [`EvidenceError::OneScore`] when only one bin has counts.
    pub fn otsu(&self) -> Result<f64, EvidenceError> {
        let count: f64 = number::approximate(self.count());
        let center = |bin: usize| (number::exact(bin) + 0.5) * WIDTH;
        let total: f64 =
            self.counts.iter().enumerate().map(|(bin, n)| number::approximate(*n) * center(bin)).sum();
        let (mut below, mut sum, mut best) = (0.0, 0.0, None);
        for (bin, n) in self.counts.iter().enumerate() {
            let n: f64 = number::approximate(*n);
            below += n;
            sum += n * center(bin);
            let above = count - below;
            if n > 0.0 && above > 0.0 {
                let between = below * above * (sum / below - (total - sum) / above).powi(2);
                if best.is_none_or(|(most, _)| between > most) {
                    best = Some((between, bin));
                }
            }
        }
        let found = best.map(|(_, bin)| number::exact(bin + 1) * WIDTH);
        found.ok_or(if count < 2.0 {
            EvidenceError::TooFewPixels { weight: count, expected: 2.0 }
        } else {
            EvidenceError::OneScore { pixels: count }
        })
    }
}

/// Whether a score is change.
pub fn is_change(score: f64, threshold: f64) -> bool {
    score > threshold
}

/// The confidence of change as confidence rasters store it, 0 to 250 for 0.0 to 1.0: score^2 / (score^2 + threshold^2),
/// rounded down, at most 125 at or below the threshold and at least 126 above it. It rises with the score, and compares
/// pixels of one run; it is no probability. A threshold of 0 or less gives 250 to every positive score.
pub fn confidence(score: f64, threshold: f64) -> u8 {
    let (score, threshold) = (score.max(0.0), threshold.max(0.0));
    let ratio = score / threshold;
    let share = if ratio > 1e8 { 1.0 } else { ratio * ratio / (1.0 + ratio * ratio) };
    let value: u8 = number::floor(share / CONFIDENCE_SCALE);
    if is_change(score, threshold) { value.max(HALF + 1) } else { value.min(HALF) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_score_alone_has_no_threshold() {
        let mut histogram = Histogram::default();
        assert!(matches!(histogram.otsu(), Err(EvidenceError::TooFewPixels { .. })));
        (0..5).for_each(|_| histogram.add(0.0));
        assert!(matches!(histogram.otsu(), Err(EvidenceError::OneScore { pixels }) if pixels > 4.0));
    }

    #[test]
    fn otsu_divides_two_groups() {
        let mut histogram = Histogram::default();
        for i in 0..1000 {
            histogram.add(1.0 + 0.001 * f64::from(i % 100));
            if i % 5 == 0 {
                histogram.add(6.0 + 0.01 * f64::from(i % 50));
            }
        }
        let threshold = histogram.otsu().unwrap();
        assert!((1.09..6.0).contains(&threshold), "{threshold}");
        assert_eq!(histogram.count(), 1200);
    }

    #[test]
    fn one_value_cannot_be_divided_and_large_ones_count_in_the_last_bin() {
        let mut histogram = Histogram::default();
        assert!(histogram.otsu().is_err());
        histogram.add(3.0);
        histogram.add(3.001);
        assert!(histogram.otsu().is_err());
        histogram.add(1e300);
        histogram.add(f64::INFINITY);
        assert!((histogram.otsu().unwrap() - (3.0 + WIDTH)).abs() < 1e-12);
    }

    /// Lengths of normal deviates by the quantiles of the chi-square distribution: 4.0333 = sqrt(16.266) of three bands.
    #[test]
    fn noise_is_where_one_unchanged_pixel_in_a_thousand_lies() {
        let squares = ChiSquared::new(3.0).unwrap();
        let mut histogram = Histogram::default();
        assert_eq!(histogram.noise(3), None);
        for i in 0..20_000 {
            histogram.add(squares.inverse_cdf((f64::from(i) + 0.5) / 20_000.0).sqrt());
        }
        assert!((histogram.median().unwrap() - 1.538).abs() < WIDTH);
        assert!((histogram.noise(3).unwrap() - 4.033).abs() < 0.03);
        // Otsu's threshold divides them all the same.
        assert!(histogram.otsu().unwrap() < 2.5);
        // A tenth of changed pixels moves it a little.
        (0..2_000).for_each(|_| histogram.add(12.0));
        assert!((histogram.noise(3).unwrap() - 4.033).abs() < 0.4);
    }

    #[test]
    fn parts_of_a_histogram_add_up() {
        let (mut whole, mut parts) = (Histogram::default(), [Histogram::default(), Histogram::default()]);
        for i in 0..500_usize {
            let score = 0.037 * number::exact(i);
            whole.add(score);
            parts[i % 2].add(score);
        }
        let [mut first, second] = parts;
        first.merge(&second);
        assert_eq!(whole, first);
    }

    proptest! {
        #[test]
        fn confidence_rises_and_half_is_the_threshold(a in 0.0..100.0_f64, b in 0.0..100.0_f64, t in 0.0..20.0_f64) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(confidence(low, t) <= confidence(high, t));
            prop_assert_eq!(confidence(a, t) > HALF, is_change(a, t));
            prop_assert!(confidence(a, t) <= 250);
        }
    }

    #[test]
    fn confidence_of_known_scores() {
        assert_eq!([0.0, 1.0, 2.0, 6.0, 1e12].map(|s| confidence(s, 2.0)), [0, 50, 125, 225, 250]);
        assert_eq!((confidence(0.0, 0.0), confidence(0.1, 0.0)), (0, 250));
        assert_eq!(confidence(f64::INFINITY, 2.0), 250);
    }
}
