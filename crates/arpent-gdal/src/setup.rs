//! Process-wide GDAL settings.

use std::sync::Once;

use gdal::config::{get_config_option, set_config_option};

use crate::{GdalError, ffi};

/// Process-wide settings.
#[derive(Clone, PartialEq, Eq)]
pub struct InitOptions {
    /// Size of GDAL's block cache, MiB.
    pub cache_mb: u32,
    /// Configuration options of GDAL by name, credentials of object stores among them: values are never shown. They go
    /// before the environment.
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

/// Sets GDAL up for this process: bounded block cache, nothing printed on stderr, few probes beside inputs, requests
/// that end, and the options given. May be called again: the cache size then changes, options given are set anew, and
/// those given before stay.
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
/// What makes reading from object storage fast is how GDAL does it by default: ranges that touch are asked for as one
/// (`GDAL_HTTP_MERGE_CONSECUTIVE_RANGES`), the others of a read side by side (`GDAL_HTTP_MULTIRANGE`). Measured beside that
/// (`benches/runs/`) and left alone: `VSI_CACHE`, `CPL_VSIL_CURL_CHUNK_SIZE` and `GDAL_INGESTED_BYTES_AT_OPEN` save no time,
/// `GDAL_NUM_THREADS` costs some, since readers are threads already. `CPL_VSIL_CURL_ALLOWED_EXTENSIONS` would refuse signed URLs.
const FIXED: &[(&str, &str)] = &[
    // Folders of dalles hold thousands of files: look for side files by name instead of listing the folder.
    ("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE"),
    ("GDAL_HTTP_MAX_RETRY", "4"),
    ("GDAL_HTTP_RETRY_DELAY", "1"),
    ("GDAL_HTTP_CONNECTTIMEOUT", "20"),
    // A transfer that stands still ends; one that is merely long does not, as it would by `GDAL_HTTP_TIMEOUT`.
    ("GDAL_HTTP_LOW_SPEED_LIMIT", "100"),
    ("GDAL_HTTP_LOW_SPEED_TIME", "60"),
    // All that readers fetch at once, also where it is not compressed; GDAL would take what is beyond 10 MB block by block.
    ("GDAL_MAX_RAW_BLOCK_CACHE_SIZE", "25165824"),
    // Hostile VRTs must not run code.
    ("GDAL_VRT_ENABLE_PYTHON", "NO"),
];

/// Silences GDAL once; every entry point of the crate that may run before [`init`] calls it.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(ffi::silence);
}

fn set_default(key: &str, value: &str) -> Result<(), GdalError> {
    match get_config_option(key, "") {
        Ok(there) if !there.is_empty() => Ok(()),
        _ => set(key, value),
    }
}

fn set(key: &str, value: &str) -> Result<(), GdalError> {
    // What GDAL says of it could hold the value, which may be a secret.
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
    fn requests_end() {
        init(InitOptions::default()).unwrap();
        for key in ["GDAL_HTTP_MAX_RETRY", "GDAL_HTTP_CONNECTTIMEOUT", "GDAL_HTTP_LOW_SPEED_TIME"] {
            let value: u32 = get_config_option(key, "").unwrap().parse().unwrap();
            assert!((1..=60).contains(&value), "{key} = {value}");
        }
    }
}
