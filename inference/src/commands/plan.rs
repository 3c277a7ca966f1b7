//! `arpent plan`.

use std::time::Duration;

use arpent_base::Result;
use arpent_job::{ForecastOptions, Job, Sharing, forecast_of, mpx_per_s, plan_report, pool, write_plan};
use arpent_shell::exit::PARTIAL;
use arpent_shell::print::{Format, print};

use super::job_args::effective;
use super::limits::table;
use crate::report;
use arpent_cli::PlanArgs;

/// Time for the probe of the network's speed.
const PROBE: Duration = Duration::from_millis(300);

/// Runs the command.
///
/// # Errors
/// When the job cannot be run.
pub(crate) fn main(args: &PlanArgs, format: Format) -> Result<u8> {
    let mut config = effective(&args.job)?;
    let table = table(args.cost.as_deref())?;
    if args.shards.is_some() {
        // Workers may run on other machines, with another working directory.
        config.make_absolute()?;
    }
    let group_by_crs = args.job.group_by_crs;
    let job = Job::resolve(config, group_by_crs)?;
    let written = args.shards.map(|shards| {
        write_plan(&job, Sharing { shards: shards.number(), group_by_crs, overwrite: args.overwrite })
    });
    let written = written.transpose()?;
    let rate = mpx_per_s(&job.predictor, job.model.bands.len(), &pool(&job.config)?, PROBE)?;
    let options = ForecastOptions { table, probe: args.probe, rates: args.rates.clone() };
    let cost = forecast_of(&job, rate, &options)?;
    let report = plan_report(&job, rate, cost, written)?;
    print(&report, &report::of_plan(&report), format)?;
    Ok(if report.failed_scenes.is_empty() { 0 } else { PARTIAL })
}
