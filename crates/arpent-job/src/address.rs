//! What an address names: the output of a run, a file of one, a vector layer.

use std::path::PathBuf;

use arpent_base::Result;
use arpent_gdal::{GdalError, layer_file};
use arpent_publish::{Artifact, Manifest, Target};

/// Extensions of files with vector layers. A GeoJSON needs its own: `.json` is a STAC item.
const LAYERS: [&str; 8] = [".gpkg", ".shp", ".fgb", ".parquet", ".geoparquet", ".geojson", ".gdb", ".sqlite"];
/// Extensions of rasters of classes.
const RASTERS: [&str; 7] = [".tif", ".tiff", ".vrt", ".img", ".asc", ".png", ".jp2"];

/// A run, and a file of it.
#[derive(Debug)]
pub(crate) struct OfRun {
    /// Where the run was published.
    pub output: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// The file's entry in the manifest.
    pub artifact: Artifact,
}

/// Address of an artifact of a run, after a check of its hash: results made of it name that hash.
///
/// # Errors
/// [`PublishError::NotAsPublished`](arpent_publish::PublishError::NotAsPublished), or when it cannot be read.
pub(crate) fn checked_address(target: &Target, artifact: &Artifact) -> Result<String> {
    target.check_artifact(artifact)?;
    let folder = target.local_folder().map(|folder| folder.to_string_lossy().into_owned());
    Ok(format!("{}/{}", folder.as_deref().unwrap_or(target.url()), artifact.href))
}

/// The run that has a file among its artifacts: its manifest lies at most two folders above. `None` if there is none,
/// or if it cannot be read: the file may still be inspected alone.
pub(crate) fn run_of(file: &str) -> Option<OfRun> {
    let file = file.trim_end_matches('/');
    let separators: Vec<usize> = file.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at).collect();
    let above = separators.iter().rev().take(2).map(|at| (&file[..*at], &file[at + 1..]));
    // A file in the working directory, or in a folder of it.
    let here =
        (!file.contains("://") && separators.len() < 2 && !file.starts_with('/')).then_some((".", file));
    above.chain(here).filter(|(output, _)| !output.is_empty() && !output.ends_with('/')).find_map(
        |(output, href)| {
            let manifest = Target::parse(output).ok()?.read_manifest().ok()?;
            let artifact = manifest.artifacts.iter().find(|artifact| artifact.href == href)?.clone();
            Some(OfRun { output: output.to_owned(), manifest, artifact })
        },
    )
}

/// Whether two addresses are one place: results are not published over what they are made of.
///
/// # Errors
/// When one is no address of an output.
pub(crate) fn is_same_place(one: &str, other: &str) -> Result<bool> {
    let place = |url: &str| -> Result<PathBuf> {
        let target = Target::parse(url)?;
        let folder = target.local_folder().map(|f| f.canonicalize().unwrap_or_else(|_| f.to_owned()));
        Ok(folder.unwrap_or_else(|| target.url().into()))
    };
    Ok(place(one)? == place(other)?)
}

/// Whether an address names a vector layer.
pub(crate) fn is_layer(uri: &str) -> bool {
    let file = layer_file(uri);
    file != uri || ends_with_any(file, &LAYERS)
}

/// Whether a file has a vector layer, or cannot be read at all: a GeoPackage may hold rasters alone.
pub(crate) fn has_a_layer(uri: &str) -> bool {
    match arpent_gdal::layer_facts(uri) {
        Err(GdalError::NotAVector { .. }) => false,
        Err(GdalError::NoGeometry { layers, .. }) => !layers.is_empty(),
        _ => true,
    }
}

/// Whether an address that is no local file names a raster.
pub(crate) fn is_raster_name(uri: &str) -> bool {
    uri.starts_with("/vsi") || ends_with_any(uri, &RASTERS)
}

fn ends_with_any(uri: &str, extensions: &[&str]) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or(uri).trim_end_matches('/').to_lowercase();
    extensions.iter().any(|extension| path.ends_with(extension))
}

/// Whether the published classes of a map are in a raster of their own (`map`): those of its label raster are the
/// prediction.
pub(crate) fn is_changed(manifest: &Manifest) -> bool {
    let counts = &manifest.counts;
    counts.change.is_some()
        || counts.undecided.is_some()
        || counts.coverage.is_some()
        || counts.references.iter().any(|layer| matches!(&*layer.rule, "override" | "impose"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_layers_are_recognized_by_their_names() {
        for uri in ["a.gpkg", "a.SHP", "s3://b/a.parquet", "a.gdb/", "a.zip|layername=x"] {
            assert!(is_layer(uri), "{uri}");
        }
        for uri in ["a.tif", "item.json", "map-2018", "s3://b/map"] {
            assert!(!is_layer(uri), "{uri}");
        }
        assert!(is_raster_name("https://h/a.TIF?x=1") && !is_raster_name("s3://b/map"));
    }

    #[test]
    fn a_file_finds_its_run_above() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
        std::fs::create_dir_all(at("out/a1")).unwrap();
        let artifact = serde_json::json!({ "href": "a1/map.tif", "role": "map", "media_type": "", "size": 1, "sha256": "" });
        let manifest = serde_json::json!({
            "format": arpent_publish::MANIFEST_FORMAT, "run_id": "r", "created": "", "attempt": "a1", "software": {}, "inputs": [],
            "failed_inputs": [], "model": { "id": "", "version": "", "sha256": "", "license": "" }, "config": {},
            "counts": {}, "timings_s": {}, "artifacts": [artifact],
        });
        std::fs::write(at("out/manifest.json"), manifest.to_string()).unwrap();
        std::fs::write(at("out/a1/map.tif"), "x").unwrap();
        let found = run_of(&at("out/a1/map.tif")).unwrap();
        assert_eq!((found.output, found.artifact.role), (at("out"), "map".to_owned()));
        for other in ["out/a1/labels.tif", "out/map.tif", "map.tif", "out", "out/a1", "a/b/c/d.tif"] {
            assert!(run_of(&at(other)).is_none(), "{other}");
        }
    }
}
