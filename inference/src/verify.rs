//! `arpent verify`: hash every artifact of a run again.

use std::fmt::Write as _;

use arpent_publish::{CheckOutcome, Target};

use crate::cli::Format;
use crate::print::print;
use crate::{EXIT_PARTIAL, Ended};

/// Runs the command.
///
/// # Errors
/// When there is no manifest, or the output cannot be read.
pub fn main(url: &str, format: Format) -> Ended {
    let report = Target::parse(url)?.verify()?;
    let mut text = String::new();
    for check in report.problems() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:<16} {}", check.href, said(&check.outcome));
    }
    let total = report.checks.len();
    let intact = total - report.problems().count();
    let verdict = if report.is_intact() { "intact" } else { "DAMAGED" };
    let _ = writeln!(text, "{verdict}: {intact} of {total} artifacts are as published");
    print(&report, &text, format)?;
    Ok(if report.is_intact() { 0 } else { EXIT_PARTIAL })
}

fn said(outcome: &CheckOutcome) -> String {
    match outcome {
        CheckOutcome::Intact => "intact".to_owned(),
        CheckOutcome::Missing => "missing".to_owned(),
        CheckOutcome::WrongSize { expected, found } => format!("{found} bytes, published were {expected}"),
        CheckOutcome::WrongHash { expected, found } => format!("SHA-256 {found}, published was {expected}"),
    }
}
