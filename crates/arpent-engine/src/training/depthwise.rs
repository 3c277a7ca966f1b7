//! Depthwise convolutions, plane by plane.

use rayon::prelude::*;

use super::shape::{ConvShape, lay_apart};
use crate::kernels::{Seen, convolve_plane, plane_products};

pub(super) fn convolve(shape: &ConvShape, x: &[f32], kernels: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let (laid, taps) = (Laid::forward(shape), shape.kernel * shape.kernel);
    let mut out = vec![0.0; shape.values()[1]];
    out.par_chunks_exact_mut(laid.to.0 * laid.to.1)
        .zip(x.par_chunks_exact(laid.from.0 * laid.from.1))
        .enumerate()
        .for_each_init(
            || laid.buffer(),
            |buffer, (i, (out, plane))| {
                let c = i % shape.outputs;
                out.fill(bias.map_or(0.0, |bias| bias[c]));
                laid.convolve(plane, &kernels[c * taps..][..taps], buffer, out);
            },
        );
    out
}

/// A convolution of the gradient, dilated by the stride, with the flipped kernel.
pub(super) fn input_gradient(shape: &ConvShape, gradient: &[f32], kernels: &[f32]) -> Vec<f32> {
    let (laid, taps) = (Laid::backward(shape), shape.kernel * shape.kernel);
    let mut out = vec![0.0; shape.values()[0]];
    out.par_chunks_exact_mut(laid.to.0 * laid.to.1)
        .zip(gradient.par_chunks_exact(laid.from.0 * laid.from.1))
        .enumerate()
        .for_each_init(
            || laid.buffer(),
            |buffer, (i, (out, plane))| {
                let c = i % shape.inputs;
                let turned: Vec<f32> = kernels[c * taps..][..taps].iter().rev().copied().collect();
                laid.convolve(plane, &turned, buffer, out);
            },
        );
    out
}

pub(super) fn kernel_gradient(shape: &ConvShape, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (laid, taps) = (Laid::forward(shape), shape.kernel * shape.kernel);
    let (area, seen) = (laid.from.0 * laid.from.1, laid.to.0 * laid.to.1);
    let mut sums = vec![0.0; shape.outputs * taps];
    sums.par_chunks_exact_mut(taps).enumerate().for_each(|(c, sums)| {
        let mut buffer = laid.buffer();
        for picture in 0..shape.batch {
            let plane = picture * shape.inputs + c;
            laid.lay(&x[plane * area..][..area], &mut buffer);
            plane_products(&laid.seen(&buffer), &gradient[plane * seen..][..seen], sums);
        }
    });
    sums
}

/// Layout of planes for a kernel: padded with zeros, with columns grouped by their remainder modulo `stride`.
struct Laid {
    /// Rows and columns of an input plane, and of an output plane.
    from: (usize, usize),
    to: (usize, usize),
    stride: usize,
    /// Dilation of the input plane, and distance of its first pixel from the edge.
    spread: usize,
    before: usize,
    /// Number of rows; number of values of a row, and of one of its parts.
    rows: usize,
    line: usize,
    columns: usize,
    /// Start of each tap's values.
    starts: Vec<usize>,
}

impl Laid {
    fn forward(shape: &ConvShape) -> Self {
        Self::new(shape, ((shape.height, shape.width), shape.output()), (shape.stride, 1), shape.pads.0)
    }

    fn backward(shape: &ConvShape) -> Self {
        let before = shape.kernel - 1 - shape.pads.0;
        Self::new(shape, (shape.output(), (shape.height, shape.width)), (1, shape.stride), before)
    }

    fn new(
        shape: &ConvShape,
        (from, to): ((usize, usize), (usize, usize)),
        (stride, spread): (usize, usize),
        before: usize,
    ) -> Self {
        let kernel = shape.kernel;
        let reach =
            |to: usize, from: usize| ((to - 1) * stride + kernel).max(before + (from - 1) * spread + 1);
        let columns = reach(to.1, from.1).div_ceil(stride);
        let line = columns * stride;
        let start =
            |tap: usize| tap / kernel * line + tap % kernel % stride * columns + tap % kernel / stride;
        let starts = (0..kernel * kernel).map(start).collect();
        Self { from, to, stride, spread, before, rows: reach(to.0, from.0), line, columns, starts }
    }

    fn buffer(&self) -> Vec<f32> {
        vec![0.0; self.rows * self.line]
    }

    fn lay(&self, plane: &[f32], to: &mut [f32]) {
        for (y, row) in plane.chunks_exact(self.from.1).enumerate() {
            let to = &mut to[(y * self.spread + self.before) * self.line..][..self.line];
            if self.spread == 1 {
                lay_apart(row, self.before, (self.stride, self.columns), to);
            } else {
                let places = to[self.before..].iter_mut().step_by(self.spread);
                places.zip(row).for_each(|(to, value)| *to = *value);
            }
        }
    }

    fn seen<'a>(&'a self, data: &'a [f32]) -> Seen<'a> {
        Seen { data, starts: &self.starts, line: self.stride * self.line, width: self.to.1 }
    }

    /// Adds the convolution of a plane, which is copied to `buffer`; the padding is the same for all planes.
    fn convolve(&self, plane: &[f32], kernel: &[f32], buffer: &mut [f32], out: &mut [f32]) {
        self.lay(plane, buffer);
        convolve_plane(&self.seen(buffer), kernel, out);
    }
}
