//! `arpent run`.

use arpent_base::Result;
use arpent_job::{Observation, RunOptions, RunReport, rates_file, record_rates};
use arpent_shell::exit::PARTIAL;
use arpent_shell::interrupt;
use arpent_shell::message::notice;
use arpent_shell::print::{Format, print};

use super::job_args::effective;
use super::limits::limits;
use crate::report;
use arpent_cli::RunArgs;

/// Runs the command.
///
/// # Errors
/// When the job cannot be run or finished; nothing was published then.
pub(crate) fn main(args: &RunArgs, format: Format) -> Result<u8> {
    let interrupt = interrupt::flag()?;
    let (group_by_crs, overwrite) = (args.job.group_by_crs, args.overwrite);
    let options = RunOptions { group_by_crs, overwrite, limits: limits(&args.limits)? };
    let report: RunReport = arpent_job::run(effective(&args.job)?, &options, &interrupt)?;
    record(&report);
    print(&report, &report::of_run(&report), format)?;
    Ok(if report.failed_scenes.is_empty() { 0 } else { PARTIAL })
}

/// Records what a map took in the file of rates, for the plans of later jobs. Jobs of several maps are no measure
/// of others; of one that was interrupted, the end alone is.
fn record(report: &RunReport) {
    let [map] = &*report.maps else { return };
    let Some(ledger) = map.ledger.as_ref().filter(|ledger| ledger.pixels > 0) else {
        return;
    };
    let Some(file) = rates_file() else { return };
    let resumed = ledger.others > 0;
    let observed = Observation { resumed, ..Observation::of_ledger(&map.manifest, ledger) };
    // The map is published: what it took is not worth an error.
    if let Err(error) = record_rates(&file, &observed) {
        notice(&error.message());
    }
}
