//! A file that a run published: its content, and its run.

use std::path::Path;

use arpent_base::Result;
use arpent_base::Value;
use arpent_gdal::{GdalError, LayerSource, describe_crs, read_features};
use arpent_publish::{Artifact, FeatureSummary, Manifest, PublishError, ROLE_FEATURES, Target};
use serde::Serialize;

use crate::address::{OfRun, run_of};
use crate::error::JobError;

/// A file that Arpent published, or a copy of it.
#[derive(Debug, Serialize)]
pub struct PublishedFile {
    /// The file.
    pub file: String,
    /// Its role: `features`, `zones`, `labels`, `map`, `confidence`.
    pub role: String,
    /// Output of its run, if the file still lies below it.
    pub output: Option<String>,
    /// Whether it has the published size and SHA-256; `None` for a copy.
    pub as_published: Option<bool>,
    /// Its content, for features; for other files, see the manifest.
    pub holds: Option<FeatureSummary>,
    /// Manifest of its run, if the file still lies below it.
    pub run: Option<Manifest>,
}

/// Formats of published features, with the name of their layer in formats with several layers.
const FORMATS: [(&str, Option<&str>); 4] =
    [("parquet", None), ("gpkg", Some("features")), ("fgb", None), ("geojson", None)];

/// Endings of other files of a run.
const OTHERS: [&str; 3] = ["csv", "pmtiles", "tif"];

/// Reads a file by its extension; `None` if it is not a file of a run.
///
/// # Errors
/// A file that cannot be read, or that changed since its run; a layer that no run wrote.
pub fn published_file(target: &str) -> Result<Option<PublishedFile>> {
    let ending = Path::new(target).extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let format = FORMATS.iter().find(|(format, _)| *format == ending);
    let is_known = format.is_some() || OTHERS.contains(&ending.as_str());
    let found = if is_known { run_of(target) } else { None };
    let (output, artifact, run) = match found {
        Some(OfRun { output, manifest, artifact }) => (Some(output), Some(artifact), Some(manifest)),
        None => (None, None, None),
    };
    let as_published = output.as_deref().zip(artifact.as_ref()).map(|(output, a)| is_as_published(output, a));
    let as_published = as_published.transpose()?;
    let file = target.to_owned();
    // Not every build of GDAL reads PMTiles: what they hold is in the manifest.
    if let Some(artifact) = artifact.as_ref().filter(|a| a.role != ROLE_FEATURES || format.is_none()) {
        let role = artifact.role.clone();
        return Ok(Some(PublishedFile { file, role, output, as_published, holds: None, run }));
    }
    let Some((_, layer)) = format else { return Ok(None) };
    let holds = if ending == "parquet" { Some(of_parquet(target)?) } else { of_layer(target, *layer)? };
    let Some(holds) = holds else { return Ok(None) };
    let role = ROLE_FEATURES.to_owned();
    Ok(Some(PublishedFile { file, role, output, as_published, holds: Some(holds), run }))
}

/// Whether a file of a run matches the manifest.
fn is_as_published(output: &str, artifact: &Artifact) -> Result<bool> {
    match Target::parse(output)?.check_artifact(artifact) {
        Ok(()) => Ok(true),
        Err(PublishError::NotAsPublished { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file that is not a raster may be another vector layer.
pub fn may_be_a_layer(target: &str) -> bool {
    FORMATS.iter().any(|(format, _)| target.to_lowercase().ends_with(&format!(".{format}")))
}

/// Not every build of GDAL reads Parquet: the crate of the writer reads it.
fn of_parquet(target: &str) -> Result<FeatureSummary> {
    if target.contains("://") {
        return Err(JobError::NotInspectable { target: target.to_owned() }.into());
    }
    Ok(FeatureSummary::of_geoparquet(Path::new(target))?)
}

/// `None` for a file that may be a raster: GeoPackages contain both.
fn of_layer(target: &str, layer: Option<&str>) -> Result<Option<FeatureSummary>> {
    let crs = describe_crs("EPSG:4326")?;
    let fields = &FeatureSummary::COLUMNS;
    let source = LayerSource { layer, fields, ..LayerSource::new(target, &crs) };
    let mut summary = FeatureSummary::default();
    let read = read_features::<GdalError>(&source, &mut |feature| {
        let texts: Vec<String> =
            feature.values.iter().map(|v| v.as_ref().map_or_else(String::new, Value::to_string)).collect();
        if let [class, run, model, state] = texts.as_slice() {
            summary.add([class, run, model, state]);
        }
        Ok(())
    });
    match read {
        Ok(_) => Ok(Some(summary)),
        Err(GdalError::NoSuchField { .. }) => Err(JobError::NotFeatures { target: target.to_owned() }.into()),
        Err(GdalError::NoSuchLayer { .. } | GdalError::NotAVector { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
