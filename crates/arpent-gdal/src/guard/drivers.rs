//! The drivers of GDAL that are used, and no others.

use std::sync::Once;

use gdal::DriverManager;
use gdal::config::{get_config_option, set_config_option};

/// Formats that imagery comes in. The rest of GDAL's two hundred drivers is attack surface, not service.
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

/// Formats in which layers come. Left out are drivers that reach for servers or for other files, and those of drawings and
/// sheets, which have no CRS.
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

/// Rasters and layers in memory, as GDAL's own algorithms ask for them by name.
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
