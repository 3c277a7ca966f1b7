//! `arpent check`: hash every artifact of a run again.

use arpent_base::Result;
use arpent_publish::Target;
use arpent_shell::exit::PARTIAL;
use arpent_shell::lines::Lines;
use arpent_shell::print::{Format, print};

/// Runs the command.
///
/// # Errors
/// When there is no manifest, or the output cannot be read.
pub(crate) fn main(url: &str, format: Format) -> Result<u8> {
    let report = Target::parse(url)?.verify()?;
    let mut lines = Lines::default();
    for check in report.problems() {
        lines.add(&check.href, check.outcome.to_string());
    }
    let total = report.checks.len();
    let intact = total - report.problems().count();
    let verdict = if report.is_intact() { "intact" } else { "DAMAGED" };
    let text = format!("{}{verdict}: {intact} of {total} artifacts are as published\n", lines.text());
    print(&report, &text, format)?;
    Ok(if report.is_intact() { 0 } else { PARTIAL })
}
