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
    /// `x / (1 + exp(-x))`, also known as swish.
    Silu,
    /// `x * (1 + erf(x / sqrt(2))) / 2`: the exact form, not that with a hyperbolic tangent.
    Gelu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Activation {
    /// Limits of the values, of an activation that is nothing else; no limits if it is smooth.
    pub(crate) const fn range(self) -> (f32, f32) {
        match self {
            Self::None | Self::Silu | Self::Gelu | Self::Sigmoid => (f32::NEG_INFINITY, f32::INFINITY),
            Self::Relu => (0.0, f32::INFINITY),
            Self::Relu6 => (0.0, 6.0),
        }
    }

    /// Whether it limits the values, and does nothing else.
    pub(crate) const fn limits(self) -> bool {
        matches!(self, Self::Relu | Self::Relu6)
    }

    /// Whether it is more than limits: kernels do not apply it, but a pass after them.
    pub(crate) const fn is_smooth(self) -> bool {
        matches!(self, Self::Silu | Self::Gelu | Self::Sigmoid)
    }

    /// Limits all values.
    #[inline(always)]
    pub(crate) fn limit(self, values: &mut [f32]) {
        let (low, high) = self.range();
        if self.limits() {
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
    /// Side of the kernel, 1 to 8.
    pub kernel: usize,
    /// 1, 2, 4 or 8.
    pub stride: usize,
    /// Distance between the taps of the kernel, pixels: 1 without dilation.
    pub dilation: usize,
    /// Pixels by which the kernel extends beyond the picture in the north and the west, less than the pixels that it
    /// covers. In the south and the east, it extends as far as the size of the output requires: the input's, divided
    /// by the stride.
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
    /// A transposed convolution to twice the size: kernels of 4 x 4 taps with a stride of 2, one pixel of padding and no
    /// dilation, as PyTorch's `conv_transpose2d` has them, but outputs first. Smaller kernels are such with zeros.
    Transposed(Conv<'a>),
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
    /// Means over `side` x `side` parts of the whole input, as PyTorch's `adaptive_avg_pool2d`: `side` x `side` pixels
    /// whatever the size of the picture. With a side of 1, the mean of each channel. Not local.
    AdaptiveMean {
        /// Rows and columns of the output, 1 to 16.
        side: usize,
    },
    /// The first input times the second, which has one pixel and as many channels: a factor for each channel, as in
    /// squeeze-and-excitation.
    Scale,
    /// Bilinear interpolation to the size of the picture halved `level` times, from any size. Values beyond the border
    /// are those of the border, as in PyTorch's `interpolate`; of a larger input, four pixels are seen, too.
    Bilinear {
        /// Halvings of the picture in the output.
        level: u32,
        /// Whether the centers of the corner pixels of both sizes coincide, instead of their outer corners. Not local.
        align_corners: bool,
    },
    /// Each pixel's channels minus their mean, divided by their standard deviation, times a weight, plus a bias.
    LayerNorm(Normalization<'a>),
    /// The same over all pixels of each of `groups` groups of channels. Not local.
    GroupNorm {
        /// Number of groups; divides the number of channels.
        groups: usize,
        /// Weights for each channel.
        normalization: Normalization<'a>,
    },
    /// Global response normalization of ConvNeXt V2 (Woo et al., 2023): with `n` a channel's Euclidean norm over all
    /// pixels, divided by the mean of the norms of all channels plus epsilon, `weight * x * n + bias + x`. Not local.
    ResponseNorm(Normalization<'a>),
    /// Attention of the first input's pixels (queries) to the second's (keys), whose values are the third.
    Attention(Attention<'a>),
}

/// Weights of a normalization that is not folded into a convolution.
#[derive(Debug, Clone, Copy)]
pub struct Normalization<'a> {
    /// A factor for each channel.
    pub weight: &'a [f32],
    /// A summand for each channel.
    pub bias: &'a [f32],
    /// Added to the variance (or to the mean of the norms).
    pub epsilon: f32,
}

/// Attention with several heads: each head has an equal share of the channels, in order, and computes
/// `softmax(q k / sqrt(channels of a head) + bias) v`, with `q`, `k` and `v` the first, second and third input. The
/// output has the size of the queries and the channels of the values. Not local.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// Number of heads; divides the number of channels.
    pub heads: usize,
    /// Attention within squares of pixels; `None`: to all pixels of the keys, which may be of another size.
    pub window: Option<AttentionWindow<'a>>,
}

/// The squares of Swin transformers (Liu et al., *Swin Transformer: Hierarchical Vision Transformer using Shifted
/// Windows*, 2021). The picture is rolled to the north-west and cut into squares; the last ones extend beyond it. To
/// the products of pixels that were no neighbors before they were rolled, -100 is added.
///
/// Pixels beyond the picture are seen: they are zeros before the projection to keys and values, so that their keys and
/// values are the biases of the projections.
#[derive(Debug, Clone, Copy)]
pub struct AttentionWindow<'a> {
    /// Side of the squares, pixels, 1 to 32.
    pub side: usize,
    /// Pixels by which the picture is rolled, less than the side.
    pub shift: usize,
    /// Whether the picture is rolled before pixels beyond it are added, as in timm; or after that, as in the original
    /// and in transformers. They are the same if its size is a multiple of the side.
    pub rolled_first: bool,
    /// For each head, query pixel and key pixel of a square: added to the product.
    pub bias: &'a [f32],
    /// Keys and values of a pixel beyond the picture: a value for each channel.
    pub beyond: (&'a [f32], &'a [f32]),
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
