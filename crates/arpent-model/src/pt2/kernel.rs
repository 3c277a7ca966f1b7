//! Convolutions that are made of the graph of an archive, and numbers of its nodes.

/// A convolution with its weights.
pub(super) struct Kernel {
    pub(super) name: String,
    pub(super) shape: [usize; 4],
    pub(super) kernel: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) stride: usize,
    pub(super) before: usize,
    pub(super) dilation: usize,
    pub(super) depthwise: bool,
}

impl Kernel {
    /// A factor and a summand for each channel.
    pub(super) fn of_channels(name: &str, channels: usize, kernel: Vec<f32>, bias: Vec<f32>) -> Self {
        Self {
            name: name.to_owned(),
            shape: [channels, 1, 1, 1],
            kernel,
            bias,
            stride: 1,
            before: 0,
            dilation: 1,
            depthwise: true,
        }
    }
}

/// The number of a list of one, or of equal ones.
pub(super) fn same(all: Option<Vec<i64>>) -> Option<i64> {
    match all.as_deref() {
        Some([one]) => Some(*one),
        Some([a, b]) if a == b => Some(*a),
        _ => None,
    }
}

pub(super) fn whole(number: i64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| format!("has the number {number}, expected 0 or more"))
}
