//! The files of a run, in `run/` beside the package.

use std::path::{Path, PathBuf};

/// Where a run keeps its files.
#[derive(Debug, Clone)]
pub(crate) struct Place(PathBuf);

impl Place {
    /// The run of a package's folder.
    pub(crate) fn of(output: &Path) -> Self {
        Self(output.join("run"))
    }

    /// The state after the last epoch.
    pub(crate) fn last(&self) -> PathBuf {
        self.0.join("last.ckpt")
    }

    /// The state after the best epoch.
    pub(crate) fn best(&self) -> PathBuf {
        self.0.join("best.ckpt")
    }

    /// The log.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }

    /// Scores in full, as data.
    pub(crate) fn validation(&self) -> PathBuf {
        self.0.join("validation.json")
    }

    /// The report, as a page.
    pub(crate) fn page(&self) -> PathBuf {
        self.0.join("report.html")
    }

    /// The data of the report.
    pub(crate) fn report(&self) -> PathBuf {
        self.0.join("report.json")
    }
}
