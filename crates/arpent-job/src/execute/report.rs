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

impl Unpublished {
    /// The error of an output that was not published: a temporary one ends with exit code 75, a permanent one with its
    /// own.
    pub(crate) fn of(what: &'static str, error: Failure) -> Failure {
        if error.is_transient() { Self { what, source: error }.into() } else { error }
    }
}

impl Diagnostic for Unpublished {
    fn exit_code(&self) -> Option<u8> {
        Some(arpent_shell::exit::PARTIAL)
    }

    fn below(&self) -> Option<&dyn Diagnostic> {
        Some(self.source.diagnostic())
    }
}
