//! A merge: the pieces of all shards become the results, which are published.

use std::collections::BTreeSet;

use arpent_base::Result;
use arpent_publish::Target;
use arpent_shell::energy::Meter;
use arpent_shell::message::notice;

use super::published::all_published;
use super::report::RunReport;
use super::resolved::Resolved;
use super::shared::{pieces_of, pool, print_warnings};
use crate::config::Machine;
use crate::cost::Guard;
use crate::job::Hashing;
use crate::map::{MapFailure, MapWriter, PublishedMap, published_already};
use crate::pipeline::Clock;
use crate::present::write_entry;
use crate::shards::{Divided, JobContext, JobPlace, Plan, Record, ShardError, State, engines_of, last_of};

/// Publishes the maps of a plan whose shards are done.
///
/// # Errors
/// When shards are not done, or the maps cannot be published.
pub(crate) fn merge(
    place: &JobPlace,
    plan: &Plan,
    machine: &Machine,
    guard: &Guard<'_>,
) -> Result<RunReport> {
    let meter = Meter::start(guard.table().watts_per_core());
    let maps =
        published_once(place, plan, &mut |records| publish(machine, place, plan, records, &meter, guard))?;
    Ok(RunReport { maps, failed_scenes: plan.failed_scenes.clone() })
}

/// Publishes the results of a plan whose shards are done, unless they are published. `publish` gets the records of all
/// tries. What is left of the job is deleted then, but for the plan.
///
/// # Errors
/// When shards are not done, or the results cannot be published.
pub(crate) fn published_once(
    place: &JobPlace,
    plan: &dyn Divided,
    publish: &mut dyn FnMut(&[Record]) -> Result<Vec<PublishedMap>>,
) -> Result<Vec<PublishedMap>> {
    let records = place.records()?;
    let published = if let Some(found) = all_published(plan)? {
        notice("the plan is already merged and published");
        for map in &found {
            write_entry(&Target::parse(&map.output)?, &map.manifest);
        }
        found
    } else {
        check_done(plan, place, &records)?;
        // Another merge may have finished first, and deleted the pieces.
        match publish(&records) {
            Ok(published) => published,
            Err(error) => all_published(plan)?.ok_or(error)?,
        }
    };
    let stay = place.delete_work()?;
    if !stay.is_empty() {
        notice(&format!("could not delete {} pieces; `arpent gc` deletes them", stay.len()));
    }
    Ok(published)
}

/// Makes and publishes every map of a plan whose shards are done.
fn publish(
    machine: &Machine,
    place: &JobPlace,
    plan: &Plan,
    records: &[Record],
    meter: &Meter,
    guard: &Guard<'_>,
) -> Result<Vec<PublishedMap>> {
    let clock = Clock::default();
    let mut resolved = clock.open.phase(|| clock.open.time(|| Resolved::new(place, plan, machine)))?;
    print_warnings(&resolved.job);
    let scratch = resolved.job.scratch.path().to_owned();
    let indexed = resolved.job.maps.iter_mut().try_for_each(|map| map.index_layers(&scratch));
    indexed.map_err(|error| resolved.job.scratch.judged(error))?;
    let (job, pool) = (&resolved.job, pool(&resolved.job.config)?);
    let (pieces, interrupt) = (pieces_of(job), guard.flag());
    let (pool, clock, pieces) = (&pool, &clock, &*pieces);
    let context = JobContext { job, plan, place, pool, clock, pieces, interrupt, guard };
    publish_all(context, meter, records, &engines_of(records))
}

fn publish_all(
    context: JobContext,
    meter: &Meter,
    others: &[Record],
    engines: &BTreeSet<String>,
) -> Result<Vec<PublishedMap>> {
    let mut maps = Vec::new();
    for (map, planned) in context.plan.maps.iter().enumerate() {
        let output = context.job.output_of(&context.job.maps[map])?;
        let target = Target::parse(&output)?;
        if let Some(manifest) = published_already(&target, &planned.id)? {
            notice(&format!("{output} is already published"));
            write_entry(&target, &manifest);
            maps.push(PublishedMap { output, manifest, ledger: None });
            continue;
        }
        let (id, overwrite) = (planned.id.as_str(), context.plan.overwrite);
        let hashing = Hashing::Bytes;
        let writer = MapWriter { context, map, id, overwrite, meter, others, engines, hashing };
        maps.push(writer.write(None).map_err(|failure| match failure {
            MapFailure::BadScene(_, error) | MapFailure::Other(error) => error,
        })?);
    }
    Ok(maps)
}

/// Refuses a plan of which a shard is not done.
fn check_done(plan: &dyn Divided, place: &JobPlace, records: &[Record]) -> Result<()> {
    let done = place.done()?;
    let missing: Vec<usize> = (0..plan.shards()).filter(|shard| !done.contains(shard)).collect();
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
    Err(ShardError::Unfinished { missing, shards: plan.shards() }.into())
}
