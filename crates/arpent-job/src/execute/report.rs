//! Results of a run or a merge.

use arpent_base::{Diagnostic, Failure};
use serde::Serialize;

use crate::job::FailedScene;
use crate::map::PublishedMap;

/// Result of a run or a merge.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// The maps that were published.
    pub maps: Vec<PublishedMap>,
    /// Scenes that failed.
    pub failed_scenes: Vec<FailedScene>,
}

/// A job that failed after its start.
#[derive(Debug, thiserror::Error)]
#[error("the {what} {verb} not published", verb = if what.ends_with('s') { "were" } else { "was" })]
pub(crate) struct Unpublished {
    /// The unpublished output: a map or statistics.
    pub(crate) what: &'static str,
    /// Why.
    pub(crate) source: Failure,
}

impl Diagnostic for Unpublished {
    fn exit_code(&self) -> Option<u8> {
        Some(arpent_shell::exit::PARTIAL)
    }

    fn below(&self) -> Option<&dyn Diagnostic> {
        Some(self.source.diagnostic())
    }
}
