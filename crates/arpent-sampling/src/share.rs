//! Intervals of shares, also of rare ones.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF as _, StudentsT};

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShareEstimate {
    /// The estimate, 0 to 1.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Size of the simple random sample with the same variance; the population's size where all of it was seen.
    pub effective_samples: f64,
}

impl ShareEstimate {
    /// The same of a total, such as an area: value, lower and upper end.
    pub fn times(&self, total: f64) -> [f64; 3] {
        [self.value, self.low, self.high].map(|share| share * total)
    }
}

/// The 95 % interval of a share by Clopper and Pearson (1934): of `hits` among `trials`, which need not be whole numbers.
/// It holds the truth in 95 % of samples or more, also where hits are rare; intervals of plus and minus 1.96 standard
/// errors do not.
pub fn clopper_pearson(hits: f64, trials: f64) -> [f64; 2] {
    const TAIL: f64 = 0.025;
    let misses = trials - hits;
    let high = if misses > 0.0 { beta(hits + 1.0, misses, 1.0 - TAIL) } else { None };
    [least_share(hits, trials, TAIL), high.unwrap_or(1.0)]
}

/// The lower bound of a share by Clopper and Pearson (1934): the share is smaller in at most `risk` of samples.
pub fn least_share(hits: f64, trials: f64, risk: f64) -> f64 {
    let low = if hits > 0.0 { beta(hits, trials - hits + 1.0, risk) } else { None };
    low.unwrap_or(0.0)
}

/// A quantile of a beta distribution.
fn beta(a: f64, b: f64, share: f64) -> Option<f64> {
    Beta::new(a, b).ok().map(|beta| beta.inverse_cdf(share))
}

/// The 97.5 % quantile of Student's t; none without a degree of freedom.
pub fn student_t(freedom: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, freedom).ok().map(|student| student.inverse_cdf(0.975))
}

/// A share that is as certain as one of a simple random sample of `effective` units.
pub fn share_of_effective(value: f64, effective: f64) -> ShareEstimate {
    let [low, high] = clopper_pearson(value * effective, effective);
    ShareEstimate { value, low, high, effective_samples: effective }
}

/// The share of `hits` among `trials` of a simple random sample from a large population; `None` without trials.
pub fn share_of(hits: u64, trials: u64) -> Option<ShareEstimate> {
    use arpent_base::number::exact;
    (trials > 0).then(|| share_of_effective(exact(hits) / exact(trials), exact(trials)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.beta.ppf` 1.17.1.
    #[test]
    fn intervals_are_those_of_scipy() {
        for (hits, trials, low, high) in [
            (0.0, 20.0, 0.0, 0.168_433_470_983_085_3),
            (3.0, 50.0, 0.012_548_587_833_354_06, 0.165_481_946_603_773_88),
            (10.0, 1000.0, 0.004_805_510_691_049_308, 0.018_313_243_055_112_41),
            (50.0, 50.0, 0.928_878_263_535_840_2, 1.0),
            (2.5, 40.25, 0.010_468_140_390_298_15, 0.185_733_754_482_656_47),
        ] {
            let [found_low, found_high] = clopper_pearson(hits, trials);
            assert!((found_low - low).abs() < 1e-9, "{hits} of {trials}: {found_low}");
            assert!((found_high - high).abs() < 1e-9, "{hits} of {trials}: {found_high}");
        }
        // `scipy.stats.t.ppf` and `scipy.stats.beta.ppf` 1.17.1.
        for (freedom, quantile) in
            [(1.0, 12.706_204_736_174_7), (9.0, 2.262_157_162_798_2), (24.0, 2.063_898_561_628_0)]
        {
            let found = student_t(freedom).unwrap();
            assert!((found - quantile).abs() < 1e-6, "{freedom}: {found}");
        }
        assert!((least_share(45.0, 50.0, 0.005) - 0.741_950_271_183_591_2).abs() < 1e-9);
        assert_eq!((student_t(0.0), least_share(0.0, 10.0, 0.05)), (None, 0.0));
        assert_eq!(share_of(0, 0), None);
        assert_eq!(share_of(3, 50).map(|share| share.value), Some(0.06));
    }
}
