//! `arpent report`: the report of a published output, made again.

use std::path::Path;

use arpent_base::Result;
use arpent_shell::print::{Format, print, print_text};
use serde_json::json;

use super::write::write;

/// Runs the command.
///
/// # Errors
/// When there is no complete run or comparison, a file of it is not as published, or the report cannot be written.
pub(crate) fn main(url: &str, output: Option<&Path>, format: Format) -> Result<u8> {
    let html = arpent_job::report_html(url)?;
    match (output, format) {
        (Some(path), _) => {
            write(path, &html)?;
            let file = path.display().to_string();
            print(&json!({ "output": url, "file": file }), &format!("{file}\n"), format)?;
        }
        (None, Format::Json) => print(&json!({ "output": url, "html": html }), "", format)?,
        (None, Format::Human | Format::Html) => print_text(&html)?,
    }
    Ok(0)
}
