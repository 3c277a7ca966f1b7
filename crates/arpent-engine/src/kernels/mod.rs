//! The inner loops, and the only `unsafe` code of the crate (ADR 0011).
//!
//! Every kernel computes some columns of some rows of one layer. [`Rows`] defines what it may read and write, and
//! checks each access in debug builds. The terms of every sum are added in one fixed order, independent of which
//! pixels are computed together: a pixel gets the same bits in any batch, on any thread.

#![allow(
    unsafe_code,
    reason = "ADR 0011: kernels on raw rows, checked in debug builds and under the address sanitizer"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "casts in loops that become vector instructions, of values that are clamped or small"
)]

mod activate;
mod aligned;
mod attention;
mod bytes;
mod depthwise;
mod direct;
mod int8;
mod int8_portable;
mod int8_strip;
#[cfg(target_arch = "x86_64")]
mod int8_x86;
mod isa;
mod means;
mod narrow;
mod normalize;
mod normalize_pixels;
mod phases;
mod pool;
mod products;
mod rescale;
mod resize;
mod rows;
mod smooth;
mod softmax;
mod squares;
mod statistics;
mod taps;
mod turn;
mod winograd;

pub(crate) use activate::activate;
pub(crate) use aligned::Aligned;
pub(crate) use attention::{Heads, Squares, attention};
pub(crate) use bytes::{MOST, max_pool_bytes, quantize};
pub(crate) use depthwise::{DepthwiseWeights, depthwise};
pub(crate) use direct::{Epilogue, Geometry, MOST_ROWS, MOST_SIDE, Patch, Weights};
pub(crate) use int8::{Finish, Int8Weights, Packing, int8_direct, int8_phases};
pub use isa::Isa;
pub(crate) use means::{means_of_rows, row_means};
pub(crate) use narrow::direct;
pub(crate) use normalize::{Affine, gradient_sums, normalize, normalize_gradient, squares, sum as sum_of};
pub(crate) use normalize_pixels::{ChannelWeights, normalize_layers, normalize_pixels};
pub(crate) use phases::phases;
pub(crate) use pool::{absolute_difference, copy, max_pool, mean_pool, pixels, scale, sum, upsample};
pub(crate) use products::{Blocks, Products, products};
pub(crate) use rescale::rescale;
pub(crate) use resize::bilinear;
pub(crate) use rows::{Buffer, BufferShape, Rows};
pub(crate) use smooth::exp;
pub(crate) use statistics::{moments, norms, row_moments, row_squares};
pub(crate) use taps::{Seen, convolve_plane, plane_products};
pub(crate) use turn::{to_pixels, to_planes};
pub(crate) use winograd::{TILE_ROWS, first_of_four, winograd, winograd_weights};
