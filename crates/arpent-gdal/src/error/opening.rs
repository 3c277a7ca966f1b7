//! Why a file could not be opened, derived from GDAL's message.

use std::path::Path;

use super::GdalError;
use crate::ffi;
use crate::uri::{is_local, is_remote};

/// The error for a file that could not be opened, derived from GDAL's message.
pub(crate) fn cannot_open(uri: &str, gdal_path: &str, message: String) -> GdalError {
    let path = uri.to_owned();
    if is_without_ranges(&message) {
        return GdalError::NoRanges(path);
    }
    let mentions = |text: &str| message.contains(text);
    let absent = [
        "does not exist in the file system",
        "No such file",
        "response code: 404",
        // The messages of S3, Azure and Google for a missing key or bucket.
        "specified key does not exist",
        "specified blob does not exist",
        "specified bucket does not exist",
        "specified container does not exist",
        "No such object",
        "NoSuchKey",
        "NoSuchBucket",
    ]
    .into_iter()
    .any(mentions);
    if absent || (is_local(gdal_path) && !Path::new(gdal_path).exists()) {
        return not_found(uri, gdal_path, message);
    }
    if ["Invalid dataset dimensions", "Invalid image dimensions", "Cannot handle zero"]
        .into_iter()
        .any(mentions)
    {
        return GdalError::ZeroSize { path, message };
    }
    if is_local(gdal_path) && starts_like_tiff(gdal_path) {
        return GdalError::Corrupt { path, message };
    }
    if mentions("not recognized as") || (is_local(gdal_path) && message.is_empty()) {
        return GdalError::NotARaster { path, message };
    }
    if is_remote(gdal_path)
        && (mentions("HTTP")
            || mentions("CURL")
            || mentions("AWS")
            || mentions("AZURE")
            || mentions("GS_")
            || message.is_empty())
    {
        return GdalError::Unreachable { path, message };
    }
    GdalError::Corrupt { path, message }
}

/// The error for a file that GDAL does not find. GDAL reports a store that does not answer in the same way: the store
/// is requested once more, directly.
pub(crate) fn not_found(uri: &str, gdal_path: &str, message: String) -> GdalError {
    let path = uri.to_owned();
    let asked = is_remote(gdal_path).then(|| {
        ffi::forget_remote(gdal_path);
        ffi::vsi_head(gdal_path, 1)
    });
    match asked {
        Some(Err(message)) if is_trouble(&message) => GdalError::Unreachable { path, message },
        _ => GdalError::Missing { path, message },
    }
}

/// Whether GDAL reports a web server without range requests.
pub(super) fn is_without_ranges(message: &str) -> bool {
    message.contains("Range downloading not supported")
}

fn starts_like_tiff(path: &str) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut magic));
    read.is_ok() && [*b"II*\0", *b"MM\0*", *b"II+\0", *b"MM\0+"].contains(&magic)
}

/// Whether a message is about the network or the store, not about the file.
pub(crate) fn is_trouble(message: &str) -> bool {
    let lower = message.to_lowercase();
    let code = lower.split_once("response code").map(|(_, rest)| rest.trim_start_matches([':', ' ']));
    let code: Option<u32> = code.and_then(|rest| rest.get(..3)?.parse().ok());
    code.is_some_and(|code| code == 0 || code == 429 || code >= 500)
        || [
            "curl",
            "timed out",
            "timeout",
            "could not resolve",
            "connect",
            "slow down",
            "slowdown",
            "internalerror",
        ]
        .iter()
        .any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_no_answer() {
        for text in
            ["HTTP response code: 503", "HTTP response code: 429", "CURL error: x", "Operation timed out"]
        {
            assert!(is_trouble(text), "{text}");
        }
        for text in
            ["HTTP response code: 404", "HTTP response code: 403", "", "The specified key does not exist."]
        {
            assert!(!is_trouble(text), "{text}");
        }
    }
}
