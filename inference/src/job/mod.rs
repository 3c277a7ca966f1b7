//! From what was written to what will be done: the only place that rejects bad input.

mod identity;
mod memory;
mod scenes;

use std::path::PathBuf;

use anyhow::Context;
use arpent_gdal::{Aoi, Fingerprint, Mosaic};
use arpent_model::{ModelPackage, Weights};
use arpent_raster::{Grid, SceneInfo, Window};
use arpent_tiling::{Needs, WindowPlan};
use tempfile::TempDir;

pub use identity::{Input, fingerprints, run_id};
pub use memory::{MemoryNeeds, memory_bound, network_bytes};
pub use scenes::{FailedScene, UsableScene, describe_bands};

use crate::cli::JobArgs;
use crate::config::Config;
use crate::error::JobError;

/// A job, resolved: everything that can be refused has been.
#[derive(Debug)]
pub struct Job {
    /// The effective configuration: the file's, with the command line's changes.
    pub config: Config,
    /// The model package.
    pub model: ModelPackage,
    /// Its weights.
    pub weights: Weights,
    /// One map to make for each grid.
    pub maps: Vec<MapJob>,
    /// Scenes that cannot be used.
    pub failed: Vec<FailedScene>,
    /// Where to publish, if it was said.
    pub output: Option<String>,
    /// Temporary files; deleted with the job.
    pub scratch: TempDir,
}

/// One map to make: scenes that share a grid.
#[derive(Debug)]
pub struct MapJob {
    /// Folder under the output, when a job makes several maps.
    pub folder: Option<String>,
    /// The scenes, sorted by id.
    pub scenes: Vec<UsableScene>,
    /// The scenes as one raster.
    pub mosaic: Mosaic,
    /// Area of interest.
    pub aoi: Option<Aoi>,
    /// Fingerprint of the AOI's bytes.
    pub aoi_fingerprint: Option<Fingerprint>,
    /// The windows.
    pub plan: WindowPlan,
}

impl Job {
    /// Resolves what was asked for.
    ///
    /// # Errors
    /// Whatever makes the job impossible, with its place and a hint.
    pub fn resolve(args: &JobArgs) -> anyhow::Result<Self> {
        let config = effective(args)?;
        arpent_gdal::init(arpent_gdal::InitOptions { cache_mb: config.compute.cache_mb })?;
        let (model, weights) = ModelPackage::load(&config.model)?;
        wanted_classes(&config, &model)?;
        if config.scenes.is_empty() {
            return Err(JobError::NoScenes.into());
        }
        let scratch = scratch_dir(&config)?;
        let sources = arpent_gdal::resolve_scenes(&config.scenes)?;
        let (usable, failed) = scenes::open_all(sources, &model, &config.input, scratch.path());
        if usable.is_empty() {
            return Err(no_usable_scene(&failed).into());
        }
        let maps = maps_of(usable, &config, &model, args.group_by_crs)?;
        let output = config.output.clone();
        let job = Self { config, model, weights, maps, failed, output, scratch };
        job.check_memory()?;
        Ok(job)
    }

    /// The output URL of a map.
    ///
    /// # Errors
    /// [`JobError::NoOutput`].
    pub fn output_of(&self, map: &MapJob) -> Result<String, JobError> {
        let output = self.output.as_ref().ok_or(JobError::NoOutput)?;
        Ok(match &map.folder {
            None => output.clone(),
            Some(folder) => format!("{}/{folder}", output.trim_end_matches('/')),
        })
    }

    /// Upper bound of the resident memory for one map, bytes.
    pub fn memory_bound(&self, map: &MapJob) -> u64 {
        let read = map.plan.largest_read();
        let network = network_bytes(&self.model.architecture, read.pixels());
        let needs = MemoryNeeds {
            bands: self.model.bands.len(),
            readers: self.config.compute.readers,
            cache: u64::from(self.config.compute.cache_mb) << 20,
            network,
        };
        memory_bound(&map.plan, needs)
    }

    /// Ids of the classes whose features are wanted.
    pub fn kept_classes(&self) -> [bool; 256] {
        let Some(named) = &self.config.features.classes else {
            return arpent_vector::kept_classes(&self.model.classes);
        };
        let mut kept = [false; 256];
        for class in self.model.classes.classes() {
            kept[usize::from(class.id)] = named.contains(&class.name);
        }
        kept
    }

    fn check_memory(&self) -> Result<(), JobError> {
        let limit_mb = self.config.compute.memory_limit_mb as u64;
        let needed_mb = self.maps.iter().map(|m| self.memory_bound(m)).max().unwrap_or(0).div_ceil(1_000_000);
        if limit_mb > 0 && needed_mb > limit_mb {
            return Err(JobError::MemoryLimit { needed_mb, limit_mb });
        }
        Ok(())
    }
}

impl MapJob {
    /// Plans a map.
    ///
    /// # Errors
    /// An AOI that cannot be used, or touches no scene.
    pub fn new(
        mut scenes: Vec<UsableScene>,
        folder: Option<String>,
        config: &Config,
        model: &ModelPackage,
    ) -> anyhow::Result<Self> {
        // The order in which the mosaic keeps them: bands are chosen by position.
        scenes.sort_by(|a, b| (&a.info.id, &a.info.uri).cmp(&(&b.info.id, &b.info.uri)));
        let infos: Vec<SceneInfo> = scenes.iter().map(|s| s.info.clone()).collect();
        let mosaic = arpent_gdal::group_scenes(infos).pop().context("a map without a scene")?;
        let aoi = config.aoi.as_deref().map(|path| arpent_gdal::read_aoi(path, &mosaic.grid)).transpose()?;
        let footprints: Vec<Window> = scenes.iter().map(|s| s.info.window).collect();
        let extent = extent_of(&mosaic, aoi.as_ref(), &footprints, config)?;
        let needs = Needs { overlap_px: model.overlap_px, stride_px: model.stride_px };
        let is_wanted = |w: &Window| aoi.as_ref().is_none_or(|a| a.intersects(w));
        let plan = WindowPlan::new(extent, &footprints, is_wanted, config.tiling, needs)?;
        let aoi_fingerprint = config.aoi.as_deref().map(arpent_gdal::fingerprint_file).transpose()?;
        Ok(Self { folder, scenes, mosaic, aoi, aoi_fingerprint, plan })
    }

    /// The grid of the map.
    pub fn grid(&self) -> &Grid {
        &self.mosaic.grid
    }
}

/// The pixels of the output: those of the scenes, cut to the AOI's bounding window.
fn extent_of(
    mosaic: &Mosaic,
    aoi: Option<&Aoi>,
    footprints: &[Window],
    config: &Config,
) -> Result<Window, JobError> {
    let Some(aoi) = aoi else { return Ok(mosaic.window) };
    let outside = || JobError::AoiOutside { aoi: config.aoi.clone().unwrap_or_default() };
    if !footprints.iter().any(|f| aoi.intersects(f)) {
        return Err(outside());
    }
    mosaic.window.intersect(&aoi.window()).ok_or_else(outside)
}

fn effective(args: &JobArgs) -> Result<Config, JobError> {
    let mut config = Config::load(&args.config)?;
    if !args.scene.is_empty() {
        config.scenes.clone_from(&args.scene);
    }
    config.aoi = args.aoi.clone().or(config.aoi);
    config.output = args.output.clone().or(config.output);
    config.tiling.window_px = args.window.unwrap_or(config.tiling.window_px);
    config.compute.threads = args.threads.unwrap_or(config.compute.threads);
    config.compute.device = args.device.unwrap_or(config.compute.device);
    Ok(config)
}

fn scratch_dir(config: &Config) -> Result<TempDir, JobError> {
    let parent: PathBuf = config.compute.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let made = tempfile::Builder::new().prefix("arpent-").tempdir_in(&parent);
    made.map_err(|source| JobError::Scratch { path: parent, source })
}

fn wanted_classes(config: &Config, model: &ModelPackage) -> Result<(), JobError> {
    let names: Vec<&str> = model.classes.classes().iter().map(|c| c.name.as_str()).collect();
    let unknown = config.features.classes.iter().flatten().find(|c| !names.contains(&c.as_str()));
    match unknown {
        None => Ok(()),
        Some(class) => Err(JobError::UnknownClass { class: class.clone(), available: names.join(", ") }),
    }
}

fn no_usable_scene(failed: &[FailedScene]) -> JobError {
    let reasons = failed.iter().map(|f| f.reason.clone()).collect();
    JobError::NoUsableScene { reasons, hint: failed.iter().find_map(|f| f.hint.clone()) }
}

fn maps_of(
    usable: Vec<UsableScene>,
    config: &Config,
    model: &ModelPackage,
    group_by_crs: bool,
) -> anyhow::Result<Vec<MapJob>> {
    let mut groups: std::collections::BTreeMap<String, Vec<UsableScene>> = std::collections::BTreeMap::new();
    for scene in usable {
        groups.entry(scene.info.grid.key()).or_default().push(scene);
    }
    if groups.len() > 1 && !group_by_crs {
        let shown = |(key, scenes): (&String, &Vec<UsableScene>)| {
            let ids: Vec<&str> = scenes.iter().map(|s| s.info.id.as_str()).collect();
            format!("  {key}: {}", ids.join(", "))
        };
        return Err(JobError::MixedGrids { groups: groups.iter().map(shown).collect() }.into());
    }
    let several = groups.len() > 1;
    let named = groups.into_values().enumerate().map(|(i, scenes)| {
        let crs =
            scenes[0].info.grid.crs.name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        MapJob::new(scenes, several.then(|| format!("grid-{}-{crs}", i + 1)), config, model)
    });
    named.collect()
}
