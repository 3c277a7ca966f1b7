//! The comparison before, whose series this one continues.

use std::path::{Path, PathBuf};

use arpent_base::Result;
use arpent_gdal::PublishedRaster;
use arpent_publish::{ObjectKind, ROLE_MAP, ROLE_OBJECTS, Target};
use serde_json::json;

use super::error::ChangeJobError;
use super::inputs::Inputs;
use crate::address::checked_address;
use crate::error::JobError;

/// A previous comparison.
pub(super) struct Previous {
    /// Date of the first map of the series.
    pub(super) first: String,
    pub(super) run_id: String,
    pub(super) objects: PathBuf,
    /// Its earlier map.
    pub(super) earlier: Option<PublishedRaster>,
}

impl Previous {
    /// Opens a comparison, whose later map is the earlier one of these inputs. Its table of objects goes to `scratch`.
    pub(super) fn open(url: &str, inputs: &Inputs, scratch: &Path) -> Result<Self> {
        let target = Target::parse(url)?;
        let manifest = target.read_manifest()?;
        let not_a_change = || ChangeJobError::NotAChange { what: url.to_owned() };
        let facts = manifest.counts.change.as_ref().ok_or_else(not_a_change)?;
        let other = |problem: String| ChangeJobError::OtherSeries { previous: url.to_owned(), problem };
        let after = facts["dates"][1].as_str().unwrap_or_default();
        if after != inputs.dates[0] {
            let problem = format!("its later date is {after}, the earlier date here {}", inputs.dates[0]);
            return Err(other(problem).into());
        }
        let artifact = |role: &str| manifest.artifacts.iter().find(|artifact| artifact.role == role);
        let objects = artifact(ROLE_OBJECTS).ok_or_else(not_a_change)?;
        target.check_artifact(objects)?;
        let map = artifact(ROLE_MAP).ok_or_else(not_a_change)?;
        let is_this =
            inputs.maps.as_ref().is_some_and(|[before, _]| before.content()["sha256"] == json!(map.sha256));
        if !is_this {
            return Err(other("the earlier map here is not its `map.tif`".to_owned()).into());
        }
        let path = scratch.join("previous-objects.csv");
        let table = target.read(&objects.href, ObjectKind::Piece)?.ok_or_else(not_a_change)?;
        std::fs::write(&path, table).map_err(|source| JobError::ScratchFile {
            doing: "write",
            path: path.clone(),
            source,
        })?;
        // The map before the earlier one, for what changes back.
        let before = manifest.artifacts.iter().find(|artifact| artifact.href.ends_with("before.tif"));
        let earlier = before.map(|artifact| -> Result<PublishedRaster> {
            Ok(PublishedRaster::open(&checked_address(&target, artifact)?)?)
        });
        Ok(Self {
            first: facts["first"].as_str().unwrap_or(after).to_owned(),
            run_id: manifest.run_id.clone(),
            objects: path,
            earlier: earlier.transpose()?,
        })
    }
}
