//! What hostile files are stopped by, before GDAL reaches for what they name or spends memory on what they declare.
//!
//! GDAL restricts the drivers of the file that it is asked to open, not of the files that this one names: a VRT may name
//! anything that any driver or virtual file system opens. So drivers that nothing here needs are taken out of the process
//! ([`harden`]), and what a raster names is looked at first ([`named_files`]).

mod drivers;
mod limits;
mod named;
mod tables;
mod vrt;

pub(crate) use drivers::{RASTER_DRIVERS, VECTOR_DRIVERS, harden};
pub(crate) use limits::{
    MAX_AOI_BYTES, check_document, check_feature, check_file, check_samples, check_vertices,
    head as first_bytes, longest_for,
};
pub use named::allow_in_vrt;
pub(crate) use named::{MAX_VRT_BYTES, declared, location, looks_like_vrt, named_files, without_blanks};
pub(crate) use tables::check as check_tables;
pub use vrt::{Reference, references};
pub(crate) use vrt::{content, is_relative, parse as parse_vrt};
