//! What is said while a job runs: bars on a terminal, one line per stage elsewhere. Always on stderr.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use arpent_publish::Warning;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Says a line on stderr.
pub fn say(line: &str) {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Tells something doubtful on stderr.
pub fn warn(warning: &Warning) {
    say(&format!("warning: {}: {}", warning.subject, warning.message));
    if let Some(hint) = &warning.hint {
        say(&format!("hint: {hint}"));
    }
}

/// One stage of a job.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Stage {
    /// Begins a stage of `total` units (pixels).
    pub fn begin(name: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
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
        Self { name, bar, began: Instant::now() }
    }

    /// Counts units as done.
    pub fn advance(&self, units: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(units);
        }
    }

    /// Ends the stage and says how it went.
    pub fn end(self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(&format!("{}: {what} in {:.1} s", self.name, self.began.elapsed().as_secs_f64()));
    }
}
