//! `arpent report`: the report of a published output, made again.

use std::path::Path;

use arpent_base::Result;
use arpent_job::{BoampsOptions, boamps_record};
use arpent_publish::Target;
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

/// Writes the BoAmps record of an output.
///
/// # Errors
/// When there is no complete run, it does not say what it took, or the record cannot be written.
pub(crate) fn boamps(
    url: &str,
    output: Option<&Path>,
    country: Option<String>,
    format: Format,
) -> Result<u8> {
    let manifest = Target::parse(url)?.read_manifest()?;
    let record = boamps_record(url, &manifest, &BoampsOptions { country })?;
    let text = serde_json::to_string_pretty(&record)? + "\n";
    match output {
        Some(path) => {
            write(path, &text)?;
            let file = path.display().to_string();
            print(&json!({ "output": url, "file": file }), &format!("{file}\n"), format)?;
        }
        None => print_text(&text)?,
    }
    Ok(0)
}
