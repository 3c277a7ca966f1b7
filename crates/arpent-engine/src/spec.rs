//! A network as it is given to the engine.

use thiserror::Error;

/// What follows a sum.
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
    /// Least and greatest value after it.
    pub(crate) const fn range(self) -> (f32, f32) {
        match self {
            Self::None => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
        }
    }

    /// Of every value.
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

/// A convolution with its weights; beyond the picture are zeros.
#[derive(Debug, Clone, Copy)]
pub struct Conv<'a> {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of the kernel: 1, 3, 5 or 7.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Pixels by which the kernel reaches out of the picture in the north and the west.
    pub before: usize,
    /// Each channel on its own.
    pub depthwise: bool,
    /// Kernels: outputs, inputs (1 if depthwise), rows, columns.
    pub weight: &'a [f32],
    /// One for each output.
    pub bias: &'a [f32],
}

/// What a step does with the steps it takes.
#[derive(Debug, Clone, Copy)]
pub enum Op<'a> {
    /// Channels `start..start + count` of the picture.
    Input {
        /// First channel.
        start: usize,
        /// How many.
        count: usize,
    },
    /// A convolution.
    Conv(Conv<'a>),
    /// Largest of `kernel` x `kernel`, every second pixel; kernel 2, or 3 with one pixel around the picture that
    /// never is the largest.
    MaxPool {
        /// 2 or 3.
        kernel: usize,
    },
    /// Mean of squares of 2^`levels` pixels.
    MeanPool {
        /// Exponent.
        levels: u32,
    },
    /// 2^`levels` times the size, nearest neighbour.
    Upsample {
        /// Exponent.
        levels: u32,
    },
    /// Channels of both, one after the other.
    Concat,
    /// Sum of two.
    Add,
    /// Absolute difference of two.
    Difference,
}

/// An operation on earlier steps, by their numbers; the last step is the answer, of the picture's size.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// What is done.
    pub op: Op<'a>,
    /// With which steps.
    pub from: Vec<usize>,
    /// What follows.
    pub activation: Activation,
}

/// A network that cannot be run.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineError {
    /// A step that contradicts the others, or that the engine does not know.
    #[error("step {step} of the network {problem}")]
    Step {
        /// Its number.
        step: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A picture that the network cannot see.
    #[error(
        "a picture of {width} x {height} px from row {row} on; want multiples of the stride, {stride} px"
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
