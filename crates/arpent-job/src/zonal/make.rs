//! Measuring the zones of a map, and publishing the results.

use std::collections::BTreeMap;
use std::time::Instant;

use arpent_base::{DoingWhat as _, Failure, Result, redacted, table_schema};
use arpent_gdal::{file_name, layer_file};
use arpent_publish::{Counts, MANIFEST_FORMAT, Manifest, RunInfo, Target, Warning, utc_now};
use arpent_shell::energy::{Meter, WATTS_PER_CORE};
use arpent_shell::lines::count;
use arpent_shell::message::notice;
use arpent_shell::progress::Stage;
use arpent_viewer::Kind;
use serde::Serialize;

use super::counts;
use super::error::ZonalError;
use super::job::{Written, ZonalJob};
use super::objects::Objects;
use super::source::SourceMap;
use crate::config::{ZonalConfig, ZoneFormat};
use crate::execute::Unpublished;
use crate::job::software;
use crate::map::check_output;
use crate::pipeline::seconds;
use crate::present::{self, present};
use crate::scratch::Scratch;
use crate::stores::set_up_gdal;
use crate::warnings::warn;

/// Result of `arpent zonal`, as printed.
#[derive(Debug, Serialize)]
pub struct ZonalReport {
    /// The output.
    pub output: String,
    /// Their manifest.
    pub manifest: Manifest,
}

/// Measures the zones of a configuration and publishes the results.
///
/// # Errors
/// When the statistics cannot be computed or written; nothing was published then.
pub fn zonal(config: &ZonalConfig, overwrite: bool) -> Result<ZonalReport> {
    let meter = Meter::start(WATTS_PER_CORE);
    let url = config.map.as_ref().ok_or(ZonalError::NoMap)?;
    let zones = config.zones.as_ref().ok_or(ZonalError::NoZones)?;
    let output = config.output.clone().ok_or(ZonalError::NoOutput)?;
    set_up_gdal(None)?;
    let mut map = SourceMap::open_with(url, config.measure, !config.values.is_empty())?;
    map.check_output(&output)?;
    check_output(&output, overwrite)?;
    set_up_gdal(Some(map.cache_mb()))?;
    let located = |error: Failure| match &config.file {
        Some(file) => file.located(error),
        None => error,
    };
    let job = ZonalJob::new(config, zones, &map).map_err(located)?;
    let scratch = config.scratch.as_deref().map(|path| (path, "scratch"));
    let scratch = Scratch::new(scratch).map_err(|error| located(error.into()))?;
    make(&scratch, &job, &mut map, &output, overwrite, &meter)
        .map_err(|error| Unpublished::of("zonal statistics", error))
}

/// Measures and publishes.
fn make(
    scratch: &Scratch,
    job: &ZonalJob<'_>,
    map: &mut SourceMap,
    output: &str,
    overwrite: bool,
    meter: &Meter,
) -> Result<ZonalReport> {
    let mut timings = BTreeMap::new();
    let began = Instant::now();
    let stage = Stage::begin("measure", 0);
    let mut warnings = doubts(map);
    warnings.iter().for_each(warn);
    let objects = Objects::read(map, scratch.path()).map_err(|error| scratch.judged(error))?;
    let measured = job.measure(map, objects.as_ref(), scratch.path());
    let measured = measured.map_err(|error| scratch.judged(error))?;
    stage.end(&format!("{} zones", count(measured.counts.zones)));
    timings.insert("measure".to_owned(), seconds(began.elapsed()));
    let of_zones = counts::warnings(job.zones, &measured.counts);
    of_zones.iter().for_each(warn);
    warnings.extend(of_zones);
    let run = RunInfo::new(job.run_id(map), &map.manifest.model.id, &map.manifest.model.sha256);
    let began = Instant::now();
    let Written { mut staged, columns, zone_map } =
        job.write(map, &measured, &run, scratch.path()).map_err(|error| scratch.judged(error))?;
    timings.insert("write".to_owned(), seconds(began.elapsed()));
    let stage = Stage::begin("publish", 0);
    let manifest = Manifest {
        format: MANIFEST_FORMAT.to_owned(),
        run_id: run.run_id,
        created: utc_now(),
        attempt: String::new(),
        plan: None,
        software: software(false),
        engines: Vec::new(),
        inputs: job.inputs(map),
        failed_inputs: Vec::new(),
        warnings,
        model: map.manifest.model.clone(),
        package: None,
        config: serde_json::to_value(job.config.redacted())?,
        counts: Counts { zones: Some(measured.counts), ..Counts::default() },
        timings_s: timings,
        energy: Some(serde_json::to_value(meter.read())?),
        ledger: None,
        columns: Some(table_schema(&columns)),
        tables: BTreeMap::new(),
        artifacts: Vec::new(),
    };
    let classes = map.nomenclature().context("the map has no classes")?;
    let about = job.config.publish.about(&title(job.zones));
    let shown = present::Output {
        kind: Kind::Zonal,
        about: &about,
        language: job.config.titles,
        classes: &classes,
        grid: map.grid(),
        window: map.window(),
        manifest: &manifest,
        options: &job.config.publish,
        tables: Vec::new(),
        zones: vec![present::ZoneTable {
            file: ZoneFormat::Csv.file_name(),
            title: ["Zones", "Zones"],
            columns,
        }],
        zone_map,
        imagery: None,
        scenes: BTreeMap::new(),
        report: None,
    };
    present(&shown, &mut staged, scratch.path()).map_err(|error| scratch.judged(error))?;
    let published = Target::parse(output)?.publish(&staged, manifest, overwrite)?;
    for leftover in &published.leftovers {
        notice(&format!("could not delete {leftover} of the earlier results; it is not part of these"));
    }
    stage.end(output);
    Ok(ZonalReport { output: output.to_owned(), manifest: published.manifest })
}

/// The title of a page without one: the name of the layer's file.
fn title(zones: &str) -> String {
    let name = file_name(&redacted(&zones[..layer_file(zones).len()])).to_owned();
    name.rsplit_once('.').map_or_else(|| name.clone(), |(stem, _)| stem.to_owned())
}

/// Warnings about the results.
fn doubts(map: &SourceMap) -> Vec<Warning> {
    let prediction = map.is_prediction_only().then(|| {
        let message = "areas are those of the prediction, not those of the published features";
        Warning::new("prediction-measured", &map.url, message)
            .with_hint("remove `measure = \"prediction\"` to measure the published map")
    });
    prediction.into_iter().collect()
}
