//! From scene URIs to scenes that the model can use.

use std::collections::BTreeSet;
use std::path::Path;

use arpent_gdal::SceneSource;
use arpent_model::{Band, ModelPackage};
use arpent_publish::{InputValues, Warning};
use arpent_raster::SceneInfo;

use super::{validity, values};
use crate::config::{InputOptions, Resampling};
use crate::error::{JobError, hint_of, message_of};
use crate::shards::is_transient;

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
    /// What is doubtful about it.
    pub warnings: Vec<Warning>,
    /// A sample of its values; none where scenes are too many to look at each.
    pub values: Option<InputValues>,
}

/// A scene that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
        let shown = arpent_publish::redacted(uri);
        Self { reason: message_of(error).replace(uri, &shown), hint: hint_of(error), uri: shown }
    }
}

/// What scenes of one date are opened for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The model.
    pub model: &'a ModelPackage,
    /// Its bands of the date.
    pub bands: &'a [Band],
    /// How scenes are read.
    pub options: &'a InputOptions,
    /// Folder for temporary files.
    pub scratch: &'a Path,
}

/// What a scene is looked at for.
#[derive(Clone, Copy)]
struct Looks {
    collar: bool,
    values: bool,
}

impl Wanted<'_> {
    /// Opens every scene; those that cannot be used are told apart, not lost.
    ///
    /// # Errors
    /// The first that may be usable another time: to go on without it would make another map.
    pub(super) fn open_all(
        self,
        sources: Vec<SceneSource>,
    ) -> anyhow::Result<(Vec<UsableScene>, Vec<FailedScene>)> {
        let mut usable = Vec::new();
        let mut failed = Vec::new();
        let count = sources.len();
        for (index, source) in sources.into_iter().enumerate() {
            let looks = Looks {
                collar: validity::looks_for_collar(self.options, index, count),
                values: values::is_sampled(&source, index, count),
            };
            match self.open(&source, looks) {
                Ok(scene) => usable.push(scene),
                Err(error) if is_transient(&error) => return Err(error),
                Err(error) => failed.push(FailedScene::new(&source.uri, &error)),
            }
        }
        Ok((usable, failed))
    }

    fn open(self, source: &SceneSource, looks: Looks) -> anyhow::Result<UsableScene> {
        let mut info = arpent_gdal::open_scene(source)?;
        let bands = self.choose_bands(&info)?;
        check_samples(&info, &bands, self.model)?;
        validity::declare(&mut info, &bands, self.options, self.scratch)?;
        let found = arpent_gdal::look(&info, &bands, looks.collar)?;
        let mut warnings = validity::warnings(&info, &bands, &found, self.options);
        let expected = values::Expected { model: self.model, bands: self.bands, options: self.options };
        warnings.extend(expected.read_as(&mut info, &bands)?);
        let values = expected.compare(&info, &bands, looks.values, &mut warnings)?;
        let gsd = &self.model.gsd_m;
        let scene = UsableScene { source: source.clone(), info, bands, resampled: false, warnings, values };
        if (gsd.min..=gsd.max).contains(&scene.info.gsd_m) {
            return Ok(scene);
        }
        if !self.options.resample {
            let (scene, gsd_m) = (scene.info.uri, scene.info.gsd_m);
            return Err(JobError::GsdOutOfRange { scene, gsd_m, min: gsd.min, max: gsd.max }.into());
        }
        resampled(scene, self.model, self.options, self.scratch)
    }

    /// The scene's band for each band of the model: by the configuration, else by the name the scene gives it.
    fn choose_bands(self, info: &SceneInfo) -> Result<Vec<usize>, JobError> {
        self.bands.iter().map(|wanted| choose_band(info, wanted, self.options)).collect()
    }
}

/// Brings the scenes of two dates to the model's GSD on the lattice of the CRS, where they differ and resampling was
/// asked for.
pub(super) fn on_one_lattice(
    dates: Vec<Vec<UsableScene>>,
    model: &ModelPackage,
    options: &InputOptions,
    scratch: &Path,
) -> anyhow::Result<Vec<Vec<UsableScene>>> {
    let grids: BTreeSet<String> = dates.iter().flatten().map(|s| s.info.grid.key()).collect();
    if dates.len() < 2 || grids.len() < 2 || !options.resample {
        return Ok(dates);
    }
    let one = |scene: UsableScene| {
        if scene.resampled { Ok(scene) } else { resampled(scene, model, options, scratch) }
    };
    dates.into_iter().map(|date| date.into_iter().map(one).collect()).collect()
}

/// The scene read through GDAL's warper, at the model's GSD on the lattice of the CRS.
fn resampled(
    scene: UsableScene,
    model: &ModelPackage,
    options: &InputOptions,
    scratch: &Path,
) -> anyhow::Result<UsableScene> {
    let info = &scene.info;
    // Metres on the ground for each unit of the CRS, at the scene's center.
    let metres_per_unit = info.gsd_m / (info.grid.gsd_x * info.grid.gsd_y).sqrt();
    let target = model.gsd_m.nominal / metres_per_unit;
    let method = match options.resampling {
        Resampling::Nearest => arpent_gdal::Resampling::Nearest,
        Resampling::Bilinear => arpent_gdal::Resampling::Bilinear,
        Resampling::Average => arpent_gdal::Resampling::Average,
    };
    let info = arpent_gdal::resample_source(info, target, method, scratch)?;
    Ok(UsableScene { info, resampled: true, ..scene })
}

fn choose_band(info: &SceneInfo, wanted: &Band, options: &InputOptions) -> Result<usize, JobError> {
    let name = wanted.common_name();
    let written = options.bands.get(&wanted.name).or_else(|| options.bands.get(name)).copied();
    let by_name = || info.bands.iter().find(|b| b.common_name.as_deref() == Some(name)).map(|b| b.index);
    let chosen = match written {
        Some(number) => Some(number).filter(|b| *b <= info.bands.len()),
        None => by_name(),
    };
    chosen.ok_or_else(|| JobError::BandMissing {
        scene: info.uri.clone(),
        band: name.to_owned(),
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
