//! `arpent model probe`: what the margin of a model is worth, measured on scenes.

use std::fmt::Write as _;
use std::path::Path;

use arpent_base::{DoingWhat as _, Result};
use arpent_job::{Config, Job, MarginOptions, MarginReport, margins, pool, with_margin};
use arpent_shell::lines::{Lines, count};
use arpent_shell::print::{Format, print};

use crate::cli::ProbeArgs;

/// Heading of the section of a card that this command writes.
const SECTION: &str = "## Margin";

/// Runs the command.
///
/// # Errors
/// A package or scenes that cannot be used; no margin that is enough, when it is to be written.
pub(crate) fn main(args: &ProbeArgs, format: Format) -> Result<u8> {
    let is_a_run = args.package.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let mut config = if is_a_run { Config::load(&args.package)? } else { Config::of_model(&args.package)? };
    if !args.scene.is_empty() {
        config.scenes.clone_from(&args.scene);
    }
    let folder = config.model.clone();
    let job = Job::resolve(config, true)?;
    let options = MarginOptions { pixels: args.pixels, disagreement: args.disagreement };
    let report = pool(&job.config)?.install(|| margins(&job, options))?;
    if args.write {
        let mut package = with_margin(&job.model, &report)?;
        package.save(&job.weights, &folder)?;
        write_section(&folder.join("card.md"), &section(&report))?;
    }
    print(&report, human(&report, args.write).text(), format)?;
    Ok(0)
}

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
fn section(report: &MarginReport) -> String {
    let mut text = format!(
        "{SECTION}\n\nLabels that differ from {}, on {}:\n\n| margin, px | core, px | cost | differ |\n|---:|---:|---:|---:|\n",
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

/// Replaces the section of a card, or adds it at the end.
fn write_section(card: &Path, section: &str) -> Result<()> {
    let old = if card.exists() {
        std::fs::read_to_string(card).context(format!("cannot read {}", card.display()))?
    } else {
        String::new()
    };
    std::fs::write(card, with_section(&old, section)).context(format!("cannot write {}", card.display()))
}

fn with_section(card: &str, section: &str) -> String {
    let (before, rest) = card.split_once(SECTION).unwrap_or((card, ""));
    let after = rest.find("\n## ").map_or("", |at| &rest[at + 1..]);
    let gap = if after.is_empty() { "" } else { "\n" };
    format!("{}\n\n{section}{gap}{after}", before.trim_end())
}

fn human(report: &MarginReport, written: bool) -> Lines {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_a_card_is_replaced_and_the_others_stay() {
        let once = with_section("# A model\n\nText.\n", "## Margin\n\none\n");
        assert_eq!(once, "# A model\n\nText.\n\n## Margin\n\none\n");
        let more = format!("{once}\n## License\n\nCC0\n");
        let twice = with_section(&more, "## Margin\n\ntwo\n");
        assert_eq!(twice, "# A model\n\nText.\n\n## Margin\n\ntwo\n\n## License\n\nCC0\n");
    }
}
