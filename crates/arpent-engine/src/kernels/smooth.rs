//! Exponentials, and the activations that are made of them. The same bits on every instruction set that rounds a product
//! and a sum once.

use pulp::Simd;

use super::isa::{Set, Vector, mul_add};
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

/// [`exp`], with products and sums that are rounded once if `FUSED`.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "ln(2) in two parts, after Cody and Waite")]
pub(super) fn exp_fused<const FUSED: bool>(x: f32) -> f32 {
    const SERIES: [f32; 6] = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let mul_add = |a: f32, b: f32, c: f32| if FUSED { a.mul_add(b, c) } else { a * b + c };
    let shifted = mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let f = mul_add(n, 2.121_944_4e-4, mul_add(n, -0.693_359_375, x));
    let mut series = 1.0 / 720.0;
    for term in SERIES {
        series = mul_add(series, f, term);
    }
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1f32.to_bits()))
}

/// [`exp`] of vectors; products and sums are rounded once if the set supports that.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "ln(2) in two parts, after Cody and Waite")]
pub(super) fn exp_of<I: Set>(isa: I, x: Vector<I>) -> Vector<I> {
    const SERIES: [f32; 6] = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let simd = isa.simd();
    let round = simd.splat_f32s(ROUND);
    let shifted = mul_add(isa, x, simd.splat_f32s(std::f32::consts::LOG2_E), round);
    let n = simd.sub_f32s(shifted, round);
    let f = mul_add(isa, n, simd.splat_f32s(-0.693_359_375), x);
    let f = mul_add(isa, n, simd.splat_f32s(2.121_944_4e-4), f);
    let mut series = simd.splat_f32s(1.0 / 720.0);
    for term in SERIES {
        series = mul_add(isa, series, f, simd.splat_f32s(term));
    }
    // The lowest bits of `shifted` are n; those of `ROUND` are 0.
    let power = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.add_u32s(power, simd.splat_u32s(1f32.to_bits()));
    simd.mul_f32s(series, simd.transmute_f32s_u32s(power))
}

/// `of(x) / (1 + exp(-x))`; 0 below -87, where `1 / (1 + exp(-x))` is less than 2e-38.
#[inline(always)]
fn logistic<I: Set>(isa: I, x: Vector<I>, numerator: Vector<I>) -> Vector<I> {
    let simd = isa.simd();
    let [most, least, one] = [MOST, -MOST, 1.0].map(|v| simd.splat_f32s(v));
    let within = simd.select_f32s(simd.greater_than_f32s(x, most), most, x);
    let beyond = exp_of(isa, simd.sub_f32s(simd.splat_f32s(0.0), within));
    let value = simd.div_f32s(numerator, simd.add_f32s(one, beyond));
    simd.select_f32s(simd.less_than_f32s(x, least), simd.splat_f32s(0.0), value)
}

/// `x` times the share of a normal distribution below it: Hastings' approximation of the error function (Abramowitz
/// and Stegun, *Handbook of mathematical functions*, 7.1.26), whose error is below 1.5e-7.
#[inline(always)]
#[allow(clippy::excessive_precision, reason = "coefficients as published")]
fn gelu<I: Set>(isa: I, x: Vector<I>) -> Vector<I> {
    const A: [f32; 4] = [-1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let simd = isa.simd();
    let [most, one, zero] = [MOST, 1.0, 0.0].map(|v| simd.splat_f32s(v));
    let z = simd.mul_f32s(simd.abs_f32s(x), simd.splat_f32s(std::f32::consts::FRAC_1_SQRT_2));
    let t = simd.div_f32s(one, mul_add(isa, z, simd.splat_f32s(0.327_591_1), one));
    let square = simd.mul_f32s(z, z);
    let square = simd.select_f32s(simd.greater_than_f32s(square, most), most, square);
    let mut series = simd.splat_f32s(1.061_405_429);
    for term in A {
        series = mul_add(isa, series, t, simd.splat_f32s(term));
    }
    let series = simd.mul_f32s(simd.mul_f32s(series, t), simd.splat_f32s(0.5));
    let beyond = simd.mul_f32s(series, exp_of(isa, simd.sub_f32s(zero, square)));
    let share = simd.select_f32s(simd.greater_than_f32s(x, zero), simd.sub_f32s(one, beyond), beyond);
    simd.mul_f32s(x, share)
}

/// Applies an activation that is more than limits to the first `width` values of `count` pixels, `step` values apart.
///
/// # Safety
/// The pixels exist, and are not read or written at the same time.
#[inline(always)]
pub(super) unsafe fn smooth<I: Set>(
    isa: I,
    activation: Activation,
    first: *mut f32,
    [count, step, width]: [usize; 3],
) {
    let simd = isa.simd();
    // SAFETY: guaranteed by the caller.
    let pixel = |p: usize| unsafe { std::slice::from_raw_parts_mut(first.wrapping_add(p * step), width) };
    macro_rules! each {
        ($x:ident, $of:expr) => {
            for p in 0..count {
                let (vectors, rest) = I::S::as_mut_simd_f32s(pixel(p));
                for v in vectors {
                    let $x = *v;
                    *v = $of;
                }
                if !rest.is_empty() {
                    let $x = simd.partial_load_f32s(rest);
                    simd.partial_store_f32s(rest, $of);
                }
            }
        };
    }
    match activation {
        Activation::None | Activation::Relu | Activation::Relu6 => {}
        Activation::Silu => each!(x, logistic(isa, x, x)),
        Activation::Gelu => each!(x, gelu(isa, x)),
        Activation::Sigmoid => each!(x, logistic(isa, x, simd.splat_f32s(1.0))),
    }
}
