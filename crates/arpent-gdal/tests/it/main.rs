//! Tests of the whole crate against small rasters made on the spot.

mod aoi;
mod bad_input;
mod common;
mod layers;
mod mosaic;
mod polygonize;
mod rasters;
mod real_data;
mod scenes;
mod warp;
