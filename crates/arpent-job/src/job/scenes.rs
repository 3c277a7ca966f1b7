//! From scene URIs to scenes that the model can use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arpent_base::{Result, listed_of};
use arpent_gdal::{GdalError, SceneSource};
use arpent_model::{Band, ModelPackage};
use arpent_publish::Warning;
use arpent_raster::{CrsKind, Grid, SceneInfo, Window, lattice, target_grid};

use super::scene::{FailedScene, UsableScene, describe_bands};
use super::{acquired, validity, values};
use crate::config::{InputOptions, Resampling, TargetGsd};
use crate::error::JobError;
use crate::wanted::WantedValues;

/// Context for opening the scenes of one date.
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

/// The checks of a scene.
#[derive(Clone, Copy)]
struct Looks {
    collar: bool,
    values: bool,
}

impl Wanted<'_> {
    /// Opens every scene; those that cannot be used are returned separately.
    ///
    /// # Errors
    /// The first temporary error: the map would differ without that scene.
    pub(super) fn open_all(self, sources: Vec<SceneSource>) -> Result<(Vec<UsableScene>, Vec<FailedScene>)> {
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
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => failed.push(FailedScene::new(&source.uri, &error)),
            }
        }
        Ok((usable, failed))
    }

    fn open(self, source: &SceneSource, looks: Looks) -> Result<UsableScene> {
        let (mut info, warning) = self.open_header(source)?;
        let bands = self.choose_bands(&info)?;
        check_samples(&info, &bands, self.model)?;
        if !self.options.may_resample() && !in_range(&info, self.model) {
            let (gsd, gsd_m) = (&self.model.gsd_m, info.gsd_m);
            let factor = f64::max(gsd_m / gsd.nominal, gsd.nominal / gsd_m);
            let (coarser, allowed) = (gsd_m < gsd.nominal, self.options.resample_max_factor.each());
            let most = if coarser { allowed.coarser } else { allowed.finer }.get();
            let (scene, min, max) = (info.uri, gsd.min, gsd.max);
            return Err(JobError::GsdOutOfRange { scene, gsd_m, min, max, factor, coarser, most }.into());
        }
        validity::declare(&mut info, &bands, self.options, self.scratch)?;
        let found = arpent_gdal::look(&info, &bands, looks.collar)?;
        let mut warnings = validity::warnings(&info, &bands, &found, self.options);
        warnings.extend(warning);
        warnings.extend(contradicted(source, &info));
        warnings.extend(names_differ(&info, &bands));
        warnings.extend(acquired::check(&mut info));
        let expected = values::Expected { model: self.model, bands: self.bands, options: self.options };
        warnings.extend(expected.read_as(&mut info, &bands)?);
        let values = expected.compare(&info, &bands, looks.values, &mut warnings)?;
        Ok(UsableScene { source: source.clone(), info, bands, resampled: false, warnings, values })
    }

    /// The metadata of a scene. If the configuration sets nodata, a difference between item and file
    /// is only a warning.
    fn open_header(self, source: &SceneSource) -> Result<(SceneInfo, Option<Warning>)> {
        match arpent_gdal::open_scene(source) {
            Err(GdalError::ItemNodata { band, item, file, .. }) if self.options.nodata.is_some() => {
                let info = arpent_gdal::open_scene(&SceneSource { nodata: None, ..source.clone() })?;
                let message = format!(
                    "the STAC item and the file differ in nodata of band {band}: {item} by the item, {file} by the file; \
                     `input.nodata` decides, and both are ignored"
                );
                let warning = Warning::new("nodata-replaced", &info.id, message);
                Ok((info, Some(warning)))
            }
            opened => Ok((opened?, None)),
        }
    }

    /// The scene's band for each band of the model: by the configuration, else by the name in the scene.
    fn choose_bands(self, info: &SceneInfo) -> Result<Vec<usize>, JobError> {
        self.bands.iter().map(|wanted| choose_band(info, wanted, self.options)).collect()
    }
}

/// Warns about STAC items of one raster that contradict each other.
fn contradicted(source: &SceneSource, info: &SceneInfo) -> Option<Warning> {
    (!source.contradicted.is_empty()).then(|| {
        let message = format!(
            "STAC items of this raster contradict each other: the values of `{}` are used, and these are ignored: {}",
            info.id,
            source.contradicted.join(", ")
        );
        let hint = "name only the correct item; --acquired sets the date";
        Warning::new("items-differ", &info.id, message).with_hint(hint)
    })
}

/// Warns about bands in use whose names differ between file and STAC item.
fn names_differ(info: &SceneInfo, bands: &[usize]) -> Option<Warning> {
    let one = |band: &arpent_raster::BandInfo| {
        let (item, file) = (band.common_name.as_deref()?, band.name_in_file.as_deref()?);
        bands
            .contains(&band.index)
            .then(|| format!("band {} is `{item}` in the item and `{file}` in the file", band.index))
    };
    let differ: Vec<String> = info.bands.iter().filter_map(one).collect();
    (!differ.is_empty()).then(|| {
        let message =
            format!("its STAC item and its file name bands differently, and the item is used: {}", listed_of(&differ, "bands"));
        let hint = "if the item is wrong, set the numbers of the bands under [input], for example bands = { red = 1, green = 2, blue = 3 }";
        Warning::new("band-names-differ", &info.id, message).with_hint(hint)
    })
}

/// Warns about scenes whose side files are not read.
pub(super) fn with_queries(sources: &[SceneSource]) -> Option<Warning> {
    let unasked: Vec<&SceneSource> = sources.iter().filter(|source| source.is_alone()).collect();
    let message = format!(
        "side files of {} of {} scenes are not asked for, the first is `{}`: who signed a URL with a query signed it for one file. Masks \
         (.msk), places and nodata values (.aux.xml, world files) beside them are not known",
        unasked.len(),
        sources.len(),
        unasked.first()?.id
    );
    Some(Warning::new("side-files-not-asked", "scenes", message))
}

/// Resamples scenes to one grid of the model's nominal GSD (or of the configured pixel size) on the lattice of their
/// CRS: those outside the model's range, all of them with `gsd = "nominal"` or a pixel size, and those of two dates
/// that lie on different grids. Those that already lie on it stay.
///
/// The grid depends on the CRS alone; in Mercator and geographic systems also on the latitude of the middle of all scenes (see
/// [`target_grid`]). Scenes that cannot be resampled are added to the failed ones.
pub(super) fn on_one_grid(
    dates: Vec<Vec<UsableScene>>,
    model: &ModelPackage,
    options: &InputOptions,
    failed: &mut Vec<FailedScene>,
) -> Vec<Vec<UsableScene>> {
    let grids: BTreeSet<String> = dates.iter().flatten().map(|s| s.info.grid.key()).collect();
    let all = options.gsd == TargetGsd::Nominal
        || options.pixel_size.is_some()
        || (dates.len() > 1 && grids.len() > 1 && options.resample);
    let middles = middles(dates.iter().flatten().map(|scene| &scene.info));
    let mut bring = |scene: UsableScene| {
        if !all && in_range(&scene.info, model) {
            return Some(scene);
        }
        let (uri, crs) = (scene.source.uri.clone(), &scene.info.grid.crs);
        let middle = middles[&crs.name];
        let target = match options.pixel_size {
            Some(size) => lattice(crs, size),
            None => target_grid(crs, model.gsd_m.nominal, middle),
        };
        let brought = resampled(scene, &target, model, options);
        brought.map_err(|error| failed.push(FailedScene::new(&uri, &error))).ok()
    };
    let mut dates: Vec<Vec<_>> =
        dates.into_iter().map(|date| date.into_iter().filter_map(&mut bring).collect()).collect();
    for date in &mut dates {
        if date.iter().all(|scene| scene.info.window.is_empty()) {
            failed.extend(date.drain(..).map(|scene| {
                let (uri, gsd_m) = (scene.info.uri, scene.info.gsd_m);
                FailedScene::new(&scene.source.uri, &JobError::NoPixelCenter { scene: uri, gsd_m }.into())
            }));
        }
    }
    dates
}

/// Northing of the middle of all scenes of each CRS, CRS units.
fn middles<'a>(scenes: impl Iterator<Item = &'a SceneInfo>) -> BTreeMap<String, f64> {
    let mut spans: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for scene in scenes {
        let [_, south, _, north] = scene.grid.bbox(&scene.window);
        let span = spans.entry(scene.grid.crs.name.clone()).or_insert((south, north));
        *span = (span.0.min(south), span.1.max(north));
    }
    spans.into_iter().map(|(crs, (south, north))| (crs, f64::midpoint(south, north))).collect()
}

/// Whether the model is valid for a scene's GSD. Pixel sizes that come from divided extents miss round numbers by a
/// little.
fn in_range(info: &SceneInfo, model: &ModelPackage) -> bool {
    let (gsd, little) = (&model.gsd_m, 1e-6);
    (gsd.min * (1.0 - little)..=gsd.max * (1.0 + little)).contains(&info.gsd_m)
}

/// The scene on another grid, unless the resampling factor is too large.
fn resampled(
    scene: UsableScene,
    target: &Grid,
    model: &ModelPackage,
    options: &InputOptions,
) -> Result<UsableScene> {
    let method = match options.resampling {
        Resampling::Nearest => arpent_raster::Resampling::Nearest,
        Resampling::Bilinear => arpent_raster::Resampling::Bilinear,
        Resampling::Average => arpent_raster::Resampling::Average,
    };
    if let Some(window) = target.window_on(&scene.info.grid, &scene.info.window) {
        let info = SceneInfo { grid: target.clone(), window, ..scene.info };
        return Ok(UsableScene { info, ..scene });
    }
    let info = arpent_gdal::resampled(&scene.info, target, method);
    let gsd = &model.gsd_m;
    if options.pixel_size.is_some() && !in_range(&info, model) {
        let (scene, gsd_m) = (info.uri, info.gsd_m);
        return Err(JobError::PixelSize { scene, gsd_m, min: gsd.min, max: gsd.max }.into());
    }
    // In systems of degrees the grid's own GSD is the nominal one but for the width of a band of latitude.
    let target_m = if options.pixel_size.is_some() { info.gsd_m } else { gsd.nominal };
    check_factors(&scene.info, target, target_m, options)?;
    let mut warnings = scene.warnings;
    warnings.extend(weighed_as_stored(&info.id, model, options));
    if info.window.is_empty() {
        let Window { width, height, .. } = scene.info.window;
        let message = format!(
            "no pixel of the map has its center in its {width} x {height} px: they are weighed where its neighbors are valid, and give \
             no pixel of their own"
        );
        warnings.push(Warning::new("no-pixel-of-its-own", &info.id, message));
    }
    Ok(UsableScene { info, resampled: true, warnings, ..scene })
}

/// A warning about weighted sums of stored values that are not in proportion to what they stand for.
fn weighed_as_stored(scene: &str, model: &ModelPackage, options: &InputOptions) -> Option<Warning> {
    let quantized = model.bands.iter().filter_map(|band| band.dequantize).find(|of| !of.is_linear());
    let quantized = quantized.filter(|_| options.resampling != Resampling::Nearest)?;
    let message = format!(
        "resampling weighs stored values, and the model takes {} of the result: sums of stored values are not those of what they stand for",
        quantized.describe()
    );
    let hint = "set resampling = \"nearest\" under [input] to keep stored values as they are";
    Some(Warning::new("resampled-before-dequantized", scene, message).with_hint(hint))
}

/// In systems of degrees and in Mercator the size of pixels on the ground is only right in the middle of a band of latitude, by less than this.
const BAND_SLACK: f64 = 0.04;

/// Refuses pixels that would become too coarse or too fine, along either side: pixels of degrees are far from square at high latitudes.
fn check_factors(
    info: &SceneInfo,
    target: &Grid,
    target_m: f64,
    options: &InputOptions,
) -> Result<(), JobError> {
    let (own, most) = (&info.grid, options.resample_max_factor.each());
    let slack = if matches!(own.crs.kind, CrsKind::Projected { .. }) { 1e-6 } else { BAND_SLACK };
    let [across, down] = [target.gsd_x / own.gsd_x, target.gsd_y / own.gsd_y];
    let is_square = (across / down - 1.0).abs() < 0.01;
    for (ratio, along) in [(across, " from west to east"), (down, " from north to south")] {
        for (coarser, factor, most) in
            [(true, ratio, most.coarser.get()), (false, ratio.recip(), most.finer.get())]
        {
            if factor > most * (1.0 + slack) {
                let (scene, gsd_m) = (info.uri.clone(), info.gsd_m);
                let along = if is_square { "" } else { along };
                return Err(JobError::ResampleFactor {
                    scene,
                    gsd_m,
                    target_m,
                    coarser,
                    along,
                    factor,
                    most,
                });
            }
        }
    }
    Ok(())
}

fn choose_band(info: &SceneInfo, wanted: &Band, options: &InputOptions) -> Result<usize, JobError> {
    let name = wanted.common_name();
    let written =
        options.bands.get(&wanted.name).or_else(|| options.bands.get(name)).map(|number| number.get());
    let chosen = match written {
        Some(number) => Some(number).filter(|b| *b <= info.bands.len()),
        None => wanted.in_scene(info),
    };
    chosen.ok_or_else(|| JobError::BandMissing {
        scene: info.uri.clone(),
        band: name.to_owned(),
        available: describe_bands(info),
        key: [&wanted.name, name]
            .into_iter()
            .find(|name| options.bands.contains_key(*name))
            .map(str::to_owned),
    })
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
            wanted: Box::new(WantedValues::of(model)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_without_side_files_are_reported_once() {
        let of = |uris: &[&str]| uris.iter().map(|uri| SceneSource::new(uri)).collect::<Vec<_>>();
        assert_eq!(with_queries(&of(&["https://h/a.tif", "b.tif"])), None);
        let told = with_queries(&of(&["b.tif", "https://h/c.tif?sig=secret", "https://h/d.tif?sig=secret"]));
        let message = told.unwrap().message;
        assert!(
            message.contains("2 of 3") && message.contains("`c`") && !message.contains("secret"),
            "{message}"
        );
    }
}
