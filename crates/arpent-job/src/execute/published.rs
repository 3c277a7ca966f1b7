//! Results of a plan that are already published.

use arpent_base::Result;
use arpent_publish::Target;

use crate::error::JobError;
use crate::map::{PublishedMap, published_already};
use crate::shards::Divided;

/// The results, if all of them are already published.
pub(super) fn all_published(plan: &dyn Divided) -> Result<Option<Vec<PublishedMap>>> {
    let mut maps = Vec::new();
    for part in plan.parts() {
        let output = part.output.ok_or(JobError::NoOutput)?;
        let Some(manifest) = published_already(&Target::parse(&output)?, part.id)? else {
            return Ok(None);
        };
        maps.push(PublishedMap { output, manifest, ledger: None });
    }
    Ok(Some(maps))
}
