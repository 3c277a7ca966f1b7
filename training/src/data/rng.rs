//! Random numbers of a key: the same on every machine and in every version.

use arpent_base::SplitMix64;
use arpent_base::number::{index, wide};

/// Purposes of random numbers: streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Purpose {
    /// First weights.
    Weights = 1,
    /// Chips.
    Chips = 2,
    /// Simulated data sets.
    Simulation = 3,
    /// Chips of the validation split.
    HeldOut = 4,
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng(SplitMix64);

impl Rng {
    /// The stream of a key; different keys give unrelated streams.
    pub(crate) fn new(key: &[u64]) -> Self {
        let seed = key.iter().fold(0x5851_f42d_4c95_7f2d, |state, part| SplitMix64::new(state ^ part).draw());
        Self(SplitMix64::new(seed))
    }

    /// The stream of a seed, for a purpose, by two numbers such as step and index.
    pub(crate) fn of(seed: u64, purpose: Purpose, a: usize, b: usize) -> Self {
        Self::new(&[seed, purpose as u64, a as u64, b as u64])
    }

    fn next(&mut self) -> u64 {
        self.0.draw()
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    /// Uniform in `low..high`.
    pub(crate) fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..count`; 0 for an empty range.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        index(self.next() % wide(count.max(1)))
    }

    /// Whether an event of this probability happens.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Normal, mean 0 and standard deviation 1 (Box-Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |key: &[u64]| {
            (0..4)
                .map({
                    let mut rng = Rng::new(key);
                    move |_| rng.next()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(&[1, 2]), draw(&[1, 2]));
        assert_ne!(draw(&[1, 2]), draw(&[2, 1]));
    }

    #[test]
    fn numbers_are_spread_as_they_should() {
        let mut rng = Rng::new(&[3]);
        let normal: Vec<f64> = (0..20_000).map(|_| rng.normal()).collect();
        let mean = normal.iter().sum::<f64>() / 20_000.0;
        let variance = normal.iter().map(|v| v * v).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert!((0..1000).all(|_| rng.below(7) < 7));
    }
}
