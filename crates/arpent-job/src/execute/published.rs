//! Maps of a plan that are already published.

use arpent_base::Result;
use arpent_publish::Target;

use crate::error::JobError;
use crate::map::{PublishedMap, published_already};
use crate::shards::Plan;

/// The maps, if all of them are already published.
pub(super) fn all_published(plan: &Plan) -> Result<Option<Vec<PublishedMap>>> {
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
