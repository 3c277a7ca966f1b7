//! `arpent run`: plan, read, predict, stitch, vectorise, publish.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use arpent_publish::{
    FailedInput, Input as InputRecord, InputGrid, MANIFEST_FORMAT, Manifest, ModelRecord, ROLE_METADATA,
    RunInfo, Software, StagedArtifact, Target, utc_now,
};
use serde::Serialize;

use crate::cli::{Format, RunArgs};
use crate::config::Config;
use crate::energy::Meter;
use crate::error::{JobError, message_of};
use crate::job::{self, FailedScene, Input, Job, MapJob, Unhashed};
use crate::pipeline::{self, Clock, Collected, Collector, PipelineError, Stages};
use crate::print::{Lines, count, print};
use crate::progress::{Stage, say};
use crate::{EXIT_NOT_STARTED, EXIT_PARTIAL, Ended, artifacts, stac};

/// What a run came to, as printed.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// The maps that were published.
    pub maps: Vec<PublishedMap>,
    /// Scenes that failed.
    pub failed_scenes: Vec<FailedScene>,
}

/// One map that was published.
#[derive(Debug, Serialize)]
pub struct PublishedMap {
    /// Where.
    pub output: String,
    /// Its manifest.
    pub manifest: Manifest,
}

/// A job that failed after its work had begun.
#[derive(Debug, thiserror::Error)]
#[error("the map was not published")]
struct Unpublished;

/// The exit code of an error: 1 when work had begun, 2 when it could not start.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Unpublished>() { EXIT_PARTIAL } else { EXIT_NOT_STARTED }
}

/// Runs the command.
///
/// # Errors
/// Whatever makes the job impossible; nothing was published then.
pub fn main(args: &RunArgs, format: Format) -> Ended {
    let meter = Meter::start();
    let clock = Clock::default();
    let mut job = clock.open.time(|| Job::resolve(&args.job))?;
    check_outputs(&job, args.overwrite)?;
    let pool = pool(&job.config)?;
    say(&format!("computing on {}, {} threads", job.predictor.engine(), pool.current_num_threads()));
    let scratch = job.scratch.path();
    clock.open.time(|| job.maps.iter_mut().try_for_each(|map| map.index_references(scratch)))?;
    let mut maps = Vec::new();
    for map in std::mem::take(&mut job.maps) {
        let run = Run { args, meter: &meter, clock: &clock, pool: &pool };
        maps.extend(run.map(&mut job, map).context(Unpublished)?);
    }
    for failed in &job.failed {
        say(&format!("failed scene: {}: {}", failed.uri, failed.reason));
        if let Some(hint) = &failed.hint {
            say(&format!("hint: {hint}"));
        }
    }
    let report = RunReport { maps, failed_scenes: job.failed.clone() };
    print(&report, &human(&report), format)?;
    Ok(if report.failed_scenes.is_empty() { 0 } else { EXIT_PARTIAL })
}

/// The pool that the network runs on.
///
/// # Errors
/// When threads cannot be started.
pub fn pool(config: &Config) -> anyhow::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(config.compute.threads())
        .build()
        .context("cannot start threads")
}

/// Refuses outputs that exist or cannot be written, before any work.
fn check_outputs(job: &Job, overwrite: bool) -> anyhow::Result<()> {
    for map in &job.maps {
        check_output(&job.output_of(map)?, overwrite)?;
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

/// What the steps of a run share.
struct Run<'a> {
    args: &'a RunArgs,
    meter: &'a Meter,
    clock: &'a Clock,
    pool: &'a rayon::ThreadPool,
}

impl Run<'_> {
    /// Makes and publishes one map. A scene that fails on the way is taken out and the map begun again without
    /// it: what is published is what a job without that scene gives.
    fn map(&self, job: &mut Job, mut map: MapJob) -> anyhow::Result<Option<PublishedMap>> {
        loop {
            match self.attempt(job, &map) {
                Ok(published) => return Ok(Some(published)),
                Err(Attempt::Failed(error)) => return Err(error),
                Err(Attempt::BadScene(index, error)) => {
                    let Some(bad) = map.take_scene(index) else { return Err(error) };
                    say(&format!("{}; going on without {}", message_of(&error), bad.source.uri));
                    job.failed.push(FailedScene::new(&bad.source.uri, &error));
                    if map.dates.iter().any(|d| d.scenes.is_empty()) {
                        return Err(error);
                    }
                    let dates = map.dates.into_iter().map(|d| d.scenes).collect();
                    map = MapJob::new(
                        dates,
                        map.folder,
                        &job.config,
                        &job.model.classes,
                        job::needs(&job.predictor),
                    )?;
                    map.index_references(job.scratch.path())?;
                }
            }
        }
    }

    fn attempt(&self, job: &Job, map: &MapJob) -> Result<PublishedMap, Attempt> {
        let scratch = tempfile::tempdir_in(job.scratch.path()).context("cannot make a temporary folder")?;
        let (inputs, collected) = self.hash_and_predict(job, map, scratch.path())?;
        if collected.counts.pixels_valid == 0 && !job.model.is_detection()
            || collected.counts.windows_run == 0
        {
            let scenes = map.scenes().map(|(_, s)| s.info.id.as_str()).collect::<Vec<_>>().join(", ");
            return Err(anyhow::Error::new(JobError::AllNodata { scenes, aoi: map.aoi.is_some() }).into());
        }
        Ok(self.publish(job, map, &inputs, collected, scratch.path())?)
    }

    /// Hashes the scenes while they are predicted, since only the manifest tells of it; where one fails, the other ends.
    fn hash_and_predict(
        &self,
        job: &Job,
        map: &MapJob,
        scratch: &std::path::Path,
    ) -> Result<(Vec<Input>, Collected), Attempt> {
        let stop = AtomicBool::new(false);
        let (inputs, collected) = std::thread::scope(|scope| {
            let hashing = scope.spawn(|| {
                let inputs = self.clock.open.time(|| job::fingerprints(map, &stop));
                stop.fetch_or(inputs.is_err(), Ordering::Relaxed);
                inputs
            });
            let collected = self.predict(job, map, scratch, &stop);
            stop.fetch_or(collected.is_err(), Ordering::Relaxed);
            (hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), collected)
        });
        match (inputs, collected) {
            (Ok(inputs), Ok(collected)) => Ok((inputs, collected)),
            (Err(Unhashed::Scene(index, error)), Ok(_)) => Err(Attempt::BadScene(index, error)),
            (Err(Unhashed::Scene(index, error)), Err(Attempt::Failed(ended))) if is_stopped(&ended) => {
                Err(Attempt::BadScene(index, error))
            }
            (_, Err(error)) => Err(error),
            (Err(Unhashed::Stopped), Ok(_)) => {
                Err(anyhow::Error::new(JobError::Stopped { stage: "hashing" }).into())
            }
        }
    }

    fn predict(
        &self,
        job: &Job,
        map: &MapJob,
        scratch: &std::path::Path,
        stop: &AtomicBool,
    ) -> Result<Collected, Attempt> {
        let collector = Collector::new(job, map, scratch, self.clock)?;
        let stages = Stages {
            predictor: &job.predictor,
            pool: self.pool,
            predictors: job.predictors(map),
            readers: job.config.compute.readers,
            clock: self.clock,
            stop,
        };
        pipeline::run(map, stages, collector).map_err(|error| match error {
            PipelineError::Read(error) => {
                let is_bad = |s: &job::UsableScene| Some((&*s.info.id, &*s.info.uri)) == error.scene();
                match map.scenes().position(|(_, scene)| is_bad(scene)) {
                    Some(index) => Attempt::BadScene(index, error.into()),
                    None => Attempt::Failed(error.into()),
                }
            }
            PipelineError::Predict(error) => Attempt::Failed(error.into()),
            PipelineError::Collect(error) => Attempt::Failed(error),
        })
    }

    fn publish(
        &self,
        job: &Job,
        map: &MapJob,
        inputs: &[Input],
        collected: Collected,
        scratch: &std::path::Path,
    ) -> anyhow::Result<PublishedMap> {
        let mut run = RunInfo::new(job::run_id(job, map, inputs), &job.model.id, job.model.sha256());
        run.columns = job.columns(map);
        let mut counts = collected.counts.clone();
        counts.features_per_class = per_class(job, &collected);
        for (layer, print) in counts.references.iter_mut().zip(&map.reference_fingerprints) {
            layer.sha256 = print.content();
        }
        let stage = Stage::begin("write", 0);
        let mut staged = artifacts::write(
            job,
            map,
            collected,
            &run,
            scratch,
            self.pool.current_num_threads(),
            self.clock,
        )?;
        stage.end(&format!("{} files", staged.len()));
        let stage = Stage::begin("publish", 0);
        let output = job.output_of(map)?;
        let published = self.clock.publish.time(|| -> anyhow::Result<_> {
            let item = stac::write_item(job, map, &run, &staged, scratch)?;
            staged.push(StagedArtifact::new(&item, ROLE_METADATA)?);
            let manifest = self.manifest(job, map, inputs, &run, counts)?;
            Ok(Target::parse(&output)?.publish(&staged, manifest, self.args.overwrite)?)
        })?;
        for leftover in &published.leftovers {
            say(&format!("could not delete {leftover} of the former run; it is not part of the map"));
        }
        stage.end(&output);
        Ok(PublishedMap { output, manifest: published.manifest })
    }

    fn manifest(
        &self,
        job: &Job,
        map: &MapJob,
        inputs: &[Input],
        run: &RunInfo,
        counts: arpent_publish::Counts,
    ) -> anyhow::Result<Manifest> {
        Ok(Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            run_id: run.run_id.clone(),
            created: utc_now(),
            attempt: String::new(),
            software: software(),
            inputs: map.scenes().zip(inputs).map(|((_, scene), input)| input_record(scene, input)).collect(),
            failed_inputs: job.failed.iter().map(failed_record).collect(),
            model: ModelRecord {
                id: job.model.id.clone(),
                version: job.model.version.clone(),
                sha256: run.model_sha256.clone(),
                license: job.model.licence.clone(),
            },
            config: serde_json::to_value(&job.config)?,
            counts,
            timings_s: self.clock.timings(),
            energy: Some(serde_json::to_value(self.meter.read())?),
            artifacts: Vec::new(),
        })
    }
}

/// Why a map could not be made.
enum Attempt {
    /// Because of one scene, by its position.
    BadScene(usize, anyhow::Error),
    /// For another reason.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Attempt {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Whether a stage ended because another had failed.
fn is_stopped(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(JobError::Stopped { .. }))
}

/// Versions of what made a map.
pub fn software() -> Software {
    let of = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    [
        of("arpent", env!("CARGO_PKG_VERSION")),
        of("burn", arpent_model::BURN_VERSION),
        of("gdal", &arpent_gdal::version()),
    ]
    .into()
}

fn per_class(job: &Job, collected: &Collected) -> BTreeMap<String, u64> {
    let kept = job.kept_classes();
    let counts = collected.features.class_counts();
    let classes = job.model.classes.classes().iter().filter(|c| kept[usize::from(c.id)]);
    classes.map(|c| (c.name.clone(), counts.get(&c.id).copied().unwrap_or(0))).collect()
}

fn failed_record(failed: &FailedScene) -> FailedInput {
    FailedInput { uri: failed.uri.clone(), reason: failed.reason.clone() }
}

fn input_record(scene: &job::UsableScene, input: &Input) -> InputRecord {
    let info = &scene.info;
    InputRecord {
        id: info.id.clone(),
        uri: scene.source.uri.clone(),
        size: input.fingerprint.size,
        sha256: input.fingerprint.sha256.clone(),
        etag: input.fingerprint.etag.clone(),
        acquired: info.acquired.clone(),
        date: input.date.map(str::to_owned),
        grid: Some(InputGrid {
            key: info.grid.key(),
            col: info.window.col,
            row: info.window.row,
            width: info.window.width as u64,
            height: info.window.height as u64,
        }),
    }
}

fn human(report: &RunReport) -> String {
    let mut text = String::new();
    for map in &report.maps {
        let manifest = &map.manifest;
        let mut lines = Lines::default();
        lines.add("published", &map.output).add("run", &manifest.run_id);
        for (class, number) in &manifest.counts.features_per_class {
            lines.add("features", format!("{} {class}", count(*number)));
        }
        lines.add("state", "not verified: a proposal until a named person decides");
        for artifact in &manifest.artifacts {
            lines.add("file", format!("{}/{}", map.output.trim_end_matches('/'), artifact.href));
        }
        text.push_str(lines.text());
    }
    if !report.failed_scenes.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} scene(s) failed; see above", report.failed_scenes.len());
    }
    text
}
