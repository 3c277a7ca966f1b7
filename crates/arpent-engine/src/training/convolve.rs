//! The forward pass, and the gradient of the input: a convolution of the gradient, dilated by the stride, with the
//! flipped kernel.

use rayon::prelude::*;

use super::shape::ConvShape;
use crate::Activation;
use crate::kernels::{
    Aligned, Buffer, BufferShape, Epilogue, Geometry, Isa, Patch, Rows, Weights, direct, to_pixels, to_planes,
};
use crate::numbers::{signed, size};

/// Values of rows in a task: the size of a core's second-level cache minus a block of the kernel.
const VALUES: usize = 96 << 10;

/// Smallest number of rows in a task: at its ends it reads rows that another task reads too.
const ROWS: usize = 32;

pub(super) fn convolve(shape: &ConvShape, x: &[f32], kernels: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let ConvShape { inputs, outputs, kernel, .. } = *shape;
    let zeros = vec![0.0; outputs];
    let at = |o: usize, row: usize, term: usize| {
        kernels[((o * inputs + term % inputs) * kernel + row) * kernel + term / inputs]
    };
    let pass = Pass {
        from: (inputs, shape.height, shape.width),
        spread: 1,
        picture: (shape.height, shape.width),
        to: (outputs, shape.output().0, shape.output().1),
        geometry: Geometry { kernel, stride: shape.stride, before: shape.pads.0, dilation: 1 },
    };
    pass.run(x, &Weights::new(Isa::best(), bias.unwrap_or(&zeros), [kernel, kernel * inputs], at))
}

pub(super) fn input_gradient(shape: &ConvShape, gradient: &[f32], kernels: &[f32]) -> Vec<f32> {
    let ConvShape { inputs, outputs, kernel, .. } = *shape;
    let at = |i: usize, row: usize, term: usize| {
        let (column, o) = (term / outputs, term % outputs);
        kernels[((o * inputs + i) * kernel + kernel - 1 - row) * kernel + kernel - 1 - column]
    };
    let pass = Pass {
        from: (outputs, shape.output().0, shape.output().1),
        spread: shape.stride,
        picture: (shape.height, shape.width),
        to: (inputs, shape.height, shape.width),
        geometry: Geometry { kernel, stride: 1, before: kernel - 1 - shape.pads.0, dilation: 1 },
    };
    pass.run(gradient, &Weights::new(Isa::best(), &vec![0.0; inputs], [kernel, kernel * outputs], at))
}

/// A convolution of every picture of a batch.
struct Pass {
    /// Channels, height and width of the input.
    from: (usize, usize, usize),
    /// Dilation of the input: distance of its pixels, with zeros between them.
    spread: usize,
    /// Height and width of the dilated input.
    picture: (usize, usize),
    /// Channels, height and width of the output.
    to: (usize, usize, usize),
    geometry: Geometry,
}

impl Pass {
    fn run(&self, x: &[f32], weights: &Weights) -> Vec<f32> {
        let (channels, height, width) = self.to;
        let mut out =
            vec![0.0; x.len() / (self.from.0 * self.from.1 * self.from.2) * channels * height * width];
        let out_planes: Vec<_> =
            out.chunks_exact_mut(height * width).map(|p| p.chunks_mut(ROWS * width)).collect();
        // For each picture and part of its rows, that part of every plane.
        let mut tasks = Vec::new();
        let mut planes = out_planes.into_iter();
        for given in x.chunks_exact(self.from.0 * self.from.1 * self.from.2) {
            let mut own: Vec<_> = planes.by_ref().take(channels).collect();
            for first in (0..height).step_by(ROWS) {
                let part: Vec<&mut [f32]> = own.iter_mut().filter_map(Iterator::next).collect();
                tasks.push((given, first, part));
            }
        }
        tasks.into_par_iter().with_max_len(1).for_each(|(given, first, mut part)| {
            self.rows(given, first, &mut part, weights);
        });
        out
    }

    /// Computes rows from `first` on: as many as the planes of `out` contain.
    fn rows(&self, x: &[f32], first: usize, out: &mut [&mut [f32]], weights: &Weights) {
        let (channels, _, width) = self.to;
        let Geometry { kernel, stride, before, .. } = self.geometry;
        let count = out[0].len() / width;
        let each = stride * self.picture.1 * self.from.0 + width * channels;
        let step = (VALUES / each).clamp(1, count);
        // A multiple of the dilation, so that a slot always or never contains zeros.
        let capacity = (step * stride + kernel).next_multiple_of(self.spread);
        let (mut input, mut output) = (Buffer::default(), Buffer::default());
        let beyond = size(signed((width - 1) * stride + kernel) - signed(before + self.picture.1));
        input.fit(BufferShape {
            capacity,
            columns: (0, signed(self.picture.1)),
            border: (before, beyond),
            channels: self.from.0,
            height: signed(self.picture.0),
        });
        output.fit(BufferShape {
            capacity: step,
            columns: (0, signed(width)),
            border: (0, 0),
            channels,
            height: signed(self.to.1),
        });
        let (input, output) = (input.rows(), output.rows());
        let mut scratch = Aligned::default();
        let mut laid = signed(first * stride) - signed(before);
        for start in (0..count).step_by(step) {
            let rows = first + start..first + (start + step).min(count);
            let needed = signed((rows.end - 1) * stride + kernel) - signed(before);
            (laid.max(0)..needed.min(signed(self.picture.0))).for_each(|y| self.lay(x, size(y), &input));
            laid = needed;
            let patch = Patch { rows: signed(rows.start)..signed(rows.end), cols: 0..signed(width) };
            let epilogue = Epilogue { residual: None, activation: Activation::None };
            direct((weights, None), self.geometry, [input, output], epilogue, &patch, &mut scratch);
            for y in rows {
                let row = output.complete(signed(y), 0, width);
                to_planes(Isa::best(), row, out, (y - first) * width);
            }
        }
    }

    /// Writes row `y` of the dilated input, channels last.
    fn lay(&self, x: &[f32], y: usize, to: &Rows) {
        let (channels, height, width) = self.from;
        if !y.is_multiple_of(self.spread) {
            return;
        }
        let plane = |c: usize| &x[(c * height + y / self.spread) * width..][..width];
        to.fill(signed(y), 0, self.picture.1, |row| {
            if y / self.spread >= height {
                // South of the last pixel, beyond the kernel.
                return row.fill(0.0);
            }
            to_pixels(Isa::best(), (channels, width, self.spread * channels), plane, row);
        });
    }
}
