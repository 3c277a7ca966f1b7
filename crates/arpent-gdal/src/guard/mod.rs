//! What hostile files are stopped by, before GDAL reaches for what they name or spends memory on what they declare.
//!
//! GDAL restricts the drivers of the file that it is asked to open, not of the files that this one names: a VRT may name
//! anything that any driver or virtual file system opens. So drivers that nothing here needs are taken out of the process
//! ([`harden`]), and what a raster names is looked at first ([`named_files`]).

mod limits;
mod named;
mod tables;
mod vrt;

use std::sync::Once;

use gdal::config::{get_config_option, set_config_option};
use gdal::{Dataset, DriverManager};

pub(crate) use limits::{
    MAX_AOI_BYTES, check_document, check_feature, check_file, check_samples, check_vertices,
    head as first_bytes, longest_for,
};
pub use named::allow_in_vrt;
pub(crate) use named::{MAX_VRT_BYTES, location, looks_like_vrt};
pub(crate) use tables::check as check_tables;
pub use vrt::{Reference, references};
pub(crate) use vrt::{content, is_relative, parse as parse_vrt};

use crate::layers::DRIVERS as VECTOR_DRIVERS;
use crate::scene::DRIVERS as RASTER_DRIVERS;
use crate::{GdalError, uri};

/// Drivers that are asked for by name: rasters and layers in memory.
const OWN_DRIVERS: &[&str] = &["MEM", "Memory"];

/// Takes every driver that is not needed out of the process, once: files that others name are opened by whatever driver
/// there is, among them some that fetch URLs, run code or read memory.
pub(crate) fn harden() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let drivers: Vec<_> =
            (0..DriverManager::count()).filter_map(|i| DriverManager::get_driver(i).ok()).collect();
        for driver in drivers {
            let name = driver.short_name();
            let kept = [RASTER_DRIVERS, VECTOR_DRIVERS, OWN_DRIVERS].concat();
            if !kept.contains(&name.as_str()) {
                DriverManager::deregister_driver(&driver);
            }
        }
        // A GML file may name an address to fetch its schema from.
        for (key, value) in [("GML_DOWNLOAD_WFS_SCHEMA", "NO"), ("GDAL_VRT_ENABLE_PYTHON", "NO")] {
            if get_config_option(key, "").is_ok_and(|there| there.is_empty()) {
                // Nothing depends on it that is not checked elsewhere too.
                let _ = set_config_option(key, value);
            }
        }
    });
}

/// Refuses a raster that names what it must not. Before GDAL opens it.
pub(crate) fn named_files(uri: &str, gdal_path: &str) -> Result<(), GdalError> {
    uri::without_blanks(uri)?;
    named::check(uri, gdal_path)
}

/// Refuses a raster that declares more than can be read, or names overviews elsewhere. After GDAL has read its header.
pub(crate) fn declared(uri: &str, gdal_path: &str, dataset: &Dataset) -> Result<(), GdalError> {
    limits::check_raster(uri, dataset)?;
    named::check_overviews(uri, gdal_path, dataset)
}

/// What the user can do about a refusal.
pub(crate) fn hint(error: &GdalError) -> Option<String> {
    Some(match error {
        GdalError::Reference { .. } => {
            "a local VRT may name local files, a remote one files of its own host or bucket: allow more in \
             input.vrt_allowed, or name those files as scenes"
                .into()
        }
        GdalError::MissingSource { .. } => {
            "put the file back where the VRT names it, or make the VRT anew of the files that are there"
                .into()
        }
        GdalError::BadVrt { .. } => {
            "make a plain raster of it, if you trust it: gdal_translate IN.vrt OUT.tif".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("vertices") => {
            "simplify it, for example: ogr2ogr -simplify TOLERANCE OUT.gpkg IN".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("bytes of text") => {
            "convert it to a format that is read piece by piece: ogr2ogr OUT.gpkg IN".into()
        }
        GdalError::TooLarge { what, .. } if what.contains("block") => {
            "write it in smaller blocks: gdal_translate -co TILED=YES IN OUT.tif".into()
        }
        GdalError::TooLarge { .. } => {
            "check the file; cut it into smaller ones if it is really that large".into()
        }
        _ => return None,
    })
}
