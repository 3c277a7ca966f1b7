//! Synthetic scenes with known answers, for tests only.
//!
//! A [`Picture`] is a function of global pixel numbers: any window of it can be drawn, and two windows agree
//! where they overlap, as files of one survey do. [`GeoTiff`] writes pixels with the `tiff` crate, not with GDAL,
//! so that reading is tested against another writer. [`servers`] starts object stores on the loopback address, and
//! [`faults`] makes them fail.

pub mod faults;
mod geotiff;
mod picture;
pub mod servers;

pub use geotiff::{GeoTiff, Samples};
pub use picture::{Picture, SplitMix};
