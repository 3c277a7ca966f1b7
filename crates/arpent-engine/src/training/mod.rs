//! Convolutions of trainings: a batch of pictures at a time, and gradients.
//!
//! Pictures are whole, in memory, plane by plane: `[batch, channels, height, width]`, as Burn and PyTorch keep them. The
//! kernels are those of prediction: pixels of a strip are laid channels last while they are in the cache. Every value is a
//! sum in one order, on any number of threads.

mod convolve;
mod depthwise;
mod normalize;
mod passes;
mod shape;
mod weight_gradient;

pub use normalize::{Normalization, Statistics};
pub use shape::ConvShape;
