//! What can go wrong around GDAL ([`GdalError`]), what to do about it, and what passes.

mod file_hint;
mod gdal_error;
mod hint;
mod layer_hint;
mod opening;
mod transient;

pub use gdal_error::GdalError;
pub(crate) use gdal_error::LOCAL_CRS;
pub(crate) use opening::{cannot_open, is_trouble, not_found};
pub(crate) use transient::is_transient;
