//! Slurm: a job array with one task per shard, and a merge that starts when all of them have succeeded.
//!
//! The scripts decide on retries: only some clusters requeue by exit code (`RequeueExit`), and these
//! without a limit.

use std::fmt::Write as _;
use std::path::Path;

use arpent_base::{command_line, quoted};
use arpent_shell::exit::TRY_AGAIN;
use serde_json::json;

use crate::common::{BATCH_LOG, GRACE_S, Outcome, PERMANENT, Submission, absolute, ask, program};
use crate::env_file;
use crate::error::SubmitError;
use crate::options::{SlurmOptions, SubmitOptions};

/// The two scripts of a plan.
struct Scripts {
    shards: String,
    merge: String,
}

/// Submits a plan, or prints what would be submitted.
pub(crate) fn submit(
    options: &SubmitOptions,
    slurm: &SlurmOptions,
    submission: &Submission,
) -> Result<Outcome, SubmitError> {
    check_array_size(submission.shards)?;
    if let Some(path) = &slurm.env_file {
        env_file::check(path)?;
    }
    if let Some(path) = &slurm.logs {
        check_logs(path)?;
    }
    let scripts = Scripts::of(options, slurm, submission)?;
    if options.dry_run {
        return Ok(dry_run(&scripts));
    }
    let array = sbatch(&scripts.shards, &[])?;
    let merge = sbatch(&scripts.merge, &[&dependency(&array)]).inspect_err(|_| {
        // Without its merge the array is useless. An error of scancel is ignored: the error of sbatch is reported.
        let _ = ask("scancel", &[&array], "");
    })?;
    let text = format!("shards           {array}\nmerge            {merge}\n");
    Ok(Outcome { text, details: json!({ "jobs": { "shards": array, "merge": merge } }), code: 0 })
}

/// Refuses a folder of logs that would end the line of its option, and begin another line of the script.
fn check_logs(path: &Path) -> Result<(), SubmitError> {
    let is_text = path.to_str().is_some();
    if is_text && !absolute(path).contains(char::is_control) {
        return Ok(());
    }
    Err(SubmitError::LogsPath { path: path.to_owned() })
}

/// What would be submitted.
fn dry_run(scripts: &Scripts) -> Outcome {
    let text = format!(
        "# sbatch --parsable\n{}\n# sbatch --parsable {}\n{}",
        scripts.shards,
        dependency("JOB_ID_OF_THE_ABOVE"),
        scripts.merge
    );
    let details = json!({ "scripts": { "shards": scripts.shards, "merge": scripts.merge } });
    Outcome { text, details, code: 0 }
}

fn dependency(array: &str) -> String {
    format!("--dependency=afterok:{array}")
}

/// Submits a script and returns the id of its job.
fn sbatch(script: &str, words: &[&str]) -> Result<String, SubmitError> {
    let printed = ask("sbatch", &[&["--parsable"], words].concat(), script)?;
    // In a federation the name of the cluster follows the id.
    let number = printed.split(';').next().unwrap_or(&printed);
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        let said = format!("it printed `{printed}`, expected a job id");
        return Err(SubmitError::Refused { program: "sbatch", said });
    }
    Ok(number.to_owned())
}

/// Refuses more shards than an array may have, if `scontrol` answers.
fn check_array_size(shards: u32) -> Result<(), SubmitError> {
    let Ok(config) = ask("scontrol", &["show", "config"], "") else { return Ok(()) };
    match max_array_size(&config) {
        // The limit is one above the largest index.
        Some(limit) if shards > limit => Err(SubmitError::TooManyShards { shards, limit }),
        _ => Ok(()),
    }
}

fn max_array_size(config: &str) -> Option<u32> {
    let mut settings = config.lines().filter_map(|line| line.split_once('='));
    settings.find(|(name, _)| name.trim() == "MaxArraySize")?.1.trim().parse().ok()
}

impl Scripts {
    fn of(
        options: &SubmitOptions,
        slurm: &SlurmOptions,
        submission: &Submission,
    ) -> Result<Self, SubmitError> {
        let program = program(options)?;
        let last = submission.shards - 1;
        let most = options.parallel.map_or_else(String::new, |n| format!("%{n}"));
        let name = submission.job_name();
        let mut shards = directives(slurm, &name, "%x-%A_%a.log");
        shards.push(format!("--array=0-{last}{most}"));
        shards.extend(slurm.resources.cpu.map(|n| format!("--cpus-per-task={n}")));
        shards.extend(slurm.resources.gpu.map(|n| format!("--gres=gpu:{n}")));
        shards.extend(slurm.sbatch.iter().map(ToString::to_string));
        let line = |words: &[String]| {
            let words = words.iter().map(String::as_str);
            command_line([program.as_str()].into_iter().chain(words).chain(BATCH_LOG))
        };
        let worker = line(&submission.worker_words(options));
        let threads =
            options.threads.map_or_else(|| "${SLURM_CPUS_ON_NODE:-1}".to_owned(), |n| n.to_string());
        let worker = format!("{worker} --index \"$SLURM_ARRAY_TASK_ID\" --threads \"{threads}\"");

        let mut merge = directives(slurm, &format!("{name}-merge"), "%x-%j.log");
        merge.push("--kill-on-invalid-dep=yes".to_owned());
        merge.extend(slurm.sbatch.iter().chain(&slurm.merge_sbatch).map(ToString::to_string));
        let merging = line(&submission.merge_words());
        // The job id of the last task to start is also that of the whole array.
        let task = "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}";
        Ok(Self {
            shards: script(slurm, options.retries, &shards, &worker, task),
            merge: script(slurm, options.retries, &merge, &merging, "$SLURM_JOB_ID"),
        })
    }
}

/// Options for sbatch that both scripts have.
fn directives(slurm: &SlurmOptions, name: &str, log: &str) -> Vec<String> {
    let logs = slurm.logs.as_deref().map(|dir| absolute(dir).replace('%', "%%") + "/").unwrap_or_default();
    let mut options = vec![
        format!("--job-name={name}"),
        quoted(&format!("--output={logs}{log}")),
        "--open-mode=append".to_owned(),
        "--requeue".to_owned(),
        format!("--signal=B:TERM@{GRACE_S}"),
        format!("--export={}", slurm.export.as_deref().unwrap_or("ALL")),
    ];
    options.extend(slurm.time.as_ref().map(|time| format!("--time={time}")));
    options.extend(slurm.partition.as_ref().map(|name| format!("--partition={name}")));
    options.extend(slurm.account.as_ref().map(|name| format!("--account={name}")));
    options.extend(slurm.resources.memory.map(|size| format!("--mem={}M", size.0)));
    options
}

/// A script that runs a command, forwards SIGTERM to it, and requeues itself if the exit code allows a retry.
fn script(slurm: &SlurmOptions, retries: u32, options: &[String], command: &str, task: &str) -> String {
    let mut text = "#!/bin/bash\n".to_owned();
    for option in options {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "#SBATCH {option}");
    }
    if let Some(path) = &slurm.env_file {
        let path = quoted(&absolute(path));
        let _ = write!(text, "\n{}read_variables {path} || exit 2\n", env_file::READER);
    }
    let permanent = PERMANENT.map(|code| code.to_string()).join(" | ");
    let _ = write!(
        text,
        r#"
child=
signaled=
trap 'signaled=1; [[ -z "$child" ]] || kill -TERM "$child" 2>/dev/null' TERM
{command} &
child=$!
# A signal may arrive before the worker has a process id.
[[ -z "$signaled" ]] || kill -TERM "$child"
while :; do
  signaled=
  wait "$child"
  code=$?
  # After a wait interrupted by a signal, wait again: the worker still runs.
  [[ -n "$signaled" && $code -gt 128 ]] || break
done

case $code in
  0) exit 0 ;;
  {permanent}) echo "exit code $code: not retried" >&2; exit "$code" ;;
esac
tries=${{SLURM_RESTART_COUNT:-0}}
if ((tries >= {retries})); then
  echo "exit code $code after $tries retries: giving up" >&2
  exit 1
fi
echo "exit code $code: to be retried" >&2
# Not while the job is being cancelled, since requeueing would undo that. If requeueing is refused, the cluster may requeue by the exit code.
trap '' TERM
task="{task}"
[[ "$(squeue --noheader --jobs="$task" --format=%T)" != RUNNING ]] || scontrol requeue "$task"
exit {TRY_AGAIN}
"#
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_arrays_is_found_in_the_configuration() {
        let config =
            "Configuration data as of 2026-01-01T00:00:00\nMaxArraySize            = 1001\nMaxJobCount = 5\n";
        assert_eq!(max_array_size(config), Some(1001));
        assert_eq!(max_array_size("MaxJobCount = 5\n"), None);
    }
}
