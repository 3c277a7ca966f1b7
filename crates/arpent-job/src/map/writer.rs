//! Writes a map of its pieces and publishes it: shared by `arpent run` and `arpent merge`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arpent_base::number::exact;
use arpent_base::{DoingWhat as _, Failure, Result, redacted, table_schema};
use arpent_gdal::SharedBlocks;
use arpent_publish::{
    About, Counts, FailedInput, Input as InputRecord, InputGrid, Ledger, MANIFEST_FORMAT, Manifest,
    MeasuredCounts, ModelRecord, PublishError, ROLE_METADATA, RunInfo, StagedArtifact, Target,
    UndecidedCounts, Warning, feature_columns, utc_now,
};
use arpent_shell::energy::{Energy, Meter};
use arpent_shell::message::notice;
use arpent_shell::progress::Stage;
use arpent_viewer::Kind;
use crossbeam_channel::bounded;
use serde::Serialize;

use super::ledger::Accounts;
use super::{artifacts, stac};
use crate::error::JobError;
use crate::job::{self, FailedScene, Hashing, Input, Job, MapJob, UNDECIDED, Unhashed};
use crate::pipeline::{AssembledMap, MapAssembler, PipelineError};
use crate::present::{self, present};
use crate::report::of_map;
use crate::scratch::Scratch;
use crate::shards::{JobContext, Journal, Record, ShardError};
use crate::warnings::warn;

/// One map that was published.
#[derive(Debug, Serialize)]
pub struct PublishedMap {
    /// The output.
    pub output: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// What its computation took, with the upload, which the manifest is a part of; `None` if it was published before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
}

/// Why a map could not be made.
pub(crate) enum MapFailure {
    /// Because of one scene, by its position.
    BadScene(usize, Failure),
    /// For another reason.
    Other(Failure),
}

impl MapFailure {
    /// A scene that cannot be read is left out; a temporary error does not omit it.
    fn of_scene(index: usize, error: Failure, scratch: &Scratch) -> Self {
        let error = scratch.judged(error);
        if error.is_transient() { Self::Other(error) } else { Self::BadScene(index, error) }
    }
}

impl From<Failure> for MapFailure {
    fn from(error: Failure) -> Self {
        Self::Other(error)
    }
}

/// Writes one map of a job and publishes it.
pub(crate) struct MapWriter<'a> {
    /// The job, its plan and its place.
    pub(crate) context: JobContext<'a>,
    /// Number of the map.
    pub(crate) map: usize,
    /// Id of the map in the first plan, before a scene was left out: identifies the map of the job.
    pub(crate) id: &'a str,
    /// Whether an existing map is replaced.
    pub(crate) overwrite: bool,
    /// Meter of this process's energy.
    pub(crate) meter: &'a Meter,
    /// The other processes that computed pieces.
    pub(crate) others: &'a [Record],
    /// Engines that computed pieces, here and on other machines.
    pub(crate) engines: &'a BTreeSet<String>,
    /// How scenes are identified.
    pub(crate) hashing: Hashing,
}

impl MapWriter<'_> {
    fn job(&self) -> &MapJob {
        &self.context.job.maps[self.map]
    }

    /// Writes the map and publishes it; with a journal, missing pieces are computed.
    pub(crate) fn write(&self, journal: Option<&mut Journal>) -> Result<PublishedMap, MapFailure> {
        let job = self.context.job;
        let scratch = tempfile::tempdir_in(job.scratch.path()).context("cannot make a temporary folder")?;
        // Classified while the files that fill the disk still exist.
        self.write_in(scratch.path(), journal).map_err(|failure| match failure {
            MapFailure::Other(error) => MapFailure::Other(job.scratch.judged(error)),
            bad_scene @ MapFailure::BadScene(..) => bad_scene,
        })
    }

    fn write_in(&self, scratch: &Path, journal: Option<&mut Journal>) -> Result<PublishedMap, MapFailure> {
        let (inputs, assembled) = self.hash_and_assemble(scratch, journal)?;
        // Where everything is masked, there is a map that says so.
        let masked = assembled.counts.masked.as_ref().map_or(0, |masked| masked.pixels_masked);
        // And where no output is a number, which a warning says.
        let not_finite: u64 = assembled.counts.values.iter().map(|value| value.not_finite).sum();
        if assembled.counts.pixels_valid + masked + not_finite == 0 && !self.context.job.model.is_detection()
            || assembled.counts.windows_run == 0
        {
            let scenes = self.job().scenes().map(|(_, s)| s.info.id.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Failure::from(JobError::AllNodata { scenes, aoi: self.job().aoi.is_some() }).into());
        }
        Ok(self.publish(&inputs, assembled, scratch)?)
    }

    /// Stops if an interrupt was received: pieces are kept, and nothing is published yet.
    fn check_interrupt(&self) -> Result<(), ShardError> {
        if self.context.interrupt.load(Ordering::Relaxed) { Err(ShardError::Interrupted) } else { Ok(()) }
    }

    /// Hashes the scenes while they are predicted, since only the manifest needs the hashes; if one fails, the other
    /// ends.
    fn hash_and_assemble(
        &self,
        scratch: &Path,
        journal: Option<&mut Journal>,
    ) -> Result<(Vec<Input>, AssembledMap), MapFailure> {
        let stop = AtomicBool::new(false);
        let (inputs, assembled) = std::thread::scope(|scope| {
            let hashing = scope.spawn(|| {
                let inputs =
                    self.context.clock.open.time(|| job::fingerprints(self.job(), self.hashing, &stop));
                stop.fetch_or(inputs.is_err(), Ordering::Relaxed);
                inputs
            });
            let assembled = self.assemble(scratch, journal, &stop);
            stop.fetch_or(assembled.is_err(), Ordering::Relaxed);
            (hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), assembled)
        });
        match (inputs, assembled) {
            (Ok(inputs), Ok(assembled)) => Ok((inputs, assembled)),
            (Err(Unhashed::Scene(index, error)), Ok(_)) => {
                Err(MapFailure::of_scene(index, error, &self.context.job.scratch))
            }
            (Err(Unhashed::Scene(index, error)), Err(MapFailure::Other(ended))) if is_stopped(&ended) => {
                Err(MapFailure::of_scene(index, error, &self.context.job.scratch))
            }
            (_, Err(error)) => Err(error),
            (Err(Unhashed::Stopped), Ok(_)) => {
                Err(Failure::from(JobError::Stopped { stage: "hashing" }).into())
            }
        }
    }

    /// Assembles the map of its pieces; missing ones are computed meanwhile.
    fn assemble(
        &self,
        scratch: &Path,
        journal: Option<&mut Journal>,
        stop: &AtomicBool,
    ) -> Result<AssembledMap, MapFailure> {
        let (context, map) = (self.context, self.map);
        let (mut stored, mut missing) = self.pieces()?;
        if journal.is_none() && !missing.is_empty() {
            // A listing may be stale or damaged: check the object before using it.
            (stored, missing) = self.pieces()?;
        }
        if let (None, Some(first)) = (&journal, missing.first()) {
            let place = context.piece_url(map, *first);
            return Err(Failure::from(ShardError::PieceGone { place }).into());
        }
        if !stored.is_empty() && journal.is_some() {
            notice(&format!(
                "resuming: {} of {} pieces are done",
                stored.len(),
                stored.len() + missing.len()
            ));
        }
        let mut assembler = MapAssembler::new(context.job, self.job(), scratch, context.clock)?;
        let stage = Stage::begin(
            if journal.is_some() { "predict" } else { "stitch" },
            self.job().plan.pixels_wanted(),
        );
        let (computed, assembled) = std::thread::scope(|scope| {
            let (out, taken) = bounded(0);
            let (stage, missing) = (&stage, &missing);
            // Dropped with the thread, or here: then nothing more is computed.
            let computing = journal.map(|journal| {
                scope.spawn(move || context.compute(map, missing, stop, journal, stage, Some(out)))
            });
            let assembled = context.assemble(map, &mut assembler, &stored, taken, stage, stop);
            stop.fetch_or(assembled.is_err(), Ordering::Relaxed);
            let computed = computing.map_or(Ok(true), |computing| {
                computing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            (computed, assembled)
        });
        match (computed, assembled) {
            // If one ended because the other had failed, the error of the other is the cause.
            (Err(PipelineError::Sink(ended)), Err(error)) if is_stopped(&ended) => {
                return Err(error.into());
            }
            (Err(error), _) => return Err(self.failure(error)),
            (Ok(_), Err(error)) => return Err(error.into()),
            (Ok(false), Ok(())) => return Err(Failure::from(ShardError::Interrupted).into()),
            (Ok(true), Ok(())) => {}
        }
        let assembled = assembler.finish()?;
        let (windows, skipped) = (self.job().plan.windows().len(), assembled.counts.windows_skipped);
        stage.end(&format!("{windows} windows, {skipped} skipped as nodata"));
        Ok(assembled)
    }

    /// The stored and the missing pieces of the map.
    fn pieces(&self) -> Result<(BTreeSet<usize>, Vec<usize>)> {
        let found = self.context.place.pieces(self.context.plan)?;
        let stored: BTreeSet<usize> =
            found.keys().filter(|id| id.map == self.map).map(|id| id.index).collect();
        let all = 0..self.context.plan.maps[self.map].pieces.len();
        let missing = all.filter(|index| !stored.contains(index)).collect();
        Ok((stored, missing))
    }

    fn failure(&self, error: PipelineError) -> MapFailure {
        match error {
            PipelineError::Read(error) => {
                let is_bad = |s: &job::UsableScene| Some((&*s.info.id, &*s.info.uri)) == error.scene();
                match self.job().scenes().position(|(_, scene)| is_bad(scene)) {
                    Some(index) => MapFailure::of_scene(index, error.into(), &self.context.job.scratch),
                    None => MapFailure::Other(error.into()),
                }
            }
            PipelineError::Predict(error) => MapFailure::Other(error.into()),
            PipelineError::Sink(error) => MapFailure::Other(error),
        }
    }

    fn publish(&self, inputs: &[Input], assembled: AssembledMap, scratch: &Path) -> Result<PublishedMap> {
        let (job, map, clock) = (self.context.job, self.job(), self.context.clock);
        let mut run = RunInfo::new(job::run_id(job, map, inputs), &job.model.id, job.model.sha256());
        run.columns = job.columns(map);
        let mut counts = assembled.counts.clone();
        counts.features_per_class = per_class(job, &assembled);
        for (layer, print) in counts.references.iter_mut().zip(&map.reference_fingerprints) {
            layer.sha256 = print.content();
            layer.source = redacted(&layer.source);
        }
        let mut warnings: Vec<Warning> = job.warnings_of(map).cloned().collect();
        // Those of the job were printed before it started.
        let printed = warnings.len();
        warnings.extend(several_engines(self.engines));
        warnings.extend(counts.undecided.as_ref().and_then(given_a_class));
        warnings.extend(map.references.warnings(&counts.references));
        warnings.extend(counts.values.iter().filter_map(not_finite));
        warnings.extend(counts.masked.iter().flat_map(|masked| map.masks.warnings_of(masked)));
        warnings.extend(outside(&counts, &job.model.id));
        warnings[printed..].iter().for_each(warn);
        let of_job: u64 = job.maps.iter().map(|map| map.plan.pixels_wanted()).sum();
        let share = exact(map.plan.pixels_wanted()) / exact(of_job.max(1));
        if !self.context.guard.allows_closing(share) {
            return Err(ShardError::Interrupted.into());
        }
        self.check_interrupt()?;
        let stage = Stage::begin("write", 0);
        let threads = self.context.pool.current_num_threads();
        let write = || artifacts::write(job, map, assembled, &run, scratch, threads, clock);
        let mut staged = clock.write.phase(write)?;
        stage.end(&format!("{} files", staged.len()));
        self.check_interrupt()?;
        let stage = Stage::begin("publish", 0);
        let output = job.output_of(map)?;
        let shared = job.shared_blocks(map);
        let target = Target::parse(&output)?;
        let mut manifest = self.manifest(inputs, &run, counts, warnings)?;
        let presented = || -> Result<_> {
            let about = job.about();
            present(&self.presented(&about, &manifest, shared.as_ref()), &mut staged, scratch)?;
            let item = stac::write_item(job, map, &run, &staged, &manifest.counts, scratch)?;
            staged.push(StagedArtifact::new(&item, ROLE_METADATA)?);
            Ok(())
        };
        clock.publish.phase(|| clock.publish.time(presented))?;
        // Taken as late as it can be part of the manifest.
        (manifest.timings_s, manifest.energy) = (clock.timings(), Some(serde_json::to_value(self.energy())?));
        manifest.ledger = Some(self.ledger(&manifest.counts, &staged, &target));
        let manifest =
            clock.publish.phase(|| clock.publish.time(|| self.commit(&target, &staged, manifest)))?;
        present::write_entry(&target, &manifest);
        let ledger = Some(self.ledger(&manifest.counts, &staged, &target));
        stage.end(&output);
        Ok(PublishedMap { output, manifest, ledger })
    }

    /// Energy of all processes so far.
    fn energy(&self) -> Energy {
        self.others.iter().fold(self.meter.read(), |sum, other| sum.and(&other.energy))
    }

    /// What the map has taken so far; `target` is where it is published.
    fn ledger(&self, counts: &Counts, staged: &[StagedArtifact], target: &Target) -> Ledger {
        let of_target = target.requested();
        let of_place = self.context.place.requested();
        let accounts = Accounts {
            map: self.job(),
            clock: self.context.clock,
            energy: &self.energy(),
            others: self.others,
            counts,
            threads: self.context.pool.current_num_threads(),
            published: staged.iter().map(|artifact| artifact.digest.size).sum(),
            requested: (of_target.0 + of_place.0, of_target.1 + of_place.1),
            table: self.context.guard.table(),
        };
        accounts.ledger()
    }

    /// What is shown of the map.
    fn presented<'m>(
        &'m self,
        about: &'m About,
        manifest: &'m Manifest,
        shared: Option<&'m SharedBlocks>,
    ) -> present::Output<'m> {
        let (job, map) = (self.context.job, self.job());
        present::Output {
            kind: Kind::Map,
            about,
            language: job.config.features.titles,
            classes: &job.classes,
            grid: map.grid(),
            window: map.plan.extent(),
            manifest,
            options: &job.config.publish,
            tables: Vec::new(),
            zones: Vec::new(),
            zone_map: None,
            scenes: map.scenes().map(|(_, s)| (s.info.id.clone(), s.source.uri.clone())).collect(),
            imagery: Some(present::Scenes {
                dates: self.imagery(),
                threads: self.context.pool.current_num_threads(),
                shared,
                interrupt: self.context.interrupt,
                interrupted: || ShardError::Interrupted.into(),
            }),
            report: Some(of_map),
        }
    }

    /// The scenes of each date.
    fn imagery(&self) -> Vec<present::Imagery<'_>> {
        let (model, dates) = (&self.context.job.model, &self.job().dates);
        let mut imagery = Vec::with_capacity(dates.len());
        for ((date, survey), bands) in
            present::dates_of(dates.len()).iter().zip(dates).zip(model.bands_of_dates())
        {
            let names: Vec<String> = bands.iter().map(|band| band.common_name().to_owned()).collect();
            let scenes = survey.scenes.iter().map(|scene| (&scene.info, &*scene.bands));
            let bands = present::bands_of(scenes, &names);
            imagery.push(present::Imagery { date: *date, mosaic: &survey.mosaic, bands });
        }
        imagery
    }

    /// Publishes, unless another process has published the same map first.
    fn commit(&self, target: &Target, staged: &[StagedArtifact], manifest: Manifest) -> Result<Manifest> {
        match target.publish(staged, manifest, self.overwrite) {
            Ok(published) => {
                for leftover in &published.leftovers {
                    notice(&format!(
                        "could not delete {leftover} of the earlier run; it is not part of the map"
                    ));
                }
                Ok(published.manifest)
            }
            Err(error @ (PublishError::OutputExists { .. } | PublishError::ReplacedMeanwhile { .. })) => {
                published_already(target, self.id)?.ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn manifest(
        &self,
        inputs: &[Input],
        run: &RunInfo,
        counts: Counts,
        warnings: Vec<Warning>,
    ) -> Result<Manifest> {
        let (job, map) = (self.context.job, self.job());
        Ok(Manifest {
            format: MANIFEST_FORMAT.to_owned(),
            run_id: run.run_id.clone(),
            created: utc_now(),
            attempt: String::new(),
            plan: Some(self.id.to_owned()),
            software: job::software(job.predictor.is_on_gpu()),
            engines: self.engines.iter().cloned().collect(),
            inputs: map.scenes().zip(inputs).map(|((_, scene), input)| input_record(scene, input)).collect(),
            failed_inputs: job.failed.iter().map(failed_record).collect(),
            warnings,
            model: ModelRecord {
                id: job.model.id.clone(),
                version: job.model.version.clone(),
                sha256: run.model_sha256.clone(),
                license: job.model.license.clone(),
            },
            package: Some(described(job)?),
            config: serde_json::to_value(job.config.redacted())?,
            counts,
            timings_s: BTreeMap::new(),
            energy: None,
            ledger: None,
            columns: Some(table_schema(&feature_columns(&run.columns))),
            tables: BTreeMap::new(),
            artifacts: Vec::new(),
        })
    }
}

/// The description of a model for readers of the map: without its network, ranges and files, with the classes of the map.
fn described(job: &Job) -> Result<serde_json::Value> {
    let mut package = serde_json::to_value(&job.model)?;
    if let Some(classes) = package.get_mut("classes") {
        *classes = serde_json::to_value(&job.classes)?;
    }
    if let Some(calibration) = package.get_mut("calibration").and_then(serde_json::Value::as_object_mut) {
        calibration.remove("answers");
    }
    for key in ["applicability", "architecture", "quantization", "weights"] {
        package.as_object_mut().and_then(|package| package.remove(key));
    }
    Ok(package)
}

/// The manifest at a target, if it is that of a map with this id.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn published_already(target: &Target, map_id: &str) -> Result<Option<Manifest>> {
    match target.read_manifest() {
        Ok(manifest) => Ok(Some(manifest).filter(|m| m.plan.as_deref() == Some(map_id))),
        Err(
            PublishError::NoManifest { .. }
            | PublishError::ManifestFormat { .. }
            | PublishError::ManifestPath { .. }
            | PublishError::BadManifest { .. },
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a stage ended because another had failed.
fn is_stopped(error: &Failure) -> bool {
    matches!(error.downcast_ref(), Some(JobError::Stopped { .. }))
}

/// A warning about engines: predictions are identical only on one kind of processor.
fn several_engines(engines: &BTreeSet<String>) -> Option<Warning> {
    let names: Vec<&str> = engines.iter().map(String::as_str).collect();
    let message = format!(
        "windows were computed on several kinds of processors ({}): the last digits of scores may depend on that",
        names.join("; ")
    );
    (names.len() > 1).then(|| Warning::new("several-engines", "engine", message))
}

/// A warning about answers that were left undecided and are of a class in the published map.
fn given_a_class(undecided: &UndecidedCounts) -> Option<Warning> {
    let given = undecided.pixels_given;
    let message = format!(
        "{given} pixels that were left undecided have a class in the published map: that of a reference layer, or of a neighbor \
         that a region below the minimum mapping unit was merged into"
    );
    (given > 0).then(|| Warning::new("undecided-given-a-class", UNDECIDED, message))
}

/// A warning about outputs that are no numbers.
fn not_finite(value: &MeasuredCounts) -> Option<Warning> {
    let MeasuredCounts { name, not_finite, pixels, .. } = value;
    let message = format!(
        "of the outputs of the network for `{name}`, {not_finite} of {} are no finite numbers (NaN or infinite): these pixels have no value",
        pixels + not_finite
    );
    (*not_finite > 0).then(|| Warning::new("not-finite", name, message))
}

/// A warning about a map of which too much is unlike the training of its model.
fn outside(counts: &Counts, model: &str) -> Option<Warning> {
    let of = counts.applicability.as_ref().filter(|of| of.share_outside > job::MOST_OUTSIDE)?;
    Some(job::outside_warning(model, &format!("{:.0} % of the map's pixels", of.share_outside * 100.0)))
}

fn per_class(job: &Job, assembled: &AssembledMap) -> BTreeMap<String, u64> {
    let kept = job.kept_classes();
    let counts = assembled.features.class_counts();
    let classes = job.classes.classes().iter().filter(|c| kept[usize::from(c.id)]);
    classes.map(|c| (c.name.clone(), counts.get(&c.id).copied().unwrap_or(0))).collect()
}

fn failed_record(failed: &FailedScene) -> FailedInput {
    FailedInput { uri: redacted(&failed.uri), reason: failed.reason.clone() }
}

fn input_record(scene: &job::UsableScene, input: &Input) -> InputRecord {
    let info = &scene.info;
    InputRecord {
        id: info.id.clone(),
        uri: redacted(&scene.source.uri),
        size: input.fingerprint.size,
        sha256: input.fingerprint.sha256.clone(),
        etag: input.fingerprint.etag.clone(),
        acquired: info.acquired.clone(),
        date: input.date.map(str::to_owned),
        valid: Some(job::describe_validity(info, &scene.bands)),
        values: scene.values.clone(),
        grid: Some(InputGrid {
            key: info.grid.key(),
            col: info.window.col,
            row: info.window.row,
            width: info.window.width as u64,
            height: info.window.height as u64,
        }),
    }
}
