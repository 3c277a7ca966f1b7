//! `arpent run`: plan, read, predict, stitch, vectorise, publish; a plan of one shard, its worker and its merge in one process.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use arpent_base::energy::{Energy, Meter, WATTS_PER_CORE};
use arpent_gdal::GdalError;
use arpent_publish::Target;
use serde::Serialize;

use crate::cli::{Format, RunArgs};
use crate::config::Config;
use crate::error::{JobError, message_of};
use crate::inspect::add_inputs;
use crate::job::{self, FailedScene, Job, MapJob};
use crate::make::{Failure, Maker, PublishedMap, published_already};
use crate::pipeline::Clock;
use crate::print::{Lines, count, print};
use crate::progress::{say, warn};
use crate::shards::{
    EXIT_TRY_AGAIN, JobPlace, Journal, Plan, PlannedMap, ShardError, Sharing, Work, all_ranges, engines_of,
    is_transient,
};
use crate::{EXIT_NOT_STARTED, EXIT_PARTIAL, Ended, interrupt};

/// What a run came to, as printed.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// The maps that were published.
    pub maps: Vec<PublishedMap>,
    /// Scenes that failed.
    pub failed_scenes: Vec<FailedScene>,
}

/// A job that failed after its work had begun.
#[derive(Debug, thiserror::Error)]
#[error("the {0} {verb} not published", verb = if self.0.ends_with('s') { "were" } else { "was" })]
pub(crate) struct Unpublished(pub(crate) &'static str);

/// The exit code of an error: 75 when the same command may go well another time, else 1 when work had begun, and 2 when not.
/// `elsewhere` says that another machine may do the work.
pub fn exit_code(error: &anyhow::Error, elsewhere: bool) -> u8 {
    let has_begun = error.is::<Unpublished>();
    // Who may not write here will not later, on this machine.
    let lasts = !elsewhere && !has_begun && is_denied(error);
    match (is_transient(error) && !lasts, has_begun) {
        (true, _) => EXIT_TRY_AGAIN,
        (false, true) => EXIT_PARTIAL,
        (false, false) => EXIT_NOT_STARTED,
    }
}

/// Whether the system does not let this user do it.
fn is_denied(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let denied = |e: &std::io::Error| matches!(e.kind(), PermissionDenied | ReadOnlyFilesystem);
    error.chain().any(|cause| cause.downcast_ref().is_some_and(denied))
}

/// Runs the command.
///
/// # Errors
/// Whatever makes the job impossible; nothing was published then.
pub fn main(args: &RunArgs, format: Format) -> Ended {
    let meter = Meter::start(WATTS_PER_CORE);
    let clock = Clock::default();
    let interrupt = interrupt::flag()?;
    let mut job = clock.open.time(|| Job::resolve(job::effective(&args.job)?, args.job.group_by_crs))?;
    let sharing = Sharing { shards: Some(1), group_by_crs: args.job.group_by_crs, overwrite: args.overwrite };
    let plan = clock.open.time(|| Plan::of(&job, sharing, BTreeMap::new()))?;
    let output = Target::parse(job.output.as_deref().ok_or(JobError::NoOutput)?)?;
    let place = JobPlace::of(&output, &plan.id)?;
    let resumes = place.has_plan()?;
    check_outputs(&job, &plan, resumes, args.overwrite)?;
    let pool = pool(&job.config)?;
    say(&format!("computing on {}, {} threads", job.predictor.engine(), pool.current_num_threads()));
    tell_doubts(&job);
    let scratch = job.scratch.path().to_owned();
    let indexed = clock.open.time(|| job.maps.iter_mut().try_for_each(|map| map.index_references(&scratch)));
    indexed.map_err(|error| job.config.located(job.scratch.judged(error)))?;
    let mut run = Run {
        overwrite: args.overwrite,
        meter: &meter,
        clock: &clock,
        pool: &pool,
        interrupt: &interrupt,
        ids: plan.maps.iter().map(|map| map.id.clone()).collect(),
        plan,
        resumes,
    };
    let maps = run.all_maps(&mut job, &place).map_err(|error| job.scratch.judged(error));
    if !maps.as_ref().is_err_and(keeps_work) {
        forget(&place, &output);
    }
    for failed in &job.failed {
        say(&format!("failed scene: {}: {}", failed.uri, failed.reason));
        if let Some(hint) = &failed.hint {
            say(&format!("hint: {hint}"));
        }
    }
    let report = RunReport { maps: maps.context(Unpublished("map"))?, failed_scenes: job.failed.clone() };
    print(&report, &human(&report), format)?;
    Ok(if report.failed_scenes.is_empty() { 0 } else { EXIT_PARTIAL })
}

/// Threads of the pool for each core. More of them only wait for each other: a thousand on a few cores do hardly anything else.
const THREADS_OF_A_CORE: usize = 4;

/// The pool that the network runs on: of as many threads as are asked for, but no more than the machine has work for.
///
/// # Errors
/// When threads cannot be started.
pub fn pool(config: &Config) -> anyhow::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(config.compute.threads().min(most_threads()))
        .build()
        .context("cannot start threads")
}

fn most_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).saturating_mul(THREADS_OF_A_CORE)
}

/// Tells what is doubtful about a job before its work begins: who reads it can still stop.
pub fn tell_doubts(job: &Job) {
    job.warnings.iter().for_each(warn);
    job.maps.iter().flat_map(MapJob::warnings).for_each(warn);
}

/// Refuses outputs that exist or cannot be written, before any work. What this very job published before it was killed is no
/// hindrance.
fn check_outputs(job: &Job, plan: &Plan, resumes: bool, overwrite: bool) -> anyhow::Result<()> {
    for (map, planned) in job.maps.iter().zip(&plan.maps) {
        let output = job.output_of(map)?;
        let own =
            !overwrite && resumes && published_already(&Target::parse(&output)?, &planned.id)?.is_some();
        check_output(&output, overwrite || own)?;
    }
    Ok(())
}

/// Refuses an output that exists or cannot be written, before any work.
pub(crate) fn check_output(output: &str, overwrite: bool) -> anyhow::Result<()> {
    let target = Target::parse(output)?;
    target.check_writable()?;
    if !overwrite && target.exists()? {
        return Err(JobError::OutputExists { output: output.to_owned() }.into());
    }
    Ok(())
}

/// Whether what was computed may be of use after an error: to the same command once its reason is mended, or to one with `--overwrite`.
/// It is of none where an input must change first, since that makes another job, and where it is damaged itself.
fn keeps_work(error: &anyhow::Error) -> bool {
    // The first that knows decides, as in `is_transient`: what is below it is what it judged by.
    let is_of_use = |cause: &(dyn std::error::Error + 'static)| {
        let job = cause.downcast_ref().map(|e| {
            matches!(
                e,
                JobError::NoRoom { .. }
                    | JobError::Temporary { .. }
                    | JobError::Scratch { .. }
                    | JobError::Stopped { .. }
            )
        });
        let pieces = || cause.downcast_ref().map(|e| !matches!(e, ShardError::BadPiece { .. }));
        job.or_else(pieces).or_else(|| cause.is::<GdalError>().then_some(false))
    };
    is_transient(error) || error.chain().find_map(is_of_use).unwrap_or(true)
}

/// Deletes the state of a job; what stays is told.
pub(crate) fn forget(place: &JobPlace, output: &Target) {
    match place.delete(output) {
        Ok(stay) if stay.is_empty() => {}
        Ok(_) | Err(_) => say(&format!("could not delete all of {}; `arpent gc` does", place.plan_url())),
    }
}

/// What the steps of a run share.
struct Run<'a> {
    overwrite: bool,
    meter: &'a Meter,
    clock: &'a Clock,
    pool: &'a rayon::ThreadPool,
    interrupt: &'a AtomicBool,
    plan: Plan,
    /// Ids of the maps as they were planned first.
    ids: Vec<String>,
    /// Whether the same job was begun before.
    resumes: bool,
}

impl Run<'_> {
    fn all_maps(&mut self, job: &mut Job, place: &JobPlace) -> anyhow::Result<Vec<PublishedMap>> {
        place.write_plan(&self.plan)?;
        // What the same job took, and was computed on, before it was cut off.
        let before = if self.resumes { place.records()? } else { Vec::new() };
        let others: Vec<Energy> = before.iter().map(|record| record.energy.clone()).collect();
        let mut engines = engines_of(&before);
        engines.insert(job.predictor.engine());
        let mut journal = Journal::begin(place, 0)?;
        journal.set_engine(job.predictor.engine());
        let mut maps = Vec::new();
        for map in 0..job.maps.len() {
            let output = job.output_of(&job.maps[map])?;
            let target = Target::parse(&output)?;
            let before = if self.resumes { published_already(&target, &self.ids[map])? } else { None };
            match before {
                Some(manifest) => {
                    say(&format!("{output} was published by a run that did not come to its end"));
                    maps.push(PublishedMap { output, manifest });
                }
                None => match self.map(job, map, place, &mut journal, (&others, &engines)) {
                    Ok(published) => maps.push(published),
                    Err(error) => {
                        // A twin of this run may have been faster, and have deleted what this one wanted to read.
                        let twin = published_already(&target, &self.ids[map])?.filter(|_| !self.overwrite);
                        let Some(manifest) = twin else {
                            journal.end_failed(place, &error);
                            return Err(error);
                        };
                        maps.push(PublishedMap { output, manifest });
                    }
                },
            }
        }
        Ok(maps)
    }

    /// Makes and publishes one map. A scene that fails on the way is taken out and the map begun again without
    /// it: what is published is what a job without that scene gives.
    fn map(
        &mut self,
        job: &mut Job,
        map: usize,
        place: &JobPlace,
        journal: &mut Journal,
        (others, engines): (&[Energy], &BTreeSet<String>),
    ) -> anyhow::Result<PublishedMap> {
        loop {
            let (job_now, plan) = (&*job, &self.plan);
            let (pool, clock, interrupt) = (self.pool, self.clock, self.interrupt);
            let pieces = all_ranges(job_now);
            let work = Work { job: job_now, plan, place, pool, clock, pieces: &pieces, interrupt };
            let (id, overwrite, meter) = (self.ids[map].as_str(), self.overwrite, self.meter);
            let maker = Maker { work, map, id, overwrite, meter, others, engines };
            match maker.make(Some(journal)) {
                Ok(published) => return Ok(published),
                Err(Failure::Other(error)) => return Err(error),
                Err(Failure::BadScene(index, error)) => {
                    leave_out(job, map, index, error)?;
                    self.plan.maps[map] = PlannedMap::of(job, &job.maps[map])?;
                }
            }
        }
    }
}

/// Plans a map anew without one of its scenes.
fn leave_out(job: &mut Job, map: usize, scene: usize, error: anyhow::Error) -> anyhow::Result<()> {
    let planned = &mut job.maps[map];
    let Some(bad) = planned.take_scene(scene) else { return Err(error) };
    say(&format!("{}; going on without {}", message_of(&error), bad.source.uri));
    job.failed.push(FailedScene::new(&bad.source.uri, &error));
    if planned.dates.iter().any(|d| d.scenes.is_empty()) {
        return Err(error);
    }
    let dates = planned.dates.iter().map(|d| d.scenes.clone()).collect();
    let folder = planned.folder.clone();
    let mut again = MapJob::new(dates, folder, &job.config, &job.model.classes, job::needs(&job.predictor))?;
    again.tell_of_place(&job.model);
    // What was told of the scene, or of the map with it, was told; now comes what is true of the map without it.
    again.warnings().filter(|warning| planned.warnings().all(|told| told != *warning)).for_each(warn);
    again.index_references(job.scratch.path())?;
    job.maps[map] = again;
    Ok(())
}

/// A run, or a merge, in plain words.
pub(crate) fn human(report: &RunReport) -> String {
    let mut text = String::new();
    for map in &report.maps {
        text.push_str(human_map(map).text());
    }
    if !report.failed_scenes.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} scene(s) failed; see above", report.failed_scenes.len());
    }
    text
}

fn human_map(map: &PublishedMap) -> Lines {
    let manifest = &map.manifest;
    let mut lines = Lines::default();
    lines.add("published", &map.output).add("run", &manifest.run_id);
    add_inputs(&mut lines, manifest, false);
    for (class, number) in &manifest.counts.features_per_class {
        lines.add("features", format!("{} {class}", count(*number)));
    }
    lines.add("state", "not verified: a proposal until a named person decides");
    for artifact in &manifest.artifacts {
        lines.add("file", format!("{}/{}", map.output.trim_end_matches('/'), artifact.href));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_no_more_threads_than_there_is_work_for() {
        let threads = |asked: usize| {
            let mut config = Config::of_model(std::path::Path::new("m")).unwrap();
            config.compute.threads = asked;
            pool(&config).unwrap().current_num_threads()
        };
        assert_eq!((threads(1), threads(4)), (1, 4));
        assert_eq!(threads(arpent_base::MAX_THREADS), most_threads().min(arpent_base::MAX_THREADS));
    }
}
