//! Intervals of shares, also of rare ones.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF as _};

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
    let quantile = |a: f64, b: f64, share: f64| Beta::new(a, b).ok().map(|beta| beta.inverse_cdf(share));
    let low = if hits > 0.0 { quantile(hits, misses + 1.0, TAIL) } else { None };
    let high = if misses > 0.0 { quantile(hits + 1.0, misses, 1.0 - TAIL) } else { None };
    [low.unwrap_or(0.0), high.unwrap_or(1.0)]
}

/// The share of `hits` among `trials` of a simple random sample from a large population; `None` without trials.
pub fn share_of(hits: u64, trials: u64) -> Option<ShareEstimate> {
    use arpent_base::number::exact;
    let [low, high] = clopper_pearson(exact(hits), exact(trials));
    let value = exact(hits) / exact(trials);
    (trials > 0).then_some(ShareEstimate { value, low, high, effective_samples: exact(trials) })
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
        assert_eq!(share_of(0, 0), None);
        assert_eq!(share_of(3, 50).map(|share| share.value), Some(0.06));
    }
}
