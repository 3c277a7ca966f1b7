//! Process-wide GDAL settings.

use std::sync::Once;

use gdal::config::{get_config_option, set_config_option};

use crate::{GdalError, failure, ffi};

/// Process-wide settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitOptions {
    /// Size of the block cache that all readers share, MiB.
    pub cache_mb: u32,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self { cache_mb: 64 }
    }
}

/// Sets GDAL up for this process: bounded block cache, nothing printed on stderr, few probes beside inputs, and
/// the object store credentials that `object_store` understands. May be called again; the cache size then changes.
///
/// # Errors
/// [`GdalError::Call`] when GDAL refuses an option.
pub fn init(options: InitOptions) -> Result<(), GdalError> {
    quiet();
    set("GDAL_CACHEMAX", &options.cache_mb.to_string())?;
    ffi::set_cache_bytes(i64::from(options.cache_mb) << 20);
    for (key, value) in FIXED {
        set_default(key, value)?;
    }
    for (key, value) in store_options(&|key| std::env::var(key).ok()) {
        set_default(&key, &value)?;
    }
    Ok(())
}

/// Options that a user may still override in the environment.
const FIXED: &[(&str, &str)] = &[
    // Folders of dalles hold thousands of files: look for side files by name instead of listing the folder.
    ("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE"),
    ("GDAL_HTTP_MAX_RETRY", "4"),
    ("GDAL_HTTP_RETRY_DELAY", "1"),
    ("GDAL_HTTP_CONNECTTIMEOUT", "20"),
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
    set_config_option(key, value)
        .map_err(|e| GdalError::Call { doing: "set a GDAL option", message: failure(&e) })
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
