//! Messages on standard error. Standard output holds results, and nothing else.

use std::io::Write as _;

use arpent_base::{Failure, redacted_text};

use crate::usage::document;

/// Target of our own messages.
pub(crate) const TARGET: &str = "arpent";

/// Says a line on stderr.
pub fn say(line: &str) {
    tracing::info!(target: TARGET, "{line}");
}

/// Says what only who looks for the reason of something wants to know (`--verbose`); the line is made only then.
pub fn detail(line: impl FnOnce() -> String) {
    tracing::debug!(target: TARGET, "{}", line());
}

/// Warns of something doubtful.
pub fn warn(subject: &str, message: &str, hint: Option<&str>) {
    tracing::warn!(target: TARGET, subject, hint = hint.unwrap_or_default(), "{message}");
}

/// Tells an error, once: as a line of the log, or as the document that `--format json` asks for.
pub fn tell(error: &Failure, code: u8, as_json: bool) {
    let (message, hint) = (error.message(), error.hint());
    if as_json {
        return write(&document(&message, hint.as_deref(), code));
    }
    tracing::error!(target: TARGET, hint = hint.unwrap_or_default(), "{message}");
}

/// Writes a line on stderr as it is, whatever the form of the log.
pub fn write(line: &str) {
    // Nobody to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{}", shown(line));
}

/// A text as a terminal and a log may get it: without credentials in its URLs, and with control characters, which would
/// move the cursor or recolor what was said, written out (`\u{1b}`); lines and tabs stay.
pub fn shown(text: &str) -> String {
    written_out(&redacted_text(text), |c| matches!(c, '\n' | '\t'))
}

/// The text with its control characters written out, but for those to keep.
pub(crate) fn written_out(text: &str, keeps: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !keeps(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(shown("a\u{9b}31m\tprè\nb"), "a\\u{9b}31m\tprè\nb");
    }
}
