//! The GDAL drivers that are used; all others are deregistered.

use std::sync::Once;

use gdal::DriverManager;
use gdal::config::{get_config_option, set_config_option};

/// Raster formats. The rest of GDAL's two hundred drivers would only add attack surface.
pub(crate) const RASTER_DRIVERS: &[&str] = &[
    "GTiff",
    "COG",
    "VRT",
    "JP2OpenJPEG",
    "JP2KAK",
    "JP2ECW",
    "PNG",
    "JPEG",
    "WEBP",
    "ENVI",
    "HFA",
    "EHdr",
    "NITF",
    "SENTINEL2",
    "SAFE",
    "AAIGrid",
];

/// Vector formats, without drivers that access servers or other files, and without drawings and spreadsheets, which
/// have no CRS.
pub(crate) const VECTOR_DRIVERS: &[&str] = &[
    "GeoJSON",
    "GeoJSONSeq",
    "TopoJSON",
    "ESRIJSON",
    "GPKG",
    "SQLite",
    "OpenFileGDB",
    "ESRI Shapefile",
    "FlatGeobuf",
    "LIBKML",
    "KML",
    "GML",
    "GPX",
    "JML",
    "MapInfo File",
    "CSV",
    "Parquet",
];

/// A driver that is used, and whether the GDAL library in use has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverFacts {
    /// GDAL's short name.
    pub name: &'static str,
    /// Whether GDAL has it.
    pub is_there: bool,
}

/// All drivers that are used, rasters first.
pub fn drivers() -> Vec<DriverFacts> {
    let names = RASTER_DRIVERS.iter().chain(VECTOR_DRIVERS);
    names
        .map(|name| DriverFacts { name, is_there: DriverManager::get_driver_by_name(name).is_ok() })
        .collect()
}

/// In-memory drivers, which GDAL's own algorithms use by name.
const OWN_DRIVERS: &[&str] = &["MEM", "Memory"];

/// Deregisters every unneeded driver, once: files that are named in other files are opened by any registered driver,
/// and some drivers fetch URLs, run code or read memory.
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
        // A GML file may name a URL of its schema.
        for (key, value) in [("GML_DOWNLOAD_WFS_SCHEMA", "NO"), ("GDAL_VRT_ENABLE_PYTHON", "NO")] {
            if get_config_option(key, "").is_ok_and(|there| there.is_empty()) {
                // A failure is harmless: the same is also checked elsewhere.
                let _ = set_config_option(key, value);
            }
        }
    });
}
