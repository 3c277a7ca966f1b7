//! Side files, which GDAL reads with a raster: masks, auxiliary metadata, world files.
//!
//! GDAL finds them in a folder that it can list. On a remote store each is a request, so a fixed list of names is
//! requested concurrently: two for a raster, and the world files of its format if the raster is not georeferenced
//! itself. The result is then the same wherever the file lies. Overviews are not used, so they are not requested.

use std::path::Path;

use gdal::{Dataset, DatasetOptions, GdalOpenFlags, Metadata as _};

use crate::error::{cannot_open, is_trouble};
use crate::ffi::{self, failure};
use crate::uri::{extension, file_name, gdal_path as path_of, is_local};
use crate::{GdalError, guard};

/// Formats without side files of this kind.
const WITHOUT: &[&str] = &["vrt", "json", "geojson", "xml"];

/// Names of the mask and of the auxiliary metadata of a remote raster, those that exist.
///
/// # Errors
/// [`GdalError::Unreachable`] if the store did not answer, and the errors of a mask that is a VRT.
pub(crate) fn side_names(uri: &str, gdal_path: &str) -> Result<Vec<String>, GdalError> {
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

/// Names of the world files of a remote raster, those that exist.
///
/// # Errors
/// [`GdalError::Unreachable`] if the store did not answer.
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

/// Names of the side files of an open raster, without overviews and the sources of a VRT.
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

/// Refuses a `.msk` file that GDAL would silently ignore: without flags that name its bands, of another size,
/// unreadable, or next to a raster with an internal mask.
///
/// # Errors
/// [`GdalError::UnusableMask`].
pub(crate) fn check_mask(
    uri: &str,
    gdal_path: &str,
    dataset: &Dataset,
    side_names: &[String],
) -> Result<(), GdalError> {
    let own = file_name(uri);
    let name = format!("{own}.msk");
    let path = if is_local(gdal_path) {
        let path = format!("{gdal_path}.msk");
        Path::new(&path).is_file().then_some(path)
    } else {
        side_names.contains(&name).then(|| sibling(gdal_path, own, &name)).flatten()
    };
    let Some(path) = path else { return Ok(()) };
    let bands = dataset.raster_count();
    let refused = |reason: String, size: Option<(usize, usize)>, of_all: Option<bool>| {
        // A remote file is repaired at its origin: the hint needs only its name.
        let file = if is_local(&path) { path.clone() } else { name.clone() };
        Err(GdalError::UnusableMask { path: uri.to_owned(), file, reason, bands, size, of_all })
    };
    let alone = |path: &str, name: &str| {
        let options = DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_READONLY
                | GdalOpenFlags::GDAL_OF_RASTER
                | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
            allowed_drivers: Some(guard::RASTER_DRIVERS),
            open_options: None,
            sibling_files: Some(&[name]),
        };
        ffi::reset_error();
        Dataset::open_ex(path, options).map_err(|e| failure(&e))
    };
    let mask = match alone(&path, &name) {
        Ok(mask) => mask,
        Err(message) => return refused(format!("it cannot be read as a raster: {message}"), None, None),
    };
    let of_all = [(1, true), (bands, false)].into_iter().find(|(count, _)| *count == mask.raster_count());
    let of_all = of_all.map(|(_, of_all)| of_all);
    let ((width, height), size) = (dataset.raster_size(), mask.raster_size());
    if size != (width, height) {
        let reason =
            format!("it has {} x {} px, expected {width} x {height} px as in the raster", size.0, size.1);
        return refused(reason, Some((width, height)), of_all);
    }
    if of_all.is_none() {
        let reason = format!("it has {} bands, expected 1, or {bands} as in the raster", mask.raster_count());
        return refused(reason, None, None);
    }
    let flags = |band: usize| mask.metadata_item(&format!("INTERNAL_MASK_FLAGS_{band}"), "");
    if let Some(band) = (1..=bands).find(|band| flags(*band).is_none()) {
        let reason = format!(
            "it lacks the metadata item INTERNAL_MASK_FLAGS_{band}, so GDAL does not use it as the mask of band {band}"
        );
        return refused(reason, None, of_all);
    }
    // GDAL derives a mask from nodata values only if there is no mask file.
    let own_mask = |dataset: &Dataset, band: usize| {
        let flags = dataset.rasterband(band).and_then(|b| b.mask_flags());
        flags.is_ok_and(|f| !f.is_all_valid() && !f.is_alpha() && !f.is_nodata())
    };
    let is_masked = |dataset: Dataset| (1..=bands).any(|band| own_mask(&dataset, band));
    if alone(gdal_path, own).is_ok_and(is_masked) {
        return refused("the raster has an internal mask, and GDAL reads only that".into(), None, None);
    }
    Ok(())
}

/// The path of a file next to another one; `None` if the URL has a query, which may grant access to that file only.
pub(crate) fn sibling(gdal_path: &str, name: &str, other: &str) -> Option<String> {
    let folder = gdal_path.strip_suffix(name)?;
    (folder.ends_with('/') && !folder.contains(['?', '#'])).then(|| format!("{folder}{other}"))
}

/// Whether a URL has a query or a fragment: no side files are requested then.
pub(crate) fn is_unasked(uri: &str, gdal_path: &str) -> bool {
    let may_have = !WITHOUT.contains(&extension(uri).as_str());
    may_have
        && !is_local(gdal_path)
        && path_of(uri) == gdal_path
        && sibling(gdal_path, file_name(uri), "").is_none()
}

/// The names that exist, each requested once, concurrently.
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
            // A thread that panicked gave no answer: the request is repeated here.
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

/// Whether a remote file exists. Stores that do not allow listing answer "forbidden" for a missing file.
fn is_there(path: &str) -> Result<bool, GdalError> {
    match ffi::vsi_head(path, 1) {
        Ok(_) => Ok(true),
        Err(message) if is_trouble(&message) => Err(match cannot_open(path, path, message) {
            GdalError::Missing { path, message } => GdalError::Unreachable { path, message },
            other => other,
        }),
        Err(_) => Ok(false),
    }
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
}
