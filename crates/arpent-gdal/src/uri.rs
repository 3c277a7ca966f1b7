//! URIs of inputs, and their GDAL paths.

/// Whether it is an `http(s)://` URL.
pub fn is_web(uri: &str) -> bool {
    uri.starts_with("http://") || uri.starts_with("https://")
}

/// The GDAL path of a file, `http(s)://` or `s3://` URL (as `/vsicurl/` and `/vsis3/`).
pub fn gdal_path(uri: &str) -> String {
    if is_web(uri) {
        return format!("/vsicurl/{uri}");
    }
    for (scheme, prefix) in [("s3://", "/vsis3/"), ("gs://", "/vsigs/"), ("az://", "/vsiaz/")] {
        if let Some(rest) = uri.strip_prefix(scheme) {
            return format!("{prefix}{rest}");
        }
    }
    match uri.strip_prefix("file://") {
        Some(path) => decoded(path.strip_prefix("localhost/").map_or(path, |_| &path["localhost".len()..])),
        None => uri.to_owned(),
    }
}

/// Decodes percent encoding; a `%` that encodes nothing stays, and so do bytes that would not be UTF-8.
pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Into::into)
}

/// Whether a file or URL is remote: requests are slow, so that more readers than cores are useful.
pub fn is_remote_uri(uri: &str) -> bool {
    is_remote(&gdal_path(uri))
}

/// Whether a GDAL path is remote.
pub(crate) fn is_remote(gdal_path: &str) -> bool {
    // Also with options (`/vsicurl?`) and as streams (`/vsis3_streaming/`).
    ["/vsicurl", "/vsis3", "/vsigs", "/vsiaz", "/vsiadls", "/vsioss", "/vsiswift"]
        .iter()
        .any(|p| gdal_path.starts_with(p))
}

/// Whether a GDAL path is a plain local file.
pub(crate) fn is_local(gdal_path: &str) -> bool {
    !gdal_path.starts_with("/vsi") && !is_connection(gdal_path)
}

/// `SENTINEL2_L2A:...` and other connection strings, which are not paths.
fn is_connection(gdal_path: &str) -> bool {
    gdal_path.split_once(':').is_some_and(|(prefix, _)| {
        prefix.len() > 1 && prefix.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

/// The last part of a path or URL, without its query. Keys of buckets have no query: `?` and `#` are part of them.
pub fn file_name(uri: &str) -> &str {
    let path = if is_web(uri) { uri.split(['?', '#']).next().unwrap_or(uri) } else { uri };
    path.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The file name without its extension.
pub(crate) fn stem(uri: &str) -> &str {
    let name = file_name(uri);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// The extension in lower case; empty when there is none.
pub(crate) fn extension(uri: &str) -> String {
    match file_name(uri).rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// The hint for a store that does not answer: the variables of its kind (docs/guides/object-storage.md).
pub(crate) fn access_hint(path: &str) -> &'static str {
    if path.starts_with("az://") {
        "check the URL, the network and the credentials (AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY or \
         AZURE_STORAGE_SAS_KEY; for a public container AZURE_SKIP_SIGNATURE=true); for another endpoint set \
         AZURE_STORAGE_ENDPOINT"
    } else if path.starts_with("gs://") {
        "check the URL, the network and the credentials (GOOGLE_APPLICATION_CREDENTIALS; for a public bucket \
         GOOGLE_SKIP_SIGNATURE=true); for another endpoint set GOOGLE_BASE_URL"
    } else if path.starts_with("http://") || path.starts_with("https://") {
        "check the URL, the network and the proxy, if there is one; credentials are part of the URL"
    } else {
        "check the URL, the network and the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; for a \
         public bucket AWS_SKIP_SIGNATURE=true); for a store that is not Amazon's set AWS_ENDPOINT"
    }
}

/// The noun for a path or URL in messages.
pub(crate) fn noun(path: &str) -> &'static str {
    let in_bucket = ["s3://", "gs://", "az://"].iter().any(|scheme| path.starts_with(scheme));
    if in_bucket { "object" } else { "file" }
}

/// `folder/name.ext` becomes `name_<suffix>.tif`: in the current folder, since the input may be remote.
pub(crate) fn derived_name(path: &str, suffix: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    format!("{stem}_{suffix}.tif")
}

/// The GDAL path of a file or URL, quoted for a shell.
pub(crate) fn quoted(uri: &str) -> String {
    arpent_base::quoted(&gdal_path(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_vsi_paths() {
        assert_eq!(gdal_path("s3://b/k/x.tif"), "/vsis3/b/k/x.tif");
        assert_eq!(gdal_path("https://h/x.tif?sig=a/b"), "/vsicurl/https://h/x.tif?sig=a/b");
        assert_eq!(gdal_path("file:///data/x.tif"), "/data/x.tif");
        assert_eq!(gdal_path("dir/x.tif"), "dir/x.tif");
        assert_eq!(gdal_path("file:///for%C3%AAt%20a%2B.tif"), "/forêt a+.tif");
        assert_eq!(gdal_path("file://localhost/a%b 100%.tif"), "/a%b 100%.tif");
        // Paths are not decoded, and neither are addresses that the server decodes.
        assert_eq!(gdal_path("dir/a%20b.tif"), "dir/a%20b.tif");
        assert_eq!(gdal_path("https://h/a%20b.tif"), "/vsicurl/https://h/a%20b.tif");
    }

    #[test]
    fn remote_paths_are_recognized() {
        for uri in [
            "s3://b/k.tif",
            "gs://b/k.tif",
            "az://c/k.tif",
            "http://h/k.tif",
            "https://h/k.tif?sig=a",
            "/vsicurl?url=a",
        ] {
            assert!(is_remote_uri(uri), "{uri}");
        }
        for uri in [
            "/data/k.tif",
            "/vsigzip/k.gz",
            "file:///data/k.tif",
            "dir/s3:/k.tif",
            "SENTINEL2_L1C:/a/b:10m:EPSG_32631",
        ] {
            assert!(!is_remote_uri(uri), "{uri}");
        }
    }

    #[test]
    fn names_are_cut_out_of_paths_and_urls() {
        assert_eq!(stem("https://h/a/x.v2.tif?sig=a/b.c"), "x.v2");
        assert_eq!(extension("https://h/a/x.v2.TIF?sig=a/b.c"), "tif");
        assert_eq!(
            (stem("s3://b/k/dalle #2.tif"), extension("gs://b/a?b.tif").as_str()),
            ("dalle #2", "tif")
        );
        assert_eq!((stem("a/.hidden"), extension("a/.hidden").as_str()), (".hidden", ""));
        assert!(
            !is_local("SENTINEL2_L1C:/a/b:10m:EPSG_32631") && is_local("a:b/c.tif") && is_local("/a/b.tif")
        );
    }
}
