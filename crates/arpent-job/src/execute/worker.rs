//! A worker: one shard of a plan.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use arpent_base::Result;
use arpent_shell::lines::count;
use arpent_shell::message::notice;
use arpent_shell::progress::Stage;
use serde::Serialize;

use super::resolved::Resolved;
use super::shared::{pieces_of, pool};
use crate::config::Machine;
use crate::cost::Guard;
use crate::pipeline::{Clock, PipelineError};
use crate::shards::{Divided, JobContext, JobPlace, Journal, PieceId, Plan, ShardError};

/// Result of a worker, as printed.
#[derive(Debug, Serialize)]
pub struct WorkerReport {
    /// The plan.
    pub plan: String,
    /// The shard.
    pub shard: usize,
    /// Its pieces.
    pub pieces: usize,
    /// Pieces that existed already.
    pub pieces_found: usize,
}

/// Computes a shard of a plan of maps.
///
/// # Errors
/// When the shard is not done; computed pieces are kept.
pub(crate) fn work(
    place: &JobPlace,
    plan: &Plan,
    index: usize,
    machine: &Machine,
    guard: &Guard<'_>,
) -> Result<WorkerReport> {
    let compute = &mut |share, journal: &mut Journal| work_on(machine, place, plan, share, guard, journal);
    on_shard(place, plan, index, guard, compute)
}

/// Computes a shard, unless it is done. `compute` computes the missing ones of some pieces, and returns the number of those
/// that existed.
///
/// # Errors
/// [`ShardError::NoSuchShard`]; when the shard is not done, which its record then says.
pub(crate) fn on_shard(
    place: &JobPlace,
    plan: &dyn Divided,
    index: usize,
    guard: &Guard<'_>,
    compute: &mut dyn FnMut(Range<usize>, &mut Journal) -> Result<usize>,
) -> Result<WorkerReport> {
    let share = plan.shares().get(index).cloned();
    let share = share.ok_or(ShardError::NoSuchShard { index, last: plan.shards().saturating_sub(1) })?;
    let mut report =
        WorkerReport { plan: place.plan_url(), shard: index, pieces: share.len(), pieces_found: share.len() };
    if place.is_done(index)? {
        notice(&format!("shard {index} is already done"));
    } else {
        let mut journal = Journal::begin(place, index, guard.table().watts_per_core())?;
        match compute(share.clone(), &mut journal) {
            Ok(found) => report.pieces_found = found,
            // Another worker finished first, and its pieces may already be merged.
            Err(_) if place.is_done(index)? => notice(&format!("shard {index} was done by another worker")),
            Err(error) => {
                journal.end_failed(place, &error);
                return Err(error);
            }
        }
        journal.end_done(place, share.len())?;
    }
    Ok(report)
}

/// Computes the missing pieces of a shard; returns the number of those that existed.
fn work_on(
    machine: &Machine,
    place: &JobPlace,
    plan: &Plan,
    share: Range<usize>,
    guard: &Guard<'_>,
    journal: &mut Journal,
) -> Result<usize> {
    let clock = Clock::default();
    let resolved = clock.open.phase(|| clock.open.time(|| Resolved::new(place, plan, machine)))?;
    let job = &resolved.job;
    let pool = pool(&job.config)?;
    journal.set_engine(job.predictor.engine().clone());
    notice(&format!("computing on {}, {} threads", job.predictor.engine(), pool.current_num_threads()));
    let known = place.pieces(plan)?;
    let all: Vec<PieceId> = plan.pieces().into_iter().map(|(id, _)| id).collect();
    let missing: Vec<PieceId> =
        all[share.clone()].iter().filter(|id| !known.contains_key(id)).copied().collect();
    let (pieces, interrupt) = (pieces_of(job), guard.flag());
    let (pool, clock, pieces) = (&pool, &clock, &*pieces);
    let context = JobContext { job, plan, place, pool, clock, pieces, interrupt, guard };
    compute_all(context, &missing, journal).map_err(|error| job.scratch.judged(error))?;
    Ok(share.len() - missing.len())
}

/// Computes pieces, map by map.
fn compute_all(context: JobContext, missing: &[PieceId], journal: &mut Journal) -> Result<()> {
    let plan = context.plan;
    for map in 0..plan.maps.len() {
        let wanted: Vec<usize> = missing.iter().filter(|id| id.map == map).map(|id| id.index).collect();
        if wanted.is_empty() {
            continue;
        }
        let pixels = wanted.iter().map(|index| plan.maps[map].pieces[*index]).sum();
        let stage = Stage::begin("predict", pixels);
        let stop = AtomicBool::new(false);
        match context.compute(map, &wanted, &stop, journal, &stage, None) {
            Ok(true) => stage.end(&format!("{} pieces, {} px", wanted.len(), count(pixels))),
            Ok(false) => return Err(ShardError::Interrupted.into()),
            Err(PipelineError::Read(error)) => return Err(error.into()),
            Err(PipelineError::Predict(error)) => return Err(error.into()),
            Err(PipelineError::Sink(error)) => return Err(error),
        }
    }
    Ok(())
}
