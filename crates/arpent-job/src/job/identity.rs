//! The run id, a hash of inputs, model and options: the same ones give the same id.

use std::sync::atomic::{AtomicBool, Ordering};

use arpent_base::{Failure, hash_of_json};
use arpent_gdal::Fingerprint;
use arpent_raster::{Declared, Scaling};
use serde::Serialize;
use serde_json::json;

use super::map::MapJob;
use super::resolve::Job;
use super::scene::UsableScene;
use crate::config::OcsGe;

/// A scene with the fingerprint of its bytes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Input {
    /// Scene id.
    pub id: String,
    /// URI as given.
    pub uri: String,
    /// Its date, in a map that compares two.
    #[serde(skip)]
    pub date: Option<&'static str>,
    /// Fingerprint of its bytes.
    #[serde(flatten)]
    pub fingerprint: Fingerprint,
}

/// Why scenes have no fingerprints.
#[derive(Debug)]
pub(crate) enum Unhashed {
    /// The bytes of one, by its position, cannot be read.
    Scene(usize, Failure),
    /// They are not needed any more.
    Stopped,
}

/// How scenes are identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashing {
    /// By their bytes: they are read whole.
    Bytes,
    /// By size and time of change, where only the time that a job takes is of interest.
    Name,
}

/// Fingerprints of a map's scenes.
///
/// # Errors
/// When the bytes of a scene cannot be read, or `stop` was set between two scenes.
pub(crate) fn fingerprints(
    map: &MapJob,
    hashing: Hashing,
    stop: &AtomicBool,
) -> Result<Vec<Input>, Unhashed> {
    let fingerprint = match hashing {
        Hashing::Bytes => arpent_gdal::fingerprint,
        Hashing::Name => arpent_gdal::stamp,
    };
    let one = |(i, (date, scene)): (usize, (Option<&'static str>, &UsableScene))| {
        if stop.load(Ordering::Relaxed) {
            return Err(Unhashed::Stopped);
        }
        let fingerprint = fingerprint(&scene.source).map_err(|e| Unhashed::Scene(i, e.into()))?;
        Ok(Input { id: scene.info.id.clone(), uri: scene.source.uri.clone(), date, fingerprint })
    };
    map.scenes().enumerate().map(one).collect()
}

/// `run-` and 16 hex digits. Only what can change the result is hashed: not the window size, the threads, the
/// device or the place of the output.
pub(crate) fn run_id(job: &Job, map: &MapJob, inputs: &[Input]) -> String {
    let print = |i: &Input| match i.date {
        None => json!([i.id, content(&i.fingerprint)]),
        Some(date) => json!([i.id, content(&i.fingerprint), date]),
    };
    let prints: Vec<_> = inputs.iter().map(print).collect();
    // A layer is its bytes, wherever it lies.
    let mut coverage = job.config.coverage.clone();
    let areas = coverage.as_mut().and_then(|c| c.built_up.as_mut()).and_then(|b| b.areas.as_mut());
    areas.into_iter().for_each(without_file);
    let mut options = job.config.reference.clone();
    options.layers_mut().for_each(|layer| without_file(&mut layer.source));
    let mut layer_of_aoi = job.config.aoi.clone().unwrap_or_default();
    without_file(&mut layer_of_aoi);
    let mut described = json!({
        "arpent": env!("CARGO_PKG_VERSION"),
        "grid": map.grid().key(),
        "inputs": prints,
        "model": job.model.sha256(),
        "aoi": map.aoi_fingerprint.as_ref().map(content),
        "aoi_layer": layer_of_aoi,
        "input": job.config.input,
        "features": job.config.features,
        "coverage": coverage,
        "objects": job.config.objects,
        "references": map.reference_fingerprints.iter().map(content).collect::<Vec<_>>(),
        "reference": options,
        "ocs_ge": job.ocs_ge.as_ref().map(OcsGe::codes),
        "rasters": job.config.rasters,
        "scenes": reading(map),
    });
    if let Some(values) = &job.config.values {
        described["values"] = json!(values);
    }
    if !map.masks.is_empty() {
        let mut mask = job.config.mask.clone();
        mask.layers.iter_mut().for_each(|layer| without_file(layer.source_mut()));
        let prints: Vec<_> = map.masks.fingerprints().iter().map(content).collect();
        // A reason may be the name of a file.
        let reasons: Vec<_> = map.masks.facts().into_iter().map(|mask| mask.reasons).collect();
        described["mask"] = json!({ "options": mask, "masks": prints, "reasons": reasons });
    }
    if let Some(confidence) = &job.config.confidence {
        described["confidence"] = json!(confidence);
    }
    if let Some(abstain) = &job.config.abstain {
        described["abstain"] = json!(abstain);
    }
    format!("run-{}", hash_of_json(described))
}

/// The part of a source after its file: layer and open options.
fn without_file(source: &mut String) {
    source.drain(..arpent_gdal::layer_file(source).len());
}

/// How each scene is read: its bands, scale and offset, nodata and masks. A STAC item may declare all of it,
/// which is no part of the scene's bytes.
pub(crate) fn reading(map: &MapJob) -> Vec<String> {
    let of_scene = |scene: &UsableScene| {
        let info = &scene.info;
        let of_band = |number: &usize| {
            let band = info.bands.iter().find(|band| band.index == *number);
            (number.to_owned(), band.map(|b| (b.nodata, b.scaling.as_ref().and_then(Scaling::applied))))
        };
        let alpha = info.alpha(&scene.bands);
        let bands: Vec<_> = scene.bands.iter().map(of_band).collect();
        let by_configuration = info.validity.nodata_by == Declared::Configuration;
        format!("{bands:?} {alpha:?} {} {by_configuration}", info.validity.has_mask)
    };
    map.scenes().map(|(_, scene)| of_scene(scene)).collect()
}

/// The part of a fingerprint that depends on the bytes, not on their location.
fn content(print: &Fingerprint) -> serde_json::Value {
    let known = print.sha256.as_ref().or(print.etag.as_ref()).or(print.modified.as_ref());
    let parts: Vec<_> = print.parts.iter().map(content).collect();
    json!([print.size, known, parts])
}
