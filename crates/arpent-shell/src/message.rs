//! Messages on standard error. Standard output is for results only.

use std::io::Write as _;

use arpent_base::{Failure, redacted_text};

use crate::usage::document;

/// Target of Arpent's own messages.
pub(crate) const TARGET: &str = "arpent";

/// Prints a line on stderr.
pub fn notice(line: &str) {
    tracing::info!(target: TARGET, "{line}");
}

/// Prints a detail with `--verbose`; the line is made only then.
pub fn detail(line: impl FnOnce() -> String) {
    tracing::debug!(target: TARGET, "{}", line());
}

/// Prints a warning.
pub fn warn(subject: &str, message: &str, hint: Option<&str>) {
    tracing::warn!(target: TARGET, subject, hint = hint.unwrap_or_default(), "{message}");
}

/// Reports an error, once: as a line of the log, or with `--format json` as a document.
pub fn report_error(error: &Failure, code: u8, as_json: bool) {
    let (message, hint) = (error.message(), error.hint());
    if as_json {
        return write(&document(&message, hint.as_deref(), code));
    }
    tracing::error!(target: TARGET, hint = hint.unwrap_or_default(), "{message}");
}

/// Writes a line on stderr, independent of the format of the log.
pub fn write(line: &str) {
    // An error is ignored: stderr may be closed.
    let _ = writeln!(std::io::stderr(), "{}", shown(line));
}

/// A text for terminals and logs: without credentials in its URLs, and with control characters, which could
/// move the cursor or change colors, escaped (`\u{1b}`); line breaks and tabs stay.
pub fn shown(text: &str) -> String {
    written_out(&redacted_text(text), |c| matches!(c, '\n' | '\t'))
}

/// The text with its control characters escaped, except for those to keep.
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
    fn control_characters_are_escaped() {
        assert_eq!(shown("a\u{9b}31m\tprè\nb"), "a\\u{9b}31m\tprè\nb");
    }
}
