//! Results on standard output: plain words or one JSON document.

use std::io::Write as _;

use arpent_base::{DoingWhat as _, Result, redacted_text};
use clap::ValueEnum;
use serde::Serialize;

use crate::message::shown;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Plain words.
    Human,
    /// One JSON document, stable and documented in docs/json.md.
    Json,
}

/// Prints a result in the form that was asked for.
///
/// # Errors
/// When standard output is closed.
pub fn print<T: Serialize>(value: &T, human: &str, format: Format) -> Result<()> {
    let text = match format {
        Format::Human => shown(human),
        Format::Json => redacted_text(&serde_json::to_string_pretty(value)?) + "\n",
    };
    print_text(&text)
}

/// Prints a text as it is.
///
/// # Errors
/// When standard output is closed.
pub fn print_text(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
