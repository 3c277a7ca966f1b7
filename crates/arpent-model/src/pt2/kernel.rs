//! Operators of archives that are lowered, the convolutions that are made of them, and numbers of nodes.

/// Operators that are lowered.
pub(super) const KNOWN: [&str; 47] = [
    "conv2d.default",
    "conv2d.padding",
    "convolution.default",
    "conv_transpose2d.input",
    "group_norm.default",
    "layer_norm.default",
    "permute.default",
    "batch_norm.default",
    "_native_batch_norm_legit_no_training.default",
    "relu.default",
    "relu_.default",
    "relu6.default",
    "relu6_.default",
    "hardtanh.default",
    "hardtanh_.default",
    "silu.default",
    "silu_.default",
    "gelu.default",
    "sigmoid.default",
    "sigmoid_.default",
    "softmax.int",
    "_softmax.default",
    "max_pool2d.default",
    "avg_pool2d.default",
    "adaptive_avg_pool2d.default",
    "mean.dim",
    "upsample_nearest2d.default",
    "upsample_nearest2d.vec",
    "upsample_bilinear2d.default",
    "upsample_bilinear2d.vec",
    "cat.default",
    "add.Tensor",
    "add_.Tensor",
    "mul.Tensor",
    "mul_.Tensor",
    "constant_pad_nd.default",
    "pad.default",
    "linear.default",
    "view.default",
    "reshape.default",
    "flatten.using_ints",
    "unsqueeze.default",
    "dropout.default",
    "feature_dropout.default",
    "clone.default",
    "contiguous.default",
    "alias.default",
];

/// Most parts of a mean along an axis.
pub(super) const MOST_PARTS: usize = 16;

/// Largest number of a node: a stride, a padding, a number of groups.
const MOST_NUMBER: usize = 1 << 16;

/// A convolution with its weights.
pub(super) struct Kernel {
    pub(super) name: String,
    pub(super) shape: [usize; 4],
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) stride: usize,
    pub(super) before: usize,
    pub(super) dilation: usize,
    pub(super) depthwise: bool,
}

impl Kernel {
    /// A factor and a summand for each channel.
    pub(super) fn of_channels(name: &str, channels: usize, weights: Vec<f32>, bias: Vec<f32>) -> Self {
        Self {
            name: name.to_owned(),
            shape: [channels, 1, 1, 1],
            weights,
            bias,
            stride: 1,
            before: 0,
            dilation: 1,
            depthwise: true,
        }
    }
}

/// The number of a list of one, or of equal ones.
pub(super) fn same(all: Option<&[i64]>) -> Option<i64> {
    match all {
        Some([one]) => Some(*one),
        Some([a, b]) if a == b => Some(*a),
        _ => None,
    }
}

pub(super) fn whole(number: i64) -> Result<usize, String> {
    let fits = usize::try_from(number).ok().filter(|number| *number <= MOST_NUMBER);
    fits.ok_or_else(|| format!("has the number {number}, expected 0 to {MOST_NUMBER}"))
}
