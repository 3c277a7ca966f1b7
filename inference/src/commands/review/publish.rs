//! `arpent review publish`: a version of a map in which the decisions of persons stand.

use arpent_base::Result;
use arpent_job::{ReviewNames, ReviewPublishOptions, ReviewPublishReport, states_in_order};
use arpent_shell::lines::{Lines, count};
use arpent_shell::print::{Format, print};

use arpent_cli::{NamesArg, ReviewPublishArgs};

/// Runs the command.
///
/// # Errors
/// When the review does not verify, or the version cannot be made or written.
pub(crate) fn main(args: &ReviewPublishArgs, format: Format) -> Result<()> {
    let options = ReviewPublishOptions {
        output: args.of.output.clone(),
        review: args.of.review.clone(),
        to: args.to.clone(),
        names: match args.names {
            NamesArg::Name => ReviewNames::Name,
            NamesArg::Function => ReviewNames::Function,
            NamesArg::None => ReviewNames::None,
        },
        overwrite: args.overwrite,
    };
    let report = arpent_job::review_publish(&options)?;
    print(&report, human(&report).text(), format)
}

fn human(report: &ReviewPublishReport) -> Lines {
    let mut lines = Lines::default();
    let manifest = &report.manifest;
    let already = if report.already { " (published already)" } else { "" };
    lines.add("output", format!("{}{already}", report.output)).add("run", &manifest.run_id);
    if let Some(decided) = &manifest.counts.decided {
        lines.add("version of", &decided.map).add("decisions", count(decided.decisions));
        for (state, features) in states_in_order(&decided.states) {
            lines.add(state, format!("{} features", count(features)));
        }
        lines.add(
            "corrected",
            format!(
                "{} classes, {} outlines",
                count(decided.classes_corrected),
                count(decided.outlines_corrected)
            ),
        );
        lines.add("superseded", format!("{} proposals in a file of their own", count(decided.superseded)));
        lines.add("digest", &decided.root);
        for seal in &decided.seals {
            lines.add("newest seal", seal);
        }
    }
    lines
}
