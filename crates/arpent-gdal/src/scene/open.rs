//! Opens rasters, only with drivers that are known to be safe, and their side files.

use std::path::Path;

use gdal::{Dataset, DatasetOptions, GdalOpenFlags, Metadata};

use super::side_files;
use crate::error::cannot_open;
use crate::ffi::{self, failure};
use crate::setup::quiet;
use crate::uri::{file_name, is_local, is_remote};
use crate::{GdalError, guard};

/// Blocks of a GeoTIFF whose offsets are checked when it is opened.
const MAX_BLOCKS_CHECKED: usize = 1 << 16;

/// Opens a raster of a supported format with its side files, local or remote, unless it names forbidden files or
/// exceeds a limit.
pub(crate) fn open_raster(uri: &str, gdal_path: &str) -> Result<Dataset, GdalError> {
    open_with_side_files(uri, gdal_path).map(|(dataset, _)| dataset)
}

/// The same, also returns the names of the side files, without overviews.
pub(crate) fn open_with_side_files(uri: &str, gdal_path: &str) -> Result<(Dataset, Vec<String>), GdalError> {
    if !is_remote(gdal_path) {
        let dataset = open_with(uri, gdal_path, &[])?;
        let names = side_files::of(&dataset, gdal_path);
        return Ok((dataset, names));
    }
    prepare();
    // A missing file is reported before side files are requested.
    guard::named_files(uri, gdal_path)?;
    let mut names = side_files::side_names(uri, gdal_path)?;
    let mut dataset = open_with(uri, gdal_path, &names)?;
    if dataset.geo_transform().is_err() && ffi::gcp_count(&dataset) == 0 {
        let world = side_files::world(uri, gdal_path)?;
        if !world.is_empty() {
            names.extend(world);
            dataset = open_with(uri, gdal_path, &names)?;
        }
    }
    names.sort();
    Ok((dataset, names))
}

/// The same, without side files if it is remote.
pub(crate) fn open_alone(uri: &str, gdal_path: &str) -> Result<Dataset, GdalError> {
    open_with(uri, gdal_path, &[])
}

fn prepare() {
    quiet();
    guard::harden();
}

/// Opens a raster; a remote one with exactly these side files.
fn open_with(uri: &str, gdal_path: &str, side_names: &[String]) -> Result<Dataset, GdalError> {
    prepare();
    if is_local(gdal_path) {
        match std::fs::metadata(gdal_path) {
            Ok(meta) if meta.is_file() && meta.len() == 0 => {
                return Err(GdalError::EmptyFile { path: uri.into() });
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(GdalError::Missing { path: uri.into(), message: String::new() });
            }
            Err(source) => return Err(GdalError::Io { doing: "open", path: uri.into(), source }),
            Ok(meta) if !meta.is_file() && !meta.is_dir() => {
                let message = "it is a device or a pipe".to_owned();
                return Err(GdalError::NotARaster { path: uri.into(), message });
            }
            Ok(_) => {}
        }
    }
    guard::named_files(uri, gdal_path)?;
    // Every probe for a side file of a remote file is a request: all relevant ones have already been sent.
    let siblings: Vec<&str> =
        std::iter::once(file_name(uri)).chain(side_names.iter().map(String::as_str)).collect();
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_READONLY
            | GdalOpenFlags::GDAL_OF_RASTER
            | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
        allowed_drivers: Some(guard::RASTER_DRIVERS),
        open_options: None,
        sibling_files: is_remote(gdal_path).then_some(&siblings[..]),
    };
    ffi::reset_error();
    let dataset =
        Dataset::open_ex(gdal_path, options).map_err(|e| cannot_open(uri, gdal_path, failure(&e)))?;
    guard::declared(uri, gdal_path, &dataset)?;
    Ok(dataset)
}

/// Detects a truncated GeoTIFF before hours are spent on its first half.
pub(crate) fn check_complete(uri: &str, path: &Path, dataset: &Dataset) -> Result<(), GdalError> {
    if dataset.driver().short_name() != "GTiff" {
        return Ok(());
    }
    let (Ok(meta), Ok(band)) = (std::fs::metadata(path), dataset.rasterband(dataset.raster_count())) else {
        return Ok(());
    };
    let ((width, height), (block_width, block_height)) = (dataset.raster_size(), band.block_size());
    let across = width.div_ceil(block_width.max(1));
    let blocks = across * height.div_ceil(block_height.max(1));
    let needed = (blocks.saturating_sub(MAX_BLOCKS_CHECKED)..blocks)
        .filter_map(|i| {
            let item = |what: &str| -> Option<u64> {
                let key = format!("BLOCK_{what}_{}_{}", i % across, i / across);
                band.metadata_item(&key, "TIFF")?.parse().ok()
            };
            item("OFFSET")?.checked_add(item("SIZE")?)
        })
        .max()
        .unwrap_or(0);
    if needed > meta.len() {
        return Err(GdalError::Truncated { path: uri.into(), needed, size: meta.len() });
    }
    Ok(())
}
