//! Weighted sums of pixels, added exactly.

use arpent_base::number;
use xsum::{Xsum, XsumSmall};

/// Partial sums along a row, so that the processor adds several values at a time. Part of the result: the order of
/// additions within a row is fixed by it.
const LANES: usize = 8;

/// Sums of `w`, `w x_i` and `w x_i x_j` (i <= j) over rows. Each row's sums are doubles; sums of rows are exact
/// (superaccumulators: Neal, Fast exact summation using small and large superaccumulators, 2015).
pub(super) struct Moments {
    channels: usize,
    sums: Vec<XsumSmall>,
}

/// What the sums say of the channels.
pub(super) struct Statistics {
    /// Sum of the weights.
    pub(super) weight: f64,
    /// Weighted means.
    pub(super) means: Vec<f64>,
    /// Weighted covariances, channels x channels. Empty if only means are summed.
    pub(super) covariances: Vec<f64>,
}

/// Whether products of channels are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `w` and `w x_i`.
    First,
    /// Products, too.
    Second,
}

impl Moments {
    pub(super) fn new(channels: usize, order: Order) -> Self {
        let products = if order == Order::Second { channels * (channels + 1) / 2 } else { 0 };
        Self { channels, sums: (0..1 + channels + products).map(|_| XsumSmall::new()).collect() }
    }

    /// The sums of one row, for [`Moments::add`]. Without `weights`, each pixel counts once.
    pub(super) fn of_row(order: Order, channels: &[Vec<f64>], weights: Option<&[f64]>) -> Vec<f64> {
        let count = channels.first().map_or(0, Vec::len);
        let weighted: Vec<Vec<f64>> = match weights {
            Some(weights) => {
                channels.iter().map(|x| x.iter().zip(weights).map(|(x, w)| x * w).collect()).collect()
            }
            None => channels.to_vec(),
        };
        let mut sums = vec![weights.map_or_else(|| number::exact(count), sum)];
        sums.extend(weighted.iter().map(|x| sum(x)));
        if order == Order::Second {
            for (i, weighted) in weighted.iter().enumerate() {
                sums.extend(channels[i..].iter().map(|x| product(weighted, x)));
            }
        }
        sums
    }

    /// Adds the sums of a row.
    pub(super) fn add(&mut self, row: &[f64]) {
        for (sum, value) in self.sums.iter_mut().zip(row) {
            sum.add(*value);
        }
    }

    /// Means and covariances; `None` without any weight.
    pub(super) fn statistics(&mut self) -> Option<Statistics> {
        let sums: Vec<f64> = self.sums.iter_mut().map(Xsum::sum).collect();
        let (weight, n) = (sums[0], self.channels);
        if weight <= 0.0 {
            return None;
        }
        let means: Vec<f64> = sums[1..=n].iter().map(|sum| sum / weight).collect();
        let products = &sums[n + 1..];
        let mut covariances = vec![0.0; if products.is_empty() { 0 } else { n * n }];
        let pairs = (0..n).flat_map(|i| (i..n).map(move |j| (i, j)));
        for ((i, j), product) in pairs.zip(products) {
            let covariance = product / weight - means[i] * means[j];
            covariances[i * n + j] = covariance;
            covariances[j * n + i] = covariance;
        }
        Some(Statistics { weight, means, covariances })
    }
}

fn sum(values: &[f64]) -> f64 {
    let chunks = values.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().sum();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f64>() + rest
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    let mut lanes = [0.0; LANES];
    for (a, b) in a_chunks.zip(b_chunks) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_rows_changes_nothing() {
        let mut random = arpent_base::SplitMix64::new(4);
        let rows: Vec<Vec<f64>> = (0..500)
            .map(|_| {
                let mut line = || {
                    (0..37).map(|_| (random.unit() - 0.4) * 10_f64.powf(20.0 * random.unit() - 8.0)).collect()
                };
                let channels: Vec<Vec<f64>> = vec![line(), line()];
                Moments::of_row(Order::Second, &channels, None)
            })
            .collect();
        let total = |rows: &mut dyn Iterator<Item = &Vec<f64>>| {
            let mut moments = Moments::new(2, Order::Second);
            rows.for_each(|row| moments.add(row));
            let found = moments.statistics().unwrap();
            [found.means, found.covariances].concat().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(total(&mut rows.iter()), total(&mut rows.iter().rev()));
    }

    #[test]
    fn means_and_covariances_are_weighted() {
        let channels = [vec![1.0, 2.0, 4.0], vec![1.0, -1.0, 0.0]];
        let mut moments = Moments::new(2, Order::Second);
        moments.add(&Moments::of_row(Order::Second, &channels, Some(&[1.0, 1.0, 2.0])));
        let found = moments.statistics().unwrap();
        assert_eq!((found.weight, found.means), (4.0, vec![2.75, 0.0]));
        for (got, expected) in found.covariances.iter().zip([1.6875, -0.25, -0.25, 0.5]) {
            assert!((got - expected).abs() < 1e-15);
        }
        assert!(Moments::new(2, Order::First).statistics().is_none());
    }
}
