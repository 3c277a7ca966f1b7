//! What is done with a stored plan, whatever it is of: a worker computes a shard of it, a merge publishes the results.

use std::sync::atomic::AtomicBool;

use arpent_base::Result;
use serde::Serialize;

use crate::change::{self, ChangeReport};
use crate::config::Machine;
use crate::cost::{CostTable, Guard, Limits};
use crate::execute::{self, RunReport, WorkerReport};
use crate::shards::{AnyPlan, JobPlace};

/// Result of a merge, as printed.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum MergeReport {
    /// Of maps.
    Maps(RunReport),
    /// Of a comparison of two dates.
    Change(Box<ChangeReport>),
}

/// Computes a shard of the plan at an address.
///
/// # Errors
/// When the shard is not done; computed pieces are kept.
pub fn work(
    plan: &str,
    index: usize,
    machine: &Machine,
    limits: &Limits,
    interrupt: &AtomicBool,
) -> Result<WorkerReport> {
    let place = JobPlace::parse(plan)?;
    Guard::watch(limits, interrupt, |guard| {
        let plan = place.plan()?;
        let worked = match &plan {
            AnyPlan::Maps(plan) => execute::work(&place, plan, index, machine, guard),
            AnyPlan::Change(plan) => change::work(&place, plan, index, machine, guard),
        };
        worked.map_err(|error| execute::judged(error, guard, &place, &plan, Some(index)))
    })
}

/// Publishes the results of the plan at an address, whose shards are done.
///
/// # Errors
/// When shards are not done, or the results cannot be published.
pub fn merge(plan: &str, machine: &Machine, table: CostTable, interrupt: &AtomicBool) -> Result<MergeReport> {
    let place = JobPlace::parse(plan)?;
    let limits = Limits { table, ..Limits::default() };
    Guard::watch(&limits, interrupt, |guard| {
        Ok(match place.plan()? {
            AnyPlan::Maps(plan) => MergeReport::Maps(execute::merge(&place, &plan, machine, guard)?),
            AnyPlan::Change(plan) => {
                MergeReport::Change(Box::new(change::merge(&place, &plan, machine, interrupt)?))
            }
        })
    })
}
