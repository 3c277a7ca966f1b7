//! `arpent merge`: the pieces of all shards become maps, which are published.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use arpent_base::energy::{Energy, Meter, WATTS_PER_CORE};
use arpent_publish::Target;

use super::compute::Work;
use super::document::{Plan, all_ranges};
use super::error::ShardError;
use super::journal::last_of;
use super::place::JobPlace;
use super::record::{Record, State, engines_of};
use super::resolved::Resolved;
use crate::cli::{Format, MergeArgs};
use crate::error::JobError;
use crate::make::{Failure, Maker, PublishedMap, published_already};
use crate::pipeline::Clock;
use crate::print::print;
use crate::progress::say;
use crate::run::{RunReport, human, pool, tell_doubts};
use crate::{Ended, interrupt};

/// Runs the command.
///
/// # Errors
/// Why the maps are not published; shards that are not done.
pub fn main(args: &MergeArgs, format: Format) -> Ended {
    let meter = Meter::start(WATTS_PER_CORE);
    let interrupt = interrupt::flag()?;
    let place = JobPlace::parse(&args.plan)?;
    let plan = place.plan()?;
    let records = place.records()?;
    let report = if let Some(maps) = all_published(&plan)? {
        say("the plan was merged and published before");
        RunReport { maps, failed_scenes: plan.failed_scenes.clone() }
    } else {
        check_done(&plan, &place, &records)?;
        let merged = merge(args, &place, &plan, &records, &meter, &interrupt);
        // Another merge may have been faster, and have deleted what this one wanted to read.
        match merged {
            Ok(report) => report,
            Err(error) => match all_published(&plan)? {
                Some(maps) => RunReport { maps, failed_scenes: plan.failed_scenes.clone() },
                None => return Err(error),
            },
        }
    };
    let stay = place.delete_work()?;
    if !stay.is_empty() {
        say(&format!("could not delete {} pieces; `arpent gc` does", stay.len()));
    }
    // Scenes that failed did so when the plan was made, which told it by its exit code.
    print(&report, &human(&report), format)?;
    Ok(0)
}

/// Makes and publishes every map of a plan whose shards are done.
fn merge(
    args: &MergeArgs,
    place: &JobPlace,
    plan: &Plan,
    records: &[Record],
    meter: &Meter,
    interrupt: &AtomicBool,
) -> anyhow::Result<RunReport> {
    let clock = Clock::default();
    let mut resolved = clock.open.time(|| Resolved::new(place, plan, &args.machine))?;
    tell_doubts(&resolved.job);
    let scratch = resolved.job.scratch.path().to_owned();
    let indexed = resolved.job.maps.iter_mut().try_for_each(|map| map.index_references(&scratch));
    indexed.map_err(|error| resolved.job.scratch.judged(error))?;
    let (job, pool) = (&resolved.job, pool(&resolved.job.config)?);
    let pieces = all_ranges(job);
    let work = Work { job, plan, place, pool: &pool, clock: &clock, pieces: &pieces, interrupt };
    let others: Vec<Energy> = records.iter().map(|record| record.energy.clone()).collect();
    Ok(RunReport {
        maps: publish_all(work, meter, &others, &engines_of(records))?,
        failed_scenes: job.failed.clone(),
    })
}

/// The maps, where every one of them is published already.
pub(super) fn all_published(plan: &Plan) -> anyhow::Result<Option<Vec<PublishedMap>>> {
    let mut maps = Vec::new();
    for planned in &plan.maps {
        let output = plan.output_of(planned).ok_or(JobError::NoOutput)?;
        let Some(manifest) = published_already(&Target::parse(&output)?, &planned.id)? else {
            return Ok(None);
        };
        maps.push(PublishedMap { output, manifest });
    }
    Ok(Some(maps))
}

fn publish_all(
    work: Work,
    meter: &Meter,
    others: &[Energy],
    engines: &BTreeSet<String>,
) -> anyhow::Result<Vec<PublishedMap>> {
    let mut maps = Vec::new();
    for (map, planned) in work.plan.maps.iter().enumerate() {
        let output = work.job.output_of(&work.job.maps[map])?;
        if let Some(manifest) = published_already(&Target::parse(&output)?, &planned.id)? {
            say(&format!("{output} was published before"));
            maps.push(PublishedMap { output, manifest });
            continue;
        }
        let (id, overwrite) = (planned.id.as_str(), work.plan.overwrite);
        let maker = Maker { work, map, id, overwrite, meter, others, engines };
        maps.push(maker.make(None).map_err(|failure| match failure {
            Failure::BadScene(_, error) | Failure::Other(error) => error,
        })?);
    }
    Ok(maps)
}

/// Refuses a plan of which a shard is not done.
fn check_done(plan: &Plan, place: &JobPlace, records: &[Record]) -> Result<(), anyhow::Error> {
    let done = place.done()?;
    let missing: Vec<usize> = (0..plan.shards).filter(|shard| !done.contains(shard)).collect();
    let failures: Vec<&Record> = missing
        .iter()
        .filter_map(|shard| last_of(records, *shard))
        .filter(|r| r.state == State::Failed)
        .collect();
    if let Some(first) = failures.first() {
        return Err(ShardError::Failed {
            failed: failures.iter().map(|record| record.shard).collect(),
            reason: first.error.clone().unwrap_or_default(),
            hint: first.hint.clone(),
        }
        .into());
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(ShardError::Unfinished { missing, shards: plan.shards }.into())
}
