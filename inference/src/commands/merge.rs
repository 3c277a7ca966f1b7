//! `arpent merge`.

use arpent_base::Result;
use arpent_job::Machine;
use arpent_shell::interrupt;
use arpent_shell::print::{Format, print};

use crate::cli::MergeArgs;
use crate::report;

/// Runs the command.
///
/// # Errors
/// Why the maps are not published; shards that are not done.
pub(crate) fn main(args: &MergeArgs, format: Format) -> Result<u8> {
    let interrupt = interrupt::flag()?;
    let report = arpent_job::merge(&args.plan, &Machine::from(&args.machine), &interrupt)?;
    // Scenes that failed did so when the plan was made, which told it by its exit code.
    print(&report, &report::of_run(&report), format)?;
    Ok(0)
}
