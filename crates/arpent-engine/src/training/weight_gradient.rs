//! The gradient of the kernels: for each tap, the products of input and gradient summed over all pixels.

use rayon::prelude::*;

use super::shape::{ConvShape, lay_apart};
use crate::kernels::{Blocks, Isa, MOST_ROWS, Products, products, to_pixels};

/// Input channels of a task: two groups of those that are computed together.
const CHANNELS: usize = 24;

/// Smallest number of tasks, even with few channels.
const TASKS: usize = 16;

pub(super) fn kernel_gradient(shape: &ConvShape, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    let ConvShape { batch, inputs, outputs, kernel, .. } = *shape;
    let height = shape.output().0;
    let packed = Packed::new(shape, gradient);
    // The partition depends on the shape alone, and so does the order of the sums.
    let channels = inputs.div_ceil(inputs.div_ceil(CHANNELS));
    let across = inputs.div_ceil(channels);
    let rows = height.div_ceil(height.div_ceil(MOST_ROWS));
    let lines = batch * height.div_ceil(rows);
    let down = TASKS.div_ceil(across).min(lines);
    let parts: Vec<Vec<f32>> = (0..across * down)
        .into_par_iter()
        .with_max_len(1)
        .map(|task| {
            let first = task % across * channels;
            let part = Part { shape, packed: &packed, first, count: channels.min(inputs - first), rows };
            let part_of = |i: usize| lines * i / down;
            part.sum(x, part_of(task / across)..part_of(task / across + 1))
        })
        .collect();
    let taps = kernel * kernel;
    let mut sums = vec![0.0; outputs * inputs * taps];
    sums.par_chunks_exact_mut(inputs * taps).enumerate().for_each(|(o, sums)| {
        for (task, part) in parts.iter().enumerate() {
            let first = task % across * channels;
            let count = channels.min(inputs - first);
            for (i, sums) in sums[first * taps..(first + count) * taps].chunks_exact_mut(taps).enumerate() {
                for (tap, sum) in sums.iter_mut().enumerate() {
                    *sum += part[(tap * count + i) * outputs + o];
                }
            }
        }
    });
    sums
}

/// The gradient of the output: by block of channels, all pixels of all pictures, channels last.
struct Packed {
    blocks: Blocks,
    data: Vec<f32>,
}

impl Packed {
    fn new(shape: &ConvShape, gradient: &[f32]) -> Self {
        let (height, width) = shape.output();
        let isa = Isa::best();
        let blocks = Blocks::new(isa, shape.outputs);
        let mut data = vec![0.0; blocks.width() * shape.batch * height * width];
        let mut rest = data.as_mut_slice();
        for block in blocks.each() {
            let own;
            (own, rest) = rest.split_at_mut(block.width() * shape.batch * height * width);
            own.par_chunks_exact_mut(block.width() * width).enumerate().for_each(|(row, to)| {
                let (picture, y) = (row / height, row % height);
                let plane = |o: usize| {
                    let o = picture * shape.outputs + block.first() + o;
                    &gradient[(o * height + y) * width..][..width]
                };
                to_pixels(isa, (block.valid(), width, block.width()), plane, to);
            });
        }
        Self { blocks, data }
    }
}

/// Some input channels.
struct Part<'a> {
    shape: &'a ConvShape,
    packed: &'a Packed,
    first: usize,
    count: usize,
    /// Output rows that are processed at a time.
    rows: usize,
}

impl Part<'_> {
    /// The sums over some of the rows, counted through all pictures: by tap, input channel, output channel.
    fn sum(&self, x: &[f32], lines: std::ops::Range<usize>) -> Vec<f32> {
        let ConvShape { outputs, kernel, stride, batch, .. } = *self.shape;
        let (height, width) = self.shape.output();
        let mut sums = vec![0.0; kernel * kernel * self.count * outputs];
        let of_picture = height.div_ceil(self.rows);
        let mut given = Given::new(self.shape, self.count, self.rows);
        let area = self.shape.height * self.shape.width;
        for line in lines {
            let (picture, first) = (line / of_picture, line % of_picture * self.rows);
            let rows = self.rows.min(height - first);
            let planes = &x[(picture * self.shape.inputs + self.first) * area..];
            let (seen, plane, line) = if kernel == 1 && stride == 1 {
                (&planes[first * width..], area, width)
            } else {
                given.lay(self.shape, planes, first);
                (given.data.as_slice(), given.plane, given.line)
            };
            for block in self.packed.blocks.each() {
                let pixels = block.packed() * batch + block.width() * picture;
                let gradient = &self.packed.data[pixels * height * width + first * width * block.width()..]
                    [..rows * width * block.width()];
                for (tap, sums) in sums.chunks_exact_mut(self.count * outputs).enumerate() {
                    let (row, column) = (tap / kernel, tap % kernel);
                    let start = row * line + column % stride * given.columns + column / stride;
                    let at = Products {
                        rows,
                        width,
                        start,
                        line: stride * line,
                        plane,
                        planes: self.count,
                        outputs,
                    };
                    products(block, &at, seen, gradient, sums);
                }
            }
        }
        sums
    }
}

/// Rows of the input: plane by plane, row by row, with columns grouped by their remainder modulo `stride`.
struct Given {
    data: Vec<f32>,
    /// Number of values of a plane, of a row, and of one of its parts.
    plane: usize,
    line: usize,
    columns: usize,
}

impl Given {
    fn new(shape: &ConvShape, planes: usize, rows: usize) -> Self {
        let columns = (shape.width + shape.pads.0 + shape.pads.1).div_ceil(shape.stride);
        let line = columns * shape.stride;
        let plane = ((rows - 1) * shape.stride + shape.kernel) * line;
        Self { data: vec![0.0; planes * plane], plane, line, columns }
    }

    /// Copies the input of the output rows from `first` on. `x` begins with the first plane.
    fn lay(&mut self, shape: &ConvShape, x: &[f32], first: usize) {
        let (before, stride) = (shape.pads.0, shape.stride);
        for (to, plane) in
            self.data.chunks_exact_mut(self.plane).zip(x.chunks_exact(shape.height * shape.width))
        {
            for (r, to) in to.chunks_exact_mut(self.line).enumerate() {
                let Some(y) = (first * stride + r).checked_sub(before).filter(|y| *y < shape.height) else {
                    to.fill(0.0);
                    continue;
                };
                let row = &plane[y * shape.width..][..shape.width];
                lay_apart(row, before, (stride, self.columns), to);
            }
        }
    }
}
