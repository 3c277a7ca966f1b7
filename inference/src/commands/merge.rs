//! `arpent merge`.

use arpent_base::Result;
use arpent_job::{Machine, MergeReport};
use arpent_shell::interrupt;
use arpent_shell::print::{Format, print};

use super::limits::table;
use crate::report;
use arpent_cli::MergeArgs;

/// Runs the command.
///
/// # Errors
/// Why the maps are not published; shards that are not done.
pub(crate) fn main(args: &MergeArgs, format: Format) -> Result<u8> {
    let interrupt = interrupt::flag()?;
    let report = arpent_job::merge(
        &args.plan,
        &Machine::from(&args.machine),
        table(args.cost.as_deref())?,
        &interrupt,
    )?;
    // Failed scenes failed when the plan was made, and the exit code of `arpent plan` reported them.
    match &report {
        MergeReport::Maps(maps) => print(maps, &report::of_run(maps), format)?,
        MergeReport::Change(change) => print(change, report::of_change(change).text(), format)?,
    }
    Ok(0)
}
