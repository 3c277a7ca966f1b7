//! Closing of written files, with error reporting.

use std::path::Path;

use gdal::Dataset;

use crate::GdalError;
use crate::ffi::{self, failure};

/// Closes a dataset and reports whether its last bytes were written.
pub(crate) fn close(dataset: Dataset, path: &Path) -> Result<(), GdalError> {
    ffi::reset_error();
    let closed = dataset.close().map_err(|e| failure(&e));
    match closed.err().or_else(ffi::last_failure) {
        Some(message) => Err(GdalError::Write { path: text(path), message }),
        None => Ok(()),
    }
}

/// A path as text.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
