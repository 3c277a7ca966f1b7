//! Normalization of a plane, and its gradient.

use super::isa::{Isa, Set, Work};

/// Number of parallel partial sums.
const LANES: usize = 32;

/// Number of values that are summed in single precision.
const RUN: usize = 4096;

/// Maps a channel's value `x` to `(x - mean) * scale + shift`, clipped to `low` and `high`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine {
    pub(crate) mean: f32,
    pub(crate) scale: f32,
    pub(crate) shift: f32,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl Affine {
    #[inline(always)]
    fn of(&self, x: f32) -> f32 {
        (x - self.mean) * self.scale + self.shift
    }

    /// The gradient, or 0 if the value is at or beyond a limit and does not change with its input.
    #[inline(always)]
    fn passes(&self, x: f32, gradient: f32) -> f32 {
        let y = self.of(x);
        if y > self.low && y < self.high { gradient } else { 0.0 }
    }
}

/// The sum of the values.
pub(crate) fn sum(isa: Isa, x: &[f32]) -> f64 {
    let [sum, _] = sums(isa, x, x, |x, _| [x, 0.0]);
    sum
}

/// The sum of the squared differences from `mean`.
pub(crate) fn squares(isa: Isa, x: &[f32], mean: f32) -> f64 {
    let [sum, _] = sums(isa, x, x, |x, _| [(x - mean) * (x - mean), 0.0]);
    sum
}

/// Sums of the passed gradient, and of the passed gradient times `x - mean`.
pub(crate) fn gradient_sums(isa: Isa, affine: &Affine, x: &[f32], gradient: &[f32]) -> [f64; 2] {
    sums(isa, x, gradient, |x, g| {
        let g = affine.passes(x, g);
        [g, g * (x - affine.mean)]
    })
}

/// Two sums over pairs of values: in lanes, then over lanes, then over runs.
fn sums(isa: Isa, x: &[f32], y: &[f32], of: impl Fn(f32, f32) -> [f32; 2] + Copy) -> [f64; 2] {
    let mut all = [0.0; 2];
    for (x, y) in x.chunks(RUN).zip(y.chunks(RUN)) {
        let mut lanes = [[0.0f32; LANES]; 2];
        isa.run(Sums { x, y, of, lanes: &mut lanes });
        for (all, lanes) in all.iter_mut().zip(&lanes) {
            *all += lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>();
        }
    }
    all
}

struct Sums<'a, F> {
    x: &'a [f32],
    y: &'a [f32],
    of: F,
    lanes: &'a mut [[f32; LANES]; 2],
}

impl<F: Fn(f32, f32) -> [f32; 2]> Work for Sums<'_, F> {
    #[inline(always)]
    fn on<I: Set>(self, _: I) {
        let [mut first, mut second] = *self.lanes;
        let (x, x_rest) = self.x.as_chunks::<LANES>();
        let (y, y_rest) = self.y.as_chunks::<LANES>();
        for (x, y) in x.iter().zip(y) {
            for lane in 0..LANES {
                let [a, b] = (self.of)(x[lane], y[lane]);
                first[lane] += a;
                second[lane] += b;
            }
        }
        for (lane, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
            let [a, b] = (self.of)(*x, *y);
            first[lane] += a;
            second[lane] += b;
        }
        *self.lanes = [first, second];
    }
}

/// Normalizes `x` into `y`.
pub(crate) fn normalize(isa: Isa, affine: Affine, x: &[f32], y: &mut [f32]) {
    isa.run(Each { x, y, of: |x: f32, _: f32| affine.of(x).max(affine.low).min(affine.high) });
}

/// Replaces the gradient of the output by `scale * (passed gradient - mean - slope * (x - affine.mean))`, the
/// gradient of the input.
pub(crate) fn normalize_gradient(
    isa: Isa,
    affine: Affine,
    (mean, slope): (f32, f32),
    x: &[f32],
    gradient: &mut [f32],
) {
    let of = |x: f32, g: f32| affine.scale * (affine.passes(x, g) - mean - slope * (x - affine.mean));
    isa.run(Each { x, y: gradient, of });
}

struct Each<'a, F> {
    x: &'a [f32],
    y: &'a mut [f32],
    of: F,
}

impl<F: Fn(f32, f32) -> f32> Work for Each<'_, F> {
    #[inline(always)]
    fn on<I: Set>(self, _: I) {
        self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y = (self.of)(*x, *y));
    }
}
