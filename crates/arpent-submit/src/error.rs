//! Errors of a submission, with hints.

use std::path::PathBuf;

use arpent_base::Diagnostic;
use thiserror::Error;

/// A plan that cannot be submitted.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// A line of an environment file that is not a variable.
    #[error("{}, line {line}: NAME=VALUE is expected", path.display())]
    EnvLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1. Its text is not printed: it may be a secret.
        line: usize,
    },
    /// A folder of logs that no line of a script can name.
    #[error(
        "--logs: {path:?} holds a line break or another character that a line of a script for Slurm cannot hold"
    )]
    LogsPath {
        /// The folder.
        path: PathBuf,
    },
    /// A plan in a folder of this machine, and workers elsewhere.
    #[error("pods cannot read the plan {url}, which is in a folder of this machine")]
    PlanInFolder {
        /// The plan.
        url: String,
    },
    /// No image.
    #[error("--executor kubernetes needs an image")]
    NoImage,
    /// More shards than the cluster takes.
    #[error(
        "the plan has {shards} shards, and the cluster takes job arrays of {limit} at most (MaxArraySize)"
    )]
    TooManyShards {
        /// Shards of the plan.
        shards: u32,
        /// Tasks that an array may have.
        limit: u32,
    },
    /// A program that cannot be run.
    #[error("cannot run {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program that refused.
    #[error("{program} refused: {said}")]
    Refused {
        /// The program.
        program: &'static str,
        /// What it wrote.
        said: String,
    },
    /// The signals that end a submission cannot be caught.
    #[error("cannot catch signals: {source}")]
    Signals {
        /// Why.
        source: std::io::Error,
    },
}

impl Diagnostic for SubmitError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::EnvLine { .. } => {
                "the file is read as text and never executed: write NAME=VALUE, one per line, with # before comments"
            }
            Self::LogsPath { .. } => "name a folder without control characters, in UTF-8",
            Self::PlanInFolder { .. } => "plan with an --output on an object store, such as s3://bucket/map",
            Self::NoImage => "name one that your cluster can pull with --image; Containerfile builds it",
            Self::TooManyShards { limit, .. } => {
                return Some(format!("plan again with --shards {limit} or fewer"));
            }
            Self::Start { program, .. } if program == "sbatch" => {
                "submit where Slurm's commands are, such as a login node; --dry-run prints the scripts anywhere"
            }
            Self::Start { program, .. } if program == "kubectl" => {
                "install kubectl, or apply the manifests that --dry-run prints with another tool"
            }
            Self::Start { .. } => "check --program",
            Self::Refused { .. } => "--dry-run prints what was submitted",
            Self::Signals { .. } => return None,
        };
        Some(text.to_owned())
    }
}

impl SubmitError {
    /// A program that cannot be run.
    pub(crate) fn start(program: &str) -> impl FnOnce(std::io::Error) -> Self {
        let program = program.to_owned();
        |source| Self::Start { program, source }
    }
}
