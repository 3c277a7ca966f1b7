//! A stored plan, whatever it is of.

use arpent_base::Result;
use arpent_publish::{ObjectKind, Target};

use super::comparison::{CHANGE_PLAN_FORMAT, ChangePlan};
use super::divided::{Divided, Part};
use super::document::{Head, PLAN_NAME, Plan, read_document};
use super::error::ShardError;
use super::understood::understood;

/// A stored plan.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyPlan {
    /// Of maps.
    Maps(Box<Plan>),
    /// Of a comparison of two dates.
    Change(Box<ChangePlan>),
}

impl AnyPlan {
    /// Reads a plan; `url` is for messages.
    ///
    /// # Errors
    /// [`ShardError::BadDocument`], [`ShardError::PlanChanged`], [`ShardError::OtherVersion`].
    pub fn from_json(bytes: &[u8], url: &str) -> Result<Self, ShardError> {
        let head: Head = serde_json::from_slice(bytes).map_err(|e| ShardError::BadDocument {
            url: url.to_owned(),
            what: "a plan",
            message: e.to_string(),
        })?;
        if head.format == CHANGE_PLAN_FORMAT {
            return Ok(Self::Change(Box::new(read_document(bytes, url)?)));
        }
        Ok(Self::Maps(Box::new(read_document(bytes, url)?)))
    }

    /// Reads the plan of a job whose folder is `place`.
    ///
    /// # Errors
    /// [`ShardError::NoPlan`], errors of [`AnyPlan::from_json`] and of the store.
    pub(crate) fn read(place: &Target) -> Result<Self> {
        let url = format!("{}/{PLAN_NAME}", place.url());
        let gone = || ShardError::NoPlan { url: url.clone() };
        understood(&|| Ok(place.read(PLAN_NAME, ObjectKind::Plan)?.ok_or_else(gone)?), &|bytes| {
            Self::from_json(bytes, &url)
        })
    }

    fn inner(&self) -> &dyn Divided {
        match self {
            Self::Maps(plan) => &**plan,
            Self::Change(plan) => &**plan,
        }
    }
}

impl Divided for AnyPlan {
    fn id(&self) -> &str {
        self.inner().id()
    }

    fn shards(&self) -> usize {
        self.inner().shards()
    }

    fn parts(&self) -> Vec<Part<'_>> {
        self.inner().parts()
    }
}
