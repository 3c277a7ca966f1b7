//! Results on standard output: text or one JSON document.

use std::io::Write as _;

use arpent_base::{DoingWhat as _, Result, redacted_text};
use clap::ValueEnum;
use serde::Serialize;

use crate::message::shown;

/// Format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text.
    Human,
    /// One JSON document, stable and documented in docs/json.md.
    Json,
    /// One HTML page; only commands that make one accept it.
    #[value(hide = true)]
    Html,
}

/// Prints a result in a format.
///
/// # Errors
/// When standard output is closed.
pub fn print<T: Serialize>(value: &T, human: &str, format: Format) -> Result<()> {
    let text = match format {
        Format::Human | Format::Html => shown(human),
        Format::Json => redacted_text(&serde_json::to_string_pretty(value)?) + "\n",
    };
    print_text(&text)
}

/// Prints a text unchanged.
///
/// # Errors
/// When standard output is closed.
pub fn print_text(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
