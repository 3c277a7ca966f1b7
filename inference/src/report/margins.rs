//! What the margin of a model is worth.

use std::fmt::Write as _;

use arpent_job::MarginReport;
use arpent_shell::lines::{Lines, count};

/// Heading of the section of a card that this command writes.
pub(crate) const MARGINS_SECTION: &str = "## Margin";

/// A share as printed: percent.
fn percent(share: f64) -> String {
    format!("{:.4} %", 100.0 * share)
}

/// What the labels are compared with.
fn compared_with(report: &MarginReport) -> &'static str {
    if report.compared_with == "moved-lattice" {
        "those where the lattice of windows is moved by half a core"
    } else {
        "those with the full overlap"
    }
}

/// The section of the card.
pub(crate) fn margins_section(report: &MarginReport) -> String {
    let mut text = format!(
        "{MARGINS_SECTION}\n\nLabels that differ from {}, on {}:\n\n| margin, px | core, px | cost | differ |\n|---:|---:|---:|---:|\n",
        compared_with(report),
        report.scenes.join(", ")
    );
    for row in &report.margins {
        let kept = if report.chosen_px == Some(row.margin_px) { " (kept)" } else { "" };
        let share = percent(row.share());
        let _ = writeln!(
            text,
            "| {}{kept} | {} | {:.2} | {share} |",
            row.margin_px, row.core_px, row.compute_cost
        );
    }
    text
}

/// The labels that differ, by margin.
pub(crate) fn of_margins(report: &MarginReport, written: bool) -> Lines {
    let mut lines = Lines::default();
    lines.add("model", &report.model).add("scenes", report.scenes.join(", "));
    lines.add("compared", format!("labels with {}", compared_with(report)));
    for row in &report.margins {
        lines.add(
            "margin",
            format!(
                "{} px: {} of {} px differ, cores of {} px computed {:.2} times",
                row.margin_px,
                percent(row.share()),
                count(row.pixels),
                row.core_px,
                row.compute_cost
            ),
        );
    }
    let most = percent(report.disagreement);
    lines.add(
        "enough",
        match report.chosen_px {
            Some(px) if written => format!("{px} px for at most {most}; written into the package"),
            Some(px) => format!("{px} px for at most {most}; --write keeps it in the package"),
            None => format!("no margin differs by at most {most}"),
        },
    );
    lines
}
