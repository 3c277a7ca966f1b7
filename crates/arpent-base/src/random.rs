//! Random numbers: SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*, 2014), small,
//! and the same on every machine and in every version: draws can be reproduced.

use crate::number::exact;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The stream for a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..end`, as the high half of a product (Lemire: *Fast random integer generation in an interval*,
    /// 2019, without the rejection step: the bias is below `end` / 2^64).
    pub fn below(&mut self, end: usize) -> usize {
        let product = u128::from(self.draw()) * end as u128;
        usize::try_from(product >> 64).expect("a number below a usize")
    }

    /// Uniform in 0..1, of 53 bits.
    pub fn unit(&mut self) -> f64 {
        exact(self.draw() >> 11) / exact(1u64 << 53)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First values of Vigna's public-domain `splitmix64.c` with the seed 1234567.
    #[test]
    fn the_published_stream_is_drawn() {
        let mut random = SplitMix64::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(expected, [random.draw(), random.draw(), random.draw()]);
    }

    #[test]
    fn every_number_below_the_end_comes_as_often() {
        let mut random = SplitMix64::new(7);
        let mut seen = [0; 7];
        (0..70_000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|count| (9_500..10_500).contains(count)), "{seen:?}");
        assert!((0..1000).map(|_| random.unit()).all(|u| (0.0..1.0).contains(&u)));
    }
}
