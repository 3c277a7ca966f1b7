//! Resolves inputs of the user (files, globs, folders, URLs, STAC items) to a list of scenes.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::path::Path;

use super::source::SceneSource;
use super::stac;
use crate::GdalError;
use crate::error::cannot_open;
use crate::ffi::{self, failure};
use crate::setup::quiet;
use crate::uri::{extension, file_name, gdal_path, is_local, is_remote};

/// Extensions of the rasters in a folder.
const RASTER_EXTENSIONS: &[&str] = &["tif", "tiff", "vrt", "jp2", "png", "jpg", "jpeg", "img"];

/// Lists the scenes of files, globs, folders, VRTs, `http(s)://`, `s3://`, `gs://`, `az://` URLs, folders and globs of
/// buckets, STAC items or item collections, and lists of all these (`@list.txt`: one a line, `#` begins a comment,
/// paths are relative to the list). Sorted by id, then URI; a raster that is named twice is listed once, with the
/// differing metadata of the second; ids are made unique. No raster is opened, so a missing file is only found by
/// [`open_scene`](crate::open_scene).
///
/// # Errors
/// [`GdalError::NoMatch`] for a folder or glob without rasters and for an empty list; [`GdalError::BadStac`],
/// [`GdalError::StacAssets`], [`GdalError::Missing`] and [`GdalError::Unreachable`] for STAC documents.
pub fn resolve_scenes(inputs: &[String]) -> Result<Vec<SceneSource>, GdalError> {
    let mut scenes = Vec::new();
    for input in inputs {
        match input.strip_prefix('@') {
            Some(list) => listed(list)?.iter().try_for_each(|input| expand(input, &mut scenes))?,
            None => expand(input, &mut scenes)?,
        }
    }
    scenes.iter_mut().enumerate().for_each(|(position, scene)| scene.position = position);
    if scenes.is_empty() {
        return Err(GdalError::NoMatch { pattern: "the list of scenes".into() });
    }
    // Of two names of one raster, the one with a date or band names is kept.
    let known = |s: &SceneSource| s.acquired.is_some() || s.band_names.is_some();
    scenes.sort_by(|a, b| (!known(a), &a.id, &a.uri).cmp(&(!known(b), &b.id, &b.uri)));
    let mut kept: BTreeMap<String, SceneSource> = BTreeMap::new();
    for scene in scenes {
        match kept.entry(identity(&scene.gdal_path)) {
            Entry::Vacant(free) => drop(free.insert(scene)),
            Entry::Occupied(mut first) => {
                let differences = first.get().differences(&scene);
                first.get_mut().contradicted.extend(differences);
            }
        }
    }
    let mut scenes: Vec<SceneSource> = kept.into_values().collect();
    scenes.sort_by(|a, b| (&a.id, &a.uri).cmp(&(&b.id, &b.uri)));
    make_ids_unique(&mut scenes);
    Ok(scenes)
}

/// The canonical name of a local path.
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

/// Bytes of a list of scenes at most.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// The inputs of a list.
fn listed(list: &str) -> Result<Vec<String>, GdalError> {
    use std::io::Read as _;
    let io = |source| GdalError::Io { doing: "read the list of scenes", path: list.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(list).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => GdalError::Missing { path: list.to_owned(), message: String::new() },
        _ => io(e),
    })?;
    file.take(MAX_LIST_BYTES + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > MAX_LIST_BYTES {
        let (path, what) = (list.to_owned(), "bytes in the list of scenes".to_owned());
        return Err(GdalError::TooLarge { path, what, found: text.len() as u64, most: MAX_LIST_BYTES });
    }
    let folder = Path::new(list).parent().unwrap_or_else(|| Path::new(""));
    // A byte order mark of Windows editors is not part of the first name.
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let named = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let inputs: Vec<String> = named
        .map(|line| {
            let path = gdal_path(line);
            let relative = !line.contains("://") && is_local(&path) && Path::new(line).is_relative();
            if relative { folder.join(line).to_string_lossy().into_owned() } else { line.to_owned() }
        })
        .collect();
    if inputs.is_empty() { Err(GdalError::NoMatch { pattern: format!("@{list}") }) } else { Ok(inputs) }
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

/// A bucket's folder (`s3://bucket/folder/`) or glob: the matching keys, as in a local folder.
fn expand_bucket(input: &str, path: &str, scenes: &mut Vec<SceneSource>) -> Result<(), GdalError> {
    // Brackets and question marks are rare in keys; the pattern begins after the last folder without a wildcard.
    let fixed = path.find(['*', '?', '[']).unwrap_or(path.len());
    let folder = path[..fixed].rsplit_once('/').map_or(path, |(folder, _)| folder);
    let pattern = glob::Pattern::new(&path[folder.len()..]);
    let pattern = pattern.map_err(|_| GdalError::NoMatch { pattern: input.to_owned() })?;
    let is_glob = fixed < path.len();
    let deep = is_glob && ["/", "**"].iter().any(|across| path[folder.len() + 1..].contains(across));
    // As in a local folder, `*` does not match `/`; `**` does.
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    quiet();
    ffi::reset_error();
    let found = gdal::vsi::read_dir(folder, deep)
        .map_err(|e| cannot_open(input, folder, no_listing(folder).unwrap_or_else(|| failure(&e))))?;
    let scheme = input.split_once("://").map_or("", |(scheme, _)| scheme);
    let prefix = path.find('/').and(path[1..].find('/')).map_or(0, |at| at + 2);
    let mut names = Vec::new();
    for name in found {
        let name = name.to_string_lossy();
        let whole = format!("{folder}/{name}");
        let wanted = if is_glob {
            pattern.matches_with(&whole[folder.len()..], options)
        } else {
            RASTER_EXTENSIONS.contains(&extension(&name).as_str())
        };
        if wanted && !name.ends_with('/') && file_name(&name).contains('.') {
            names.push(format!("{scheme}://{}", &whole[prefix..]));
        }
    }
    names.sort();
    push_all(input, names, scenes)
}

/// Why a bucket cannot be listed: the error of a request for a single object.
fn no_listing(folder: &str) -> Option<String> {
    ffi::vsi_head(&format!("{folder}/arpent-asks"), 1).err().filter(|message| !message.is_empty())
}

fn expand_remote(input: &str, scenes: &mut Vec<SceneSource>) -> Result<(), GdalError> {
    let is_bucket = ["s3://", "gs://", "az://"].iter().any(|scheme| input.starts_with(scheme));
    if is_bucket && (input.ends_with('/') || input.contains(['*', '?', '['])) {
        return expand_bucket(input, &gdal_path(input), scenes);
    }
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
            // A broken link is a missing scene, not an empty result.
            if !path.is_dir() && RASTER_EXTENSIONS.contains(&extension(&name).as_str()) {
                names.push(name);
            }
        }
        names.sort();
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
    let found = glob::glob(pattern).map_err(|_| GdalError::NoMatch { pattern: pattern.to_owned() })?;
    let mut names = Vec::new();
    for path in found {
        // A folder that cannot be listed may contain matching files.
        let path = path.map_err(|e| GdalError::Io {
            doing: "list the folder",
            path: e.path().to_string_lossy().into_owned(),
            source: e.into(),
        })?;
        if !path.is_dir() || is_product_folder(&path) {
            names.push(path.to_string_lossy().into_owned());
        }
    }
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

    #[cfg(unix)]
    #[test]
    fn what_is_listed_and_cannot_be_read_is_not_left_out() {
        let dir = folder(&["dalles/a.tif", "S2A.SAFE/MTD.xml"]);
        let root = dir.path().to_string_lossy().into_owned();
        std::os::unix::fs::symlink("gone.tif", dir.path().join("dalles/b.tif")).unwrap();
        assert_eq!(ids(&[format!("{root}/dalles")]), ["a", "b"]);
        assert_eq!(ids(&[format!("{root}/dalles/*.tif")]), ["a", "b"]);
        assert_eq!(ids(&[format!("{root}/*")]), ["S2A"]);
    }

    #[test]
    fn a_list_names_scenes_as_seen_from_itself() {
        let dir = folder(&["lists/a.tif", "b.tif", "lists/more/c.tif", "lists/été 1.tif"]);
        let list = dir.path().join("lists/all.txt");
        let text =
            "\u{feff}# dalles\r\n../b.tif\r\n\r\n  a.tif\r\nmore/*.tif\ns3://bucket/z.tif\nété 1.tif\n";
        std::fs::write(&list, text).unwrap();
        let scenes = resolve_scenes(&[format!("@{}", list.display())]).unwrap();
        let mut given: Vec<_> = scenes.iter().map(|s| (s.position, s.id.as_str())).collect();
        given.sort_unstable();
        assert_eq!(given, [(0, "b"), (1, "a"), (2, "c"), (3, "z"), (4, "été 1")]);
        assert!(scenes.iter().any(|s| s.uri == "s3://bucket/z.tif"));
        std::fs::write(&list, "# nothing\n").unwrap();
        let none = resolve_scenes(&[format!("@{}", list.display())]);
        assert!(matches!(none, Err(GdalError::NoMatch { .. })), "{none:?}");
        assert!(matches!(resolve_scenes(&["@no/list.txt".into()]), Err(GdalError::Missing { .. })));
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

    #[test]
    fn items_of_one_raster_that_differ_are_kept_with_it() {
        let dir = folder(&["o.tif"]);
        let item = |id: &str, date: &str, band: &str| {
            let item = serde_json::json!({"type": "Feature", "id": id, "properties": {"datetime": date},
                "assets": {"image": {"href": "o.tif", "bands": [{"name": band}]}}});
            let path = dir.path().join(format!("{id}.json"));
            std::fs::write(&path, item.to_string()).unwrap();
            path.to_string_lossy().into_owned()
        };
        let (a, b) = (item("a", "2023-06-01T10:00:00Z", "red"), item("b", "2024-06-01T10:00:00Z", "nir"));
        let same = item("c", "2023-06-01T10:00:00Z", "red");
        let plain = dir.path().join("o.tif").to_string_lossy().into_owned();
        for inputs in [[b.clone(), a.clone(), plain.clone(), same.clone()], [same, plain, a, b]] {
            let scenes = resolve_scenes(&inputs).unwrap();
            let [scene] = &scenes[..] else { panic!("{scenes:?}") };
            assert_eq!((scene.id.as_str(), scene.acquired.as_deref()), ("a", Some("2023-06-01T10:00:00Z")));
            let told = "`b` (date `2024-06-01T10:00:00Z`, here `2023-06-01T10:00:00Z`; band names)";
            assert_eq!(scene.contradicted, [told]);
        }
    }

    #[test]
    fn no_side_file_is_requested_for_a_url_with_a_query() {
        let alone = |uri: &str| SceneSource::new(uri).is_alone();
        assert!(alone("https://h/a.tif?sig=x") && alone("http://h/a.tif#x"));
        for uri in ["https://h/a.tif", "s3://b/a.tif", "/d/what?.tif", "https://h/a.vrt?sig=x"] {
            assert!(!alone(uri), "{uri}");
        }
    }
}
