//! Packages of networks trained elsewhere.

use arpent_shell::lines::{Lines, count};
use serde::Serialize;

/// Most tensors without use that are printed as text.
const UNUSED_SHOWN: usize = 12;

/// The imported package, as printed.
#[derive(Debug, Serialize)]
pub(crate) struct ImportReport {
    /// Folder of the package.
    pub output: String,
    /// SHA-256 of the package.
    pub sha256: String,
    /// Prefix of each name in the checkpoint.
    pub prefix: String,
    /// Tensors of the checkpoint that the network does not have.
    pub unused: Vec<String>,
    /// Input channels of the checkpoint's first convolution, if they were spread over another number of bands.
    pub first_conv_spread_from: Option<usize>,
    /// Number of weights.
    pub parameters: usize,
    /// Overlap to read around a window's core, pixels.
    pub overlap_px: usize,
    /// What a user has to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An imported package.
pub(crate) fn of_import(report: &ImportReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("package", &report.output).add("sha256", &report.sha256);
    lines.add("parameters", count(report.parameters as u64));
    lines.add("overlap", format!("{} px", report.overlap_px));
    if !report.prefix.is_empty() {
        lines.add("prefix", format!("`{}` before every name", report.prefix));
    }
    if let Some(channels) = report.first_conv_spread_from {
        lines.add("note", format!("the first convolution had {channels} bands; its weights were spread over those of the package"));
    }
    for note in &report.notes {
        lines.add("note", note);
    }
    if !report.unused.is_empty() {
        let shown =
            report.unused.iter().take(UNUSED_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = report.unused.len().saturating_sub(UNUSED_SHOWN);
        lines.add("unused", if more > 0 { format!("{shown} and {more} more") } else { shown });
    }
    lines
}
