//! Convolutions for training: a batch of pictures at a time, with gradients.
//!
//! Pictures are complete, in memory, plane by plane: `[batch, channels, height, width]`, as in Burn and PyTorch. The
//! kernels are those of prediction: pixels of a strip are converted to channels-last while they are in the cache.
//! Every value is a sum in a fixed order, for any number of threads.

mod convolve;
mod depthwise;
mod normalize;
mod passes;
mod shape;
mod weight_gradient;

pub use normalize::{Normalization, Statistics};
pub use shape::ConvShape;
