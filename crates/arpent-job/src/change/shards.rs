//! A comparison in shards: a plan, workers that each read and score a range of its pieces, and a merge that publishes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use arpent_base::{DoingWhat as _, Result};
use arpent_publish::Target;
use arpent_raster::{Raster, Window};
use arpent_shell::energy::Energy;
use arpent_shell::message::notice;
use arpent_shell::progress::Stage;
use serde::Serialize;

use super::error::ChangeJobError;
use super::evidence::{self, MEASURED_PX, ScoreCount};
use super::inputs::{Inputs, MapPixels, Prints, Shifted};
use super::made::check_made;
use super::make::{
    CACHE_MB, ChangeJob, ChangeReport, Execution, PIXELS_AT_A_TIME, check_output_of, scratch_of,
};
use super::piece::{Piece, rows_of_pieces, windows_of_pieces};
use super::pixels::{Pixels, StoredPieces};
use super::previous::Previous;
use super::shift;
use crate::config::{ChangeConfig, Machine, RegistrationMode};
use crate::cost::Guard;
use crate::execute::{WorkerReport, new_place, on_shard, pool_of, published_once};
use crate::job::versions;
use crate::map::PublishedMap;
use crate::shards::{
    CHANGE_PLAN_FORMAT, ChangePlan, JobPlace, Journal, PieceId, ShardError, StoredPiece, number_of_shards,
};
use crate::stores::set_up_gdal;
use crate::warnings::warn;

/// Result of planning a comparison, as printed.
#[derive(Debug, Serialize)]
pub struct ChangePlanReport {
    /// Address of the plan.
    pub plan: String,
    /// Its dates.
    pub dates: [String; 2],
    /// Number of shards.
    pub shards: usize,
    /// Number of pieces.
    pub pieces: usize,
    /// Pixels to compare.
    pub pixels: u64,
    /// Pixels on which the scores of images were measured, if both dates have images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scored_on_px: Option<u64>,
}

/// Writes the plan of a comparison below its output. The same comparison planned again, or after a kill, is the same plan.
///
/// # Errors
/// When the inputs cannot be compared; [`ShardError::SecretAddress`], [`ShardError::OtherJob`], an output that exists or
/// cannot be written.
pub fn write_change_plan(
    config: &ChangeConfig,
    shards: Option<usize>,
    overwrite: bool,
) -> Result<ChangePlanReport> {
    if *config != config.redacted() {
        return Err(ShardError::SecretAddress.into());
    }
    check_made(config)?;
    set_up_gdal(Some(CACHE_MB))?;
    let output = config.output.clone().ok_or(ChangeJobError::NoOutput)?;
    let scratch = scratch_of(config)?;
    let (config, mut inputs) = Inputs::located(config, Prints::Stamps, Shifted::Asked, scratch.path())?;
    let correction = inputs.correction;
    check_output_of(&config, &output, overwrite)?;
    inputs.warnings.iter().for_each(warn);
    let extent = inputs.extent;
    let shards = number_of_shards(shards, extent.pixels())?;
    let previous = config.previous.as_deref();
    let previous = previous.map(|url| Previous::open(url, &inputs, scratch.path())).transpose()?;
    let contents = inputs.contents(&config, previous.as_ref().map(|previous| &*previous.run_id))?;
    let common = inputs.images_extent()?;
    let scoring = match (&mut inputs.images, common) {
        (Some(images), Some(common)) => {
            Some(evidence::measure(images, common, config.images.method, MEASURED_PX)?)
        }
        _ => None,
    };
    let piece_rows = rows_of_pieces(extent, shards);
    let windows = windows_of_pieces(extent, piece_rows);
    let config =
        ChangeConfig { scratch: None, file: None, replaced_scenes: [Vec::new(), Vec::new()], ..config };
    let made_of =
        (&contents, versions(), &config, piece_rows, inputs.grid.key(), extent, &scoring, &correction);
    let comparison = arpent_base::hash_of_json(serde_json::to_value(&made_of)?);
    let plan = ChangePlan {
        format: CHANGE_PLAN_FORMAT.to_owned(),
        id: String::new(),
        software: versions(),
        overwrite,
        comparison,
        inputs: contents,
        grid: inputs.grid.key(),
        extent,
        piece_rows,
        pieces: windows.iter().map(Window::pixels).collect(),
        scoring,
        correction,
        shards,
        config,
    };
    let plan = plan.with_id()?;
    let target = Target::parse(&output)?;
    let place = new_place(&target, &plan, overwrite)?;
    place.write_plan(arpent_base::json_document(&plan)?)?;
    let scored_on_px = plan.scoring.as_ref().map(|scoring| scoring.sampled_px.unwrap_or(extent.pixels()));
    Ok(ChangePlanReport {
        plan: place.plan_url(),
        dates: inputs.dates,
        shards,
        pieces: windows.len(),
        pixels: extent.pixels(),
        scored_on_px,
    })
}

/// Computes a shard of the plan of a comparison.
///
/// # Errors
/// When the shard is not done; computed pieces are kept.
pub(crate) fn work(
    place: &JobPlace,
    plan: &ChangePlan,
    index: usize,
    machine: &Machine,
    guard: &Guard<'_>,
) -> Result<WorkerReport> {
    on_shard(place, plan, index, guard, &mut |share, journal| {
        let pool = pool_of(machine.threads.map_or(0, arpent_base::Threads::get))?;
        let threads = pool.current_num_threads();
        notice(&format!("computing with {threads} threads"));
        pool.install(|| {
            set_up_gdal(Some(CACHE_MB))?;
            let scratch = scratch_of(&plan.config)?;
            let (config, inputs) = planned_inputs(plan, Prints::Stamps, scratch.path())?;
            // The previous comparison is for the merge alone, which opens it.
            check_inputs(plan, &inputs, &inputs.contents(&config, None)?)?;
            Worker { place, plan, inputs, journal, guard }.compute(share)
        })
    })
}

/// The inputs of a plan, opened again.
fn planned_inputs(plan: &ChangePlan, prints: Prints, scratch: &Path) -> Result<(ChangeConfig, Inputs)> {
    Inputs::located(&plan.config, prints, Shifted::Known(plan.correction), scratch)
}

/// Refuses inputs that differ from those of the plan; contents that are not in `now` are not compared.
fn check_inputs(
    plan: &ChangePlan,
    inputs: &Inputs,
    now: &BTreeMap<String, serde_json::Value>,
) -> Result<(), ShardError> {
    for (name, content) in now {
        let was = plan.inputs.get(name);
        if was != Some(content) {
            let was = was.map_or_else(|| "missing".to_owned(), ToString::to_string);
            return Err(ShardError::InputChanged { what: name.clone(), was, now: content.to_string() });
        }
    }
    if (inputs.grid.key(), inputs.extent) != (plan.grid.clone(), plan.extent) {
        let was = format!("{} {:?}", plan.grid, plan.extent);
        let now = format!("{} {:?}", inputs.grid.key(), inputs.extent);
        return Err(ShardError::InputChanged { what: "the grid".to_owned(), was, now });
    }
    Ok(())
}

/// Computes pieces of a shard.
struct Worker<'a> {
    place: &'a JobPlace,
    plan: &'a ChangePlan,
    inputs: Inputs,
    journal: &'a mut Journal,
    guard: &'a Guard<'a>,
}

impl Worker<'_> {
    /// Computes the missing pieces of a shard; returns the number of those that existed.
    fn compute(&mut self, share: Range<usize>) -> Result<usize> {
        let windows = windows_of_pieces(self.plan.extent, self.plan.piece_rows);
        let known = self.place.pieces(self.plan)?;
        let missing: Vec<usize> =
            share.clone().filter(|index| !known.contains_key(&PieceId { map: 0, index: *index })).collect();
        let pixels = missing.iter().map(|index| windows[*index].pixels()).sum();
        let stage = Stage::begin("read", pixels);
        let largest = missing.iter().map(|index| windows[*index].pixels()).max().unwrap_or(0);
        self.guard.begin(largest);
        for index in &missing {
            if self.guard.flag().load(Ordering::Relaxed) {
                return Err(ShardError::Interrupted.into());
            }
            let piece = self.piece(windows[*index])?;
            let id = PieceId { map: 0, index: *index };
            let bytes = piece.encode(&self.plan.comparison, *index)?;
            if let StoredPiece::Other = self.place.write_piece(self.plan, id, &bytes)? {
                notice(&format!(
                    "{} was written by another worker with different content, which is kept",
                    self.place.piece_url(self.plan, id)
                ));
            }
            self.journal.add_piece(piece.window.pixels());
            self.guard.add(piece.window.pixels());
            self.guard.add_piece();
            self.journal.write_if_due(self.place)?;
            stage.advance(piece.window.pixels());
        }
        stage.end(&format!("{} pieces", missing.len()));
        Ok(share.len() - missing.len())
    }

    /// Reads and scores the pixels of a piece.
    fn piece(&mut self, window: Window) -> Result<Piece> {
        let Self { place, plan, inputs, journal, .. } = self;
        let mut maps: Option<MapPixels> = None;
        for strip in window.strips_of(PIXELS_AT_A_TIME) {
            if let Some(part) = inputs.maps_in(strip)? {
                maps.get_or_insert_with(|| part.blank(window)).paste(&part);
            }
            journal.write_if_due(place)?;
        }
        let mut made = Piece { window, cells: Vec::new(), maps, scores: None, count: ScoreCount::default() };
        let common = inputs.images_extent()?;
        let (Some(images), Some(common), Some(scoring)) = (&mut inputs.images, common, &plan.scoring) else {
            return Ok(made);
        };
        let registration = &plan.config.registration;
        if registration.mode != RegistrationMode::Off {
            let cell_px = shift::fitting(common, registration.cell.get());
            made.cells = shift::cells(images, common, window, cell_px)?;
        }
        if let Some(scored) = window.intersect(&common) {
            let mut scores = Raster::filled(scored, arpent_raster::CONFIDENCE_NODATA);
            made.count = evidence::score(images, scored, scoring, &mut |part, values| {
                scores.paste(&Raster::new(part, values.to_vec())?);
                journal.write_if_due(place)
            })?;
            made.scores = Some(scores);
        }
        Ok(made)
    }
}

/// Publishes the comparison of a plan whose shards are done.
///
/// # Errors
/// When shards are not done, or the results cannot be published.
pub(crate) fn merge(
    place: &JobPlace,
    plan: &ChangePlan,
    machine: &Machine,
    interrupt: &AtomicBool,
) -> Result<ChangeReport> {
    let mut published = published_once(place, plan, &mut |records| {
        let others: Vec<Energy> = records.iter().map(|record| record.energy.clone()).collect();
        let pool = pool_of(machine.threads.map_or(0, arpent_base::Threads::get))?;
        let ChangeReport { output, manifest } =
            pool.install(|| publish(place, plan, others.as_slice(), interrupt))?;
        Ok(vec![PublishedMap { output, manifest, ledger: None }])
    })?;
    let PublishedMap { output, manifest, .. } = published.pop().expect("a comparison has one result");
    Ok(ChangeReport { output, manifest })
}

fn publish(
    place: &JobPlace,
    plan: &ChangePlan,
    others: &[Energy],
    interrupt: &AtomicBool,
) -> Result<ChangeReport> {
    set_up_gdal(Some(CACHE_MB))?;
    let scratch = scratch_of(&plan.config)?;
    let folder = tempfile::tempdir_in(scratch.path()).context("cannot make a temporary folder")?;
    let (config, inputs) = planned_inputs(plan, Prints::Hashes, folder.path())?;
    let execution = Execution {
        comparison: Some(&plan.comparison),
        check: &|inputs, contents| check_inputs(plan, inputs, contents),
        others,
        interrupt,
    };
    let pixels = Pixels::Stored(Box::new(StoredPieces::new(place, plan)));
    ChangeJob::execute(&config, inputs, plan.overwrite, pixels, (&scratch, folder.path()), execution)
}
