//! `arpent train`: runs another binary, as git and cargo do.

use std::path::PathBuf;
use std::process::Command;

use arpent_base::Result;
use arpent_job::JobError;
use arpent_shell::exit::NOT_STARTED;
use arpent_shell::print::Format;

const NAME: &str = "arpent-train";

/// Runs `arpent-train`, from the folder of this binary or from PATH, and returns its exit code.
///
/// # Errors
/// [`JobError::TrainMissing`].
pub(crate) fn main(arguments: &[String], format: Format) -> Result<u8> {
    let asked = if format == Format::Json { &["--format", "json"][..] } else { &[] };
    let status = Command::new(program()).args(asked).args(arguments).status();
    let status = status.map_err(|source| JobError::TrainMissing { source })?;
    Ok(status.code().and_then(|c| u8::try_from(c).ok()).unwrap_or(NOT_STARTED))
}

fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name(NAME));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(NAME))
}
