//! The shape of a convolution of a batch.

use crate::kernels::MOST_ROWS;

/// A convolution of a batch, padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Number of pictures.
    pub batch: usize,
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Height of the input, pixels.
    pub height: usize,
    /// Width of the input, pixels.
    pub width: usize,
    /// Side of the kernel: 1 to 7.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Padding: north and west, south and east.
    pub pads: (usize, usize),
    /// Depthwise: each channel is convolved separately.
    pub depthwise: bool,
}

impl ConvShape {
    /// Whether there is a kernel for it.
    pub fn is_known(&self) -> bool {
        let reach = self.pads.0 + self.pads.1;
        let fits = |side: usize| side + reach >= self.kernel;
        (1..=MOST_ROWS).contains(&self.kernel)
            && (1..=2).contains(&self.stride)
            && self.pads.0.max(self.pads.1) < self.kernel
            && fits(self.height)
            && fits(self.width)
            && (!self.depthwise || self.inputs == self.outputs)
    }

    /// Rows and columns of the output.
    pub fn output(&self) -> (usize, usize) {
        let side = |side: usize| (side + self.pads.0 + self.pads.1 - self.kernel) / self.stride + 1;
        (side(self.height), side(self.width))
    }

    /// Number of values of the input, of the output, and of the kernels (`[outputs, inputs or 1, kernel, kernel]`).
    pub fn values(&self) -> [usize; 3] {
        let (height, width) = self.output();
        let each = if self.depthwise { 1 } else { self.inputs };
        [
            self.batch * self.inputs * self.height * self.width,
            self.batch * self.outputs * height * width,
            self.outputs * each * self.kernel * self.kernel,
        ]
    }

    /// Panics if there is no kernel, or a length differs from [`ConvShape::values`].
    pub(super) fn check(&self, given: &[(&[f32], usize)]) {
        assert!(self.is_known(), "no kernel for {self:?}");
        for (values, which) in given {
            assert_eq!(values.len(), self.values()[*which], "{self:?}");
        }
    }
}

/// Copies a row after `before` values, with columns grouped by their remainder modulo `stride`: `columns` in each
/// group.
pub(super) fn lay_apart(row: &[f32], before: usize, (stride, columns): (usize, usize), to: &mut [f32]) {
    if stride == 1 {
        return to[before..before + row.len()].copy_from_slice(row);
    }
    for (x, value) in (before..).zip(row) {
        to[x % stride * columns + x / stride] = *value;
    }
}
