//! `arpent worker`.

use arpent_base::Result;
use arpent_job::{Machine, WorkerReport};
use arpent_shell::interrupt;
use arpent_shell::lines::Lines;
use arpent_shell::print::{Format, print};

use super::limits::limits;
use arpent_cli::WorkerArgs;

/// Runs the command.
///
/// # Errors
/// When the shard is not done; computed pieces are kept.
pub(crate) fn main(args: &WorkerArgs, format: Format) -> Result<u8> {
    let interrupt = interrupt::flag()?;
    let report = arpent_job::work(
        &args.plan,
        args.index,
        &Machine::from(&args.machine),
        &limits(&args.limits)?,
        &interrupt,
    )?;
    print(&report, human(&report).text(), format)?;
    Ok(0)
}

fn human(report: &WorkerReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("plan", &report.plan).add("shard", report.shard.to_string());
    lines.add("pieces", format!("{}, {} of them found", report.pieces, report.pieces_found));
    lines
}
