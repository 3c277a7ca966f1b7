//! Opens vector files, only with drivers that are known to be safe.

use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use crate::GdalError;
use crate::error::cannot_open;
use crate::ffi::{self, failure};
use crate::guard::{self, VECTOR_DRIVERS};
use crate::setup::quiet;
use crate::uri::{gdal_path, is_remote};

/// Names of geometry columns in CSV, as well-known text.
const CSV_OPTIONS: &[&str] =
    &["GEOM_POSSIBLE_NAMES=WKT,geom,geometry,the_geom,wkt_geom,wkb_geometry,geometrie,shape"];

/// Whether a CSV column has geometries, by its name.
pub(crate) fn is_csv_geometry(name: &str) -> bool {
    let names = CSV_OPTIONS[0].split(['=', ',']).skip(1);
    names.into_iter().any(|known| known.eq_ignore_ascii_case(name))
}
/// Text of a shapefile is read undecoded and decoded by this crate, since GDAL's decoding may lose characters.
const SHAPE_OPTIONS: &[&str] = &["ENCODING="];

/// Opens a vector file of a supported format.
pub(crate) fn open_vector(uri: &str) -> Result<Dataset, GdalError> {
    quiet();
    guard::harden();
    let path = gdal_path(uri);
    // Connection strings of drivers (`SQLITE:...`) would bypass the checks of file names.
    if !path.starts_with("/vsi") && !std::path::Path::new(&path).exists() {
        return Err(GdalError::Missing { path: uri.to_owned(), message: String::new() });
    }
    guard::check_document(uri, &path)?;
    guard::check_tables(uri, &path)?;
    let dataset = open(uri, &path, VECTOR_DRIVERS, &[])?;
    match dataset.driver().short_name().as_str() {
        "CSV" => open(uri, &path, &["CSV"], CSV_OPTIONS),
        "ESRI Shapefile" => open(uri, &path, &["ESRI Shapefile"], SHAPE_OPTIONS),
        _ => Ok(dataset),
    }
}

fn open(uri: &str, path: &str, drivers: &[&str], options: &[&str]) -> Result<Dataset, GdalError> {
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_READONLY
            | GdalOpenFlags::GDAL_OF_VECTOR
            | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
        allowed_drivers: Some(drivers),
        open_options: Some(options),
        ..DatasetOptions::default()
    };
    ffi::reset_error();
    Dataset::open_ex(path, options).map_err(|e| match cannot_open(uri, path, failure(&e)) {
        GdalError::NotARaster { path: uri, message } | GdalError::Corrupt { path: uri, message }
            if !is_remote(path) =>
        {
            GdalError::NotAVector { path: uri, message }
        }
        other => other,
    })
}
