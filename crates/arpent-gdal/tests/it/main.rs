//! Tests of the whole crate against small rasters made on the spot.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::float_cmp,
    reason = "helpers of tests panic, say what they skip, and compare exact values"
)]

mod aoi;
mod bad_input;
mod collars;
mod common;
mod geoparquet;
mod grids;
mod holes;
mod hostile;
mod labels;
mod layer_in;
mod layers;
mod mosaic;
mod published;
mod rasters;
mod real_data;
mod remote;
mod resample;
mod scenes;
mod shared;
mod validity;
mod vectors;
