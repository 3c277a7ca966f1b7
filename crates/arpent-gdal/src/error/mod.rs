//! Errors of this crate ([`GdalError`]), their hints, and which of them are temporary.

mod file_hint;
mod gdal_error;
mod hint;
mod layer_hint;
mod opening;
mod transient;
mod words;

pub use gdal_error::GdalError;
pub(crate) use gdal_error::{LOCAL_CRS, LOST_SIGN};
pub(crate) use opening::{cannot_open, is_trouble, not_found};
pub(crate) use transient::is_transient;
