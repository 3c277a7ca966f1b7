//! Maps to make: scenes on one grid, of one date or of two.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::number::{ceil, exact};
use arpent_base::{DoingWhat as _, Result};
use arpent_gdal::{Aoi, DatesReader, Fingerprint, GdalError, Mosaic, MosaicReader, SharedBlocks};
use arpent_model::ModelPackage;
use arpent_publish::Warning;
use arpent_raster::{Coding, Grid, Nomenclature, SceneInfo, Window};
use arpent_shell::lines::count;
use arpent_shell::progress::Stage;
use arpent_tiling::{Needs, WindowPlan};

use super::overlap::{self, Overlaps};
use super::scene::{FailedScene, UsableScene};
use super::{areas, territories};
use crate::config::{Config, Order};
use crate::error::JobError;
use crate::mask::MaskLayers;
use crate::reference;
use crate::warnings::layer_warnings;

/// Name of the earlier of two dates.
pub const BEFORE: &str = "before";

/// Name of the later of two dates.
pub(crate) const AFTER: &str = "after";

/// One map to make: scenes that share a grid.
#[derive(Debug)]
pub struct MapJob {
    /// Folder under the output, when a job makes several maps.
    pub folder: Option<String>,
    /// Inputs of the network: one date, or the earlier and the later of two.
    pub dates: Vec<Survey>,
    /// Area of interest.
    pub aoi: Option<Aoi>,
    /// Fingerprint of the AOI's bytes.
    pub aoi_fingerprint: Option<Fingerprint>,
    /// Reference layers.
    pub references: reference::ReferenceLayers,
    /// Fingerprints of their bytes.
    pub reference_fingerprints: Vec<Fingerprint>,
    /// Masks.
    pub masks: MaskLayers,
    /// The windows.
    pub plan: WindowPlan,
    /// Warnings about the map as a whole.
    own_warnings: Vec<Warning>,
}

/// The scenes of one date.
#[derive(Debug)]
pub struct Survey {
    /// The scenes, in order of priority.
    pub scenes: Vec<UsableScene>,
    /// The scenes as one raster.
    pub mosaic: Mosaic,
    /// Scenes over the same pixels.
    pub overlaps: Overlaps,
}

impl Survey {
    fn new(mut scenes: Vec<UsableScene>, order: Option<Order>) -> Result<Self> {
        // The order in which the mosaic keeps them: bands are chosen by position.
        overlap::sort(&mut scenes, order);
        let overlaps = Overlaps::of(&scenes);
        overlaps.check(&scenes, order)?;
        let infos: Vec<SceneInfo> = scenes.iter().map(|s| s.info.clone()).collect();
        let mosaic = arpent_gdal::mosaic_in_order(infos).context("a map without a scene")?;
        Ok(Self { scenes, mosaic, overlaps })
    }

    fn windows(&self) -> impl Iterator<Item = Window> {
        self.scenes.iter().map(|s| s.info.window)
    }
}

impl MapJob {
    /// Plans a map of the scenes of each date, the earlier first.
    ///
    /// # Errors
    /// An AOI that cannot be used, or touches no scene; dates that do not overlap.
    pub fn new(
        dates: Vec<Vec<UsableScene>>,
        folder: Option<String>,
        config: &Config,
        classes: &Nomenclature,
        needs: Needs,
    ) -> Result<Self> {
        let order = config.input.order;
        let dates = dates.into_iter().map(|scenes| Survey::new(scenes, order));
        let dates = dates.collect::<Result<Vec<_>>>()?;
        let grid = &dates.first().context("a map without a date")?.mosaic.grid;
        let footprints = footprints(&dates);
        let all =
            footprints.iter().copied().reduce(|all, one| all.union(&one)).ok_or(JobError::DatesApart)?;
        let aoi = config.aoi.as_deref().map(|path| arpent_gdal::read_aoi(path, grid, &all)).transpose()?;
        let extent = extent_of(all, aoi.as_ref(), &footprints, config, dates[0].scenes.first())?;
        let is_wanted = |w: &Window| aoi.as_ref().is_none_or(|a| a.intersects(w));
        let plan = WindowPlan::new(extent, &footprints, is_wanted, config.tiling, needs)?;
        let aoi_fingerprint = config.aoi.as_deref().map(arpent_gdal::fingerprint_layer).transpose()?;
        let areas =
            config.coverage.as_ref().and_then(|c| c.built_up.as_ref()).and_then(|b| b.areas.as_deref());
        let references = reference::ReferenceLayers::new(&config.reference, areas, classes, &grid.crs)?;
        let prints = references.sources().map(arpent_gdal::fingerprint_layer);
        let reference_fingerprints = prints.collect::<Result<_, _>>()?;
        let masks = MaskLayers::open(&config.mask, grid, &extent, config.output.as_deref())?;
        let mut own_warnings = match (&aoi, &config.aoi) {
            (Some(aoi), Some(file)) => warnings_of_aoi(aoi, file, &footprints),
            _ => Vec::new(),
        };
        own_warnings.extend(dates.iter().filter_map(|date| date.overlaps.warning(order)));
        own_warnings.extend(masks.warnings().iter().cloned());
        Ok(Self {
            folder,
            dates,
            aoi,
            aoi_fingerprint,
            references,
            reference_fingerprints,
            masks,
            plan,
            own_warnings,
        })
    }

    /// The grid of the map.
    pub fn grid(&self) -> &Grid {
        // A map has a date: `new` refuses others.
        &self.dates[0].mosaic.grid
    }

    /// A reader of the bands that the model takes, of every date. Nothing is opened yet.
    ///
    /// # Errors
    /// As [`DatesReader::new`].
    pub(crate) fn reader(&self) -> Result<DatesReader, GdalError> {
        let bands = |date: &Survey| date.scenes.iter().map(|scene| scene.bands.clone()).collect();
        DatesReader::new(self.dates.iter().map(|date| (&date.mosaic, bands(date))))
    }

    /// The windows in which every date has a scene.
    pub(crate) fn footprints(&self) -> Vec<Window> {
        footprints(&self.dates)
    }

    /// The scenes of all dates, the earlier first; with the name of their date (`before`, `after`) where there
    /// are two.
    pub fn scenes(&self) -> impl Iterator<Item = (Option<&'static str>, &UsableScene)> {
        let several = self.dates.len() > 1;
        let named = self.dates.iter().zip([BEFORE, AFTER]);
        named.flat_map(move |(date, name)| date.scenes.iter().map(move |s| (several.then_some(name), s)))
    }

    /// Warnings about the map and its scenes before windows are read.
    pub fn warnings(&self) -> impl Iterator<Item = &Warning> {
        self.own_warnings.iter().chain(self.scenes().flat_map(|(_, scene)| &scene.warnings))
    }

    /// Adds warnings about the location of the map.
    pub(crate) fn warn_of_place(&mut self, model: &ModelPackage) {
        let of_place = [
            territories::warning(model, &self.grid().crs, self.scenes().map(|(_, scene)| &scene.info)),
            areas::warning(self.grid(), &self.plan.extent()),
        ];
        self.own_warnings.extend(of_place.into_iter().flatten());
    }

    /// Whether its readers share the blocks of a scene.
    pub(crate) fn shares_blocks(&self) -> bool {
        self.scenes().any(|(_, scene)| SharedBlocks::takes(&scene.info))
    }

    /// Whether its readers share the blocks of every scene.
    pub(crate) fn shares_all_blocks(&self) -> bool {
        self.scenes().all(|(_, scene)| SharedBlocks::takes(&scene.info))
    }

    /// Whether a scene lies behind a network.
    pub fn is_remote(&self) -> bool {
        self.scenes().any(|(_, scene)| arpent_gdal::is_remote_uri(&scene.info.uri))
    }

    /// Memory of the readers in addition to their windows and caches, bytes. The scenes of overlaps are read by
    /// one more.
    pub(crate) fn bytes_of_readers(&self, readers: usize) -> u64 {
        let readers = readers + usize::from(self.dates.iter().any(|date| date.scenes.len() > 1));
        let most = self.scenes().map(|(_, scene)| MosaicReader::bytes_of(&scene.info)).max().unwrap_or(0);
        // Of each date, a reader has scenes open.
        let kept = |date: &Survey| {
            let kept = |scene: &UsableScene| MosaicReader::kept_by_decoders(&scene.info, readers);
            date.scenes.iter().map(kept).max().unwrap_or(0)
        };
        let kept = self.dates.iter().map(kept).fold(0, u64::saturating_add);
        most.saturating_mul(readers as u64).saturating_add(kept)
    }

    /// Size of one band of a pixel as read, bytes.
    pub(crate) fn value_bytes(&self) -> u64 {
        self.scenes().map(|(_, scene)| MosaicReader::bytes_of_a_value(&scene.info)).max().unwrap_or(0)
    }

    /// Size of GDAL's cache that each reader needs for the blocks that it decodes at a time, bytes.
    pub(crate) fn decoded_by_a_reader(&self) -> u64 {
        self.scenes().map(|(_, scene)| SharedBlocks::cache_of_a_reader(&scene.info)).max().unwrap_or(0)
    }

    /// The cache of blocks, MiB, that holds what a strip reads and the blocks that the next one reads again: 64 to 512, and two
    /// blocks that are costly.
    pub fn cache_mb(&self) -> u32 {
        let read = self.plan.largest_read();
        let of_scene = |scene: &UsableScene| {
            let info = &scene.info;
            let pixel: usize = info.bands.iter().map(|band| band.sample_type.bytes()).sum();
            // Rows and columns of the file for one of the map.
            let (across, down) = info.native.as_ref().map_or((1.0, 1.0), |native| {
                (info.grid.gsd_x / native.grid.gsd_x, info.grid.gsd_y / native.grid.gsd_y)
            });
            let rows = times(read.height, down);
            // Shared blocks are kept by cells of about 1024 rows; costly ones whole, however few of their rows are read.
            let cell = if SharedBlocks::takes(info) { info.block.1.max(1024) } else { info.block.1 };
            let most = if info.coding == Coding::CostlyBlocks { cell } else { rows };
            times(pixel.saturating_mul(rows.saturating_add(2 * cell.min(most))), across)
        };
        let dates = self.dates.iter().map(|date| date.scenes.iter().map(of_scene).max().unwrap_or(0));
        let bytes = dates.sum::<usize>().saturating_mul(self.plan.extent().width);
        let least = u32::try_from((2 * self.decoded_by_a_reader()) >> 20).unwrap_or(u32::MAX);
        u32::try_from(bytes >> 20).unwrap_or(u32::MAX).clamp(64, 512).max(least)
    }

    /// Reads the reference layers and the vector layers that are masks into a new folder under `scratch`.
    ///
    /// # Errors
    /// A layer that cannot be used.
    pub(crate) fn index_layers(&mut self, scratch: &Path) -> Result<()> {
        if self.references.is_empty() && !self.masks.has_areas() {
            return Ok(());
        }
        let folder = tempfile::Builder::new().prefix("reference-").tempdir_in(scratch)?.keep();
        let (grid, extent) = (self.grid().clone(), self.plan.extent());
        if !self.references.is_empty() {
            let stage = Stage::begin("reference", 0);
            self.references.index(&grid, &extent, &folder)?;
            stage.end(&format!("{} reference features", count(self.references.features_read())));
        }
        if self.masks.has_areas() {
            let stage = Stage::begin("mask", 0);
            self.masks.index(&grid, &extent, &folder)?;
            stage.end(&format!("{} features of masks", count(self.masks.features_read())));
        }
        Ok(())
    }

    /// Takes a scene out, by its position in [`MapJob::scenes`].
    pub(crate) fn take_scene(&mut self, mut index: usize) -> Option<UsableScene> {
        for date in &mut self.dates {
            if index < date.scenes.len() {
                return Some(date.scenes.remove(index));
            }
            index -= date.scenes.len();
        }
        None
    }
}

/// Share of an AOI without a scene from which on a warning is given: below, borders were drawn slightly beyond the
/// scenes.
const LEAST_SHARE_OUTSIDE: f64 = 0.005;

/// Warnings about the polygons of an AOI, and about its share that no scene covers.
fn warnings_of_aoi(aoi: &Aoi, file: &str, footprints: &[Window]) -> Vec<Warning> {
    let mut warnings = layer_warnings("aoi", file, "features", aoi.counts());
    let outside = aoi.outside_of(footprints);
    if outside.polygons > 0 || outside.share >= LEAST_SHARE_OUTSIDE {
        let message = format!(
            "about {:.1} % of {} is covered by no scene, {} of its {} polygons completely: the map is empty there",
            outside.share * 100.0,
            arpent_base::redacted(file),
            count(outside.polygons as u64),
            count(outside.of as u64)
        );
        let hint = "name the missing scenes, or an AOI within the scenes";
        warnings.push(Warning::new("aoi-without-scene", "aoi", message).with_hint(hint));
    }
    warnings
}

/// A number of pixels, times a factor.
fn times(pixels: usize, factor: f64) -> usize {
    ceil::<usize>(exact(pixels) * factor)
}

/// The windows in which every date has a scene.
fn footprints(dates: &[Survey]) -> Vec<Window> {
    let mut dates = dates.iter();
    let first: Vec<Window> = dates.next().into_iter().flat_map(Survey::windows).collect();
    dates.fold(first, |common, date| {
        common.iter().flat_map(|c| date.windows().filter_map(|w| c.intersect(&w))).collect()
    })
}

/// The pixels of the output: the smallest window that contains the pixels of every date (`all`), cut to the AOI's
/// bounding window.
fn extent_of(
    all: Window,
    aoi: Option<&Aoi>,
    footprints: &[Window],
    config: &Config,
    scene: Option<&UsableScene>,
) -> Result<Window, JobError> {
    let Some(aoi) = aoi else { return Ok(all) };
    let outside = || JobError::AoiOutside { aoi: config.aoi.clone().unwrap_or_default() };
    if !footprints.iter().any(|f| aoi.intersects(f)) {
        if !footprints.iter().any(|f| aoi.is_near(f)) {
            return Err(outside());
        }
        let gsd_m = scene.map(|scene| scene.info.gsd_m).unwrap_or_default();
        return Err(JobError::AoiNoPixel { aoi: config.aoi.clone().unwrap_or_default(), gsd_m });
    }
    all.intersect(&aoi.window()).ok_or_else(outside)
}

/// The scenes of each date on one grid.
type Group = Vec<Vec<UsableScene>>;

/// One map for each grid, of the scenes of each date. Scenes whose grid another date lacks are added to the failed
/// ones.
pub(super) fn maps_of(
    dates: Vec<Vec<UsableScene>>,
    config: &Config,
    classes: &Nomenclature,
    needs: Needs,
    group_by_crs: bool,
    failed: &mut Vec<FailedScene>,
) -> Result<Vec<MapJob>> {
    let mut groups = grouped(dates);
    if groups.len() > 1 && !group_by_crs {
        return Err(mixed(&groups).into());
    }
    let several = groups.len() > 1;
    groups.retain(|grid, group| has_every_date(grid, group, failed));
    if groups.is_empty() {
        return Err(JobError::DatesApart.into());
    }
    let named = groups.into_values().enumerate().map(|(i, group)| {
        let crs = &group[0][0].info.grid.crs;
        let crs = crs.name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        MapJob::new(group, several.then(|| format!("grid-{}-{crs}", i + 1)), config, classes, needs)
    });
    named.collect()
}

fn grouped(dates: Vec<Vec<UsableScene>>) -> BTreeMap<String, Group> {
    let count = dates.len();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (date, scenes) in dates.into_iter().enumerate() {
        for scene in scenes {
            let group = groups.entry(scene.info.grid.key());
            group.or_insert_with(|| vec![Vec::new(); count])[date].push(scene);
        }
    }
    groups
}

/// Why scenes on several grids make no map: the dates differ, or the scenes of one date.
fn mixed(groups: &BTreeMap<String, Group>) -> JobError {
    let grids = |date: usize| {
        let has = |(_, group): &(&String, &Group)| group.get(date).is_some_and(|scenes| !scenes.is_empty());
        groups.iter().filter(has).map(|(grid, _)| grid.clone()).collect::<Vec<_>>()
    };
    if let ([before], [after]) = (&*grids(0), &*grids(1)) {
        return JobError::DatesDiffer { before: before.clone(), after: after.clone() };
    }
    let shown = |(key, group): (&String, &Group)| {
        let ids: Vec<&str> = group.iter().flatten().map(|s| s.info.id.as_str()).collect();
        format!("  {key}: {}", ids.join(", "))
    };
    JobError::MixedGrids { groups: groups.iter().map(shown).collect() }
}

fn has_every_date(grid: &str, group: &Group, failed: &mut Vec<FailedScene>) -> bool {
    if group.iter().all(|scenes| !scenes.is_empty()) {
        return true;
    }
    let alone = |scene: &UsableScene| {
        let error = JobError::NoOtherDate { grid: grid.to_owned() };
        FailedScene::new(&scene.source.uri, &error.into())
    };
    failed.extend(group.iter().flatten().map(alone));
    false
}
