//! Activations that are more than limits: a pass over values that a kernel has just written.
//!
//! Plain products and sums, each rounded, in loops that become vector instructions: the same bits on every
//! instruction set.

use super::direct::Patch;
use super::isa::Isa;
use super::pool::pixels;
use super::rows::Rows;
use crate::Activation;
use crate::numbers::ROUND;

/// Largest absolute value whose exponential is computed: beyond it, results are 0 or 1 to single precision.
const MOST: f32 = 87.0;

/// The exponential of a number within -87..=87: 2^n * e^f with |f| <= ln(2) / 2 and e^f by its Taylor series; the
/// relative error is below 2e-7.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "ln(2) in two parts, after Cody and Waite")]
pub(crate) fn exp(x: f32) -> f32 {
    const LN_2: [f32; 2] = [0.693_359_375, -2.121_944_4e-4];
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let f = (x - n * LN_2[0]) - n * LN_2[1];
    let series =
        1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    series * f32::from_bits(power)
}

/// `1 / (1 + exp(-x))`; 0 below -87, where it is less than 2e-38.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let within = if x > MOST { MOST } else { x };
    let value = 1.0 / (1.0 + exp(-within));
    if x < -MOST { 0.0 } else { value }
}

/// `x` times the share of a normal distribution below it: Hastings' approximation of the error function (Abramowitz
/// and Stegun, *Handbook of mathematical functions*, 7.1.26), whose error is below 1.5e-7.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "coefficients as published")]
fn gelu(x: f32) -> f32 {
    const A: [f32; 5] = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let square = if z * z > MOST { MOST } else { z * z };
    let series = t * (A[0] + t * (A[1] + t * (A[2] + t * (A[3] + t * A[4]))));
    let beyond = 0.5 * series * exp(-square);
    let share = if x > 0.0 { 1.0 - beyond } else { beyond };
    x * share
}

/// Applies an activation to the pixels of a patch.
pub(crate) fn activate(isa: Isa, activation: Activation, output: Rows, patch: &Patch) {
    if activation == Activation::None {
        return;
    }
    let (start, count) = (patch.cols.start, patch.width());
    pixels(
        isa,
        #[inline(always)]
        || {
            for y in patch.rows.clone() {
                // SAFETY: tasks of a layer write different pixels.
                let values = unsafe { output.slice_mut(y, start, count) };
                all(activation, values);
            }
        },
    );
}

/// Applies an activation to values: separate loops, which are compiled for the instruction set.
#[inline(always)]
fn all(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::None | Activation::Relu | Activation::Relu6 => activation.limit(values),
        Activation::Silu => values.iter_mut().for_each(|v| *v *= sigmoid(*v)),
        Activation::Gelu => values.iter_mut().for_each(|v| *v = gelu(*v)),
        Activation::Sigmoid => values.iter_mut().for_each(|v| *v = sigmoid(*v)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error function by its series, or the continued fraction of its complement.
    fn share_below(x: f64) -> f64 {
        let z = x.abs() / std::f64::consts::SQRT_2;
        let beyond = if z < 2.5 {
            let mut term = z;
            let mut sum = z;
            for n in 1..80 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            0.5 - sum / std::f64::consts::PI.sqrt()
        } else {
            let fraction = (1..120).rev().fold(z, |below, n| z + f64::from(n) / 2.0 / below);
            (-z * z).exp() / fraction / std::f64::consts::PI.sqrt() / 2.0
        };
        if x > 0.0 { 1.0 - beyond } else { beyond }
    }

    #[test]
    fn activations_are_close() {
        assert!((share_below(1.0) - 0.841_344_746_068_542_9).abs() < 1e-14);
        assert!((share_below(-4.0) - 3.167_124_183_311_992e-5).abs() < 1e-14);
        let exact = |activation: Activation, x: f64| match activation {
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Gelu => x * share_below(x),
            _ => unreachable!(),
        };
        let mut values: Vec<f32> = (-120_000..=120_000).map(|i| i as f32 / 1000.0).collect();
        values.extend([1e-30, -1e-30, 1e30, -1e30, f32::MAX, f32::MIN, 0.0, -0.0]);
        for activation in [Activation::Silu, Activation::Gelu, Activation::Sigmoid] {
            let mut got = values.clone();
            all(activation, &mut got);
            for (x, got) in values.iter().zip(got) {
                let (got, expected) = (f64::from(got), exact(activation, f64::from(*x)));
                let most = 6e-7 * expected.abs().max(1.0);
                assert!((got - expected).abs() <= most, "{activation:?} {x}: {got}, want {expected}");
            }
            let mut odd = [f32::NAN, f32::INFINITY];
            all(activation, &mut odd);
            assert!(odd[0].is_nan(), "{activation:?}");
            assert!(odd[1] >= 1.0, "{activation:?}");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        for activation in [Activation::Silu, Activation::Gelu, Activation::Sigmoid] {
            let bits = |isa: Isa| {
                let mut values: Vec<f32> =
                    (0..1003).map(|i| (i * 7919 % 2003) as f32 / 100.0 - 10.0).collect();
                pixels(
                    isa,
                    #[inline(always)]
                    || all(activation, &mut values),
                );
                values.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            let expected = bits(Isa::Portable);
            let available = Isa::ALL.into_iter().filter(|isa| isa.is_available());
            available.for_each(|isa| assert_eq!(bits(isa), expected, "{isa:?} {activation:?}"));
        }
    }
}
