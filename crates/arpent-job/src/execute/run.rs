//! A run: plan, read, predict, stitch, vectorize, publish.

use std::collections::{BTreeMap, BTreeSet};

use arpent_base::{Failure, Result};
use arpent_gdal::GdalError;
use arpent_publish::Target;
use arpent_shell::energy::Meter;
use arpent_shell::message::notice;

use super::kind::closing;
use super::published::all_published;
use super::report::{RunReport, Unpublished};
use super::shared::{pieces_of, pool, print_warnings};
use super::spent;
use crate::config::Config;
use crate::cost::{CostError, Guard, Limits};
use crate::error::JobError;
use crate::job::{self, FailedScene, Hashing, Job, MapJob};
use crate::map::{MapFailure, MapWriter, PublishedMap, check_output, published_already};
use crate::pipeline::Clock;
use crate::present::write_entry;
use crate::shards::{
    JobContext, JobPlace, Journal, Plan, PlannedMap, Record, ShardError, Sharing, engines_of,
};
use crate::warnings::warn;

/// Options of a run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// One map per grid, where scenes have several.
    pub group_by_crs: bool,
    /// Whether the output of an earlier run is replaced.
    pub overwrite: bool,
    /// What the run may take, and what that costs.
    pub limits: Limits,
}

/// Makes and publishes the maps of a configuration whose masks are there. Ends where nothing is lost when the guard asks for it.
///
/// # Errors
/// When the job cannot be run or finished; nothing was published then.
pub(super) fn run_unmasked(
    config: Config,
    options: &RunOptions,
    guard: &Guard<'_>,
    hashing: Hashing,
) -> Result<RunReport> {
    let RunOptions { group_by_crs, overwrite, .. } = *options;
    let meter = Meter::start(guard.table().watts_per_core());
    let clock = Clock::default();
    let mut job = clock.open.phase(|| clock.open.time(|| Job::resolve(config, group_by_crs)))?;
    let sharing = Sharing { shards: Some(1), group_by_crs, overwrite };
    let plan = clock.open.time(|| Plan::of(&job, sharing, BTreeMap::new()))?;
    let output = Target::parse(job.output.as_deref().ok_or(JobError::NoOutput)?)?;
    let place = JobPlace::of(&output, &plan.id)?;
    let resumes = place.has_plan()?;
    check_outputs(&job, &plan, resumes, overwrite)?;
    let pool = pool(&job.config)?;
    notice(&format!("computing on {}, {} threads", job.predictor.engine(), pool.current_num_threads()));
    if guard.has_budget() {
        guard.set_closing(closing(&job, pool.current_num_threads())?.unwrap_or_default());
    }
    print_warnings(&job);
    let scratch = job.scratch.path().to_owned();
    let indexed = clock.open.time(|| job.maps.iter_mut().try_for_each(|map| map.index_layers(&scratch)));
    indexed.map_err(|error| job.config.located(job.scratch.judged(error)))?;
    let mut run = RunExecution {
        overwrite,
        meter: &meter,
        clock: &clock,
        pool: &pool,
        guard,
        hashing,
        ids: plan.maps.iter().map(|map| map.id.clone()).collect(),
        plan,
        resumes,
    };
    let maps = run.all_maps(&mut job, &place).map_err(|error| job.scratch.judged(error));
    if !maps.as_ref().is_err_and(keeps_work) {
        forget(&place, &output);
    }
    for failed in &job.failed {
        notice(&format!("failed scene: {}: {}", failed.uri, failed.reason));
        if let Some(hint) = &failed.hint {
            notice(&format!("hint: {hint}"));
        }
    }
    let maps = maps.map_err(|error| {
        let source = spent::judged(error, guard, &place, &run.plan, None);
        let is_spent = matches!(source.downcast_ref(), Some(CostError::Spent { .. }));
        if is_spent { source } else { Unpublished { what: "map", source }.into() }
    })?;
    Ok(RunReport { maps, failed_scenes: job.failed.clone() })
}

/// The maps of a configuration whose masks are there, if a run of it has published all of them.
///
/// # Errors
/// When the job cannot be run, or the store cannot be read.
pub(super) fn run_published_as_is(config: &Config) -> Result<Option<Vec<PublishedMap>>> {
    let output = config.output.as_deref().ok_or(JobError::NoOutput)?;
    if !Target::parse(output)?.exists()? {
        return Ok(None);
    }
    let job = Job::resolve(config.clone(), false)?;
    let sharing = Sharing { shards: Some(1), group_by_crs: false, overwrite: false };
    all_published(&Plan::of(&job, sharing, BTreeMap::new())?)
}

/// Refuses outputs that exist or cannot be written, before any work. Maps that the same job published before it was
/// killed are accepted.
fn check_outputs(job: &Job, plan: &Plan, resumes: bool, overwrite: bool) -> Result<()> {
    for (map, planned) in job.maps.iter().zip(&plan.maps) {
        let output = job.output_of(map)?;
        let own =
            !overwrite && resumes && published_already(&Target::parse(&output)?, &planned.id)?.is_some();
        check_output(&output, overwrite || own)?;
    }
    Ok(())
}

/// Whether computed pieces may be useful after an error: to the same command once its cause is fixed, or to one with
/// `--overwrite`. They are not if an input must change first, since that makes another job, or if they are damaged.
fn keeps_work(error: &Failure) -> bool {
    // The first error with an answer decides, as in `is_transient`: it took those below into account.
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
    error.is_transient() || error.chain().find_map(is_of_use).unwrap_or(true)
}

/// Deletes the state of a job, and reports files that could not be deleted.
fn forget(place: &JobPlace, output: &Target) {
    match place.delete(output) {
        Ok(stay) if stay.is_empty() => {}
        Ok(_) | Err(_) => {
            notice(&format!("could not delete all files of {}; `arpent gc` deletes them", place.plan_url()));
        }
    }
}

/// Shared state of the steps of a run.
struct RunExecution<'a> {
    overwrite: bool,
    meter: &'a Meter,
    clock: &'a Clock,
    pool: &'a rayon::ThreadPool,
    guard: &'a Guard<'a>,
    hashing: Hashing,
    plan: Plan,
    /// Ids of the maps in the first plan.
    ids: Vec<String>,
    /// Whether the same job was started before.
    resumes: bool,
}

impl RunExecution<'_> {
    fn all_maps(&mut self, job: &mut Job, place: &JobPlace) -> Result<Vec<PublishedMap>> {
        place.write_plan(self.plan.to_json()?)?;
        // What the same job took before its interruption.
        let before = if self.resumes { place.records()? } else { Vec::new() };
        let mut engines = engines_of(&before);
        engines.insert(job.predictor.engine());
        let mut journal = Journal::begin(place, 0, self.guard.table().watts_per_core())?;
        journal.set_engine(job.predictor.engine());
        let mut maps = Vec::new();
        for map in 0..job.maps.len() {
            let output = job.output_of(&job.maps[map])?;
            let target = Target::parse(&output)?;
            let earlier = if self.resumes { published_already(&target, &self.ids[map])? } else { None };
            match earlier {
                Some(manifest) => {
                    notice(&format!("{output} is already published by an interrupted run of the same job"));
                    write_entry(&target, &manifest);
                    maps.push(PublishedMap { output, manifest, ledger: None });
                }
                None => match self.map(job, map, place, &mut journal, (&before, &engines)) {
                    Ok(published) => maps.push(published),
                    Err(error) => {
                        // Another process with the same run may have finished first, and deleted the pieces.
                        let twin = published_already(&target, &self.ids[map])?.filter(|_| !self.overwrite);
                        let Some(manifest) = twin else {
                            journal.end_failed(place, &error);
                            return Err(error);
                        };
                        maps.push(PublishedMap { output, manifest, ledger: None });
                    }
                },
            }
        }
        Ok(maps)
    }

    /// Makes and publishes one map. If a scene fails, it is removed and the map started again without
    /// it: the result is that of a job without the scene.
    fn map(
        &mut self,
        job: &mut Job,
        map: usize,
        place: &JobPlace,
        journal: &mut Journal,
        (others, engines): (&[Record], &BTreeSet<String>),
    ) -> Result<PublishedMap> {
        loop {
            let (job_now, plan) = (&*job, &self.plan);
            let (pool, clock, guard, interrupt) = (self.pool, self.clock, self.guard, self.guard.flag());
            let pieces = pieces_of(job_now);
            let context =
                JobContext { job: job_now, plan, place, pool, clock, pieces: &pieces, interrupt, guard };
            let (id, overwrite, meter) = (self.ids[map].as_str(), self.overwrite, self.meter);
            let hashing = self.hashing;
            let writer = MapWriter { context, map, id, overwrite, meter, others, engines, hashing };
            match writer.write(Some(journal)) {
                Ok(published) => return Ok(published),
                Err(MapFailure::Other(error)) => return Err(error),
                Err(MapFailure::BadScene(index, error)) => {
                    leave_out(job, map, index, error)?;
                    self.plan.maps[map] = PlannedMap::of(job, &job.maps[map])?;
                }
            }
        }
    }
}

/// Plans a map anew without one of its scenes.
fn leave_out(job: &mut Job, map: usize, scene: usize, error: Failure) -> Result<()> {
    let planned = &mut job.maps[map];
    let Some(bad) = planned.take_scene(scene) else { return Err(error) };
    notice(&format!("{}; continuing without {}", error.message(), bad.source.uri));
    job.failed.push(FailedScene::new(&bad.source.uri, &error));
    if planned.dates.iter().any(|d| d.scenes.is_empty()) {
        return Err(error);
    }
    let dates = planned.dates.iter().map(|d| d.scenes.clone()).collect();
    let folder = planned.folder.clone();
    let mut again = MapJob::new(dates, folder, &job.config, &job.predicted, job::needs(&job.predictor))?;
    again.warn_of_place(&job.model);
    // Print only warnings that are new for the map without the scene.
    again.warnings().filter(|warning| planned.warnings().all(|known| known != *warning)).for_each(warn);
    again.index_layers(job.scratch.path())?;
    job.maps[map] = again;
    Ok(())
}
