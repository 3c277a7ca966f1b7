//! `arpent doctor`: what of the environment works, and what is missing.

use arpent_base::Result;
use arpent_job::DoctorReport;
use arpent_shell::exit::PARTIAL;
use arpent_shell::lines::Lines;
use arpent_shell::print::{Format, print};

use arpent_cli::DoctorArgs;

/// Runs the command.
///
/// # Errors
/// When the result cannot be written.
pub(crate) fn main(args: &DoctorArgs, format: Format) -> Result<u8> {
    let report = arpent_job::doctor(args.scratch.as_deref(), &args.urls);
    print(&report, human(&report).text(), format)?;
    Ok(if report.ready { 0 } else { PARTIAL })
}

fn human(report: &DoctorReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("arpent", &report.version);
    for part in &report.parts {
        lines.add(&part.name, format!("{:<8} {}", part.state.name(), part.found));
        if let Some(hint) = &part.hint {
            lines.more(format!("         hint: {hint}"));
        }
    }
    lines.add("verdict", if report.ready { "ready" } else { "not ready: see what is MISSING" });
    lines
}
