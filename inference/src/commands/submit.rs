//! `arpent submit`.

use arpent_base::{Failure, Result};
use arpent_job::{Divided as _, JobPlace, reopen_failed};
use arpent_shell::message::notice;
use arpent_shell::print::{Format, print};
use arpent_submit::Submission;
use serde::Serialize;
use serde_json::Value;

use arpent_cli::{Executor, SubmitArgs};

/// The result of a submission, as printed.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(rename = "engine")]
    executor: Executor,
    plan: &'a str,
    shards: u32,
    dry_run: bool,
    #[serde(flatten)]
    details: Value,
}

/// Runs the command.
///
/// # Errors
/// Those of `arpent_submit`, and for options of another executor; errors of `arpent_publish` when the plan cannot be read.
pub(crate) fn main(args: &SubmitArgs, format: Format) -> Result<u8> {
    let options = args.options()?;
    let submission = read_plan(&args.plan)?;
    if let (Ok(place), false) = (JobPlace::parse(&submission.url), args.dry_run)
        && let Err(error) = reopen_failed(&place)
    {
        notice(&format!("shards that failed before may still count as failed: {}", error.message()));
    }
    let outcome = arpent_submit::submit(&submission, &options)?;
    let report = Report {
        executor: args.executor,
        plan: &submission.url,
        shards: submission.shards,
        dry_run: args.dry_run,
        details: outcome.details,
    };
    print(&report, &outcome.text, format)?;
    Ok(outcome.code)
}

/// Reads a plan with all checks of a worker: a plan that workers would refuse is not submitted.
fn read_plan(url: &str) -> Result<Submission> {
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        std::path::absolute(url)?.to_string_lossy().into_owned()
    };
    let place = JobPlace::parse(&url)?;
    let plan = place.plan()?;
    let shards = u32::try_from(plan.shards()).map_err(Failure::foreign)?;
    Ok(Submission { url: place.plan_url(), id: plan.id().to_owned(), shards })
}
