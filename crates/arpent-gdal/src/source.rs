//! From what the user names (files, globs, folders, URLs, STAC items) to a list of scenes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::scaling::ItemScaling;
use crate::uri::{extension, file_name, gdal_path, is_local, is_remote, stem};
use crate::{GdalError, stac};

/// Extensions of the files that are taken from a folder.
const RASTER_EXTENSIONS: &[&str] = &["tif", "tiff", "vrt", "jp2", "png", "jpg", "jpeg", "img"];

/// A scene that is named, not yet opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneSource {
    /// The STAC item's id or the file's name without extension; unique in a list made by [`resolve_scenes`].
    pub id: String,
    /// File or URL of the raster.
    pub uri: String,
    /// The same as GDAL opens it (`/vsicurl/...`, `/vsis3/...`).
    pub gdal_path: String,
    /// Acquisition date or date and time of the STAC item, RFC 3339.
    pub acquired: Option<String>,
    /// Band names of the STAC asset, in band order; empty text where a band has none.
    pub band_names: Option<Vec<String>>,
    /// What the STAC item says of the meaning of stored values.
    #[serde(default)]
    pub scaling: ItemScaling,
}

impl SceneSource {
    /// A scene that is known by its file or URL alone.
    pub fn new(uri: &str) -> Self {
        Self {
            id: stem(uri).to_owned(),
            uri: uri.to_owned(),
            gdal_path: gdal_path(uri),
            acquired: None,
            band_names: None,
            scaling: ItemScaling::default(),
        }
    }
}

/// Lists the scenes that files, globs, folders, VRTs, `http(s)://`, `s3://` URLs and STAC items or item collections
/// name. Sorted by id, then URI; the same raster twice is listed once; ids are made unique. No raster is opened, so a
/// missing file is only found by [`open_scene`](crate::open_scene).
///
/// # Errors
/// [`GdalError::NoMatch`] for a folder or glob without a raster and for an empty list; [`GdalError::BadStac`],
/// [`GdalError::StacAssets`], [`GdalError::Missing`] and [`GdalError::Unreachable`] for STAC documents.
pub fn resolve_scenes(inputs: &[String]) -> Result<Vec<SceneSource>, GdalError> {
    let mut scenes = Vec::new();
    for input in inputs {
        expand(input, &mut scenes)?;
    }
    if scenes.is_empty() {
        return Err(GdalError::NoMatch { pattern: "the list of scenes".into() });
    }
    // Of two names of one raster, the one that comes with a date or band names is kept.
    let known = |s: &SceneSource| s.acquired.is_some() || s.band_names.is_some();
    scenes.sort_by(|a, b| (!known(a), &a.id, &a.uri).cmp(&(!known(b), &b.id, &b.uri)));
    let mut seen = BTreeSet::new();
    scenes.retain(|s| seen.insert(identity(&s.gdal_path)));
    scenes.sort_by(|a, b| (&a.id, &a.uri).cmp(&(&b.id, &b.uri)));
    make_ids_unique(&mut scenes);
    Ok(scenes)
}

/// One name for the spellings of a local path.
fn identity(gdal_path: &str) -> String {
    match std::fs::canonicalize(gdal_path) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => gdal_path.to_owned(),
    }
}

fn make_ids_unique(scenes: &mut [SceneSource]) {
    let mut taken: BTreeSet<String> = scenes.iter().map(|s| s.id.clone()).collect();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for scene in scenes {
        let n = count.entry(scene.id.clone()).or_insert(0);
        *n += 1;
        while *n > 1 && !taken.insert(format!("{}-{n}", scene.id)) {
            *n += 1;
        }
        if *n > 1 {
            scene.id = format!("{}-{n}", scene.id);
        }
    }
}

fn expand(input: &str, scenes: &mut Vec<SceneSource>) -> Result<(), GdalError> {
    let path = gdal_path(input);
    if is_remote(&path) || !is_local(&path) {
        return expand_remote(input, scenes);
    }
    let local = Path::new(&path);
    if local.is_dir() && !is_product_folder(local) {
        return expand_folder(input, local, scenes);
    }
    if !local.exists() && path.contains(['*', '?', '[']) {
        return expand_glob(&path, scenes);
    }
    if is_json(input) {
        scenes.extend(stac::read(input)?);
    } else {
        scenes.push(SceneSource::new(input));
    }
    Ok(())
}

fn is_json(uri: &str) -> bool {
    matches!(extension(uri).as_str(), "json" | "geojson")
}

/// A Sentinel product is a folder that GDAL opens as one scene.
fn is_product_folder(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safe"))
}

fn expand_remote(input: &str, scenes: &mut Vec<SceneSource>) -> Result<(), GdalError> {
    // The endpoints of STAC services (`.../items/ID`) have no extension; rasters do.
    let bare = input.starts_with("http") && extension(input).is_empty() && !file_name(input).is_empty();
    if is_json(input) {
        scenes.extend(stac::read(input)?);
    } else if bare && let Ok(items) = stac::read(input) {
        scenes.extend(items);
    } else {
        scenes.push(SceneSource::new(input));
    }
    Ok(())
}

fn expand_folder(input: &str, folder: &Path, scenes: &mut Vec<SceneSource>) -> Result<(), GdalError> {
    let list = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_file() && RASTER_EXTENSIONS.contains(&extension(&name).as_str()) {
                names.push(name);
            }
        }
        Ok(names)
    };
    let names = list().map_err(|source| GdalError::Io {
        doing: "list the folder",
        path: input.to_owned(),
        source,
    })?;
    push_all(input, names, scenes)
}

fn expand_glob(pattern: &str, scenes: &mut Vec<SceneSource>) -> Result<(), GdalError> {
    let none = || GdalError::NoMatch { pattern: pattern.to_owned() };
    let names = glob::glob(pattern)
        .map_err(|_| none())?
        .filter_map(Result::ok)
        .filter(|path| path.is_file())
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    push_all(pattern, names, scenes)
}

fn push_all(what: &str, names: Vec<String>, scenes: &mut Vec<SceneSource>) -> Result<(), GdalError> {
    if names.is_empty() {
        return Err(GdalError::NoMatch { pattern: what.to_owned() });
    }
    for name in names {
        if is_json(&name) {
            scenes.extend(stac::read(&name)?);
        } else {
            scenes.push(SceneSource::new(&name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        dir
    }

    fn ids(inputs: &[String]) -> Vec<String> {
        resolve_scenes(inputs).unwrap().into_iter().map(|s| s.id).collect()
    }

    #[test]
    fn folders_and_globs_are_sorted_and_merged() {
        let dir = folder(&["b.tif", "a.TIF", "notes.txt", "c.tif.aux.xml", "sub/d.tif"]);
        let root = dir.path().to_string_lossy().into_owned();
        assert_eq!(ids(std::slice::from_ref(&root)), ["a", "b"]);
        assert_eq!(ids(&[format!("{root}/*.tif"), format!("{root}/./b.tif"), root.clone()]), ["a", "b"]);
        assert_eq!(ids(&[format!("{root}/**/*.tif")]), ["b", "d"]);
    }

    #[test]
    fn empty_sets_are_errors() {
        let dir = folder(&["notes.txt"]);
        let root = dir.path().to_string_lossy().into_owned();
        for input in [root.clone(), format!("{root}/*.tif")] {
            assert!(matches!(resolve_scenes(&[input]), Err(GdalError::NoMatch { .. })));
        }
        assert!(matches!(resolve_scenes(&[]), Err(GdalError::NoMatch { .. })));
    }

    #[test]
    fn ids_are_made_unique() {
        let dir = folder(&["1/a.tif", "2/a.tif", "a-2.tif", "3/a.tif"]);
        let root = dir.path().to_string_lossy().into_owned();
        let mut got = ids(&[format!("{root}/**/*.tif")]);
        got.sort();
        assert_eq!(got, ["a", "a-2", "a-3", "a-4"]);
    }

    #[test]
    fn remote_and_missing_inputs_are_kept_for_opening() {
        let scenes = resolve_scenes(&["s3://bucket/x.tif".into(), "no/such.tif".into()]).unwrap();
        assert_eq!(scenes[1].gdal_path, "/vsis3/bucket/x.tif");
        assert_eq!(scenes[0].uri, "no/such.tif");
    }
}
