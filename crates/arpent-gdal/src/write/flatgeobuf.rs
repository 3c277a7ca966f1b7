//! Checks that a FlatGeobuf is complete: GDAL's writer does not report a full disk.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use gdal::vector::LayerAccess;
use gdal::{Dataset, DatasetOptions};

use super::file::text;
use crate::GdalError;
use crate::ffi::failure;

/// Compares a closed file with the number of features written.
pub(crate) fn check(path: &Path, written: u64, indexed: bool) -> Result<(), GdalError> {
    let found = if indexed {
        last_feature(path, written).map_err(|e| failure(&e))
    } else {
        features(path).map_err(|e| e.to_string())
    };
    let message = match found {
        Ok(found) if found == written => return Ok(()),
        Ok(found) => format!("{found} of {written} features are in the file"),
        Err(message) => message,
    };
    Err(GdalError::Write { path: text(path), message })
}

/// Number of features from the header, if the last one can be read.
fn last_feature(path: &Path, written: u64) -> gdal::errors::Result<u64> {
    let options = DatasetOptions { allowed_drivers: Some(&["FlatGeobuf"]), ..DatasetOptions::default() };
    let dataset = Dataset::open_ex(path, options)?;
    let layer = dataset.layer(0)?;
    let whole = written == 0 || layer.feature(written - 1).is_some();
    Ok(if whole { layer.feature_count() } else { 0 })
}

/// Number of complete features of a file without index: magic bytes, a header and features, each after its size.
fn features(path: &Path) -> std::io::Result<u64> {
    const MAGIC: u64 = 8;
    let length = path.metadata()?.len();
    let mut file = BufReader::new(File::open(path)?);
    let mut at = file.seek(SeekFrom::Start(MAGIC))?;
    let mut parts = 0u64;
    while at + 4 <= length {
        let mut size = [0; 4];
        file.read_exact(&mut size)?;
        let size = u32::from_le_bytes(size);
        at += 4 + u64::from(size);
        if at > length {
            break;
        }
        file.seek_relative(i64::from(size))?;
        parts += 1;
    }
    // The header is the first part.
    Ok(parts.saturating_sub(1))
}
