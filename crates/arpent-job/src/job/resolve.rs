//! Resolves a configuration to a job, and rejects bad input.

use std::collections::BTreeSet;

use arpent_base::config::nearest;
use arpent_base::{CacheMb, Column, Readers, Result, listed_of};
use arpent_gdal::SharedBlocks;
use arpent_model::{ModelError, ModelPackage, Predictor, Weights};
use arpent_publish::{About, Warning};
use arpent_raster::Nomenclature;
use arpent_shell::message::detail;
use arpent_tiling::{Needs, PlannedWindow};

use super::confidence::Confidences;
use super::dissimilarity::Dissimilarity;
use super::map::{self, MapJob};
use super::memory::{MemoryNeeds, TILES_BYTES, memory_bound};
use super::pieces::{answer_bytes, largest_piece_px};
use super::scene::{FailedScene, describe_bands};
use super::territories::Territories;
use super::{acquired, scenes};
use crate::config::{Config, InputOptions, ObjectOptions, OcsGe, rows_held};
use crate::error::{JobError, class_id};
use crate::measured::ValueClasses;
use crate::scratch::Scratch;
use crate::stores::set_up_gdal;

/// Threads that read local scenes, and remote ones (`benches/runs/2026-11-26-s3-reading.md`).
const READERS: usize = 2;
const READERS_OF_REMOTE: usize = 8;

/// GDAL's block cache if it holds only headers and small reads, MiB.
const SMALL_CACHE_MB: u32 = 16;

/// A resolved job: all checks of its inputs are done.
#[derive(Debug)]
pub struct Job {
    /// The effective configuration: that of the file, with the changes of the command line.
    pub config: Config,
    /// The model package.
    pub model: ModelPackage,
    /// Its weights.
    pub weights: Weights,
    /// Its network, ready to predict.
    pub predictor: Predictor,
    /// The classes of answers: those of the model, or those that are made of a measured value; none without breaks.
    pub(crate) predicted: Nomenclature,
    /// How they are made of a measured value.
    pub(crate) value_classes: Option<ValueClasses>,
    /// Compares imagery with its training, if the package has samples of that.
    pub(crate) dissimilarity: Option<Dissimilarity>,
    /// One map to make for each grid.
    pub maps: Vec<MapJob>,
    /// Scenes that cannot be used.
    pub failed: Vec<FailedScene>,
    /// Warnings about all maps.
    pub warnings: Vec<Warning>,
    /// Where to publish, if set.
    pub output: Option<String>,
    /// The classes of its maps: those of answers, and that of answers that are left undecided, if some may be.
    pub classes: Nomenclature,
    /// What becomes of confidences.
    pub(crate) confidences: Confidences,
    /// OCS GE codes of its classes, if configured.
    pub ocs_ge: Option<OcsGe>,
    /// Temporary files; deleted with the job.
    pub scratch: Scratch,
    /// Cache of blocks that may be needed again, in GDAL's cache or in one that readers share, MiB.
    cache_mb: u32,
    /// Size of GDAL's block cache, MiB.
    gdal_cache_mb: u32,
}

impl Job {
    /// What is said of its maps.
    pub(crate) fn about(&self) -> About {
        self.config.publish.about(&self.model.title)
    }

    /// Resolves an effective configuration; with `group_by_crs`, scenes of several grids make several maps.
    ///
    /// # Errors
    /// When the job cannot be run, with the line in the configuration and a hint.
    pub fn resolve(config: Config, group_by_crs: bool) -> Result<Self> {
        let written = config.clone();
        Self::resolve_values(config, group_by_crs).map_err(|error| written.located(error))
    }

    fn resolve_values(config: Config, group_by_crs: bool) -> Result<Self> {
        set_up_gdal(None)?;
        arpent_gdal::allow_in_vrt(&config.input.vrt_allowed)?;
        let (model, weights) = ModelPackage::load(&config.model)?;
        let predictor = Predictor::load(&model, &weights, config.compute.device.into())?;
        let dissimilarity = Dissimilarity::of(&model)?;
        config.publish.check_drivers()?;
        let confidences = Confidences::new(&config, &model)?;
        let value_classes = ValueClasses::of(&config, &model)?;
        let predicted = match &value_classes {
            Some(of_value) => of_value.nomenclature(&model),
            None => model.classes.clone(),
        };
        let classes = confidences.classes(&predicted);
        wanted_classes(&config, &classes)?;
        wanted_bands(&config, &model)?;
        let ocs_ge = config.ocs_ge.as_ref().map(|options| OcsGe::new(options, &classes)).transpose()?;
        if config.scenes.is_empty() {
            return Err(JobError::NoScenes.into());
        }
        let scratch = Scratch::new(config.compute.scratch.as_deref().map(|path| (path, "compute.scratch")))?;
        let mut opened = Vec::new();
        let mut failed = Vec::new();
        let mut warnings: Vec<Warning> = confidences.warnings().collect();
        let dates = uris_of_dates(&config, &model)?;
        let last = dates.len() - 1;
        for (date, (uris, bands)) in dates.into_iter().zip(model.bands_of_dates()).enumerate() {
            let mut sources = arpent_gdal::resolve_scenes(uris)?;
            // One date for all is that of the later scenes.
            let own = (date < last).then(|| InputOptions { acquired: None, ..config.input.clone() });
            warnings.extend(acquired::state(&mut sources, own.as_ref().unwrap_or(&config.input)));
            warnings.extend(scenes::with_queries(&sources));
            let (options, scratch) = (&config.input, scratch.path());
            let wanted = scenes::Wanted { model: &model, bands, options, scratch };
            let (usable, bad) = wanted.open_all(sources)?;
            if usable.is_empty() {
                return Err(no_usable_scene(&bad).into());
            }
            opened.push(usable);
            failed.extend(bad);
        }
        if let [before, after] = &opened[..] {
            warnings.extend(acquired::of_two_dates(before, after));
        }
        arpent_gdal::unite_grids(opened.iter_mut().flatten().map(|scene| &mut scene.info));
        let mut opened = scenes::on_one_grid(opened, &model, &config.input, &mut failed);
        if opened.iter().any(Vec::is_empty) {
            return Err(no_usable_scene(&failed).into());
        }
        arpent_gdal::unite_grids(opened.iter_mut().flatten().map(|scene| &mut scene.info));
        let mut maps =
            map::maps_of(opened, &config, &predicted, needs(&predictor), group_by_crs, &mut failed)?;
        check_kind(&config, &model, (&classes, &confidences), &maps)?;
        for map in &mut maps {
            map.warn_of_place(&model);
        }
        let cache_mb = match config.compute.cache_mb {
            CacheMb::AUTO => maps.iter().map(MapJob::cache_mb).max().unwrap_or(0),
            chosen => chosen.get(),
        };
        // Blocks that readers share are kept once, and not in GDAL's cache, but for those that are being decoded.
        let all_shared = maps.iter().all(MapJob::shares_all_blocks);
        let decoded = maps
            .iter()
            .map(|map| readers(&config, map) as u64 * map.decoded_by_a_reader())
            .max()
            .unwrap_or(0);
        let decoded_mb = u32::try_from(decoded.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        let gdal_cache_mb = if all_shared { SMALL_CACHE_MB } else { cache_mb }.saturating_add(decoded_mb);
        set_up_gdal(Some(gdal_cache_mb))?;
        let output = config.output.clone();
        let job = Self {
            config,
            model,
            weights,
            predictor,
            predicted,
            value_classes,
            dissimilarity,
            maps,
            failed,
            warnings,
            output,
            classes,
            confidences,
            ocs_ge,
            scratch,
            cache_mb,
            gdal_cache_mb,
        };
        job.check_memory()?;
        for (_, scene) in job.maps.iter().flat_map(MapJob::scenes) {
            detail(|| format!("{}: {}", scene.source.uri, describe_bands(&scene.info)));
        }
        Ok(job)
    }

    /// Warnings about a map before windows are read: of the job, of the map, of its scenes.
    pub(crate) fn warnings_of<'a>(&'a self, map: &'a MapJob) -> impl Iterator<Item = &'a Warning> {
        self.warnings.iter().chain(map.warnings())
    }

    /// The output URL of a map.
    ///
    /// # Errors
    /// [`JobError::NoOutput`].
    pub(crate) fn output_of(&self, map: &MapJob) -> Result<String, JobError> {
        let output = self.output.as_ref().ok_or(JobError::NoOutput)?;
        Ok(output_below(output, map.folder.as_deref()))
    }

    /// Upper bound of the resident memory for one map, bytes.
    ///
    /// # Errors
    /// When the memory of the network for a window cannot be computed.
    pub(crate) fn memory_bound(&self, map: &MapJob) -> Result<u64, ModelError> {
        self.memory_bound_with(map, self.predictors(map)?)
    }

    /// Windows of a map that are predicted in parallel: as many as are useful, fewer if memory is limited.
    ///
    /// # Errors
    /// As [`Job::memory_bound`].
    pub(crate) fn predictors(&self, map: &MapJob) -> Result<usize, ModelError> {
        let (threads, limit) = (self.config.compute.threads(), self.config.compute.memory_limit());
        let worth = |w: &PlannedWindow| self.predictor.side_by_side(&w.read, &w.core, threads);
        let most = map.plan.largest().map(worth).transpose()?.unwrap_or(1).min(map.plan.windows().len());
        let Some(limit) = limit else { return Ok(most.max(1)) };
        // The memory grows with their number, so that the range is bisected; the minimum is one.
        let (mut fit, mut most) = (1, most);
        while fit < most {
            let tried = most - (most - fit) / 2;
            if self.memory_bound_with(map, tried)? <= limit {
                fit = tried;
            } else {
                most = tried - 1;
            }
        }
        Ok(fit)
    }

    /// Threads that read the scenes of a map.
    pub fn readers(&self, map: &MapJob) -> usize {
        readers(&self.config, map)
    }

    /// Blocks that the readers of a map share, if scenes are remote or costly to decode.
    pub(crate) fn shared_blocks(&self, map: &MapJob) -> Option<SharedBlocks> {
        map.shares_blocks().then(|| SharedBlocks::new(self.cache_mb))
    }

    /// Memory of blocks that may be needed again: in GDAL's cache, and in one that readers share.
    fn cache_bytes(&self, map: &MapJob) -> u64 {
        let shared_mb = if map.shares_blocks() { self.cache_mb } else { 0 };
        let mb = u64::from(self.gdal_cache_mb) + u64::from(shared_mb) + u64::from(SMALL_CACHE_MB);
        (mb << 20).saturating_add(map.bytes_of_readers(self.readers(map)))
    }

    fn memory_bound_with(&self, map: &MapJob, predictors: usize) -> Result<u64, ModelError> {
        let (largest, coverage) = (map.plan.largest(), self.config.coverage.as_ref());
        // A map without windows has nothing to predict.
        let network = largest.map(|w| self.predictor.bytes(&w.read, &w.core, predictors)).transpose()?;
        let needs = MemoryNeeds {
            bands: self.model.bands.len(),
            value_bytes: map.value_bytes(),
            resampled: map.scenes().any(|(_, scene)| scene.resampled),
            readers: self.readers(map),
            cache: self.cache_bytes(map),
            predictors,
            coverage_rows: coverage.map_or(0, |options| rows_held(options, &map.plan.extent(), map.grid())),
            // Its rows wait to complete a row of output blocks.
            references: map.references.bytes_per_pixel()
                + map.masks.bytes_per_pixel()
                + 2 * u64::from(self.config.abstain.is_some())
                + 2 * u64::from(self.writes_map()),
            masks: map.masks.bytes_per_pixel(),
            origins: if map.dates.iter().any(|date| date.scenes.len() > 1) { TILES_BYTES as u64 } else { 0 },
            piece_px: largest_piece_px(&self.model, &map.plan),
            answer_bytes: answer_bytes(&self.model),
            network: network.unwrap_or(0) as u64,
        };
        Ok(memory_bound(&map.plan, needs))
    }

    /// Whether the raster of the published classes is written: if it differs from the label raster.
    pub(crate) fn writes_map(&self) -> bool {
        self.config.rasters.map && self.config.changes_prediction() && !self.model.is_detection()
    }

    /// Whether a map has classes, and features of them: one of measured values has none without breaks.
    pub(crate) fn has_classes(&self) -> bool {
        !self.classes.classes().is_empty()
    }

    /// Whether a map has a score for each pixel.
    pub(crate) fn has_confidence(&self) -> bool {
        !self.model.is_detection() && !self.model.is_regression()
    }

    /// Ids of the classes whose features are written.
    pub(crate) fn kept_classes(&self) -> [bool; 256] {
        if self.config.coverage.is_some() {
            return [true; 256];
        }
        let Some(named) = &self.config.features.classes else {
            return arpent_vector::kept_classes(&self.classes);
        };
        let mut kept = [false; 256];
        for class in self.classes.classes() {
            kept[usize::from(class.id)] = named.contains(&class.name);
        }
        kept
    }

    /// Columns of the features of a map in addition to those of every run.
    pub fn columns(&self, map: &MapJob) -> Vec<Column> {
        let objects = self.config.objects.iter().flat_map(|_| ObjectOptions::columns());
        let ocs_ge = self.ocs_ge.iter().flat_map(|_| OcsGe::columns());
        let of_blocks = self.dissimilarity.iter().map(|_| Dissimilarity::column());
        let of_place = Territories::are_known(&self.model.territories).then(Territories::column);
        let columns = objects.chain(map.references.columns().cloned()).chain(ocs_ge);
        columns.chain(of_blocks).chain(of_place).collect()
    }

    fn check_memory(&self) -> Result<()> {
        // Computed without a limit too: if it fails, it fails before any work.
        let bounds = self.maps.iter().map(|m| self.memory_bound(m)).collect::<Result<Vec<_>, _>>()?;
        for (map, bound) in self.maps.iter().zip(&bounds) {
            let (windows, mb) = (map.plan.windows().len(), bound.div_ceil(1_000_000));
            detail(|| format!("{}: {windows} windows, at most {mb} MB", map.grid().key()));
        }
        let (Some(needed), Some(limit)) = (bounds.into_iter().max(), self.config.compute.memory_limit())
        else {
            return Ok(());
        };
        if needed > limit {
            let (needed_mb, limit_mb) = (needed.div_ceil(1_000_000), limit / 1_000_000);
            return Err(JobError::MemoryLimit { needed_mb, limit_mb }.into());
        }
        Ok(())
    }
}

/// Refuses options that are not for the kind of model, and rules that the grid of a map does not allow.
fn check_kind(
    config: &Config,
    model: &ModelPackage,
    (classes, confidences): (&Nomenclature, &Confidences),
    maps: &[MapJob],
) -> Result<()> {
    if let Some(coverage) = &config.coverage {
        if model.is_detection() {
            return Err(JobError::CoverageOfBoxes { model: model.id.clone() }.into());
        }
        let undecided = confidences.undecided_class().map(|class| class.id);
        maps.iter().try_for_each(|map| coverage.rules(classes, undecided, map.grid()).map(drop))?;
    }
    if let Some(objects) = &config.objects {
        if !model.is_detection() {
            return Err(JobError::ObjectsOfLabels { model: model.id.clone() }.into());
        }
        maps.iter().try_for_each(|map| objects.merger(map.grid()).map(drop))?;
    }
    if model.is_detection() && !config.reference.overrides.is_empty() {
        return Err(JobError::OverrideOnBoxes { model: model.id.clone() }.into());
    }
    Ok(())
}

/// Threads that read the scenes of a map.
fn readers(config: &Config, map: &MapJob) -> usize {
    match config.compute.readers {
        Readers::AUTO if map.is_remote() => READERS_OF_REMOTE,
        Readers::AUTO => READERS,
        chosen => chosen.get(),
    }
}

/// Where a map is published: at the output, or in its folder below it where a job makes several.
pub(crate) fn output_below(output: &str, folder: Option<&str>) -> String {
    folder.map_or_else(|| output.to_owned(), |folder| format!("{}/{folder}", output.trim_end_matches('/')))
}

/// The scenes as named, by date: as many dates as the model compares.
fn uris_of_dates<'a>(config: &'a Config, model: &ModelPackage) -> Result<Vec<&'a [String]>, JobError> {
    let model_id = || model.id.clone();
    match (model.bands_of_dates().len(), config.before.is_empty()) {
        (1, true) => Ok(vec![&config.scenes]),
        (1, false) => Err(JobError::BeforeUnwanted { model: model_id() }),
        (_, true) => Err(JobError::BeforeMissing { model: model_id() }),
        (_, false) => Ok(vec![&config.before, &config.scenes]),
    }
}

/// Requirements of the network for windows.
pub(crate) fn needs(predictor: &Predictor) -> Needs {
    let arpent_model::Overlap { cols, rows } = predictor.overlap();
    let (stride_px, window_px) = (predictor.stride(), predictor.window_px());
    let fixed = predictor.window().is_some();
    Needs { overlap_cols: cols, overlap_rows: rows, stride_px, window_px, fixed }
}

fn wanted_classes(config: &Config, classes: &Nomenclature) -> Result<(), JobError> {
    let mut names = config.features.classes.iter().flatten();
    names.try_for_each(|name| class_id(&"features.classes".into(), name, classes).map(drop))
}

/// Refuses a number for a band that the model does not have: it would have no effect.
fn wanted_bands(config: &Config, model: &ModelPackage) -> Result<(), JobError> {
    let names: BTreeSet<&str> =
        model.bands.iter().flat_map(|band| [&*band.name, band.common_name()]).collect();
    let Some(band) = config.input.bands.keys().find(|key| !names.contains(key.as_str())) else {
        return Ok(());
    };
    let names: Vec<&str> = names.into_iter().collect();
    let meant = nearest(band, &names);
    Err(JobError::UnknownBand { band: band.clone(), available: listed_of(&names, "bands"), meant })
}

fn no_usable_scene(failed: &[FailedScene]) -> JobError {
    let reasons = failed.iter().map(|f| f.reason.clone()).collect();
    let key = failed.first().and_then(|first| first.key.clone());
    let key = key.filter(|_| failed.iter().all(|f| f.key == failed[0].key));
    JobError::NoUsableScene { reasons, hint: failed.iter().find_map(|f| f.hint.clone()), key }
}
