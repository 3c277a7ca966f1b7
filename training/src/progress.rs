//! Output of a running training: data on stdout; on stderr a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};

use arpent_base::{Result, command_line};
use arpent_shell::message::notice;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Prints a line of JSON on stdout.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A command of this program, quoted for a shell.
pub(crate) fn command(words: &[&str]) -> String {
    command_of("arpent-train", words)
}

/// A command, quoted for a shell.
pub(crate) fn command_of(program: &str, words: &[&str]) -> String {
    command_line([program].into_iter().chain(words.iter().copied()))
}

/// Prints the next command: the last line of a verb.
pub(crate) fn next(words: &[&str]) {
    notice(&format!("next: {}", command(words)));
}

/// The steps of an epoch.
#[derive(Debug)]
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// Begins a bar of `total` steps; none where stderr is not a terminal.
    pub(crate) fn begin(name: &str, total: usize) -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            let template = "{prefix:12} {bar:32} {pos}/{len}  {msg}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_prefix(name.to_owned());
            bar
        }))
    }

    /// Counts a step.
    pub(crate) fn advance(&self, loss: f64) {
        if let Some(bar) = &self.0 {
            bar.set_message(format!("loss {loss:.4}"));
            bar.inc(1);
        }
    }

    /// Counts something else than a step.
    pub(crate) fn count(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }

    /// Removes the bar.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_take_apart_are_quoted() {
        let told = command(&["fit", "my maps/train.toml", "a=1", "l'été"]);
        assert_eq!(told, "arpent-train fit 'my maps/train.toml' a=1 'l'\\''été'");
    }
}
