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
/// that end, the options given, and the object store credentials that `object_store` understands. May be called again:
/// the cache size then changes, options given are set anew, and those given before stay.
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
    for (key, value) in store_options(&|key| std::env::var(key).ok()) {
        set_default(&key, &value)?;
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

/// GDAL's names for the S3 settings that `object_store` reads from the environment.
fn store_options(env: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let yes = |key: &str| env(key).is_some_and(|v| matches!(v.to_lowercase().as_str(), "1" | "true" | "yes"));
    let mut options = Vec::new();
    let mut put = |key: &str, value: &str| options.push((key.to_owned(), value.to_owned()));
    let endpoint =
        ["AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().find_map(|key| env(key));
    if let Some(endpoint) = endpoint {
        let (https, host) = match endpoint.split_once("://") {
            Some((scheme, host)) => (scheme == "https", host.to_owned()),
            None => (!yes("AWS_ALLOW_HTTP"), endpoint),
        };
        put("AWS_S3_ENDPOINT", host.trim_end_matches('/'));
        put("AWS_HTTPS", if https { "YES" } else { "NO" });
        let virtual_hosts = yes("AWS_VIRTUAL_HOSTED_STYLE_REQUEST");
        put("AWS_VIRTUAL_HOSTING", if virtual_hosts { "TRUE" } else { "FALSE" });
    }
    if yes("AWS_SKIP_SIGNATURE") {
        put("AWS_NO_SIGN_REQUEST", "YES");
    }
    if let (None, Some(region)) = (env("AWS_REGION"), env("AWS_DEFAULT_REGION")) {
        put("AWS_REGION", &region);
    }
    options
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

    fn options(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        store_options(&|key| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| (*v).to_owned()))
    }

    fn value<'a>(options: &'a [(String, String)], key: &str) -> Option<&'a str> {
        options.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    #[test]
    fn one_configuration_feeds_both_libraries() {
        let o = options(&[("AWS_ENDPOINT", "http://127.0.0.1:9000/"), ("AWS_DEFAULT_REGION", "eu-west-3")]);
        assert_eq!(value(&o, "AWS_S3_ENDPOINT"), Some("127.0.0.1:9000"));
        assert_eq!(value(&o, "AWS_HTTPS"), Some("NO"));
        assert_eq!(value(&o, "AWS_VIRTUAL_HOSTING"), Some("FALSE"));
        assert_eq!(value(&o, "AWS_REGION"), Some("eu-west-3"));
        assert!(options(&[]).is_empty());
    }

    #[test]
    fn https_and_virtual_hosts_are_kept() {
        let o = options(&[
            ("AWS_ENDPOINT_URL", "https://s3.example.org"),
            ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
            ("AWS_SKIP_SIGNATURE", "true"),
        ]);
        assert_eq!(value(&o, "AWS_HTTPS"), Some("YES"));
        assert_eq!(value(&o, "AWS_VIRTUAL_HOSTING"), Some("TRUE"));
        assert_eq!(value(&o, "AWS_NO_SIGN_REQUEST"), Some("YES"));
    }
}
