//! One hash over all files of a data set.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use arpent_base::{sha256_hex, sha256_of};

use crate::DatasetError;
use crate::files::{relative, unreadable, walk};

/// SHA-256, in hexadecimal, over one line `<sha256 of the file>  <path below the folder>\n` for each file of a folder
/// and below it, sorted by path (as bytes, `/` between folders), hidden files and GDAL's notes left out: what
/// `find . -type f -not -path '*/.*' -not -name '*.aux.xml' | sed 's|^\./||' | LC_ALL=C sort | xargs -d '\n' sha256sum |
/// sha256sum` prints. The notes are left out because QGIS and `gdalinfo -stats` write them when they open a raster.
///
/// # Errors
/// [`DatasetError::Missing`] and [`DatasetError::Read`].
pub fn fingerprint(folder: &Path) -> Result<String, DatasetError> {
    let paths = walk("fingerprint", folder)?;
    let mut files: Vec<_> = paths.into_iter().map(|path| (relative(folder, &path), path)).collect();
    files.retain(|(name, _)| !name.ends_with(".aux.xml"));
    files.sort();
    let mut lines = String::new();
    for (name, path) in files {
        let hashed = File::open(&path).and_then(sha256_of);
        let (_, hash) = hashed.map_err(|e| unreadable("fingerprint", &path, e))?;
        let _ = writeln!(lines, "{hash}  {name}");
    }
    Ok(sha256_hex(lines.as_bytes()))
}
