//! Fingerprints of inputs: sizes, hashes and ETags.

use std::fs::File;

use arpent_base::{sha256_hex, sha256_of};
use gdal::Dataset;
use serde::{Deserialize, Serialize};

use crate::scene::{SceneSource, open_with_side_files, sibling};
use crate::uri::{file_name, gdal_path, is_local, is_remote};
use crate::vector::{folder_files, is_parquet, layer_file, open_vector};
use crate::{GdalError, ffi};

/// Identifies the content of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// File or URL.
    pub uri: String,
    /// Size in bytes, if known.
    pub size: Option<u64>,
    /// SHA-256 in hex, of local files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
    /// ETag, of remote objects.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// `Last-Modified`, of remote objects; of local files that are not hashed, seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub modified: Option<String>,
    /// Further files of the scene: sources of a VRT, side files.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parts: Vec<Fingerprint>,
}

/// Fingerprint of a scene and of the files it refers to. Local files are read once, in small pieces.
///
/// # Errors
/// [`GdalError::Io`] when a local file cannot be read; those of opening the scene.
pub fn fingerprint(source: &SceneSource) -> Result<Fingerprint, GdalError> {
    of_scene(source, Depth::Bytes)
}

/// The same without reading local files: their size and modification time are used instead of hashes.
///
/// # Errors
/// As [`fingerprint`].
pub fn stamp(source: &SceneSource) -> Result<Fingerprint, GdalError> {
    of_scene(source, Depth::Name)
}

fn of_scene(source: &SceneSource, depth: Depth) -> Result<Fingerprint, GdalError> {
    let (uri, path) = (&source.uri, &source.gdal_path);
    let (dataset, side_names) = open_with_side_files(uri, path)?;
    if !is_remote(path) || dataset.driver().short_name() == "VRT" {
        return with_parts(&dataset, uri, path, depth);
    }
    // To list the files of a remote raster, GDAL would request many names; the files that it reads are known.
    let paths = side_names.iter().filter_map(|name| sibling(path, file_name(uri), name));
    let parts = paths.map(|part| of_file(&part, &part, depth)).collect::<Result<_, _>>()?;
    Ok(Fingerprint { parts, ..of_file(uri, path, depth)? })
}

/// How a fingerprint identifies local files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// By a hash of their bytes.
    Bytes,
    /// By their size and modification time.
    Name,
}

/// Fingerprint of a vector file and its side files: attributes, CRS, encoding.
///
/// # Errors
/// [`GdalError::Io`] when a local file cannot be read; [`GdalError::Missing`], [`GdalError::NotAVector`].
pub fn fingerprint_layer(source: &str) -> Result<Fingerprint, GdalError> {
    let uri = layer_file(source);
    let path = gdal_path(uri);
    if is_parquet(uri) {
        return of_file(uri, &path, Depth::Bytes);
    }
    if is_local(&path) && std::path::Path::new(&path).is_dir() {
        let parts = folder_files(uri)
            .iter()
            .map(|file| of_file(file, file, Depth::Bytes))
            .collect::<Result<_, _>>()?;
        return Ok(Fingerprint { parts, ..of_file(uri, &path, Depth::Bytes)? });
    }
    with_parts(&open_vector(uri)?, uri, &path, Depth::Bytes)
}

fn with_parts(dataset: &Dataset, uri: &str, path: &str, depth: Depth) -> Result<Fingerprint, GdalError> {
    let mut files: Vec<String> = ffi::file_list(dataset);
    files.sort();
    files.dedup();
    let parts = files.iter().filter(|file| *file != path).map(|file| of_file(file, file, depth));
    let parts = parts.collect::<Result<_, _>>()?;
    Ok(Fingerprint { parts, ..of_file(uri, path, depth)? })
}

impl Fingerprint {
    /// SHA-256 in hex of the bytes of a local file; of several files, of their hashes in the order of their names.
    /// `None` for remote objects.
    pub fn content(&self) -> Option<String> {
        if self.parts.is_empty() {
            return self.sha256.clone();
        }
        let files = std::iter::once(self).chain(&self.parts);
        let hashes: String = files.filter_map(|file| file.sha256.as_deref()).collect();
        (!hashes.is_empty()).then(|| sha256_hex(hashes.as_bytes()))
    }
}

fn of_file(uri: &str, gdal_path: &str, depth: Depth) -> Result<Fingerprint, GdalError> {
    let mut print = Fingerprint {
        uri: uri.to_owned(),
        size: None,
        sha256: None,
        etag: None,
        modified: None,
        parts: Vec::new(),
    };
    if is_local(gdal_path) && !std::path::Path::new(gdal_path).is_dir() {
        let unreadable = |source| GdalError::Io { doing: "read", path: uri.into(), source };
        if depth == Depth::Name {
            let (size, changed) = name(gdal_path).map_err(unreadable)?;
            (print.size, print.modified) = (Some(size), changed);
        } else {
            let (size, sha256) = hash(gdal_path).map_err(unreadable)?;
            (print.size, print.sha256) = (Some(size), Some(sha256));
        }
        return Ok(print);
    }
    print.size = ffi::vsi_size(gdal_path);
    for header in ffi::remote_headers(gdal_path) {
        let Some((key, value)) = header.split_once(['=', ':']) else { continue };
        match key.trim().to_ascii_lowercase().as_str() {
            "etag" => print.etag = Some(value.trim().trim_matches('"').to_owned()),
            "last-modified" => print.modified = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    if is_remote(gdal_path) && print.size.is_none() && print.etag.is_none() && print.modified.is_none() {
        let message = "the store reports no size, ETag or modification time".to_owned();
        return Err(GdalError::Unreachable { path: uri.to_owned(), message });
    }
    Ok(print)
}

/// Size and modification time: seconds and nanoseconds since 1970.
fn name(path: &str) -> std::io::Result<(u64, Option<String>)> {
    let known = std::fs::metadata(path)?;
    let changed = known.modified()?.duration_since(std::time::UNIX_EPOCH).ok();
    Ok((known.len(), changed.map(|time| format!("{}.{:09}", time.as_secs(), time.subsec_nanos()))))
}

fn hash(path: &str) -> std::io::Result<(u64, String)> {
    sha256_of(File::open(path)?)
}
