//! Shared parts of the executors.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use arpent_shell::log::LogFormat;
use clap::ValueEnum as _;
use serde_json::Value;

use super::error::SubmitError;
use crate::cli::SubmitArgs;

/// Permanent exit codes: bad input (2), failures that are reported (1), a fault of the program
/// (101), a missing program (126, 127). All others except 0 are retried: 75, and workers that were killed.
pub(crate) const PERMANENT: [u8; 5] = [1, 2, 101, 126, 127];

/// The log of a batch job has times.
pub(super) const BATCH_LOG: [&str; 2] = ["--log-format", LogFormat::Full.name()];

/// Time between SIGTERM and SIGKILL of a worker, seconds.
pub(super) const GRACE_S: u32 = 60;

/// Result of a submission.
pub(crate) struct Outcome {
    /// As text.
    pub(crate) text: String,
    /// As a JSON object.
    pub(crate) details: Value,
    pub(crate) code: u8,
}

/// A plan to submit, as the executors need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submission {
    /// Its address, valid on every machine that can reach it.
    pub(crate) url: String,
    pub(crate) id: String,
    pub(crate) shards: u32,
}

impl Submission {
    /// Name of the submitted jobs: letters, digits and hyphens, short enough for a host name.
    pub(super) fn job_name(&self) -> String {
        const LONGEST: usize = 32;
        let lower = self.id.to_ascii_lowercase();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let id: String = lower.chars().map(plain).take(LONGEST).collect();
        format!("arpent-{}", id.trim_matches('-'))
    }

    /// Words of a worker without its index.
    pub(super) fn worker_words(&self, args: &SubmitArgs) -> Vec<String> {
        let mut words = vec!["worker".to_owned(), "--plan".to_owned(), self.url.clone()];
        if let Some(device) = args.device.and_then(|device| device.to_possible_value()) {
            words.extend(["--device".to_owned(), device.get_name().to_owned()]);
        }
        words
    }

    pub(super) fn merge_words(&self) -> Vec<String> {
        ["merge", "--plan", &self.url].map(str::to_owned).to_vec()
    }
}

/// The program that workers run: that of `--program`, or this one.
pub(super) fn program(args: &SubmitArgs) -> Result<String, SubmitError> {
    if let Some(program) = &args.program {
        return Ok(program.clone());
    }
    let this = std::env::current_exe().map_err(SubmitError::start("arpent"))?;
    Ok(this.to_string_lossy().into_owned())
}

/// An absolute path, as text.
pub(super) fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

/// Runs a command of a cluster with a text as input and returns its output.
pub(super) fn ask(program: &'static str, words: &[&str], input: &str) -> Result<String, SubmitError> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(SubmitError::start(program))?;
    // A command that does not read its whole input reports the reason on standard error.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(SubmitError::start(program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(SubmitError::Refused { program, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission(id: &str) -> Submission {
        Submission { url: "s3://b/jobs/x/plan.json".to_owned(), id: id.to_owned(), shards: 1 }
    }

    #[test]
    fn names_of_jobs_are_names_of_hosts() {
        assert_eq!(submission("3F2a_b").job_name(), "arpent-3f2a-b");
        let long = submission(&"ab.".repeat(40)).job_name();
        // A pod of an Indexed Job is called like its job, with its index and a suffix after it: 63 at most.
        assert!(long.len() <= 39 && long.ends_with(|c: char| c.is_ascii_alphanumeric()), "{long}");
    }
}
