//! `arpent plan`: what a run would do, told from a small sample of each scene's pixels.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use arpent_model::ModelError;
use arpent_publish::{BandValues, InputValues, Warning};
use arpent_raster::Window;
use serde::Serialize;

use crate::cli::{Format, PlanArgs, Shards};
use crate::config::FeatureFormat;
use crate::job::{self, BEFORE, FailedScene, Job, MapJob, Overlap, describe_bands, describe_validity};
use crate::print::{Lines, SCENES_IN_FULL, add_warnings, count, duration, print, scenes_together};
use crate::shards::{Sharing, write_plan};
use crate::{EXIT_PARTIAL, Ended, probe, run};

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
    /// Number of shards, where a plan was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<usize>,
    /// Where the plan was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// One map of a plan.
#[derive(Debug, Serialize)]
pub struct MapReport {
    /// Where it will be published.
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
    /// Pixels that are wanted.
    pub pixels_wanted: u64,
    /// Pixels of chips for each pixel wanted.
    pub overlap_cost: f64,
    /// What is computed, as a multiple of what a picture without end would take: of the overlap, most layers need little.
    pub compute_cost: f64,
    /// Upper bound of the resident memory, MB.
    pub memory_bound_mb: u64,
    /// Predicted time, seconds.
    pub predicted_s: f64,
    /// Files that will be published.
    pub artifacts: Vec<String>,
    /// Pairs of scenes of one date that lie over the same pixels, the largest shares first; 20 at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<Overlap>,
    /// What is doubtful about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
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
    /// GSD on the ground, metres.
    pub gsd_m: f64,
    /// Whether it is resampled to the model's GSD.
    pub resampled: bool,
    /// Its own GSD, metres, where it is resampled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_gsd_m: Option<f64>,
    /// What decides which of its pixels are valid, and who says so.
    pub valid: String,
    /// A sample of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<InputValues>,
    /// Files beside it that are read with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub side_files: Vec<String>,
    /// Acquisition date, where known.
    pub acquired: Option<String>,
    /// `before` or `after`, where two dates are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<&'static str>,
}

/// Runs the command.
///
/// # Errors
/// Whatever makes the job impossible.
pub fn main(args: &PlanArgs, format: Format) -> Ended {
    let mut config = job::effective(&args.job)?;
    if args.shards.is_some() {
        // Workers may be elsewhere: what is relative to this folder is not to theirs.
        config.make_absolute()?;
    }
    let group_by_crs = args.job.group_by_crs;
    let job = Job::resolve(config, group_by_crs)?;
    let written = args.shards.map(|shards| {
        let shards = if let Shards::Number(shards) = shards { Some(shards) } else { None };
        write_plan(&job, Sharing { shards, group_by_crs, overwrite: args.overwrite })
    });
    let written = written.transpose()?;
    let pool = run::pool(&job.config)?;
    let rate = probe::mpx_per_s(&job.predictor, job.model.bands.len(), &pool, PROBE)?;
    let maps = job.maps.iter().map(|map| report_map(&job, map, rate)).collect::<Result<_, _>>()?;
    let report = PlanReport {
        model: job.model.id.clone(),
        maps,
        failed_scenes: job.failed.clone(),
        probe_mpx_per_s: rate,
        shards: written.as_ref().map(|(plan, _)| plan.shards),
        plan: written.map(|(_, url)| url),
    };
    print(&report, &human(&report), format)?;
    Ok(if report.failed_scenes.is_empty() { 0 } else { EXIT_PARTIAL })
}

/// How long a plan may try the network.
const PROBE: Duration = Duration::from_millis(300);

#[allow(clippy::cast_precision_loss, reason = "a time to show")]
fn report_map(job: &Job, map: &MapJob, rate: f64) -> Result<MapReport, ModelError> {
    let (plan, overlap) = (&map.plan, job.predictor.overlap());
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
        pixels_computed: plan.pixels_read(),
        pixels_wanted: plan.pixels_wanted(),
        overlap_cost: rounded(plan.read_cost()),
        compute_cost: rounded(compute_cost(job, map)),
        memory_bound_mb: job.memory_bound(map)?.div_ceil(1_000_000),
        predicted_s: plan.pixels_wanted() as f64 / 1e6 / rate,
        artifacts: artifact_names(job),
        overlaps: map.dates.iter().flat_map(|date| date.overlaps.largest.iter().cloned()).collect(),
        warnings: job.warnings_of(map).cloned().collect(),
    })
}

fn rounded(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

/// What the network computes, as a multiple of what the planned cores would take in a picture without end.
#[allow(clippy::cast_precision_loss, reason = "a ratio to show")]
fn compute_cost(job: &Job, map: &MapJob) -> f64 {
    // Windows come in few shapes.
    let mut costs = BTreeMap::new();
    let (mut all, mut cores) = (0.0, 0.0);
    for window in map.plan.windows() {
        let offset = window.read.offset_of(&window.core);
        let shape = (offset, window.core.width, window.core.height, window.read.width, window.read.height);
        let cost =
            costs.entry(shape).or_insert_with(|| job.predictor.overlap_cost(&window.read, &window.core));
        all += *cost * window.core.pixels() as f64;
        cores += window.core.pixels() as f64;
    }
    all / f64::max(cores, 1.0)
}

fn report_scene(date: Option<&'static str>, scene: &crate::job::UsableScene) -> SceneReport {
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
pub fn artifact_names(job: &Job) -> Vec<String> {
    let mut names = Vec::new();
    let is_map = !job.model.is_detection();
    if job.config.rasters.labels && is_map {
        names.push("labels.tif".to_owned());
    }
    if job.config.rasters.confidence && is_map {
        names.push("confidence.tif".to_owned());
    }
    if job.writes_map() {
        names.push("map.tif".to_owned());
    }
    names.extend(
        FeatureFormat::ALL
            .iter()
            .filter(|f| job.config.features.formats.contains(f))
            .map(|f| f.file_name().to_owned()),
    );
    names.extend(["item.json".to_owned(), "manifest.json".to_owned()]);
    names
}

fn human(report: &PlanReport) -> String {
    let mut text = String::new();
    for map in &report.maps {
        text.push_str(human_map(report, map).text());
    }
    for failed in &report.failed_scenes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "cannot be used   {}: {}", failed.uri, failed.reason);
        if let Some(hint) = &failed.hint {
            let _ = writeln!(text, "                 hint: {hint}");
        }
    }
    if let (Some(plan), Some(shards)) = (&report.plan, report.shards) {
        let mut lines = Lines::default();
        lines.add("shards", shards.to_string()).add("plan", plan);
        text.push_str(lines.text());
    }
    text
}

/// A line for the scenes of each date, and one for those that are resampled.
fn add_many_scenes(lines: &mut Lines, map: &MapReport) {
    let mut dates: Vec<Option<&'static str>> = map.scenes.iter().map(|scene| scene.date).collect();
    dates.sort_unstable_by(|a, b| b.cmp(a));
    dates.dedup();
    for date in dates {
        let scenes = map.scenes.iter().filter(|scene| scene.date == date);
        let told = scenes.clone().map(|scene| {
            let [width, height] = scene.size;
            ((width * height) as u64, Some(scene.gsd_m), scene.acquired.as_deref())
        });
        let name = date.map_or_else(|| "scenes".to_owned(), |date| format!("scenes {date}"));
        lines.add(&name, scenes_together(told));
        let resampled = scenes.filter(|scene| scene.resampled).count();
        if resampled > 0 {
            lines.more(format!("{resampled} of them resampled"));
        }
    }
    lines.more("`--format json` lists them");
}

/// `values: red 36 to 234 (mean 127), ...; as in training`
fn describe_values(values: &InputValues) -> String {
    let band = |b: &BandValues| format!("{} {} to {} (mean {})", b.name, b.p1, b.p99, b.mean);
    let bands: Vec<String> = values.bands.iter().map(band).collect();
    let read_as = if values.read_as == "raw" { String::new() } else { format!(" ({})", values.read_as) };
    format!("values{read_as}: {}; {}", bands.join(", "), values.verdict)
}

fn human_map(report: &PlanReport, map: &MapReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("model", &report.model);
    lines.add("output", map.output.as_deref().unwrap_or("not said (--output)"));
    lines.add("grid", &map.grid);
    let [w, s, e, n] = map.bbox;
    lines.add("extent", format!("{} x {} px, {w} {s} {e} {n}", map.extent.width, map.extent.height));
    let is_many = map.scenes.len() > SCENES_IN_FULL;
    if is_many {
        add_many_scenes(&mut lines, map);
    }
    for scene in map.scenes.iter().filter(|_| !is_many) {
        let resampled =
            scene.native_gsd_m.map_or(String::new(), |gsd| format!(", resampled from {gsd:.3} m"));
        let [width, height] = scene.size;
        let text = format!(
            "{}: {width} x {height} px, {}, GSD {:.3} m{resampled}",
            scene.id, scene.bands, scene.gsd_m
        );
        lines.add(
            scene.date.map_or("scene", |date| if date == BEFORE { "scene before" } else { "scene after" }),
            text,
        );
        lines.more(format!("valid: {}", scene.valid));
        if let Some(values) = &scene.values {
            lines.more(describe_values(values));
        }
        if !scene.side_files.is_empty() {
            lines.more(format!("read with {}", scene.side_files.join(", ")));
        }
    }
    let (cols, rows) = (map.overlap_px, map.overlap_rows_px);
    lines.add(
        "windows",
        format!(
            "{} of {} px, read with {cols} columns and {rows} rows of overlap",
            map.windows, map.window_px
        ),
    );
    let (read, wanted) = (count(map.pixels_computed), count(map.pixels_wanted));
    lines.add("pixels", format!("{read} read for {wanted} wanted; computed {:.2} times", map.compute_cost));
    lines.add("memory", format!("at most {} MB", map.memory_bound_mb));
    let rate = report.probe_mpx_per_s;
    lines.add(
        "time",
        format!("about {} of prediction ({rate:.2} Mpx/s in a probe)", duration(map.predicted_s)),
    );
    lines.add("files", map.artifacts.join(", "));
    add_warnings(&mut lines, &map.warnings);
    lines
}
