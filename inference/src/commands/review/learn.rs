//! `arpent review learn`: what decisions teach about scores.

use arpent_base::Result;
use arpent_job::{LearnOptions, ReviewLearnOptions, learned_text};
use arpent_shell::print::{Format, print};

use arpent_cli::ReviewLearnArgs;

/// Runs the command.
///
/// # Errors
/// When the review does not verify or has no decisions, or the folder cannot be written.
pub(crate) fn main(args: &ReviewLearnArgs, format: Format) -> Result<()> {
    let options = ReviewLearnOptions {
        output: args.of.output.clone(),
        review: args.of.review.clone(),
        folder: args.to.clone(),
        zones: args.zones.clone(),
        learn: LearnOptions { precision: args.precision, budget: args.budget, minimum: args.minimum },
    };
    let report = arpent_job::review_learn(&options)?;
    print(&report, learned_text(&report).trim_end(), format)
}
