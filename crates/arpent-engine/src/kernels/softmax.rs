//! Shares of scores. Plain operations in loops that become vector instructions: the same bits on every instruction
//! set that rounds a product and a sum once.

use super::smooth::exp_fused;

/// Number of values that are compared and summed side by side.
pub(super) const LANES: usize = 32;

/// Replaces scores by their exponentials, of their distances from the greatest one; the inverse of their sum.
#[inline(always)]
pub(super) fn exponentials<const FUSED: bool>(scores: &mut [f32]) -> f32 {
    let greatest = greatest(scores);
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = scores.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *v = exp_below::<FUSED>(*v - greatest);
            *lane += *v;
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *v = exp_below::<FUSED>(*v - greatest);
        *lane += *v;
    }
    1.0 / in_pairs(lanes, |a, b| a + b)
}

/// The exponential of a number that is not positive; of one below -87, about 1e-38.
#[inline(always)]
fn exp_below<const FUSED: bool>(x: f32) -> f32 {
    exp_fused::<FUSED>(if x < -87.0 { -87.0 } else { x })
}

#[inline(always)]
fn greatest(scores: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = scores.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = if *v > *lane { *v } else { *lane };
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane = if *v > *lane { *v } else { *lane };
    }
    in_pairs(lanes, |a, b| if a > b { a } else { b })
}

/// Combines lanes in pairs: one after the other, each would wait for the one before.
#[inline(always)]
fn in_pairs(mut lanes: [f32; LANES], of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = of(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_a_softmax() {
        for count in [1, 5, 32, 49, 144, 1000] {
            let scores: Vec<f32> = (0..count).map(|i| ((i * 7919) % 1013) as f32 / 20.0 - 400.0).collect();
            let most = scores.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
            let exact: Vec<f64> = scores.iter().map(|v| (f64::from(*v) - f64::from(most)).exp()).collect();
            let sum: f64 = exact.iter().sum();
            let mut got = scores.clone();
            let inverse = exponentials::<true>(&mut got);
            for (got, exact) in got.iter().zip(&exact) {
                let (got, exact) = (f64::from(got * inverse), exact / sum);
                assert!((got - exact).abs() < 1e-6 * exact + 1e-30, "{count}: {got}, want {exact}");
            }
        }
        let mut far = [0.0, -1e4, f32::NEG_INFINITY];
        exponentials::<false>(&mut far);
        assert!(far[1] < 2e-38 && far[2] < 2e-38);
    }
}
