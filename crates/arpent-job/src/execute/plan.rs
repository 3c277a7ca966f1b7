//! `arpent plan --shards`: writes the plan below the output.

use std::collections::BTreeMap;
use std::path::Path;

use arpent_base::Result;
use arpent_publish::{Target, hash_file};

use crate::job::Job;
use crate::map::check_output;
use crate::mask::MaskError;
use crate::shards::{Divided, JobPlace, Plan, ShardError, Sharing, jobs_of};

/// Writes the plan of a job below its output, the model package first; returns it and its address. The same job planned
/// again, or after a kill, is the same plan.
///
/// # Errors
/// [`ShardError::NoOutput`], [`ShardError::OtherJob`], [`MaskError::ModelInShards`], an output that exists or cannot be written.
pub fn write_plan(job: &Job, sharing: Sharing) -> Result<(Plan, String)> {
    if job.config != job.config.redacted() {
        return Err(ShardError::SecretAddress.into());
    }
    if let Some(mask) = job.maps.iter().find_map(|map| map.masks.to_make()) {
        return Err(job.config.located(MaskError::ModelInShards { mask: mask.to_owned() }.into()));
    }
    let output = Target::parse(job.output.as_deref().ok_or(ShardError::NoOutput)?)?;
    for map in &job.maps {
        check_output(&job.output_of(map)?, sharing.overwrite)?;
    }
    let model_files = files_of(&job.config.model)?;
    let plan = Plan::of(job, sharing, model_files)?;
    let place = new_place(&output, &plan, sharing.overwrite)?;
    place.write_model(&job.config.model, plan.model_files.keys())?;
    place.write_plan(plan.to_json()?)?;
    Ok((plan, place.plan_url()))
}

/// The folder of a new plan below its output, without records of an earlier execution.
///
/// # Errors
/// [`ShardError::OtherJob`], and errors of the store.
pub(crate) fn new_place(output: &Target, plan: &dyn Divided, overwrite: bool) -> Result<JobPlace> {
    let others = jobs_of(output)?;
    if let Some(other) = others.iter().find(|id| **id != plan.id() && !overwrite) {
        let other = JobPlace::of(output, other)?.plan_url();
        return Err(ShardError::OtherJob { output: output.url().to_owned(), other }.into());
    }
    let place = JobPlace::of(output, plan.id())?;
    if place.pieces(plan)?.is_empty() {
        // Left from an earlier execution of the same plan, whose results were replaced or deleted.
        place.forget_shards()?;
    }
    Ok(place)
}

/// The files in a folder, with the SHA-256 of each.
fn files_of(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Files may be symbolic links.
        if std::fs::metadata(entry.path())?.is_file() && !name.starts_with('.') {
            files.insert(name, hash_file(&entry.path())?.sha256);
        }
    }
    Ok(files)
}
