//! Files beside a raster that GDAL reads with it: masks, auxiliary metadata, world files.
//!
//! GDAL finds them by itself where a folder can be looked into. Behind a network each is a request, so a fixed list of names is
//! asked for, side by side: two for a raster, and the world files of its format where it does not say its place itself. One
//! file then has one answer, wherever it lies. Overviews are not used, so they are not asked for.

use gdal::Dataset;

use crate::uri::{extension, file_name, gdal_path as path_of, is_local};
use crate::{GdalError, ffi, guard, scene};

/// Formats that GDAL keeps no side files of this kind for.
const WITHOUT: &[&str] = &["vrt", "json", "geojson", "xml"];

/// Names of the mask and of the auxiliary metadata that lie beside a remote raster.
///
/// # Errors
/// [`GdalError::Unreachable`] where the store did not say whether one is there, and what makes a mask that is a VRT unusable.
pub(crate) fn beside(uri: &str, gdal_path: &str) -> Result<Vec<String>, GdalError> {
    if WITHOUT.contains(&extension(uri).as_str()) {
        return Ok(Vec::new());
    }
    let name = file_name(uri);
    let mask = format!("{name}.msk");
    let found = there(uri, gdal_path, &[mask.clone(), format!("{name}.aux.xml")])?;
    for mask in found.iter().filter(|name| **name == mask) {
        if let Some(path) = sibling(gdal_path, file_name(uri), mask) {
            // GDAL opens it like any other raster.
            guard::named_files(uri, &path)?;
        }
    }
    Ok(found)
}

/// Names of the world files that lie beside a remote raster.
///
/// # Errors
/// [`GdalError::Unreachable`] where the store did not say whether one is there.
pub(crate) fn world(uri: &str, gdal_path: &str) -> Result<Vec<String>, GdalError> {
    let kind = extension(uri);
    if kind.is_empty() || WITHOUT.contains(&kind.as_str()) {
        return Ok(Vec::new());
    }
    let name = file_name(uri);
    let (stem, written) = name.rsplit_once('.').unwrap_or((name, ""));
    let (first, last) = (kind.chars().next(), kind.chars().last());
    // `tif` has `tfw`, and both may be written out: `tifw`.
    let short: String = first.into_iter().chain(last).chain(['w']).collect();
    let mut kinds = vec![short, format!("{kind}w"), "wld".to_owned()];
    if written.chars().any(char::is_uppercase) {
        kinds = kinds.iter().map(|k| k.to_uppercase()).chain(kinds.clone()).collect();
    }
    let names: Vec<String> = kinds.iter().map(|kind| format!("{stem}.{kind}")).collect();
    there(uri, gdal_path, &names)
}

/// Names of the files that an open raster is read with beside its own, overviews and the sources of a VRT left out.
pub(crate) fn of(dataset: &Dataset, gdal_path: &str) -> Vec<String> {
    if ["VRT", "SENTINEL2", "SAFE"].contains(&dataset.driver().short_name().as_str()) {
        return Vec::new();
    }
    let files = ffi::file_list(dataset);
    let others = files.iter().filter(|file| *file != gdal_path).map(|file| file_name(file).to_owned());
    let mut names: Vec<String> = others.filter(|name| !name.to_lowercase().ends_with(".ovr")).collect();
    names.sort();
    names.dedup();
    names
}

/// The path of a file beside another one; `None` where a query tells who may read this one alone.
pub(crate) fn sibling(gdal_path: &str, name: &str, other: &str) -> Option<String> {
    let folder = gdal_path.strip_suffix(name)?;
    (folder.ends_with('/') && !folder.contains(['?', '#'])).then(|| format!("{folder}{other}"))
}

/// Those of the names that are there, each asked for once, side by side.
fn there(uri: &str, gdal_path: &str, names: &[String]) -> Result<Vec<String>, GdalError> {
    if is_local(gdal_path) || path_of(uri) != gdal_path {
        return Ok(Vec::new());
    }
    let ask = |name: &String| match sibling(gdal_path, file_name(uri), name) {
        Some(path) => is_there(&path),
        None => Ok(false),
    };
    let answers: Vec<Result<bool, GdalError>> = std::thread::scope(|scope| {
        let asked: Vec<_> = names.iter().map(|name| scope.spawn(move || ask(name))).collect();
        asked
            .into_iter()
            .zip(names)
            // A thread that panicked asked nothing: it is asked again, here.
            .map(|(thread, name)| thread.join().unwrap_or_else(|_| ask(name)))
            .collect()
    });
    let mut found = Vec::new();
    for (name, answer) in names.iter().zip(answers) {
        if answer? {
            found.push(name.clone());
        }
    }
    Ok(found)
}

/// Whether a remote file is there. Stores that do not let a folder be listed say that it is forbidden where there is none.
fn is_there(path: &str) -> Result<bool, GdalError> {
    match ffi::vsi_head(path, 1) {
        Ok(_) => Ok(true),
        Err(message) if is_trouble(&message) => Err(match scene::cannot_open(path, path, message) {
            GdalError::Missing { path, message } => GdalError::Unreachable { path, message },
            other => other,
        }),
        Err(_) => Ok(false),
    }
}

/// Whether a store's words are about trouble, not about a file.
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
    fn siblings_lie_in_the_same_folder() {
        let of = |path: &str, uri: &str| sibling(path, file_name(uri), "a.tif.msk");
        assert_eq!(of("/vsis3/b/k/a.tif", "s3://b/k/a.tif").as_deref(), Some("/vsis3/b/k/a.tif.msk"));
        assert_eq!(
            of("/vsicurl/http://h/a.tif", "http://h/a.tif").as_deref(),
            Some("/vsicurl/http://h/a.tif.msk")
        );
        // Who signed one address did not sign another.
        assert_eq!(of("/vsicurl/http://h/a.tif?sig=x", "http://h/a.tif?sig=x"), None);
    }

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
