//! What the address of a mask names, and which values of a raster mask. No pixel is read here.

use std::path::{Path, PathBuf};

use arpent_base::{Failure, Result, redacted};
use arpent_gdal::{Fingerprint, GdalError, PublishedRaster, SceneSource, layer_file};
use arpent_publish::{MANIFEST_NAME, Manifest, ModelRecord, ROLE_LABELS, ROLE_MAP, Target, Warning};
use arpent_raster::{Grid, Window};

use super::classes::{Chosen, OBSERVED, UNKNOWN, Values};
use super::error::MaskError;
use crate::address::{
    checked_address, has_a_layer, is_changed, is_layer, is_raster_name, is_same_place, run_of,
};
use crate::config::MaskClass;

/// Key of warnings.
pub(super) const KEY: &str = "mask";

/// A raster of classes.
#[derive(Debug)]
pub(crate) struct RasterFacts {
    /// Address of the raster.
    pub(crate) address: String,
    pub(super) chosen: Chosen,
    /// Whether it lies below the whole map.
    pub(crate) is_below_all: bool,
    /// The map that it is of.
    pub(super) map: Option<MapFacts>,
    /// What identifies its bytes.
    pub(crate) print: Fingerprint,
}

/// The map that a raster is of.
#[derive(Debug)]
pub(super) struct MapFacts {
    pub(super) run_id: String,
    pub(super) model: ModelRecord,
    /// Scenes that it does not have.
    pub(super) failed: usize,
}

/// What an address of a mask is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MadeOf {
    /// A vector layer.
    Areas,
    /// A raster.
    Raster,
    /// The output of a run.
    Map,
    /// A model package.
    Model(PathBuf),
    /// The configuration of a run.
    Run(PathBuf),
}

/// The model package, or the configuration of a run, that the address of a mask names.
pub(crate) fn model_of(uri: &str) -> Option<MadeOf> {
    let path = Path::new(uri);
    if uri.to_ascii_lowercase().ends_with(".toml") {
        return Some(MadeOf::Run(path.to_owned()));
    }
    path.join("model.json").is_file().then(|| MadeOf::Model(path.to_owned()))
}

/// What the address of a mask is. A local file that is neither a raster nor known by its name counts as a vector layer.
///
/// # Errors
/// [`MaskError::NoMask`] for another folder.
pub(crate) fn kind_of(uri: &str) -> Result<MadeOf, MaskError> {
    if let Some(model) = model_of(uri) {
        return Ok(model);
    }
    let path = Path::new(uri);
    if is_layer(uri) && has_a_layer(uri) {
        return Ok(MadeOf::Areas);
    }
    if path.is_dir() {
        if path.join(MANIFEST_NAME).is_file() {
            return Ok(MadeOf::Map);
        }
        return Err(MaskError::NoMask { mask: redacted(uri) });
    }
    if path.is_file() || is_raster_name(uri) {
        let is_raster = !matches!(PublishedRaster::open(uri), Err(GdalError::NotARaster { .. }));
        return Ok(if is_raster { MadeOf::Raster } else { MadeOf::Areas });
    }
    let is_map = Target::parse(uri).is_ok_and(|target| target.read_manifest().is_ok());
    Ok(if is_map { MadeOf::Map } else { MadeOf::Raster })
}

/// Opens a raster, or the raster of a map, and chooses the values that mask the pixels `extent` of a grid.
///
/// # Errors
/// Those of [`MaskError`], and of opening the raster.
pub(crate) fn open_raster(
    uri: &str,
    made_of: &MadeOf,
    wanted: &[MaskClass],
    (grid, extent): (&Grid, &Window),
) -> Result<RasterFacts> {
    let shown = redacted(uri);
    let mut undecided = None;
    let (address, map, published) = if *made_of == MadeOf::Map {
        let target = Target::parse(uri)?;
        let manifest = target.read_manifest()?;
        let role = if is_changed(&manifest) { ROLE_MAP } else { ROLE_LABELS };
        undecided = manifest.counts.undecided.as_ref().map(|counts| counts.value);
        let artifact = manifest.artifacts.iter().find(|artifact| artifact.role == role);
        let artifact = artifact.ok_or_else(|| MaskError::NoRaster { mask: shown.clone() })?;
        let print = Fingerprint {
            uri: uri.to_owned(),
            size: Some(artifact.size),
            sha256: Some(artifact.sha256.clone()),
            etag: None,
            modified: None,
            parts: Vec::new(),
        };
        (checked_address(&target, artifact)?, Some(MapFacts::of(&manifest)), Some(print))
    } else {
        (uri.to_owned(), None, None)
    };
    let raster = PublishedRaster::open(&address).map_err(|error| not_classes(&shown, error))?;
    if !raster.grid().crs.is_same(&grid.crs) {
        let (crs, scenes) = (raster.grid().crs.name.clone(), grid.crs.name.clone());
        return Err(MaskError::OtherCrs { mask: shown, crs, scenes }.into());
    }
    let (own, pixels) = (raster.grid().bbox(&raster.window()), grid.bbox(extent));
    check_touches(&shown, own, pixels, grid)?;
    let is_below_all =
        own[0] <= pixels[0] && own[1] <= pixels[1] && own[2] >= pixels[2] && own[3] >= pixels[3];
    let stem = stem_of(uri);
    let values =
        Values { mask: &shown, names: raster.classes(), nodata: raster.nodata(), undecided, reason: &stem };
    let chosen = values.chosen(wanted)?;
    let print = match published {
        Some(print) => print,
        None => arpent_gdal::fingerprint(&SceneSource::new(uri))?,
    };
    Ok(RasterFacts { address, chosen, is_below_all, map, print })
}

/// An error of opening a raster, with a hint for masks.
fn not_classes(mask: &str, error: GdalError) -> Failure {
    let mask = mask.to_owned();
    match error {
        GdalError::BandCount { bands, .. } => {
            MaskError::NotClasses { mask, found: format!("{bands} bands"), is_type: false }.into()
        }
        GdalError::UnsupportedType { type_name, .. } => {
            MaskError::NotClasses { mask, found: type_name, is_type: true }.into()
        }
        error => error.into(),
    }
}

impl MapFacts {
    fn of(manifest: &Manifest) -> Self {
        Self {
            run_id: manifest.run_id.clone(),
            model: manifest.model.clone(),
            failed: manifest.failed_inputs.len(),
        }
    }
}

impl RasterFacts {
    /// The reason of each value that masks.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (u8, &String)> {
        self.chosen.reasons.iter().map(|(value, reason)| (*value, reason))
    }

    /// The numbers of all values, from that of each reason.
    pub(crate) fn numbers(&self, number_of: &mut dyn FnMut(&str) -> u8) -> [u8; 256] {
        let mut numbers = [OBSERVED; 256];
        for (value, reason) in self.reasons() {
            numbers[usize::from(value)] = number_of(reason);
        }
        for unknown in &self.chosen.unknown {
            numbers[usize::from(*unknown)] = UNKNOWN;
        }
        numbers
    }
}

/// The name of a file or folder without its extension: the reason of a mask that names none.
pub(super) fn stem_of(uri: &str) -> String {
    let file = layer_file(uri).trim_end_matches('/');
    let name = arpent_gdal::file_name(file);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if stem.is_empty() { KEY.to_owned() } else { stem.to_owned() }
}

/// Refuses a mask that the output would replace.
pub(super) fn check_place(source: &str, output: Option<&str>) -> Result<(), MaskError> {
    let Some(output) = output else { return Ok(()) };
    let file = layer_file(source);
    let is_same = |place: &str| is_same_place(place, output).unwrap_or(false);
    if is_same(file) || run_of(file).is_some_and(|run| is_same(&run.output)) {
        return Err(MaskError::IsOutput { mask: redacted(source), output: redacted(output) });
    }
    Ok(())
}

/// Refuses a raster beside the map: what it is a mask of lies elsewhere.
fn check_touches(shown: &str, own: [f64; 4], map: [f64; 4], grid: &Grid) -> Result<(), MaskError> {
    let touches = own[0] < map[2] && map[0] < own[2] && own[1] < map[3] && map[1] < own[3];
    if touches {
        return Ok(());
    }
    let printed = |[w, s, e, n]: [f64; 4]| format!("{w} {s} {e} {n}");
    let (crs, found, extent) = (grid.crs.name.clone(), printed(own), printed(map));
    Err(MaskError::Apart { mask: shown.to_owned(), crs, found, extent })
}

/// A warning about a map of a mask that lacks scenes.
pub(super) fn incomplete(shown: &str, map: &MapFacts) -> Option<Warning> {
    (map.failed > 0).then(|| {
        let message = format!(
            "the map {shown} lacks {} scenes that could not be used: what only these show is taken as observed",
            map.failed
        );
        Warning::new("mask-incomplete", KEY, message)
    })
}
