//! What is done with a stored plan, whatever it is of: a worker computes a shard of it, a merge publishes the results.

use std::sync::atomic::AtomicBool;

use arpent_base::Result;
use serde::Serialize;

use crate::change::{self, ChangeReport};
use crate::config::Machine;
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
pub fn work(plan: &str, index: usize, machine: &Machine, interrupt: &AtomicBool) -> Result<WorkerReport> {
    let place = JobPlace::parse(plan)?;
    match place.plan()? {
        AnyPlan::Maps(plan) => execute::work(&place, &plan, index, machine, interrupt),
        AnyPlan::Change(plan) => change::work(&place, &plan, index, machine, interrupt),
    }
}

/// Publishes the results of the plan at an address, whose shards are done.
///
/// # Errors
/// When shards are not done, or the results cannot be published.
pub fn merge(plan: &str, machine: &Machine, interrupt: &AtomicBool) -> Result<MergeReport> {
    let place = JobPlace::parse(plan)?;
    Ok(match place.plan()? {
        AnyPlan::Maps(plan) => MergeReport::Maps(execute::merge(&place, &plan, machine, interrupt)?),
        AnyPlan::Change(plan) => {
            MergeReport::Change(Box::new(change::merge(&place, &plan, machine, interrupt)?))
        }
    })
}
