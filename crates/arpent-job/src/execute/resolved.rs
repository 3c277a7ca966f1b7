//! The job of a plan, resolved again on this machine and compared with the plan.

use arpent_base::Result;

use crate::config::Machine;
use crate::job::Job;
use crate::scratch::Scratch;
use crate::shards::{JobPlace, Plan, Sharing};

/// A resolved job of a plan.
pub(super) struct Resolved {
    /// The job.
    pub(super) job: Job,
    /// Folder of the model package; deleted when dropped.
    _model: Option<Scratch>,
}

impl Resolved {
    /// Opens all inputs of the plan, and compares them with it.
    ///
    /// # Errors
    /// When the job cannot be run; [`ShardError::InputChanged`](crate::ShardError::InputChanged) and
    /// [`ShardError::SceneLost`](crate::ShardError::SceneLost).
    pub(super) fn new(place: &JobPlace, plan: &Plan, machine: &Machine) -> Result<Self> {
        let mut config = plan.config.clone();
        config.compute.threads = machine.threads.unwrap_or(config.compute.threads);
        config.compute.device = machine.device.unwrap_or(config.compute.device);
        config.compute.readers = machine.readers.unwrap_or(config.compute.readers);
        config.compute.memory_limit_mb = machine.memory_limit_mb.unwrap_or(config.compute.memory_limit_mb);
        let fetched = (!plan.model_files.is_empty()).then(|| Scratch::new(None)).transpose()?;
        if let Some(folder) = &fetched {
            place.fetch_model(folder.path(), &plan.model_files)?;
            folder.path().clone_into(&mut config.model);
        }
        let mut job = Job::resolve(config, plan.group_by_crs)?;
        // The manifest records the configuration of the plan, not the folder that the package was fetched to.
        plan.config.model.clone_into(&mut job.config.model);
        let compute = std::mem::replace(&mut job.config.compute, plan.config.compute.clone());
        let sharing =
            Sharing { shards: Some(plan.shards), group_by_crs: plan.group_by_crs, overwrite: plan.overwrite };
        plan.check(&Plan::of(&job, sharing, plan.model_files.clone())?)?;
        job.config.compute = compute;
        Ok(Self { job, _model: fetched })
    }
}
