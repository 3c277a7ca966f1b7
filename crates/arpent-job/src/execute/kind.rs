//! The kind of a job, by which those of earlier jobs that tell of it are found.

use arpent_base::Result;

use crate::cost::{self, Amounts, JobKind, rates_file, read_rates};
use crate::job::Job;

/// What the end of a job takes after its last piece, by earlier jobs of its kind; `None` without one.
///
/// # Errors
/// When their file cannot be read.
pub(super) fn closing(job: &Job, threads: usize) -> Result<Option<Amounts>> {
    let Some(file) = rates_file() else { return Ok(None) };
    let kind = kind_of(job, threads)?;
    let of_kind: Vec<_> = read_rates(&file)?.into_iter().filter(|one| one.kind == kind).collect();
    let pixels = job.maps.iter().map(|map| map.plan.pixels_wanted()).sum();
    Ok(cost::closing(&of_kind, pixels))
}

/// The kind of a job.
pub(super) fn kind_of(job: &Job, threads: usize) -> Result<JobKind> {
    let config = serde_json::to_value(job.config.redacted())?;
    Ok(JobKind::new(&job.model.sha256(), &job.predictor.engine(), threads, &config))
}
