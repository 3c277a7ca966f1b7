//! `arpent submit`.

use arpent_base::{Failure, Result};
use arpent_job::{JobPlace, reopen_failed};
use arpent_shell::message::say;
use arpent_shell::print::{Format, print};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Engine, KubernetesArgs, ResourceArgs, SlurmArgs, SubmitArgs};
use crate::submit::{self, Plan, SubmitError};

/// The result of a submission, as printed.
#[derive(Debug, Serialize)]
struct Report<'a> {
    engine: Engine,
    plan: &'a str,
    shards: u32,
    dry_run: bool,
    #[serde(flatten)]
    details: Value,
}

/// Runs the command.
///
/// # Errors
/// [`SubmitError`]; errors of `arpent_publish` when the plan cannot be read.
pub(crate) fn main(args: &SubmitArgs, format: Format) -> Result<u8> {
    check_engine(args)?;
    let plan = read_plan(&args.plan)?;
    if let (Ok(place), false) = (JobPlace::parse(&plan.url), args.dry_run)
        && let Err(error) = reopen_failed(&place)
    {
        say(&format!("shards that failed before may still count as failed: {}", error.message()));
    }
    let outcome = match args.engine {
        Engine::Local => submit::local(args, &plan),
        Engine::Slurm => submit::slurm(args, &plan),
        Engine::Kubernetes => submit::kubernetes(args, &plan),
    }?;
    let report = Report {
        engine: args.engine,
        plan: &plan.url,
        shards: plan.shards,
        dry_run: args.dry_run,
        details: outcome.details,
    };
    print(&report, &outcome.text, format)?;
    Ok(outcome.code)
}

/// Reads a plan with all checks of a worker: a plan that workers would refuse is not submitted.
fn read_plan(url: &str) -> Result<Plan> {
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        std::path::absolute(url)?.to_string_lossy().into_owned()
    };
    let place = JobPlace::parse(&url)?;
    let plan = place.plan()?;
    let shards = u32::try_from(plan.shards).map_err(Failure::foreign)?;
    Ok(Plan { url: place.plan_url(), id: plan.id, shards })
}

/// Refuses options that would have no effect.
fn check_engine(args: &SubmitArgs) -> Result<(), SubmitError> {
    let engine = args.engine;
    let given = [
        (args.slurm != SlurmArgs::default(), engine == Engine::Slurm, "Slurm"),
        (args.kubernetes != KubernetesArgs::default(), engine == Engine::Kubernetes, "Kubernetes"),
        (args.resources != ResourceArgs::default(), engine != Engine::Local, "Slurm and Kubernetes"),
    ];
    let other = given.into_iter().find(|(given, fits, _)| *given && !fits);
    other.map_or(Ok(()), |(_, _, others)| Err(SubmitError::others(engine, others)))
}
