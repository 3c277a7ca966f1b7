//! Depthwise convolutions.

use super::direct::{Epilogue, Geometry, Patch};
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
            3 => self.rows::<I, 3>(isa),
            5 => self.rows::<I, 5>(isa),
            7 => self.rows::<I, 7>(isa),
            _ => self.rows::<I, 1>(isa),
        }
    }
}

impl Depthwise<'_> {
    #[inline(always)]
    fn rows<I: Set, const K: usize>(&self, isa: I) {
        let (stride, before) = (self.geometry.stride, signed(self.geometry.before));
        let (cols, count) = (&self.patch.cols, self.patch.width());
        for y in self.patch.rows.clone() {
            let (row, col) = (y * signed(stride) - before, cols.start * signed(stride) - before);
            let mut from: [&[f32]; K] = [&[]; K];
            for (r, from) in from.iter_mut().enumerate() {
                // SAFETY: the input's rows are complete before a layer that reads them begins.
                *from = unsafe { self.input.slice(row + signed(r), col, (count - 1) * stride + K) };
            }
            // SAFETY: tasks of a layer write different pixels.
            let out = unsafe { self.output.slice_mut(y, cols.start, count) };
            self.row::<I, K>(isa, &from, out);
            if let Some(residual) = self.epilogue.residual {
                // SAFETY: the residual's rows are complete before the layer begins.
                let residual = unsafe { residual.slice(y, cols.start, count) };
                out.iter_mut().zip(residual).for_each(|(out, r)| *out += r);
                self.epilogue.activation.limit(out);
            }
        }
    }

    /// Channels in vectors, and the remaining ones one by one, with the same operations.
    #[inline(always)]
    fn row<I: Set, const K: usize>(&self, isa: I, from: &[&[f32]; K], out: &mut [f32]) {
        let (simd, channels, lanes) = (isa.simd(), self.output.channels(), <I::S as Simd>::F32_LANES);
        let step = self.geometry.stride * channels;
        let activation =
            if self.epilogue.residual.is_some() { Activation::None } else { self.epilogue.activation };
        let (low, high) = activation.range();
        let (low, high) = (simd.splat_f32s(low), simd.splat_f32s(high));
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
                        let at = x * step + q * channels + first;
                        let value = if valid == lanes {
                            // SAFETY: the row has `K` pixels from `x * step` on, of `channels` values each.
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
}
