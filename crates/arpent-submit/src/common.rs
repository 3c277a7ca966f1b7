//! Shared parts of the executors.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use arpent_shell::log::LogFormat;
use serde_json::Value;

use crate::error::SubmitError;
use crate::options::SubmitOptions;

/// Exit codes that are not retried: bad input (2), failures that are reported (1), a spent budget (3), a fault of the program
/// (101), a missing program (126, 127). All others except 0 are retried: 75, and workers that were killed.
pub(crate) const PERMANENT: [u8; 6] = [1, 2, 3, 101, 126, 127];

/// The log of a batch job has times.
pub(crate) const BATCH_LOG: [&str; 2] = ["--log-format", LogFormat::Full.name()];

/// Time between SIGTERM and SIGKILL of a worker, seconds.
pub(crate) const GRACE_S: u32 = 60;

/// Result of a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// As text.
    pub text: String,
    /// As a JSON object.
    pub details: Value,
    /// Exit code of `arpent submit`.
    pub code: u8,
}

/// A plan to submit, as the executors need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its address, valid on every machine that can reach it.
    pub url: String,
    /// Its id: the name of the submitted jobs contains it.
    pub id: String,
    /// Number of its shards, at least 1.
    pub shards: u32,
}

impl Submission {
    /// Name of the submitted jobs: letters, digits and hyphens, short enough for a host name.
    pub(crate) fn job_name(&self) -> String {
        const LONGEST: usize = 32;
        let lower = self.id.to_ascii_lowercase();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let id: String = lower.chars().map(plain).take(LONGEST).collect();
        format!("arpent-{}", id.trim_matches('-'))
    }

    /// Words of a worker without its index.
    pub(crate) fn worker_words(&self, options: &SubmitOptions) -> Vec<String> {
        let device = options.device.iter().flat_map(|device| ["--device", device]);
        ["worker", "--plan", &self.url].into_iter().chain(device).map(str::to_owned).collect()
    }

    pub(crate) fn merge_words(&self) -> Vec<String> {
        ["merge", "--plan", &self.url].map(str::to_owned).to_vec()
    }
}

/// The program that workers run: that of `--program`, or this one.
pub(crate) fn program(options: &SubmitOptions) -> Result<String, SubmitError> {
    if let Some(program) = &options.program {
        return Ok(program.to_string());
    }
    let this = std::env::current_exe().map_err(SubmitError::start("arpent"))?;
    Ok(this.to_string_lossy().into_owned())
}

/// An absolute path, as text.
pub(crate) fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

/// Runs a command of a cluster with a text as input and returns its output.
pub(crate) fn ask(program: &'static str, words: &[&str], input: &str) -> Result<String, SubmitError> {
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
