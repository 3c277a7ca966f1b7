//! `arpent explain`: the sheet of one feature or event.

use std::path::Path;

use arpent_base::Result;
use arpent_shell::print::{Format, print, print_text};
use serde_json::json;

use super::write::write;

/// Runs the command.
///
/// # Errors
/// When there is no complete run or comparison, no feature has the id, or the sheet cannot be written.
pub(crate) fn main(url: &str, feature: &str, output: Option<&Path>, format: Format) -> Result<u8> {
    let explained = arpent_job::explain(url, feature)?;
    match (output, format) {
        (None, Format::Json) => print(&explained.sheet, "", format)?,
        (None, Format::Human | Format::Html) => print_text(&explained.html)?,
        (Some(path), Format::Json) => {
            write(path, &(serde_json::to_string_pretty(&explained.sheet)? + "\n"))?;
            print(&json!({ "output": url, "file": path }), "", format)?;
        }
        (Some(path), Format::Human | Format::Html) => {
            write(path, &explained.html)?;
            print_text(&format!("{}\n", path.display()))?;
        }
    }
    Ok(0)
}
