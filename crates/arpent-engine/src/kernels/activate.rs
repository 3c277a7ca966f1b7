//! Activations of what other kernels have just written.

use super::direct::Patch;
use super::isa::{Isa, Set, Work};
use super::rows::Rows;
use super::smooth::smooth;
use crate::Activation;

/// Applies an activation to the pixels of a patch.
pub(crate) fn activate(isa: Isa, activation: Activation, output: Rows, patch: &Patch) {
    if activation == Activation::None {
        return;
    }
    for y in patch.rows.clone() {
        output.fill(y, patch.cols.start, patch.width(), |values| isa.run(All { activation, values }));
    }
}

/// All of some values.
struct All<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl Work for All<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let Self { activation, values } = self;
        activation.limit(values);
        // SAFETY: one pixel of all values.
        unsafe { smooth(isa, activation, values.as_mut_ptr(), [1, 0, values.len()]) };
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
            Isa::best().run(All { activation, values: &mut got });
            for (x, got) in values.iter().zip(got) {
                let (got, expected) = (f64::from(got), exact(activation, f64::from(*x)));
                let most = 6e-7 * expected.abs().max(1.0);
                assert!((got - expected).abs() <= most, "{activation:?} {x}: {got}, want {expected}");
            }
            let mut odd = [f32::NAN, f32::INFINITY, f32::from_bits(0x7fc0_01ff)];
            Isa::best().run(All { activation, values: &mut odd });
            assert!(odd[0].is_nan() && odd[2].is_nan(), "{activation:?}");
            assert!(odd[1] >= 1.0, "{activation:?}");
        }
    }

    #[test]
    fn every_fused_instruction_set_gives_the_same_bits() {
        for activation in [Activation::Silu, Activation::Gelu, Activation::Sigmoid] {
            let bits = |isa: Isa| {
                let mut values: Vec<f32> =
                    (0..1003).map(|i| (i * 7919 % 2003) as f32 / 100.0 - 10.0).collect();
                isa.run(All { activation, values: &mut values });
                values.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            let expected = bits(Isa::Fused);
            let fused = Isa::ALL.into_iter().filter(|isa| *isa != Isa::Portable);
            let available = fused.filter(|isa| isa.is_available());
            available.for_each(|isa| assert_eq!(bits(isa), expected, "{isa:?} {activation:?}"));
        }
    }
}
