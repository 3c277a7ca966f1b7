//! The report of a plan, from headers and a small sample of each scene's pixels.

use std::collections::BTreeMap;

use arpent_base::Result;
use arpent_base::number::{exact, rounded};
use arpent_model::ModelWindow;
use arpent_publish::{InputValues, UndecidedClass, UndecidedCounts, Warning};
use arpent_raster::Window;
use serde::Serialize;

use super::forecast::Forecast;
use crate::config::FeatureFormat;
use crate::job::{
    FailedScene, Job, MapJob, OutsideSample, Overlap, UsableScene, describe_bands, describe_validity,
};
use crate::mask::MaskFacts;
use crate::present::{names_for_qgis, names_of_map};
use crate::shards::Plan;

/// A plan, as printed.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    /// The model package's id.
    pub model: String,
    /// One map for each grid.
    pub maps: Vec<MapReport>,
    /// Scenes that cannot be used.
    pub failed_scenes: Vec<FailedScene>,
    /// Speed of the network on this machine in a short probe, Mpx/s.
    pub probe_mpx_per_s: f64,
    /// What the job is expected to take.
    pub cost: Forecast,
    /// Number of shards, where a plan was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<usize>,
    /// Address of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// One map of a plan.
#[derive(Debug, Serialize)]
pub struct MapReport {
    /// The output.
    pub output: Option<String>,
    /// The grid.
    pub grid: String,
    /// The pixels of the map.
    pub extent: Window,
    /// Its bbox in the grid's CRS.
    pub bbox: [f64; 4],
    /// The scenes.
    pub scenes: Vec<SceneReport>,
    /// Number of windows.
    pub windows: usize,
    /// Side of a window's core, pixels.
    pub window_px: usize,
    /// Columns that are read beyond either side of a core.
    pub overlap_px: usize,
    /// Rows that are read beyond either side of a core.
    pub overlap_rows_px: usize,
    /// Pixels of all chips, overlaps included.
    pub pixels_computed: u64,
    /// Pixels to map.
    pub pixels_wanted: u64,
    /// The window of the network, if it is part of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_window: Option<ModelWindow>,
    /// Pixels of chips for each mapped pixel.
    pub overlap_cost: f64,
    /// Computation as a multiple of that for an unbounded picture: most layers need little of the overlap.
    pub compute_cost: f64,
    /// Upper bound of the resident memory, MB.
    pub memory_bound_mb: u64,
    /// Predicted time, seconds.
    pub predicted_s: f64,
    /// Files that will be published.
    pub artifacts: Vec<String>,
    /// Masks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<MaskFacts>,
    /// What is expected to be left undecided, if some answers may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<ExpectedUndecided>,
    /// Pairs of overlapping scenes of one date, the largest shares first; 20 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<Overlap>,
    /// How much of a sample is unlike the training of the model, if its package has samples of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_training: Option<OutsideSample>,
    /// Warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Answers that are left undecided, as the model's validation data let expect it.
#[derive(Debug, Serialize)]
pub struct ExpectedUndecided {
    /// Largest expected share of errors among the answers of a class that are given.
    pub max_risk: f64,
    /// Territory whose validation data decide; of all together if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub territory: Option<String>,
    /// The classes of the model.
    pub classes: Vec<ExpectedClass>,
}

/// What is expected of the answers of a class.
#[derive(Debug, Serialize)]
pub struct ExpectedClass {
    /// The class.
    pub class: String,
    /// Whose validation data decide: `all`, the name of the territory, or `none`.
    pub table: String,
    /// Lowest confidence of an answer that is given, before it is corrected; none if no answer is.
    pub lowest: Option<f64>,
    /// Share of the validation answers that are given.
    pub coverage: f64,
    /// Share of these that is wrong.
    pub risk: Option<f64>,
}

/// One scene of a plan.
#[derive(Debug, Serialize)]
pub struct SceneReport {
    /// Its id.
    pub id: String,
    /// Where it is read from.
    pub uri: String,
    /// Columns and rows.
    pub size: [usize; 2],
    /// Its bands.
    pub bands: String,
    /// GSD on the ground, meters.
    pub gsd_m: f64,
    /// Whether it is resampled to the model's GSD.
    pub resampled: bool,
    /// Its own GSD, meters, where it is resampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_gsd_m: Option<f64>,
    /// Sources of its validity: alpha, mask, nodata and their origin.
    pub valid: String,
    /// A sample of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<InputValues>,
    /// Side files that are read with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub side_files: Vec<String>,
    /// Acquisition date, if known.
    pub acquired: Option<String>,
    /// `before` or `after`, where two dates are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<&'static str>,
}

/// The report of a job's plan; `rate` is the speed of its network, Mpx/s, `cost` what the job is expected to take, `written` the
/// stored plan and its address.
///
/// # Errors
/// When the memory of the network cannot be computed, or a scene cannot be read.
pub fn plan_report(
    job: &Job,
    rate: f64,
    cost: Forecast,
    written: Option<(Plan, String)>,
) -> Result<PlanReport> {
    let maps = job.maps.iter().map(|map| report_map(job, map, rate)).collect::<Result<_>>()?;
    Ok(PlanReport {
        model: job.model.id.clone(),
        maps,
        failed_scenes: job.failed.clone(),
        probe_mpx_per_s: rate,
        cost,
        shards: written.as_ref().map(|(plan, _)| plan.shards),
        plan: written.map(|(_, url)| url),
    })
}

fn report_map(job: &Job, map: &MapJob, rate: f64) -> Result<MapReport> {
    let (plan, overlap) = (&map.plan, job.predictor.overlap());
    let outside_training = job.dissimilarity.as_ref().map(|of| of.sample(map)).transpose()?;
    let outside = outside_training.as_ref().and_then(|sample| sample.warning(&job.model.id));
    Ok(MapReport {
        output: job.output_of(map).ok(),
        grid: map.grid().key(),
        extent: plan.extent(),
        bbox: map.grid().bbox(&plan.extent()),
        scenes: map.scenes().map(|(date, scene)| report_scene(date, scene)).collect(),
        windows: plan.windows().len(),
        window_px: plan.window_px(),
        overlap_px: overlap.cols,
        overlap_rows_px: overlap.rows,
        model_window: job.model.window,
        pixels_computed: plan.pixels_read(),
        pixels_wanted: plan.pixels_wanted(),
        overlap_cost: rounded(plan.read_cost(), 3),
        compute_cost: rounded(compute_cost(job, map), 3),
        memory_bound_mb: job.memory_bound(map)?.div_ceil(1_000_000),
        predicted_s: exact(plan.pixels_wanted()) / 1e6 / rate,
        artifacts: artifact_names(job, map),
        masks: map.masks.facts(),
        undecided: job.confidences.expected().map(expected),
        overlaps: map.dates.iter().flat_map(|date| date.overlaps.largest.iter().cloned()).collect(),
        outside_training,
        warnings: job.warnings_of(map).cloned().chain(outside).collect(),
    })
}

fn expected(of: UndecidedCounts) -> ExpectedUndecided {
    let class = |class: UndecidedClass| ExpectedClass {
        class: class.class,
        table: class.table,
        lowest: class.lowest,
        coverage: class.expected_coverage,
        risk: class.expected_risk,
    };
    ExpectedUndecided {
        max_risk: of.max_risk,
        territory: of.territory,
        classes: of.classes.into_iter().map(class).collect(),
    }
}

/// Computation of the network, as a multiple of that for the planned cores in an unbounded picture.
fn compute_cost(job: &Job, map: &MapJob) -> f64 {
    // Windows come in few shapes.
    let mut costs = BTreeMap::new();
    let (mut all, mut cores) = (0.0, 0.0);
    for window in map.plan.windows() {
        let offset = window.read.offset_of(&window.core);
        let shape = (offset, window.core.width, window.core.height, window.read.width, window.read.height);
        let cost =
            costs.entry(shape).or_insert_with(|| job.predictor.overlap_cost(&window.read, &window.core));
        all += *cost * exact(window.core.pixels());
        cores += exact(window.core.pixels());
    }
    all / f64::max(cores, 1.0)
}

fn report_scene(date: Option<&'static str>, scene: &UsableScene) -> SceneReport {
    let info = &scene.info;
    SceneReport {
        id: info.id.clone(),
        uri: scene.source.uri.clone(),
        size: [info.window.width, info.window.height],
        bands: describe_bands(info),
        gsd_m: info.gsd_m,
        resampled: scene.resampled,
        native_gsd_m: info.native.as_ref().map(|native| native.gsd_m),
        valid: describe_validity(info, &scene.bands),
        values: scene.values.clone(),
        side_files: info.validity.side_files.clone(),
        acquired: info.acquired.clone(),
        date,
    }
}

/// Names of the files that a run publishes.
fn artifact_names(job: &Job, map: &MapJob) -> Vec<String> {
    let mut names = Vec::new();
    let is_map = !job.model.is_detection() && job.has_classes();
    if job.config.rasters.labels && is_map {
        names.push("labels.tif".to_owned());
    }
    if job.config.rasters.confidence && job.has_confidence() {
        names.push("confidence.tif".to_owned());
    }
    if job.model.is_regression() {
        names.push("values.tif".to_owned());
    }
    if job.writes_map() {
        names.push("map.tif".to_owned());
    }
    if !map.masks.is_empty() {
        names.push("mask.tif".to_owned());
    }
    names.extend(
        FeatureFormat::ALL
            .iter()
            .filter(|f| job.has_classes() && job.config.features.formats.contains(f))
            .map(|f| format!("features.{}", f.extension())),
    );
    let has_features = !job.config.features.formats.is_empty() && job.has_classes();
    let options = &job.config.publish;
    if options.qgis {
        names.extend(names_for_qgis(&names));
    }
    names.extend(names_of_map(options, map.dates.len(), has_features).into_iter().map(str::to_owned));
    names.push("item.json".to_owned());
    names.push("manifest.json".to_owned());
    names
}
