//! `arpent run`.

use arpent_base::Result;
use arpent_job::{RunOptions, RunReport};
use arpent_shell::exit::PARTIAL;
use arpent_shell::interrupt;
use arpent_shell::print::{Format, print};

use super::job_args::effective;
use crate::report;
use arpent_cli::RunArgs;

/// Runs the command.
///
/// # Errors
/// When the job cannot be run or finished; nothing was published then.
pub(crate) fn main(args: &RunArgs, format: Format) -> Result<u8> {
    let interrupt = interrupt::flag()?;
    let options = RunOptions { group_by_crs: args.job.group_by_crs, overwrite: args.overwrite };
    let report: RunReport = arpent_job::run(effective(&args.job)?, options, &interrupt)?;
    print(&report, &report::of_run(&report), format)?;
    Ok(if report.failed_scenes.is_empty() { 0 } else { PARTIAL })
}
