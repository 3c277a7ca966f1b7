//! Errors of trainings, each with a hint.

use std::path::PathBuf;

use arpent_base::Diagnostic;
use arpent_shell::exit;
use thiserror::Error;

/// A training that cannot start, or that failed.
#[derive(Debug, Error)]
pub(crate) enum TrainError {
    /// The configuration is not valid.
    #[error("{}:{line}{}: {message}\n  {text}", path.display(), in_table(table.as_deref()))]
    Config {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 where the error is of no single line.
        line: usize,
        /// The table in which it stands, as its header is written.
        table: Option<Box<str>>,
        /// The line.
        text: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The request is refused.
    #[error("{problem}")]
    Refused {
        /// What is refused, and why.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// The loss, or a weight, is no longer a number.
    #[error("{what} at step {step} (epoch {epoch}); {kept}")]
    Diverged {
        /// What is not a number.
        what: String,
        /// Step of the whole training, from 1.
        step: usize,
        /// Epoch, from 1.
        epoch: usize,
        /// What is kept of the training.
        kept: String,
    },
    /// An audit found something.
    #[error("{count} finding(s) that are not allowed")]
    Findings {
        /// How many.
        count: usize,
        /// The command that accepts them.
        command: String,
    },
    /// A step does not fit into memory.
    #[error("{problem}")]
    Memory {
        /// What is needed, and what there is.
        problem: String,
        /// A batch size that fits.
        batch: Option<usize>,
    },
    /// The device failed in the middle of a training.
    #[error("device `{device}` failed: {reason}; {kept}")]
    DeviceFailed {
        /// Its name.
        device: &'static str,
        /// The engine's message.
        reason: String,
        /// What is kept of the training.
        kept: String,
    },
}

/// `, in [fit]`
fn in_table(table: Option<&str>) -> String {
    table.map(|table| format!(", in {table}")).unwrap_or_default()
}

impl TrainError {
    /// A refusal with a hint.
    pub(crate) fn refused(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { problem: problem.into(), hint: hint.into() }
    }
}

impl Diagnostic for TrainError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Config { hint, .. } => hint.clone(),
            Self::Refused { hint, .. } => Some(hint.clone()),
            Self::Diverged { .. } => Some(
                "lower fit.learning_rate or raise fit.warmup_share, and look for values far outside model.value_range"
                    .into(),
            ),
            Self::Findings { command, .. } => Some(format!("correct them; or accept them: {command}")),
            Self::Memory { batch: Some(batch), .. } => Some(format!("try fit.batch = {batch}")),
            Self::Memory { batch: None, .. } => Some("lower fit.chip_px, or choose a smaller network".into()),
            Self::DeviceFailed { .. } => Some("resume with --resume, or on the CPU with --device cpu --resume".into()),
        }
    }

    fn exit_code(&self) -> Option<u8> {
        Some(match self {
            // Failures after the start of the training.
            Self::Diverged { .. } | Self::DeviceFailed { .. } | Self::Findings { .. } => exit::PARTIAL,
            Self::Config { .. } | Self::Refused { .. } | Self::Memory { .. } => exit::NOT_STARTED,
        })
    }
}
