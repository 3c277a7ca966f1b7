//! `arpent-train report`: from a recorded training to its page.

use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result};

use super::data::TrainingReport;

/// Command-line options.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The recorded training (JSON).
    log: PathBuf,
    /// The page (HTML).
    #[arg(long)]
    output: PathBuf,
}

/// Runs `arpent-train report`.
pub(crate) fn run(args: &ReportArgs) -> Result<()> {
    let report = read(&args.log)?;
    std::fs::write(&args.output, report.to_html())
        .with_context(|| format!("cannot write {}", args.output.display()))
}

/// Reads and checks a recorded training.
pub(crate) fn read(path: &Path) -> Result<TrainingReport> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let of_file = || format!("{} is not a training report", path.display());
    let report: TrainingReport = serde_json::from_str(&text).with_context(of_file)?;
    report.check().with_context(of_file)?;
    Ok(report)
}
