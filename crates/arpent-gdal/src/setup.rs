//! Process-wide GDAL settings.

use std::path::{Path, PathBuf};
use std::sync::Once;

use gdal::config::{get_config_option, set_config_option};

use crate::{GdalError, ffi};

/// Process-wide settings.
#[derive(Clone, PartialEq, Eq)]
pub struct InitOptions {
    /// Size of GDAL's block cache, MiB.
    pub cache_mb: u32,
    /// GDAL configuration options by name, including credentials of object stores: values are never shown. They take
    /// precedence over the environment.
    pub options: Vec<(String, String)>,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self { cache_mb: 64, options: Vec::new() }
    }
}

impl std::fmt::Debug for InitOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.options.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("InitOptions").field("cache_mb", &self.cache_mb).field("options", &names).finish()
    }
}

/// Initializes GDAL for this process: limited block cache, no output on stderr, few probes for side files, timeouts of
/// requests, and the options given. May be called again: the cache size then changes, options given are set again, and
/// earlier ones stay.
///
/// # Errors
/// [`GdalError::Call`] when GDAL refuses an option.
pub fn init(options: InitOptions) -> Result<(), GdalError> {
    quiet();
    let InitOptions { cache_mb, options } = options;
    set("GDAL_CACHEMAX", &cache_mb.to_string())?;
    ffi::set_cache_bytes(i64::from(cache_mb) << 20);
    for (key, value) in &options {
        set(key, value)?;
    }
    for (key, value) in FIXED {
        set_default(key, value)?;
    }
    Ok(())
}

/// Options that a user may still override in the environment.
///
/// GDAL's defaults already make reading from object storage fast: adjacent ranges are merged
/// (`GDAL_HTTP_MERGE_CONSECUTIVE_RANGES`), the others of a read are requested concurrently (`GDAL_HTTP_MULTIRANGE`).
/// Also measured (`benches/runs/`) and left at their defaults: `VSI_CACHE`, `CPL_VSIL_CURL_CHUNK_SIZE` and
/// `GDAL_INGESTED_BYTES_AT_OPEN` save no time, `GDAL_NUM_THREADS` costs some, since readers are threads already.
/// `CPL_VSIL_CURL_ALLOWED_EXTENSIONS` would refuse signed URLs.
const FIXED: &[(&str, &str)] = &[
    // Folders of tiles may have thousands of files: side files are probed by name instead of listing the folder.
    ("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE"),
    ("GDAL_HTTP_MAX_RETRY", "4"),
    ("GDAL_HTTP_RETRY_DELAY", "1"),
    ("GDAL_HTTP_CONNECTTIMEOUT", "20"),
    // Ends a stalled transfer, but not a long one, as `GDAL_HTTP_TIMEOUT` would.
    ("GDAL_HTTP_LOW_SPEED_LIMIT", "100"),
    ("GDAL_HTTP_LOW_SPEED_TIME", "60"),
    // All bytes that a reader fetches at a time, also uncompressed; by default GDAL would fetch those above 10 MB block
    // by block.
    ("GDAL_MAX_RAW_BLOCK_CACHE_SIZE", "25165824"),
    // A count for each request: what a job took is in its ledger.
    ("CPL_VSIL_NETWORK_STATS_ENABLED", "YES"),
    // Hostile VRTs must not run code.
    ("GDAL_VRT_ENABLE_PYTHON", "NO"),
];

/// Silences GDAL once; every entry point of the crate that may run before [`init`] calls it.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        ffi::silence();
        let program = std::env::current_exe().ok();
        if let Some(data) = program.as_deref().and_then(data_beside) {
            use_data(&data);
        }
    });
}

/// The folder with the data of GDAL and PROJ (`gdal`, `proj`) that a package brings with its program: `share/arpent` below the
/// prefix of `bin/PROGRAM`, or, in a Python wheel, of `lib/pythonX.Y/site-packages/NAME.scripts/PROGRAM`. Only folders of these
/// names are looked into: others may be writable by strangers.
fn data_beside(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    let name = folder.file_name()?.to_str()?;
    let prefix = if name == "bin" {
        folder.parent()?
    } else if name.ends_with(".scripts") {
        folder.ancestors().nth(4)?
    } else {
        return None;
    };
    let data = prefix.join("share/arpent");
    data.join("proj/proj.db").is_file().then_some(data)
}

/// Lets GDAL and PROJ use the data of a package, where the environment names no other.
fn use_data(data: &Path) {
    let is_named = |names: &[&str]| names.iter().any(|name| std::env::var_os(name).is_some());
    if let Some(proj) = data.join("proj").to_str().filter(|_| !is_named(&["PROJ_DATA", "PROJ_LIB"])) {
        ffi::set_proj_folder(proj);
    }
    // GDAL copies what it is given, and refuses no name of these. Plugins of the system are made for another build of GDAL.
    if let Some(gdal) = data.join("gdal").to_str() {
        let _ = set_default("GDAL_DATA", gdal);
    }
    let _ = set_default("GDAL_DRIVER_PATH", "disable");
}

fn set_default(key: &str, value: &str) -> Result<(), GdalError> {
    match get_config_option(key, "") {
        Ok(there) if !there.is_empty() => Ok(()),
        _ => set(key, value),
    }
}

fn set(key: &str, value: &str) -> Result<(), GdalError> {
    // GDAL's message could contain the value, which may be a secret.
    set_config_option(key, value)
        .map_err(|_| GdalError::Call { doing: "set a GDAL option", message: format!("{key} is refused") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_set_again_and_never_shown() {
        let of = |value: &str| InitOptions {
            options: vec![("ARPENT_TEST_SECRET".to_owned(), value.to_owned())],
            ..InitOptions::default()
        };
        for value in ["first-secret", "second-secret"] {
            init(of(value)).unwrap();
            assert_eq!(get_config_option("ARPENT_TEST_SECRET", "").unwrap(), value);
        }
        // Options that are not given again stay.
        init(InitOptions::default()).unwrap();
        assert_eq!(get_config_option("ARPENT_TEST_SECRET", "").unwrap(), "second-secret");

        let shown = format!("{:?}", of("third-secret"));
        assert!(shown.contains("ARPENT_TEST_SECRET") && !shown.contains("third"), "{shown}");
        let e = init(of("fourth\0secret")).unwrap_err();
        assert!(e.to_string().contains("ARPENT_TEST_SECRET"), "{e}");
        assert!(!format!("{e} {e:?}").contains("fourth"), "{e:?}");
    }

    #[test]
    fn data_of_a_package_is_found_below_its_prefix() {
        let root = tempfile::tempdir().unwrap();
        let place = |program: &str| data_beside(&root.path().join(program));
        let programs = ["bin/arpent", "lib/python3.11/site-packages/arpent.scripts/arpent"];
        assert_eq!(programs.map(place), [None, None]);
        let data = root.path().join("share/arpent");
        std::fs::create_dir_all(data.join("proj")).unwrap();
        std::fs::write(data.join("proj/proj.db"), "").unwrap();
        assert_eq!(programs.map(place), [Some(data.clone()), Some(data)]);
        assert_eq!(["target/arpent", "a/b/c/d/arpent", "arpent"].map(place), [None, None, None]);
    }

    #[test]
    fn requests_end() {
        init(InitOptions::default()).unwrap();
        for key in ["GDAL_HTTP_MAX_RETRY", "GDAL_HTTP_CONNECTTIMEOUT", "GDAL_HTTP_LOW_SPEED_TIME"] {
            let value: u32 = get_config_option(key, "").unwrap().parse().unwrap();
            assert!((1..=60).contains(&value), "{key} = {value}");
        }
    }
}
