//! Progress of a stage on stderr: a bar on a terminal, else regular lines.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use arpent_base::number::exact;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::lines::duration;
use crate::log::draws_bars;
use crate::message::{TARGET, detail, notice};

/// Longest interval between lines of a log while a stage makes progress, seconds.
const LINE_EVERY_S: f64 = 30.0;
/// Shortest interval between lines, which are also written for every tenth, seconds.
const LINE_APART_S: f64 = 1.0;

/// One stage of a job.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    bar: Option<ProgressBar>,
    /// State of the lines in a log, if there is no bar.
    log: Option<Mutex<Log>>,
    began: Instant,
}

impl Stage {
    /// Begins a stage of `total` units (pixels).
    pub fn begin(name: &'static str, total: u64) -> Self {
        let bar = draws_bars().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let template = "{msg:10} {bar:32} {percent:>3} %  {per_sec}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.with_key(
                    "per_sec",
                    |s: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                        let _ = write!(w, "{:.2} Mpx/s", s.per_sec() / 1e6);
                    },
                ));
            }
            bar.set_message(name);
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        detail(|| format!("{name}: begins"));
        let log = (bar.is_none() && total > 0).then(|| Mutex::new(Log::of(total)));
        Self { name, bar, log, began: Instant::now() }
    }

    /// Counts units as done.
    pub fn advance(&self, units: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(units);
        }
        let Some(log) = &self.log else { return };
        // After a panic in another thread, the count is accurate enough.
        let mut log = log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(line) = log.advance(units, self.began.elapsed().as_secs_f64()) {
            let (stage, done, total) = (self.name, log.done, log.total);
            tracing::info!(target: TARGET, stage, done, total, "{stage}: {line}");
        }
    }

    /// Ends the stage and prints its result.
    pub fn end(self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        notice(&format!("{}: {what} in {:.1} s", self.name, self.began.elapsed().as_secs_f64()));
    }
}

/// Progress of a stage, at present and at the last line.
#[derive(Debug)]
struct Log {
    total: u64,
    done: u64,
    printed_done: u64,
    printed_s: f64,
}

impl Log {
    fn of(total: u64) -> Self {
        Self { total, done: 0, printed_done: 0, printed_s: 0.0 }
    }

    /// Counts units (pixels) as done, at seconds since the start; returns a line if one is due.
    fn advance(&mut self, units: u64, seconds: f64) -> Option<String> {
        self.done = (self.done + units).min(self.total);
        let (since, tenths) = (seconds - self.printed_s, |done: u64| done * 10 / self.total);
        let passed_a_tenth = tenths(self.done) > tenths(self.printed_done) && since >= LINE_APART_S;
        // `Stage::end` prints the end.
        if self.done == self.total || !(passed_a_tenth || since >= LINE_EVERY_S) {
            return None;
        }
        (self.printed_done, self.printed_s) = (self.done, seconds);
        let (done, total) = (exact(self.done) / 1e6, exact(self.total) / 1e6);
        let rate = done / seconds.max(1e-3);
        let left = duration((total - done) / rate.max(1e-9));
        let percent = 100.0 * done / total;
        Some(format!("{percent:.0} %, {done:.1} of {total:.1} Mpx, {rate:.2} Mpx/s, about {left} left"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_a_line_every_tenth_or_half_minute() {
        let mut log = Log::of(100_000_000);
        assert_eq!(log.advance(5_000_000, 2.0), None);
        let line = log.advance(6_000_000, 4.0).unwrap();
        assert_eq!(line, "11 %, 11.0 of 100.0 Mpx, 2.75 Mpx/s, about 32.4 s left");
        assert_eq!(log.advance(10_000_000, 4.5), None, "too soon");
        assert!(log.advance(0, 5.5).unwrap().starts_with("21 %"));
        assert_eq!(log.advance(1, 30.0), None);
        assert!(log.advance(1, 36.0).unwrap().starts_with("21 %, 21.0"), "half a minute without a tenth");
        assert_eq!(log.advance(99_000_000, 90.0), None, "the end has its own line");
        // At most some lines, whatever the number of windows.
        let mut log = Log::of(1_000_000);
        let lines = (0..1000).filter(|i| log.advance(1000, f64::from(*i)).is_some()).count();
        assert!((9..=45).contains(&lines), "{lines}");
    }
}
