//! Closing of written files, with error reporting.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use arpent_base::{SQLITE_HEADER, settle_sqlite_header};
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

/// Gives the header of a closed GeoPackage the values that [`settle_sqlite_header`] says: a program that opens the published
/// file for writing changes nothing else, so that the file is still known as the published one.
pub(crate) fn settle(path: &Path) -> Result<(), GdalError> {
    let settled = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut header = [0; SQLITE_HEADER];
        file.read_exact(&mut header)?;
        if settle_sqlite_header(&mut header) {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
        }
        Ok(())
    };
    settled().map_err(|source| GdalError::Io { doing: "complete", path: text(path), source })
}
