//! Converts scores to the best class of each pixel and its probability.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a kernel: casts of class numbers below 255, in loops that become vector instructions"
)]

use crate::kernels::{Isa, exp as exp_within, pixels};

/// Pixels that are processed together.
const GROUP: usize = 16;

/// For each pixel of a row of scores (`classes` values each): the class with the highest score, the first one on
/// ties, and its probability after a softmax of `scores / temperature`, exact to about one in a million.
pub fn winners(isa: Isa, scores: &[f32], temperature: f32, best: &mut [u8], shares: &mut [f32]) {
    let classes = scores.len() / best.len().max(1);
    pixels(isa, move || {
        let groups = best.chunks_mut(GROUP).zip(shares.chunks_mut(GROUP)).zip(scores.chunks(GROUP * classes));
        for ((best, shares), scores) in groups {
            group(scores, classes, 1.0 / temperature, best, shares);
        }
    });
}

#[inline(always)]
fn group(scores: &[f32], classes: usize, scale: f32, best: &mut [u8], shares: &mut [f32]) {
    // The remainder at the end of a row is processed as a whole group too, so that its bits are the same.
    let count = best.len();
    let class = |class: usize| -> [f32; GROUP] {
        std::array::from_fn(|i| if i < count { scores[i * classes + class] } else { 0.0 })
    };
    let (mut highest, mut winner) = (class(0), [0.0f32; GROUP]);
    let mut number = 0.0f32;
    for c in 1..classes {
        number += 1.0;
        let values = class(c);
        for i in 0..GROUP {
            let higher = values[i] > highest[i];
            winner[i] = if higher { number } else { winner[i] };
            highest[i] = if higher { values[i] } else { highest[i] };
        }
    }
    let mut sum = [0.0f32; GROUP];
    for c in 0..classes {
        let values = class(c);
        for i in 0..GROUP {
            sum[i] += exp((values[i] - highest[i]) * scale);
        }
    }
    for i in 0..count {
        (best[i], shares[i]) = (winner[i] as u8, 1.0 / sum[i]);
    }
}

/// The exponential of a number that is not positive.
#[inline(always)]
fn exp(x: f32) -> f32 {
    exp_within(x.max(-87.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_close() {
        for i in 0..=87_000 {
            let x = -(i as f32) / 1000.0;
            let (got, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got - expected).abs() <= 4e-7 * expected + 1e-37, "{x}: {got}, want {expected}");
        }
    }

    #[test]
    fn the_first_of_equals_wins_and_shares_are_those_of_a_softmax() {
        let scores = [1.0, 3.0, 0.0, -5.0, 1.0, 3.0];
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let (mut best, mut shares) = ([9; 2], [0.0; 2]);
            winners(isa, &scores, 2.0, &mut best, &mut shares);
            assert_eq!(best, [1, 2]);
            let expected = [(0.5f32, 1.5f32, 0.0f32), (-2.5, 1.5, 0.5)]
                .map(|(a, b, c)| (a.max(b).max(c)).exp() / (a.exp() + b.exp() + c.exp()));
            assert!(shares.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{shares:?}");
        }
    }

    #[test]
    fn a_pixel_alone_gets_the_same_bits() {
        let scores: Vec<f32> = (0..37 * 5).map(|i| ((i * 7919) % 1013) as f32 / 100.0).collect();
        let (mut best, mut shares) = ([0; 37], [0.0; 37]);
        winners(Isa::best(), &scores, 1.3, &mut best, &mut shares);
        for i in 0..37 {
            let (mut one, mut share) = ([0], [0.0]);
            winners(Isa::best(), &scores[5 * i..5 * i + 5], 1.3, &mut one, &mut share);
            assert_eq!((one[0], f32::to_bits(share[0])), (best[i], shares[i].to_bits()));
        }
    }
}
