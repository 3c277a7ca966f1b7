//! Depthwise convolutions.

use super::direct::{Epilogue, Geometry, MOST_SIDE, Patch};
use super::isa::{Isa, Set, Work, mul_add};
use super::rows::Rows;
use crate::Activation;
use crate::numbers::signed;
use pulp::Simd;

/// A kernel, channels last, and a bias.
#[derive(Debug)]
pub(crate) struct DepthwiseWeights {
    isa: Isa,
    /// `kernel * kernel * channels` values.
    data: Vec<f32>,
    bias: Vec<f32>,
}

impl DepthwiseWeights {
    /// Packs a kernel: `at(channel, tap)`, row by row.
    pub(crate) fn new(isa: Isa, bias: &[f32], taps: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let data = (0..taps).flat_map(|tap| (0..bias.len()).map(move |channel| (channel, tap)));
        Self { isa, data: data.map(|(channel, tap)| at(channel, tap)).collect(), bias: bias.to_vec() }
    }

    /// Size of the packed values in bytes.
    pub(crate) fn bytes(&self) -> usize {
        4 * (self.data.len() + self.bias.len())
    }
}

/// A convolution of some pixels.
pub(crate) fn depthwise(
    weights: &DepthwiseWeights,
    geometry: Geometry,
    [input, output]: [Rows; 2],
    epilogue: Epilogue,
    patch: &Patch,
) {
    weights.isa.run(Depthwise { weights, geometry, input, output, epilogue, patch });
}

struct Depthwise<'a> {
    weights: &'a DepthwiseWeights,
    geometry: Geometry,
    input: Rows,
    output: Rows,
    epilogue: Epilogue,
    patch: &'a Patch,
}

impl Work for Depthwise<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        match self.geometry.kernel {
            3 => self.rows::<I, 3, true>(isa),
            5 => self.rows::<I, 5, true>(isa),
            7 => self.rows::<I, 7, true>(isa),
            _ => self.rows::<I, MOST_SIDE, false>(isa),
        }
    }
}

impl Depthwise<'_> {
    /// Kernels of `K` rows and columns, or of at most as many if not `EXACT`.
    #[inline(always)]
    fn rows<I: Set, const K: usize, const EXACT: bool>(&self, isa: I) {
        let Geometry { kernel, dilation, .. } = self.geometry;
        let (cols, count) = (&self.patch.cols, self.patch.width());
        let (seen, col) = (self.geometry.seen(count), self.geometry.first(cols.start));
        for y in self.patch.rows.clone() {
            let row = self.geometry.first(y);
            let mut from: [&[f32]; K] = [&[]; K];
            for (r, from) in from.iter_mut().take(kernel).enumerate() {
                // SAFETY: the input's rows are complete before a layer that reads them begins.
                *from = unsafe { self.input.slice(row + signed(r * dilation), col, seen) };
            }
            // SAFETY: tasks of a layer write different pixels.
            let out = unsafe { self.output.slice_mut(y, cols.start, count) };
            if EXACT {
                self.row::<I, K>(isa, &from, out);
            } else {
                self.any_row(isa, &from[..kernel], out);
            }
            if let Some(residual) = self.epilogue.residual {
                // SAFETY: the residual's rows are complete before the layer begins.
                let residual = unsafe { residual.slice(y, cols.start, count) };
                out.iter_mut().zip(residual).for_each(|(out, r)| *out += r);
                self.epilogue.activation.limit(out);
            }
        }
    }

    /// Limits of the sums; with a residual, they come after it.
    #[inline(always)]
    fn limits<I: Set>(&self, isa: I) -> [<I::S as Simd>::f32s; 2] {
        let residual = self.epilogue.residual.is_some();
        let (low, high) = if residual { Activation::None } else { self.epilogue.activation }.range();
        [isa.simd().splat_f32s(low), isa.simd().splat_f32s(high)]
    }

    /// Channels in vectors, and the remaining ones in a part of a vector.
    #[inline(always)]
    fn row<I: Set, const K: usize>(&self, isa: I, from: &[&[f32]; K], out: &mut [f32]) {
        let (simd, channels, lanes) = (isa.simd(), self.output.channels(), <I::S as Simd>::F32_LANES);
        let (step, apart) = (self.geometry.stride * channels, self.geometry.dilation * channels);
        let [low, high] = self.limits(isa);
        let mut first = 0;
        while first < channels {
            let valid = (channels - first).min(lanes);
            let vector = |values: &[f32]| simd.partial_load_f32s(&values[..valid]);
            let mut kernel = [[low; K]; K];
            for (tap, kernel) in kernel.iter_mut().flatten().enumerate() {
                *kernel = vector(&self.weights.data[tap * channels + first..]);
            }
            let bias = vector(&self.weights.bias[first..]);
            for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                let mut sum = bias;
                for (kernel, from) in kernel.iter().zip(from) {
                    for (q, kernel) in kernel.iter().enumerate() {
                        let at = x * step + q * apart + first;
                        let value = if valid == lanes {
                            debug_assert!(at + lanes <= from.len());
                            // SAFETY: the row has `K` pixels, `apart` values apart, from `x * step` on, of `channels`
                            // values each.
                            unsafe { from.as_ptr().add(at).cast::<<I::S as Simd>::f32s>().read_unaligned() }
                        } else {
                            vector(&from[at..])
                        };
                        sum = mul_add(isa, value, *kernel, sum);
                    }
                }
                sum = simd.min_f32s(simd.max_f32s(sum, low), high);
                simd.partial_store_f32s(&mut out[first..first + valid], sum);
            }
            first += valid;
        }
    }

    /// The same with a kernel of any size, which is not kept in registers.
    #[inline(always)]
    fn any_row<I: Set>(&self, isa: I, from: &[&[f32]], out: &mut [f32]) {
        let (simd, channels, lanes) = (isa.simd(), self.output.channels(), <I::S as Simd>::F32_LANES);
        let (step, apart) = (self.geometry.stride * channels, self.geometry.dilation * channels);
        let [low, high] = self.limits(isa);
        for (x, out) in out.chunks_exact_mut(channels).enumerate() {
            for first in (0..channels).step_by(lanes) {
                let valid = (channels - first).min(lanes);
                let mut sum = simd.partial_load_f32s(&self.weights.bias[first..first + valid]);
                for (r, row) in from.iter().enumerate() {
                    for q in 0..from.len() {
                        let (at, tap) = (x * step + q * apart + first, r * from.len() + q);
                        let value = simd.partial_load_f32s(&row[at..at + valid]);
                        let kernel = &self.weights.data[tap * channels + first..][..valid];
                        sum = mul_add(isa, value, simd.partial_load_f32s(kernel), sum);
                    }
                }
                sum = simd.min_f32s(simd.max_f32s(sum, low), high);
                simd.partial_store_f32s(&mut out[first..first + valid], sum);
            }
        }
    }
}
