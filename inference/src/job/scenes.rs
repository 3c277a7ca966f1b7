//! From scene URIs to scenes that the model can use.

use std::path::Path;

use arpent_gdal::SceneSource;
use arpent_model::ModelPackage;
use arpent_raster::SceneInfo;

use crate::config::{InputOptions, Resampling};
use crate::error::{JobError, hint_of, message_of};

/// A scene that the model can use.
#[derive(Debug, Clone)]
pub struct UsableScene {
    /// As it was named.
    pub source: SceneSource,
    /// What it is; after resampling where it was resampled.
    pub info: SceneInfo,
    /// Number (from 1) of each band that the model wants, in the model's order.
    pub bands: Vec<usize>,
    /// Whether it is resampled while it is read.
    pub resampled: bool,
}

/// A scene that cannot be used, and why.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FailedScene {
    /// As it was named.
    pub uri: String,
    /// Why it cannot be used.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FailedScene {
    /// From the error that an attempt to use it gave.
    pub fn new(uri: &str, error: &anyhow::Error) -> Self {
        Self { uri: uri.to_owned(), reason: message_of(error), hint: hint_of(error) }
    }
}

/// Opens every scene; those that cannot be used are told apart, not lost.
pub(super) fn open_all(
    sources: Vec<SceneSource>,
    model: &ModelPackage,
    options: &InputOptions,
    scratch: &Path,
) -> (Vec<UsableScene>, Vec<FailedScene>) {
    let mut usable = Vec::new();
    let mut failed = Vec::new();
    for source in sources {
        match open(&source, model, options, scratch) {
            Ok(scene) => usable.push(scene),
            Err(error) => failed.push(FailedScene::new(&source.uri, &error)),
        }
    }
    (usable, failed)
}

fn open(
    source: &SceneSource,
    model: &ModelPackage,
    options: &InputOptions,
    scratch: &Path,
) -> anyhow::Result<UsableScene> {
    let info = arpent_gdal::open_scene(source)?;
    let bands = choose_bands(&info, model, options)?;
    check_samples(&info, &bands, model)?;
    let gsd = &model.gsd_m;
    if (gsd.min..=gsd.max).contains(&info.gsd_m) {
        return Ok(UsableScene { source: source.clone(), info, bands, resampled: false });
    }
    if !options.resample {
        let scene = info.uri.clone();
        return Err(JobError::GsdOutOfRange { scene, gsd_m: info.gsd_m, min: gsd.min, max: gsd.max }.into());
    }
    let info = resample(&info, model, options, scratch)?;
    Ok(UsableScene { source: source.clone(), info, bands, resampled: true })
}

/// Reads the scene through GDAL's warper, at the model's GSD on the lattice of the CRS.
fn resample(
    info: &SceneInfo,
    model: &ModelPackage,
    options: &InputOptions,
    scratch: &Path,
) -> anyhow::Result<SceneInfo> {
    // Metres on the ground for each unit of the CRS, at the scene's center.
    let metres_per_unit = info.gsd_m / (info.grid.gsd_x * info.grid.gsd_y).sqrt();
    let target = model.gsd_m.nominal / metres_per_unit;
    let method = match options.resampling {
        Resampling::Nearest => arpent_gdal::Resampling::Nearest,
        Resampling::Bilinear => arpent_gdal::Resampling::Bilinear,
        Resampling::Average => arpent_gdal::Resampling::Average,
    };
    Ok(arpent_gdal::resample_source(info, target, method, scratch)?)
}

/// The scene's band for each band of the model: by the configuration, else by the name the scene gives it.
fn choose_bands(
    info: &SceneInfo,
    model: &ModelPackage,
    options: &InputOptions,
) -> Result<Vec<usize>, JobError> {
    model.bands.iter().map(|wanted| choose_band(info, &wanted.name, options)).collect()
}

fn choose_band(info: &SceneInfo, wanted: &str, options: &InputOptions) -> Result<usize, JobError> {
    let by_config = options.bands.get(wanted).copied().filter(|b| *b <= info.bands.len());
    let by_name = || info.bands.iter().find(|b| b.common_name.as_deref() == Some(wanted)).map(|b| b.index);
    let chosen = if options.bands.contains_key(wanted) { by_config } else { by_name() };
    chosen.ok_or_else(|| JobError::BandMissing {
        scene: info.uri.clone(),
        band: wanted.to_owned(),
        available: describe_bands(info),
    })
}

/// `3 bands: 1 red, 2 green, 3 blue`
pub fn describe_bands(info: &SceneInfo) -> String {
    let name = |b: &arpent_raster::BandInfo| match (&b.common_name, b.is_alpha) {
        (_, true) => "alpha".to_owned(),
        (Some(name), _) => name.clone(),
        (None, _) if b.description.is_empty() => "unnamed".to_owned(),
        (None, _) => format!("\"{}\"", b.description),
    };
    let names: Vec<String> = info.bands.iter().map(|b| format!("{} {}", b.index, name(b))).collect();
    format!("{} band{}: {}", names.len(), if names.len() == 1 { "" } else { "s" }, names.join(", "))
}

fn check_samples(info: &SceneInfo, bands: &[usize], model: &ModelPackage) -> Result<(), JobError> {
    let types = &model.sample_types;
    let wrong =
        info.bands.iter().filter(|b| bands.contains(&b.index)).find(|b| !types.contains(&b.sample_type));
    match wrong {
        None => Ok(()),
        Some(band) => Err(JobError::SampleType {
            scene: info.uri.clone(),
            band: band.index,
            got: format!("{:?}", band.sample_type).to_lowercase(),
            expected: types.iter().map(|t| format!("{t:?}").to_lowercase()).collect::<Vec<_>>().join(" or "),
        }),
    }
}
