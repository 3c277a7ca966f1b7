//! `arpent submit`: hands the shards of a plan to whoever runs them: Slurm, Kubernetes, or processes of this machine.
//!
//! All engines keep one contract with the workers, who keep all state in the output: what a worker's exit code means is
//! said in [`PERMANENT`] and nowhere else. Nothing is submitted twice to any harm: a worker leaves what is done alone.

mod env_file;
mod error;
mod kubernetes;
mod local;
mod options;
mod slurm;

pub use error::SubmitError;
pub use options::{Engine, KubernetesArgs, Mebibytes, ResourceArgs, SlurmArgs, SubmitArgs};

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::ValueEnum as _;
use serde::Serialize;
use serde_json::Value;

use crate::Ended;
use crate::cli::Format;
use crate::error::message_of;
use crate::print::print;
use crate::progress::say;
use crate::shards::{EXIT_TRY_AGAIN, JobPlace, reopen_failed};

/// Exit codes that another try would not change: bad input (2), failures that are reported (1), a fault of the program
/// (101), a program that is not there (126, 127). Whatever else is not 0 is tried again: [`EXIT_TRY_AGAIN`], and workers that were killed.
pub const PERMANENT: [u8; 5] = [1, 2, 101, 126, 127];

/// How long a worker has between SIGTERM and SIGKILL, seconds.
const GRACE_S: u32 = 60;

/// What a submission came to, as printed.
#[derive(Debug, Serialize)]
struct Report<'a> {
    engine: Engine,
    plan: &'a str,
    shards: u32,
    dry_run: bool,
    #[serde(flatten)]
    details: Value,
}

/// What an engine did.
struct Outcome {
    /// In words.
    text: String,
    /// In JSON: an object.
    details: Value,
    code: u8,
}

/// What is submitted of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    /// Its address, which holds on every machine that can reach it.
    url: String,
    id: String,
    shards: u32,
}

/// Runs the command.
///
/// # Errors
/// [`SubmitError`]; errors of `arpent_publish` when the plan cannot be read.
pub fn main(args: &SubmitArgs, format: Format) -> Ended {
    check_engine(args)?;
    let plan = read_plan(&args.plan)?;
    if let (Ok(place), false) = (JobPlace::parse(&plan.url), args.dry_run)
        && let Err(error) = reopen_failed(&place)
    {
        say(&format!("what failed before may still count as failed: {}", message_of(&error)));
    }
    let outcome = match args.engine {
        Engine::Local => local::submit(args, &plan),
        Engine::Slurm => slurm::submit(args, &plan),
        Engine::Kubernetes => kubernetes::submit(args, &plan),
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

/// Reads a plan with all of its checks: what is handed to a cluster is what a worker would take.
fn read_plan(url: &str) -> anyhow::Result<Plan> {
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        std::path::absolute(url)?.to_string_lossy().into_owned()
    };
    let place = JobPlace::parse(&url)?;
    let plan = place.plan()?;
    let shards = u32::try_from(plan.shards)?;
    Ok(Plan { url: place.plan_url(), id: plan.id, shards })
}

/// Refuses options that would do nothing.
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

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Slurm => "slurm",
            Self::Kubernetes => "kubernetes",
        }
    }
}

impl Plan {
    /// Name of what is submitted: letters, digits and hyphens, short enough for a host name.
    fn job_name(&self) -> String {
        const LONGEST: usize = 32;
        let lower = self.id.to_ascii_lowercase();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let id: String = lower.chars().map(plain).take(LONGEST).collect();
        format!("arpent-{}", id.trim_matches('-'))
    }

    /// Words of a worker without its index.
    fn worker_words(&self, args: &SubmitArgs) -> Vec<String> {
        let mut words = vec!["worker".to_owned(), "--plan".to_owned(), self.url.clone()];
        if let Some(device) = args.device.and_then(|device| device.to_possible_value()) {
            words.extend(["--device".to_owned(), device.get_name().to_owned()]);
        }
        words
    }

    fn merge_words(&self) -> Vec<String> {
        ["merge", "--plan", &self.url].map(str::to_owned).to_vec()
    }
}

/// The program that workers run: what was asked for, or this one.
fn program(args: &SubmitArgs) -> Result<String, SubmitError> {
    if let Some(program) = &args.program {
        return Ok(program.clone());
    }
    let this = std::env::current_exe().map_err(SubmitError::start("arpent"))?;
    Ok(this.to_string_lossy().into_owned())
}

/// An absolute path, as text.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

/// Runs a cluster's command with a text as input and gives what it printed.
fn ask(program: &'static str, words: &[&str], input: &str) -> Result<String, SubmitError> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(SubmitError::start(program))?;
    // A command that does not read to the end says why on its standard error.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(SubmitError::start(program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(SubmitError::Refused { program, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command line as a shell reads it.
fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(id: &str) -> Plan {
        Plan { url: "s3://b/jobs/x/plan.json".to_owned(), id: id.to_owned(), shards: 1 }
    }

    #[test]
    fn names_of_jobs_are_names_of_hosts() {
        assert_eq!(plan("3F2a_b").job_name(), "arpent-3f2a-b");
        let long = plan(&"ab.".repeat(40)).job_name();
        // A pod of an Indexed Job is called like its job, with its index and a suffix after it: 63 at most.
        assert!(long.len() <= 39 && long.ends_with(|c: char| c.is_ascii_alphanumeric()), "{long}");
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("s3://b/a%20b"), "s3://b/a%20b");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(command_line(["a", "", "b c"]), "a '' 'b c'");
    }
}
