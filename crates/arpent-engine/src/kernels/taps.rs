//! Convolutions of single planes, and the gradients of their kernels.

use pulp::Simd;

use super::isa::{Isa, Set, Work, mul_add};

/// Where the taps of a kernel read a plane: for the pixels of an output row, each reads as many adjacent values.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// The plane.
    pub(crate) data: &'a [f32],
    /// Start of each tap's values for the first row, and distance to those of the next row.
    pub(crate) starts: &'a [usize],
    pub(crate) line: usize,
    /// Number of pixels in an output row.
    pub(crate) width: usize,
}

impl Seen<'_> {
    #[inline(always)]
    fn from(&self, tap: usize, row: usize, col: usize) -> &[f32] {
        &self.data[self.starts[tap] + row * self.line + col..]
    }
}

/// The best instruction set whose vectors are not longer than a row.
fn suited(width: usize) -> Isa {
    let best = Isa::best();
    if width < best.lanes() { best.half() } else { best }
}

/// Adds the values of the taps, times their weights, to `out`, row by row.
pub(crate) fn convolve_plane(seen: &Seen<'_>, weights: &[f32], out: &mut [f32]) {
    suited(seen.width).run(Convolve { seen, weights, out });
}

struct Convolve<'a> {
    seen: &'a Seen<'a>,
    weights: &'a [f32],
    out: &'a mut [f32],
}

impl Work for Convolve<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let (simd, lanes) = (isa.simd(), <I::S as Simd>::F32_LANES);
        for (row, out) in self.out.chunks_exact_mut(self.seen.width).enumerate() {
            let (out, rest) = I::S::as_mut_simd_f32s(out);
            // Several sums at a time, to hide the latency of dependent additions.
            for (group, out) in out.chunks_mut(GROUP).enumerate() {
                let mut sums = [simd.splat_f32s(0.0); GROUP];
                sums.iter_mut().zip(out.iter()).for_each(|(sum, out)| *sum = *out);
                for (tap, weight) in self.weights.iter().enumerate() {
                    let x = &self.seen.from(tap, row, group * GROUP * lanes)[..out.len() * lanes];
                    let weight = simd.splat_f32s(*weight);
                    for (sum, x) in sums.iter_mut().zip(I::S::as_simd_f32s(x).0) {
                        *sum = mul_add(isa, weight, *x, *sum);
                    }
                }
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum);
            }
            let start = self.seen.width - rest.len();
            for (tap, weight) in self.weights.iter().enumerate() {
                for (out, x) in rest.iter_mut().zip(self.seen.from(tap, row, start)) {
                    // Rounded as in vectors, so that results do not depend on where a row ends.
                    *out = if I::FUSED { weight.mul_add(*x, *out) } else { weight * x + *out };
                }
            }
        }
    }
}

/// Vectors of a row that are summed concurrently.
const GROUP: usize = 4;

/// Adds to each tap's sum the products of its values with a gradient: in the lanes of vectors, then over lanes, then
/// the remainders at the ends of rows.
pub(crate) fn plane_products(seen: &Seen<'_>, gradient: &[f32], sums: &mut [f32]) {
    suited(seen.width).run(Products { seen, gradient, sums });
}

struct Products<'a> {
    seen: &'a Seen<'a>,
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl Work for Products<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let simd = isa.simd();
        for (tap, sum) in self.sums.iter_mut().enumerate() {
            let (mut lanes, mut left) = ([simd.splat_f32s(0.0); GROUP], 0.0f32);
            for (row, gradient) in self.gradient.chunks_exact(self.seen.width).enumerate() {
                let x = &self.seen.from(tap, row, 0)[..gradient.len()];
                let ((x, x_rest), (y, y_rest)) = (I::S::as_simd_f32s(x), I::S::as_simd_f32s(gradient));
                for (x, y) in x.chunks(GROUP).zip(y.chunks(GROUP)) {
                    for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
                        *lane = mul_add(isa, *x, *y, *lane);
                    }
                }
                left += x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum::<f32>();
            }
            let [a, b, c, d] = lanes;
            *sum += simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d))) + left;
        }
    }
}
