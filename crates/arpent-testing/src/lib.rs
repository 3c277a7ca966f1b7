//! Synthetic scenes with known answers, for tests only.
//!
//! A [`Picture`] is a function of global pixel numbers: any window of it can be drawn, and two windows agree where
//! they overlap, as files of one survey do. [`GeoTiff`] writes pixels with the `tiff` crate, not with GDAL, so that
//! reading is tested against another writer. [`servers`] starts object stores on the loopback address, [`faults`]
//! makes them fail, and [`Slurm`] is a cluster of several nodes on this machine. [`polygonize_reference`] polygonizes
//! a label raster with GDAL. [`Embedding`] is a scene of 64 bands with polygons over it. [`shapes`] draws label maps that are hard to trace and to merge. [`installed`] checks
//! completions and manual pages. [`qgis`] opens outputs in QGIS, [`postgis`] is a database. [`skip`] reports and counts tests that cannot run on this machine.

mod embedding;
pub mod faults;
mod geotiff;
pub mod installed;
mod needs;
mod picture;
mod polygonize;
pub mod postgis;
mod qgis;
pub mod servers;
pub mod shapes;
mod slurm;

pub use embedding::Embedding;
pub use geotiff::{GeoTiff, Samples};
pub use needs::{real_data, skip};
pub use picture::{Picture, SplitMix};
pub use polygonize::{ReferencePolygon, polygonize_reference};
pub use qgis::{Asked, qgis, with_qgis};
pub use slurm::Slurm;
