//! Processes of this machine: one per shard, `--parallel` at a time, then the merge.

use std::io;
use std::num::NonZeroU32;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arpent_base::command_line;
use arpent_shell::exit::{NOT_STARTED, TRY_AGAIN};
use arpent_shell::message::notice;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde::Serialize;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::common::{Outcome, PERMANENT, Submission, program};
use crate::error::SubmitError;
use crate::options::SubmitOptions;

/// Longest pause before a retry, seconds; the first is 1 s, and each is twice the previous one.
const LONGEST_PAUSE_S: u64 = 60;

/// Runs a plan, or prints what would be run.
pub(crate) fn submit(options: &SubmitOptions, submission: &Submission) -> Result<Outcome, SubmitError> {
    let runner = Runner::new(options, submission)?;
    if options.dry_run {
        return Ok(runner.dry_run());
    }
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|source| SubmitError::Signals { source })?;
    let listening = Listening(signals.handle());
    std::thread::scope(|scope| {
        scope.spawn(|| signals.forever().for_each(|_| runner.children.stop()));
        // Dropped before the scope waits for its threads, also when something panics.
        let _listening = listening;
        runner.run()
    })
}

/// Ends the thread that waits for signals.
struct Listening(signal_hook::iterator::Handle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Runs a plan on this machine.
struct Runner<'a> {
    submission: &'a Submission,
    program: String,
    worker: Vec<String>,
    parallel: u32,
    retries: u32,
    children: Children,
}

/// End of a process, after its retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// Permanent failure.
    Failed(i32),
    /// Retries used up, or stopped: another submission may succeed.
    Unfinished,
}

/// A shard that failed permanently.
#[derive(Debug, Serialize)]
struct FailedShard {
    index: u32,
    exit_code: i32,
}

impl<'a> Runner<'a> {
    fn new(options: &SubmitOptions, submission: &'a Submission) -> Result<Self, SubmitError> {
        let parallel = options.parallel.map_or(1, NonZeroU32::get).min(submission.shards);
        let mut worker = submission.worker_words(options);
        let cores =
            std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
        let share = (parallel > 1).then(|| (cores / parallel).max(1));
        if let Some(threads) = options.threads.map(NonZeroU32::get).or(share) {
            worker.extend(["--threads".to_owned(), threads.to_string()]);
        }
        let program = program(options)?;
        Ok(Self {
            submission,
            program,
            worker,
            parallel,
            retries: options.retries,
            children: Children::default(),
        })
    }

    fn words_of(&self, shard: u32) -> Vec<String> {
        [self.worker.as_slice(), &["--index".to_owned(), shard.to_string()]].concat()
    }

    /// What would be run.
    fn dry_run(&self) -> Outcome {
        let line = |words: Vec<String>| {
            command_line([self.program.as_str()].into_iter().chain(words.iter().map(String::as_str)))
        };
        let shards = (0..self.submission.shards).map(|shard| line(self.words_of(shard)));
        let commands: Vec<String> = shards.chain([line(self.submission.merge_words())]).collect();
        let text = format!(
            "# {} at a time; the last one after all others are done\n{}\n",
            self.parallel,
            commands.join("\n")
        );
        Outcome { text, details: json!({ "parallel": self.parallel, "commands": commands }), code: 0 }
    }

    fn run(&self) -> Result<Outcome, SubmitError> {
        let ends = self.run_shards()?;
        let failed = ends.iter().filter_map(|(index, end)| match end {
            End::Failed(exit_code) => Some(FailedShard { index: *index, exit_code: *exit_code }),
            _ => None,
        });
        let failed: Vec<FailedShard> = failed.collect();
        let done = ends.iter().filter(|(_, end)| *end == End::Done).count();
        let all = u32::try_from(done) == Ok(self.submission.shards);
        let merged = if all {
            self.run_with_retries("the merge", &self.submission.merge_words())?
        } else {
            End::Unfinished
        };
        let code = match merged {
            End::Done => 0,
            End::Unfinished if failed.is_empty() => TRY_AGAIN,
            End::Unfinished | End::Failed(_) => NOT_STARTED,
        };
        let merged = merged == End::Done;
        let verdict = if merged { "merged" } else { "not merged" };
        let text = format!("{done} of {} shards done, {verdict}\n", self.submission.shards);
        Ok(Outcome { text, details: json!({ "done": done, "failed": failed, "merged": merged }), code })
    }

    /// Runs the shards until one fails permanently; running ones are then completed.
    fn run_shards(&self) -> Result<Vec<(u32, End)>, SubmitError> {
        let next = AtomicU32::new(0);
        let work = || {
            let mut ends = Vec::new();
            loop {
                let shard = next.fetch_add(1, Ordering::Relaxed);
                if shard >= self.submission.shards {
                    return Ok(ends);
                }
                let end = self.run_with_retries(&format!("shard {shard}"), &self.words_of(shard));
                if !matches!(end, Ok(End::Done)) {
                    next.store(self.submission.shards, Ordering::Relaxed);
                }
                ends.push((shard, end?));
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.parallel).map(|_| scope.spawn(work)).collect();
            let mut ends = Vec::new();
            for worker in workers {
                ends.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(ends)
        })
    }

    /// Runs a command until it succeeds, fails permanently, or has no retries left.
    fn run_with_retries(&self, what: &str, words: &[String]) -> Result<End, SubmitError> {
        for tried in 0..=self.retries {
            let mut command = Command::new(&self.program);
            // Standard output is for the report of this command only.
            command.args(words).stdin(Stdio::null()).stdout(io::stderr());
            let status = self.children.run(&mut command).map_err(SubmitError::start(&self.program))?;
            let Some(status) = status else { return Ok(End::Unfinished) };
            if status.success() {
                return Ok(End::Done);
            }
            let code = shell_code(status);
            if PERMANENT.iter().any(|permanent| i32::from(*permanent) == code) {
                notice(&format!("{what}: exit code {code}, not retried"));
                return Ok(End::Failed(code));
            }
            notice(&format!(
                "{what}: exit code {code}, try {} of {}",
                tried + 1,
                u64::from(self.retries) + 1
            ));
            let pause = Duration::from_secs(LONGEST_PAUSE_S.min(1 << tried.min(16)));
            if tried < self.retries && self.children.pause(pause) {
                break;
            }
        }
        Ok(End::Unfinished)
    }
}

/// The exit code as in a shell: 128 plus the signal for a process that was killed.
fn shell_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Running processes, and whether they were signaled to stop.
#[derive(Default)]
struct Children {
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    running: Vec<Pid>,
    /// Number of signals sent.
    signaled: u32,
}

impl Children {
    /// Runs a command to its end; `None` if all were signaled to stop before its start.
    fn run(&self, command: &mut Command) -> io::Result<Option<ExitStatus>> {
        let Some(mut child) = self.start(command)? else { return Ok(None) };
        let pid = Pid::from_child(&child);
        // The process stays a zombie until it is removed from the list, so that its id is not reused before.
        while let Err(rustix::io::Errno::INTR) =
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {}
        self.state().running.retain(|running| *running != pid);
        child.wait().map(Some)
    }

    fn start(&self, command: &mut Command) -> io::Result<Option<Child>> {
        let mut state = self.state();
        if state.signaled > 0 {
            return Ok(None);
        }
        let child = command.spawn()?;
        state.running.push(Pid::from_child(&child));
        Ok(Some(child))
    }

    /// Stops all processes, with SIGTERM the first time and SIGKILL after, and starts no others.
    fn stop(&self) {
        let mut state = self.state();
        let signal = if state.signaled == 0 { Signal::TERM } else { Signal::KILL };
        state.signaled += 1;
        for pid in &state.running {
            // It may have ended already.
            let _ = kill_process(*pid, signal);
        }
        self.stopped.notify_all();
    }

    /// Waits; returns true at once if signaled to stop.
    fn pause(&self, time: Duration) -> bool {
        let waited = self.stopped.wait_timeout_while(self.state(), time, |state| state.signaled == 0);
        waited.map_or(true, |(state, _)| state.signaled > 0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when a lock is released, even by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
