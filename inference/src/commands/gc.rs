//! `arpent gc`: deletes leftovers of interrupted publications and jobs below an output.

use std::time::Duration;

use arpent_base::Result;
use arpent_base::number::exact;
use arpent_publish::{GcReport, LeftoverKind, Target};
use arpent_shell::lines::{Lines, duration};
use arpent_shell::print::{Format, print};

use arpent_cli::GcArgs;

/// Runs the command.
///
/// # Errors
/// When the output cannot be listed, or contains a manifest that cannot be parsed: nothing is deleted then.
pub(crate) fn main(args: &GcArgs, format: Format) -> Result<u8> {
    let report = Target::parse(&args.url)?.gc(args.older_than, args.dry_run)?;
    print(&report, human(&report, args.older_than).text(), format)?;
    Ok(0)
}

fn human(report: &GcReport, older_than: Duration) -> Lines {
    let mut lines = Lines::default();
    lines.add("output", &report.url);
    let (age, size) = (|seconds: u64| duration(exact(seconds)), |bytes: u64| exact(bytes) / 1e6);
    for leftover in &report.leftovers {
        let what = match leftover.kind {
            LeftoverKind::Attempt => "publication",
            LeftoverKind::Job => "job",
            LeftoverKind::Staging => "partial file",
        };
        let left = match (report.dry_run, leftover.left.len()) {
            (true, _) | (false, 0) => String::new(),
            (false, left) => format!("; {left} could not be deleted"),
        };
        lines.add(
            what,
            format!("{}: {:.1} MB, {} old{left}", leftover.place, size(leftover.bytes), age(leftover.age_s)),
        );
    }
    let verb = if report.dry_run { "would delete" } else { "deleted" };
    let total = format!("{} leftovers older than {}", report.leftovers.len(), age(older_than.as_secs()));
    lines.add(verb, format!("{total}, {:.1} MB", size(report.bytes())));
    lines
}
