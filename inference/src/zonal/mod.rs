//! `arpent zonal`: what a published map holds per parcel, stand, commune or section of road.
//!
//! Zones are read one by one, in the order of their layer. The rows of the map below a zone are read some at a time and
//! added up by exact parts of pixels (of the raster that the features are made of, unless the prediction is asked for); results go to a file, since a rank needs them all, and from there to the formats
//! asked for. Memory holds one zone, 4 million pixels of each raster (a row, where that is more) and GDAL's block cache; what
//! ranks and repeated ids need of all zones is sorted on disk.

mod columns;
mod config;
mod counts;
mod error;
mod numbers;
mod objects;
mod plan;
mod source;
mod spool;
mod write;

use std::collections::BTreeMap;
use std::time::Instant;

use arpent_publish::{Counts, MANIFEST_FORMAT, Manifest, RunInfo, Target, Warning, utc_now};
use serde::Serialize;

pub use config::{Measure, Names, Ratio, RoadOptions, ZonalConfig, ZoneFormat};
pub use error::ZonalError;

use self::objects::Objects;
use self::plan::Plan;
use self::source::SourceMap;
use crate::Ended;
use crate::cli::{Format, ZonalArgs};
use crate::config::located;
use crate::make::software;
use crate::print::{Lines, add_warnings, count, print};
use crate::progress::{Stage, say, warn};
use crate::run::{Unpublished, check_output};
use crate::scratch::Scratch;
use crate::shards::is_transient;
use crate::stores::set_up_gdal;
use arpent_base::energy::{Meter, WATTS_PER_CORE};

/// What zonal results came to, as printed.
#[derive(Debug, Serialize)]
pub struct ZonalReport {
    /// Where they were published.
    pub output: String,
    /// Their manifest.
    pub manifest: Manifest,
}

/// Runs the command.
///
/// # Errors
/// Whatever makes it impossible; nothing was published then.
pub fn main(args: &ZonalArgs, format: Format) -> Ended {
    let meter = Meter::start(WATTS_PER_CORE);
    let config = ZonalConfig::load(args)?;
    let url = config.map.as_ref().ok_or(ZonalError::NoMap)?;
    let zones = config.zones.as_ref().ok_or(ZonalError::NoZones)?;
    let output = config.output.clone().ok_or(ZonalError::NoOutput)?;
    set_up_gdal(None)?;
    let mut map = SourceMap::open(url, config.measure)?;
    map.check_output(&output)?;
    check_output(&output, args.overwrite)?;
    set_up_gdal(Some(map.cache_mb()))?;
    let plan = Plan::new(&config, zones, &map).map_err(|error| {
        match error.downcast_ref().and_then(ZonalError::key) {
            Some(key) => located(&args.config, &key, error),
            None => error,
        }
    })?;
    let report = make(&config, &plan, &mut map, &output, args.overwrite, &meter).map_err(unpublished)?;
    print(&report, human(&report).text(), format)?;
    Ok(0)
}

/// What may go well another time ends with the code that says so; what never will had better not begun.
fn unpublished(error: anyhow::Error) -> anyhow::Error {
    if is_transient(&error) { error.context(Unpublished("zonal results")) } else { error }
}

/// Measures and publishes.
fn make(
    config: &ZonalConfig,
    plan: &Plan<'_>,
    map: &mut SourceMap,
    output: &str,
    overwrite: bool,
    meter: &Meter,
) -> anyhow::Result<ZonalReport> {
    let scratch = Scratch::new(config.scratch.as_deref())?;
    let mut timings = BTreeMap::new();
    let began = Instant::now();
    let stage = Stage::begin("measure", 0);
    let mut warnings = doubts(map);
    warnings.iter().for_each(warn);
    let objects = Objects::read(map, scratch.path()).map_err(|error| scratch.judged(error))?;
    let measured = plan.measure(map, objects.as_ref(), scratch.path());
    let measured = measured.map_err(|error| scratch.judged(error))?;
    stage.end(&format!("{} zones", count(measured.counts.zones)));
    timings.insert("measure".to_owned(), seconds(began));
    let of_zones = counts::warnings(plan.zones, &measured.counts);
    of_zones.iter().for_each(warn);
    warnings.extend(of_zones);
    let run = RunInfo::new(plan.run_id(map)?, &map.manifest.model.id, &map.manifest.model.sha256);
    let began = Instant::now();
    let staged = plan.write(map, &measured, &run, scratch.path()).map_err(|error| scratch.judged(error))?;
    timings.insert("write".to_owned(), seconds(began));
    let stage = Stage::begin("publish", 0);
    let manifest = Manifest {
        format: MANIFEST_FORMAT.to_owned(),
        run_id: run.run_id,
        created: utc_now(),
        attempt: String::new(),
        plan: None,
        software: software(false),
        engines: Vec::new(),
        inputs: plan.inputs(map),
        failed_inputs: Vec::new(),
        warnings,
        model: map.manifest.model.clone(),
        config: serde_json::to_value(config.redacted())?,
        counts: Counts { zones: Some(measured.counts), ..Counts::default() },
        timings_s: timings,
        energy: Some(serde_json::to_value(meter.read())?),
        artifacts: Vec::new(),
    };
    let published = Target::parse(output)?.publish(&staged, manifest, overwrite)?;
    for leftover in &published.leftovers {
        say(&format!("could not delete {leftover} of the former results; it is not part of these"));
    }
    stage.end(output);
    Ok(ZonalReport { output: output.to_owned(), manifest: published.manifest })
}

/// What a reader of the results must know.
fn doubts(map: &SourceMap) -> Vec<Warning> {
    let prediction = map.is_prediction_only().then(|| {
        let message = "areas are those of the prediction, not those of the features that were published";
        Warning::new("prediction-measured", &map.url, message)
            .with_hint("leave `measure = \"prediction\"` out to add up the published map")
    });
    prediction.into_iter().collect()
}

fn seconds(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}

fn human(report: &ZonalReport) -> Lines {
    let manifest = &report.manifest;
    let mut lines = Lines::default();
    add_warnings(&mut lines, &manifest.warnings);
    lines.add("published", &report.output).add("run", &manifest.run_id);
    if let Some(counts) = &manifest.counts.zones {
        lines.add("zones", count(counts.zones));
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    for artifact in &manifest.artifacts {
        lines.add("file", format!("{}/{}", report.output.trim_end_matches('/'), artifact.href));
    }
    lines
}
