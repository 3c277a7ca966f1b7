//! GDAL's options while a vector file is written.

use gdal::config::{clear_thread_local_config_option, set_thread_local_config_option};

/// GDAL options of this thread while a file is created or completed.
pub(super) struct Settings;

impl Settings {
    const KEYS: [&str; 4] = [
        "OGR_CURRENT_DATE",
        // Temporary files are discarded after a crash: no need to wait for the disk.
        "OGR_SQLITE_SYNCHRONOUS",
        // The layout of an R-tree built by another thread depends on the machine (GDAL 3.8 and later).
        "OGR_GPKG_ALLOW_THREADED_RTREE",
        "OGR_GPKG_THREADED_RTREE_AT_FIRST_FEATURE",
    ];

    pub(super) fn new(timestamp: &str) -> Self {
        for (key, value) in Self::KEYS.iter().zip([timestamp, "OFF", "NO", "NO"]) {
            // Fails only for text with a NUL byte, which OGR would refuse as well.
            let _ = set_thread_local_config_option(key, value);
        }
        Self
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        for key in Self::KEYS {
            let _ = clear_thread_local_config_option(key);
        }
    }
}
