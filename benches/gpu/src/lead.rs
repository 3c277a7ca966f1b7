//! The main process: divides the time, sends questions to workers, and records their answers as they come.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::lines::{Answer, Case, End, Line, Opened, Outcome, Question, Record};
use crate::plan::{Found, Group};

/// Seconds of measuring of a case.
const LEAST_S: f64 = 0.5;
const MOST_S: f64 = 2.0;
/// Cases that share what is left of a group's time: the first ones get more than the last.
const AHEAD: usize = 24;
/// A case is begun only where this much time is left.
const WORTH_S: f64 = 0.3;
/// What a worker may take to open its device, at most.
const OPENING_S: f64 = 60.0;

/// A process for each device and network.
struct Worker {
    child: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
}

/// What came instead of an answer.
enum Silence {
    /// Nothing in time.
    Late,
    /// The process ended.
    Ended(String),
}

impl Worker {
    fn start(mut command: Command, log: &File) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().context("the workers' log")?)
            .spawn()
            .context("a worker cannot be started")?;
        let (Some(questions), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
            anyhow::bail!("a worker has no pipes");
        };
        let (send, answers) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.map_while(|line| send.send(line).ok()).for_each(drop);
        });
        Ok(Self { child, questions, answers })
    }

    fn hear(&mut self, seconds: f64) -> Result<String, Silence> {
        match self.answers.recv_timeout(Duration::from_secs_f64(seconds.max(0.0))) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => Err(Silence::Late),
            Err(RecvTimeoutError::Disconnected) => {
                let how =
                    self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                Err(Silence::Ended(format!("the worker ended: {how} (workers.log)")))
            }
        }
    }

    fn ask(&mut self, question: &Question, seconds: f64) -> Result<String, Silence> {
        let text = serde_json::to_string(question).map_err(|error| Silence::Ended(error.to_string()))?;
        // A worker that has ended is seen when its answer does not come.
        let _ = writeln!(self.questions, "{text}").and_then(|()| self.questions.flush());
        self.hear(seconds)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may hang in its driver; there is nothing in it that has to be ended in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run: where lines go, and until when.
pub(crate) struct Lead<'a> {
    pub(crate) until: Instant,
    pub(crate) began: Instant,
    /// What starts the worker of a group.
    pub(crate) command: &'a dyn Fn(&Group) -> Command,
    /// Errors and panics of workers.
    pub(crate) log: File,
    /// Takes each line as it comes.
    pub(crate) write: &'a mut dyn FnMut(&Line) -> Result<()>,
    pub(crate) measured: usize,
    pub(crate) other: usize,
    /// Devices that could not be opened, and those that have been described.
    closed: Vec<String>,
    described: Vec<String>,
}

fn left(until: Instant) -> f64 {
    until.saturating_duration_since(Instant::now()).as_secs_f64()
}

impl<'a> Lead<'a> {
    /// A run of so many seconds.
    pub(crate) fn new(
        (began, seconds): (Instant, f64),
        command: &'a dyn Fn(&Group) -> Command,
        log: File,
        write: &'a mut dyn FnMut(&Line) -> Result<()>,
    ) -> Self {
        let until = began + Duration::from_secs_f64(seconds);
        let (closed, described) = (Vec::new(), Vec::new());
        Self { until, began, command, log, write, measured: 0, other: 0, closed, described }
    }

    /// Measures all groups.
    ///
    /// # Errors
    /// Results that cannot be written, workers that cannot be started.
    pub(crate) fn run(&mut self, groups: &[Group]) -> Result<()> {
        for (index, group) in groups.iter().enumerate() {
            if self.closed.contains(&group.device) {
                continue;
            }
            let weights: f64 =
                groups[index..].iter().filter(|g| !self.closed.contains(&g.device)).map(|g| g.weight).sum();
            let share = left(self.until) * group.weight / weights;
            let until = Instant::now() + Duration::from_secs_f64(share);
            self.group(group, until.min(self.until))?;
        }
        let seconds = self.began.elapsed().as_secs_f64();
        (self.write)(&Line::End(End { seconds, measured: self.measured, other: self.other }))
    }

    fn group(&mut self, group: &Group, until: Instant) -> Result<()> {
        let mut worker: Option<Worker> = None;
        let mut found = Found::default();
        for (index, case) in group.cases.iter().enumerate() {
            if found.is_unavailable(case) {
                continue;
            }
            if let Some(reason) = found.hopeless(case) {
                self.note(group, case, Outcome::NotMeasured { reason })?;
                continue;
            }
            if left(until) < WORTH_S {
                self.note(group, case, Outcome::NotMeasured { reason: "time limit".into() })?;
                continue;
            }
            if worker.is_none() {
                match self.open(group, until)? {
                    Ok(opened) => worker = Some(opened),
                    Err(outcome) => {
                        found.failed(case);
                        self.note(group, case, outcome)?;
                        if self.closed.contains(&group.device) {
                            return Ok(());
                        }
                        continue;
                    }
                }
            }
            let Some(asked) = &mut worker else { continue };
            let ahead = (group.cases.len() - index).min(AHEAD);
            #[allow(clippy::cast_precision_loss, reason = "a small count")]
            let seconds = (left(until) / ahead as f64 / 2.0).clamp(LEAST_S, MOST_S);
            let question = Question { case: case.clone(), seconds };
            let lost = |outcome| Answer { outcome, lost: true };
            let Answer { outcome, lost } = match asked.ask(&question, left(until)) {
                Ok(answer) => serde_json::from_str(&answer)
                    .unwrap_or_else(|error| lost(Outcome::Failed { reason: format!("{error}: {answer}") })),
                Err(Silence::Late) => {
                    lost(Outcome::NotMeasured { reason: "time limit: not finished".into() })
                }
                Err(Silence::Ended(reason)) => lost(Outcome::Failed { reason }),
            };
            match &outcome {
                Outcome::Measured(_) => {}
                Outcome::NotAvailable { .. } => found.cannot(case),
                Outcome::Failed { .. } | Outcome::NotMeasured { .. } => found.failed(case),
            }
            if lost {
                worker = None;
            }
            self.note(group, case, outcome)?;
        }
        Ok(())
    }

    /// A worker with an open device, or what to note of the case that wanted it.
    fn open(&mut self, group: &Group, until: Instant) -> Result<Result<Worker, Outcome>> {
        let mut worker = Worker::start((self.command)(group), &self.log)?;
        let heard = worker.hear(left(until).min(OPENING_S));
        let opened = match heard.map(|line| serde_json::from_str::<Line>(&line)) {
            Ok(Ok(Line::Device(opened))) => opened,
            Ok(other) => {
                let reason = format!("a worker began with {other:?}");
                return Ok(Err(Outcome::Failed { reason }));
            }
            Err(Silence::Late) => {
                let reason = "time limit: the device was not opened".into();
                return Ok(Err(Outcome::NotMeasured { reason }));
            }
            Err(Silence::Ended(reason)) => return Ok(Err(Outcome::Failed { reason })),
        };
        let Opened { device, name, detail, .. } = opened.clone();
        if !self.described.contains(&device) {
            (self.write)(&Line::Device(opened))?;
            self.described.push(device.clone());
        }
        if name.is_none() {
            self.closed.push(device);
            return Ok(Err(Outcome::NotAvailable { reason: detail }));
        }
        Ok(Ok(worker))
    }

    fn note(&mut self, group: &Group, case: &Case, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Measured(_) => self.measured += 1,
            _ => self.other += 1,
        }
        let device = group.device.clone();
        (self.write)(&Line::Case(Record { device, case: case.clone(), outcome }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{Form, Work};

    const DEVICE: &str = r#"{"line":"device","device":"vulkan","name":"a card","detail":"-","seconds":0.1}"#;
    const NONE: &str =
        r#"{"line":"device","device":"cuda","name":null,"detail":"this build has none","seconds":0}"#;
    const FIGURES: &str = r#"{"status":"measured","first_s":1,"resident":null,"end_to_end":null,"tflop_s":null,"agreement":null,"lost":false}"#;
    const NO_BF16: &str = r#"{"status":"not-available","reason":"no bf16","lost":true}"#;

    fn case(form: Form, batch: usize) -> Case {
        Case { network: "unet".into(), work: Work::Network, form, chip_px: 64, batch }
    }

    fn group(device: &str, cases: Vec<Case>) -> Group {
        Group { device: device.into(), network: "unet".into(), weight: 1.0, cases }
    }

    /// Lines of a run whose workers are a shell's; what they were asked is in the variable `q`.
    fn run(script: &str, groups: &[Group], seconds: f64) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut write = |line: &Line| {
            lines.push(line.clone());
            Ok(())
        };
        let command = |group: &Group| {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh", &group.device]);
            command
        };
        let log = File::options().write(true).open("/dev/null").unwrap();
        Lead::new((Instant::now(), seconds), &command, log, &mut write).run(groups).unwrap();
        lines
    }

    fn outcomes(lines: &[Line]) -> Vec<String> {
        let of = |line: &Line| match line {
            Line::Case(Record { outcome: Outcome::Measured(_), .. }) => Some("measured".to_owned()),
            Line::Case(Record { outcome: Outcome::NotAvailable { reason }, .. }) => {
                Some(format!("not available: {reason}"))
            }
            Line::Case(Record { outcome: Outcome::Failed { reason }, .. }) => {
                Some(format!("failed: {reason}"))
            }
            Line::Case(Record { outcome: Outcome::NotMeasured { reason }, .. }) => {
                Some(format!("not measured: {reason}"))
            }
            _ => None,
        };
        lines.iter().filter_map(of).collect()
    }

    #[test]
    fn a_worker_that_ends_takes_no_results_with_it() {
        // Ends at a batch of 8; has no bf16, after which it has to be started again.
        let script = format!(
            "echo '{DEVICE}'; while read -r q; do case $q in *bf16*) echo '{NO_BF16}'; exit;; *'\"batch\":8'*) exit 3;; esac; echo '{FIGURES}'; done"
        );
        let cases = [
            case(Form::F32, 2),
            case(Form::Bf16, 2),
            case(Form::F32, 8),
            case(Form::Bf16, 8),
            case(Form::F32, 16),
            case(Form::F32, 4),
        ];
        let lines = run(&script, &[group("vulkan", cases.into())], 60.0);
        let found = outcomes(&lines);
        assert_eq!(found[..2], ["measured", "not available: no bf16"]);
        assert!(found[2].starts_with("failed: the worker ended: exit status: 3"), "{found:?}");
        assert_eq!(found[3..], ["not measured: 8 x 64 px failed or took too long", "measured"]);
        assert_eq!(lines.iter().filter(|line| matches!(line, Line::Device(_))).count(), 1);
        let Some(Line::End(end)) = lines.last() else { panic!("no end") };
        assert_eq!((end.measured, end.other), (2, 3));
    }

    #[test]
    fn a_worker_that_hangs_ends_with_its_share_of_the_time() {
        let script = format!(
            "echo '{DEVICE}'; read -r q; case $1 in vulkan) exec sleep 100;; esac; echo '{FIGURES}'; exec sleep 100"
        );
        let groups = ["vulkan", "cpu"].map(|device| group(device, vec![case(Form::F32, 1)]));
        let began = Instant::now();
        let lines = run(&script, &groups, 4.0);
        assert!(began.elapsed().as_secs_f64() < 20.0, "it was waited for");
        assert_eq!(outcomes(&lines), ["not measured: time limit: not finished", "measured"]);
    }

    #[test]
    fn a_missing_device_is_reported_once() {
        let groups = [1, 2].map(|batch| group("cuda", vec![case(Form::F32, batch), case(Form::F16, batch)]));
        let lines = run(&format!("echo '{NONE}'"), &groups, 60.0);
        assert_eq!(outcomes(&lines), ["not available: this build has none"]);
        assert!(lines.iter().any(|line| matches!(line, Line::Device(opened) if opened.name.is_none())));
        let nothing = outcomes(&run("exit 0", &groups[..1], 60.0));
        assert!(nothing[0].starts_with("failed: the worker ended"), "{nothing:?}");
    }

    #[test]
    fn without_time_nothing_is_begun() {
        let lines = run("exit 1", &[group("vulkan", vec![case(Form::F32, 1)])], 1e-3);
        assert_eq!(outcomes(&lines), ["not measured: time limit"]);
    }
}
