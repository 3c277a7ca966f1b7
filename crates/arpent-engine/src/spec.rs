//! The input format of the engine: a network as steps.

use thiserror::Error;

/// Activation after a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Activation {
    /// Smallest and largest value after it.
    pub(crate) const fn range(self) -> (f32, f32) {
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
        }
    }

    /// Applies it to all values.
    #[inline(always)]
    pub(crate) fn apply(self, values: &mut [f32]) {
        let (low, high) = self.range();
        if self != Self::None {
            for v in values {
                *v = v.max(low).min(high);
            }
        }
    }
}

/// A convolution with its weights; padding is zeros.
#[derive(Debug, Clone, Copy)]
pub struct Conv<'a> {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Side of the kernel: 1, 3, 5 or 7.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Pixels by which the kernel extends beyond the picture in the north and the west.
    pub before: usize,
    /// Depthwise: each channel is convolved separately.
    pub depthwise: bool,
    /// Kernels: outputs, inputs (1 if depthwise), rows, columns.
    pub weight: &'a [f32],
    /// One value for each output channel.
    pub bias: &'a [f32],
}

/// The operation of a step on its inputs.
#[derive(Debug, Clone, Copy)]
pub enum Op<'a> {
    /// Channels `start..start + count` of the picture.
    Input {
        /// First channel.
        start: usize,
        /// Number of channels.
        count: usize,
    },
    /// A convolution.
    Conv(Conv<'a>),
    /// Maximum of `kernel` x `kernel` pixels with stride 2; kernel 2, or 3 with one pixel of padding that never is
    /// the maximum.
    MaxPool {
        /// 2 or 3.
        kernel: usize,
    },
    /// Mean of squares of 2^`levels` pixels.
    MeanPool {
        /// Exponent.
        levels: u32,
    },
    /// 2^`levels` times the size, nearest neighbor.
    Upsample {
        /// Exponent.
        levels: u32,
    },
    /// Concatenation of the channels of both.
    Concat,
    /// Sum of two.
    Add,
    /// Absolute difference of two.
    Difference,
}

/// An operation on earlier steps, by their numbers; the last step is the output, of the picture's size.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// The operation.
    pub op: Op<'a>,
    /// Its inputs.
    pub from: Vec<usize>,
    /// The activation.
    pub activation: Activation,
}

/// A network that cannot be run.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineError {
    /// A step that is inconsistent with the others, or not supported.
    #[error("step {step} of the network {problem}")]
    Step {
        /// Its number.
        step: usize,
        /// The problem, as the end of the message.
        problem: String,
    },
    /// A picture of an invalid size or position.
    #[error(
        "a picture of {width} x {height} px from row {row} on; expected multiples of the stride, {stride} px"
    )]
    Picture {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// First row on the grid.
        row: i64,
        /// Stride of the network.
        stride: usize,
    },
}
