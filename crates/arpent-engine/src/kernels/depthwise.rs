//! Depthwise convolutions.

use pulp::Simd;

use super::aligned::Aligned;
use super::direct::{Epilogue, Geometry, MOST_SIDE, Patch, load, unrolled};
use super::isa::{Isa, Set, Vector, Work, mul_add};
use super::rows::Rows;
use super::smooth::smooth;
use crate::Activation;
use crate::numbers::signed;

/// A kernel, channels last, and a bias.
#[derive(Debug)]
pub(crate) struct DepthwiseWeights {
    isa: Isa,
    /// `kernel * kernel * channels` values.
    data: Aligned,
    bias: Aligned,
}

impl DepthwiseWeights {
    /// Packs a kernel: `at(channel, tap)`, row by row.
    pub(crate) fn new(isa: Isa, bias: &[f32], taps: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let (mut data, mut own) = (Aligned::zeros(taps * bias.len()), Aligned::zeros(bias.len()));
        for (tap, data) in data.chunks_exact_mut(bias.len().max(1)).enumerate() {
            data.iter_mut().enumerate().for_each(|(channel, to)| *to = at(channel, tap));
        }
        own.copy_from_slice(bias);
        Self { isa, data, bias: own }
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

/// Vectors of channels that are computed for a row before the next ones: of each pixel, adjacent cache lines are read.
const VECTORS: usize = 4;

/// Kernels of any size, stride and dilation.
const ANY: usize = 0;

impl Work for Depthwise<'_> {
    #[inline(always)]
    fn on<I: Set>(self, isa: I) {
        let Geometry { kernel, stride, dilation, .. } = self.geometry;
        match (kernel, stride, dilation) {
            _ if I::PIXELS[1] < 4 => self.blocks::<I, ANY>(isa),
            (3, 1, 1) => self.blocks::<I, 3>(isa),
            (5, 1, 1) => self.blocks::<I, 5>(isa),
            (7, 1, 1) => self.blocks::<I, 7>(isa),
            _ => self.blocks::<I, ANY>(isa),
        }
    }
}

impl Depthwise<'_> {
    /// Some channels of all rows, then the next ones.
    #[inline(always)]
    fn blocks<I: Set, const K: usize>(&self, isa: I) {
        let (channels, most) = (self.output.channels(), VECTORS * <I::S as Simd>::F32_LANES);
        for first in (0..channels).step_by(most) {
            for y in self.patch.rows.clone() {
                self.row::<I, K>(isa, y, (first, most.min(channels - first)));
            }
        }
    }

    /// `width` channels of a row, from `first` on.
    #[inline(always)]
    fn row<I: Set, const K: usize>(&self, isa: I, y: i64, (first, width): (usize, usize)) {
        let Geometry { kernel, stride, dilation, .. } = self.geometry;
        let (channels, lanes) = (self.output.channels(), <I::S as Simd>::F32_LANES);
        let (start, count) = (self.patch.cols.start, self.patch.width());
        let (row, col, seen) =
            (self.geometry.first(y), self.geometry.first(start), self.geometry.seen(count));
        let mut rows = [std::ptr::null(); MOST_SIDE];
        for (r, to) in rows.iter_mut().take(kernel).enumerate() {
            *to = self.input.read(row + signed(r * dilation), col, seen).wrapping_add(first);
        }
        let Epilogue { residual, activation } = self.epilogue;
        let out = self.output.write(y, start, count).wrapping_add(first);
        let line = Line {
            rows: &rows[..kernel],
            step: stride * channels,
            apart: dilation * channels,
            channels,
            kernel: self.weights.data[first..].as_ptr(),
            bias: self.weights.bias[first..].as_ptr(),
            out,
            // With a residual, limits come after it.
            limits: if residual.is_some() { Activation::None } else { activation }.range(),
        };
        // SAFETY: `read` and `write` have given pointers to all pixels, whose `width` channels from `first` on exist.
        // Rows of inputs are complete before a layer that reads them begins; tasks of a layer write different pixels.
        unsafe {
            line.vectors::<I, K>(isa, count, width / lanes);
            let whole = width / lanes * lanes;
            if whole < width {
                (0..count).for_each(|x| line.part(isa, x, (whole, width - whole)));
            }
            if let Some(residual) = residual {
                let residual = residual.read(y, start, count).wrapping_add(first);
                for x in 0..count {
                    let out = std::slice::from_raw_parts_mut(out.add(x * channels), width);
                    let residual = std::slice::from_raw_parts(residual.add(x * channels), width);
                    out.iter_mut().zip(residual).for_each(|(out, r)| *out += r);
                    activation.limit(out);
                }
            }
            smooth(isa, activation, out, [count, channels, width]);
        }
    }
}

/// Some channels of a row.
struct Line<'a> {
    /// The rows under the kernel, from the first pixel and channel on.
    rows: &'a [*const f32],
    /// Distance between pixels and between the pixels under the kernel, in values of the input.
    step: usize,
    apart: usize,
    channels: usize,
    /// Of the first channel.
    kernel: *const f32,
    bias: *const f32,
    out: *mut f32,
    /// Limits of the sums.
    limits: (f32, f32),
}

impl Line<'_> {
    /// So many vectors of channels of `count` pixels. The last pixels are computed with some of those before them, a
    /// second time.
    #[inline(always)]
    unsafe fn vectors<I: Set, const K: usize>(&self, isa: I, count: usize, vectors: usize) {
        let lanes = <I::S as Simd>::F32_LANES;
        let most = match I::PIXELS[1] {
            8.. => 8,
            4.. => 4,
            _ => 1,
        };
        let mut done = 0;
        while done < count {
            let x = if count < most { done } else { done.min(count - most) };
            for c in (0..vectors * lanes).step_by(lanes) {
                // SAFETY: the pixels are within the row.
                unsafe {
                    match most {
                        _ if count < most || most == 1 => self.tile::<I, K, 1>(isa, x, c),
                        8 => self.tile::<I, K, 8>(isa, x, c),
                        _ => self.tile::<I, K, 4>(isa, x, c),
                    }
                }
            }
            done = if count < most { done + 1 } else { x + most };
        }
    }

    /// A vector of channels of `P` pixels; each sum in the order of the kernel's rows and columns.
    #[inline(always)]
    unsafe fn tile<I: Set, const K: usize, const P: usize>(&self, isa: I, x: usize, c: usize) {
        if P > 1 && P > I::PIXELS[0] {
            return;
        }
        let simd = isa.simd();
        let (low, high) = (simd.splat_f32s(self.limits.0), simd.splat_f32s(self.limits.1));
        // SAFETY: the caller's pixels and channels exist, those under the kernel, and its values.
        unsafe {
            let mut sums = [load::<I>(self.bias.add(c)); P];
            let mut kernel = self.kernel.add(c);
            for row in self.rows {
                let mut from = row.add(x * self.step + c);
                if K == ANY {
                    for _ in 0..self.rows.len() {
                        let weight = load::<I>(kernel);
                        unrolled!(P, p, {
                            sums[p] = mul_add(isa, load::<I>(from.add(p * self.step)), weight, sums[p]);
                        });
                        (from, kernel) = (from.wrapping_add(self.apart), kernel.wrapping_add(self.channels));
                    }
                } else {
                    // Each value is read once for all pixels whose kernel covers it.
                    let mut weights: [Vector<I>; K] = [low; K];
                    unrolled!(K, q, { weights[q] = load::<I>(kernel.add(q * self.channels)) });
                    unrolled!(P + K - 1, at, {
                        let value = load::<I>(from.add(at * self.channels));
                        unrolled!(K, q, {
                            let p = at.wrapping_sub(q);
                            if p < P {
                                sums[p] = mul_add(isa, value, weights[q], sums[p]);
                            }
                        });
                    });
                    kernel = kernel.wrapping_add(K * self.channels);
                }
            }
            let out = self.out.add(x * self.channels + c);
            unrolled!(P, p, {
                let sum = simd.min_f32s(simd.max_f32s(sums[p], low), high);
                out.add(p * self.channels).cast::<Vector<I>>().write_unaligned(sum);
            });
        }
    }

    /// Channels that are less than a vector, of one pixel.
    #[inline(always)]
    unsafe fn part<I: Set>(&self, isa: I, x: usize, (c, width): (usize, usize)) {
        let simd = isa.simd();
        let (low, high) = (simd.splat_f32s(self.limits.0), simd.splat_f32s(self.limits.1));
        // SAFETY: as in `tile`.
        unsafe {
            let vector = |from: *const f32| simd.partial_load_f32s(std::slice::from_raw_parts(from, width));
            let mut sum = vector(self.bias.add(c));
            let side = self.rows.len();
            for (r, row) in self.rows.iter().enumerate() {
                for q in 0..side {
                    let value = vector(row.add(x * self.step + q * self.apart + c));
                    let weight = vector(self.kernel.add((r * side + q) * self.channels + c));
                    sum = mul_add(isa, value, weight, sum);
                }
            }
            let sum = simd.min_f32s(simd.max_f32s(sum, low), high);
            let out = std::slice::from_raw_parts_mut(self.out.add(x * self.channels + c), width);
            simd.partial_store_f32s(out, sum);
        }
    }
}
