//! Protection against hostile files, before GDAL opens files that they name or allocates memory for sizes that they
//! declare.
//!
//! GDAL restricts the drivers for the file that it opens, not for the files named in it: a VRT may name anything that
//! any driver or virtual file system opens. So unneeded drivers are deregistered ([`harden`]), and the files that a
//! raster names are checked first ([`named_files`]).

mod drivers;
mod limits;
mod named;
mod tables;
mod vrt;

pub use drivers::{DriverFacts, drivers};
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
