//! Range of a layer's values.

use crate::numbers::as_f64;

/// Histogram of positive values, by the upper half of their bits: sign, exponent and 7 bits of the fraction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    greatest: f32,
    /// Empty until the first positive value.
    counts: Vec<u64>,
}

impl Seen {
    pub(crate) fn note(&mut self, values: &[f32]) {
        self.counts.resize(1 << 15, 0);
        for value in values.iter().copied().filter(|value| value.is_finite() && *value > 0.0) {
            self.greatest = self.greatest.max(value);
            self.counts[(value.to_bits() >> 16) as usize] += 1;
        }
    }

    /// The smallest value, with a precision of 1 %, that at least a share of the values do not exceed.
    pub(crate) fn range(&self, share: f64) -> f32 {
        let all: u64 = self.counts.iter().sum();
        let most = (1.0 - share).max(0.0) * as_f64(all);
        let (mut beyond, mut bits) = (0u64, 1u32 << 15);
        for count in self.counts.iter().rev() {
            beyond += count;
            if as_f64(beyond) > most {
                break;
            }
            bits -= 1;
        }
        // The upper end of the histogram bin.
        self.greatest.min(f32::from_bits((bits << 16).wrapping_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_positive_values_is_not_exceeded() {
        let values: Vec<f32> = (-5000i16..=10_000).map(|i| f32::from(i) / 100.0).collect();
        let mut seen = Seen::default();
        values.chunks(77).for_each(|values| seen.note(values));
        assert_eq!(seen.range(1.0).to_bits(), 100f32.to_bits());
        for share in [0.1, 0.5, 0.99, 0.999] {
            let range = f64::from(seen.range(share));
            assert!(range >= 100.0 * share && range <= 101.1 * share, "{share}: {range}");
        }
        assert!(Seen::default().range(1.0).to_bits() == 0, "nothing was seen");
    }
}
