//! Which errors are temporary.

use std::io::ErrorKind;

use super::GdalError;
use super::opening::is_without_ranges;
use crate::uri::{gdal_path, is_remote};

/// Texts of GDAL and the C library for faults of the machine.
const OF_THE_MACHINE: [&str; 7] = [
    "No space left",
    "Too many open files",
    "rite error",
    "Input/output error",
    "Cannot allocate",
    // SQLite's texts (SQLITE_FULL, SQLITE_IOERR).
    "disk is full",
    "disk I/O error",
];

/// Texts of decoders for corrupt data.
const OF_THE_BYTES: [&str; 4] = ["ecod", "orrupt", "nvalid", "Unsupported"];

/// Error kinds of wrong paths.
const OF_THE_PATH: [ErrorKind; 5] = [
    ErrorKind::NotFound,
    ErrorKind::NotADirectory,
    ErrorKind::IsADirectory,
    ErrorKind::InvalidInput,
    ErrorKind::InvalidFilename,
];

impl GdalError {
    /// Id of the scene that could not be read, for a caller that continues without it, and its path: two dates may have
    /// scenes of the same id.
    pub fn scene(&self) -> Option<(&str, &str)> {
        match self {
            Self::ReadWindow { scene_id, path, .. } => Some((scene_id, path)),
            _ => None,
        }
    }
}

/// Whether a retry may succeed: the network, a full disk, no file handle left; not the content of a file.
pub(crate) fn is_transient(error: &GdalError) -> bool {
    let has = |words: &[&str], text: &str| words.iter().any(|word| text.contains(word));
    match error {
        // Missing credentials are a permanent error; GDAL names the options for them.
        GdalError::Unreachable { message, .. } => !message.contains("configuration option"),
        GdalError::ReadWindow { path, message, .. } if is_remote(&gdal_path(path)) => {
            !has(&OF_THE_BYTES, message) && !is_without_ranges(message)
        }
        GdalError::ReadWindow { message, .. } => has(&OF_THE_MACHINE, message),
        // A new database without its own tables: the disk is full, which GDAL does not report.
        GdalError::Create { message, .. } | GdalError::Write { message, .. } => {
            has(&OF_THE_MACHINE, message) || message.contains("no such table: gpkg_")
        }
        GdalError::Io { source, .. } => !OF_THE_PATH.contains(&source.kind()),
        other => has(&OF_THE_MACHINE, &other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use arpent_base::Diagnostic as _;

    use super::*;
    use arpent_raster::Window;

    fn read(path: &str, message: &str) -> bool {
        let (path, message) = (path.to_owned(), message.to_owned());
        let window = Box::new(Window::new(0, 0, 1, 1));
        is_transient(&GdalError::ReadWindow {
            scene_id: String::new(),
            path,
            bands: vec![1],
            window,
            message,
        })
    }

    #[test]
    fn the_network_passes_and_broken_files_do_not() {
        assert!(read(
            "s3://b/a.tif",
            "IReadBlock failed: TIFFFillTile:Read error, got 0 bytes, expected 700"
        ));
        assert!(!read("s3://b/a.tif", "ZIPDecode:Decoding error at scanline 0"));
        assert!(!read("http://h/a.tif", "Range downloading not supported by this server!"));
        assert!(!read("/data/a.tif", "TIFFFillTile:Read error, got 0 bytes, expected 700"));
        assert!(read("/data/a.tif", "open: Too many open files"));
        assert!(
            GdalError::Unreachable { path: "s3://b/a".into(), message: String::new() }.is_transient()
                == Some(true)
        );
        let full = "sqlite3_step failed: database or disk is full".to_owned();
        assert!(GdalError::Write { path: "a.gpkg".into(), message: full }.is_transient() == Some(true));
        let lost =
            "sqlite3_exec(INSERT INTO gpkg_geometry_columns) failed: no such table: gpkg_geometry_columns";
        assert!(
            GdalError::Create { path: "a.gpkg".into(), message: lost.to_owned() }.is_transient()
                == Some(true)
        );
        assert!(
            GdalError::Missing { path: "a".into(), message: String::new() }.is_transient() == Some(false)
        );
    }
}
