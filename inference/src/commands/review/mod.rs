//! `arpent review`: decisions of named persons about a published map.

mod add;
mod exchange;
mod learn;
mod person;
mod publish;
mod sample;
mod serve;

use arpent_base::Result;
use arpent_cli::{ReviewArgs, ReviewCommand, ReviewStateArgs, StatusArg};
use arpent_job::After;
use arpent_review::Status;
use arpent_shell::exit::PARTIAL;
use arpent_shell::print::{Format, print};

use crate::report;

/// Runs the command.
///
/// # Errors
/// When the review cannot be read or written; a decision that is refused is not written.
pub(crate) fn main(args: &ReviewArgs, format: Format) -> Result<u8> {
    match &args.command {
        ReviewCommand::New(args) => {
            let after =
                args.after.as_deref().map(|output| After { output, review: args.after_review.as_deref() });
            let report =
                arpent_job::review_new_after(&args.output, &args.name, args.rules.as_deref(), after)?;
            print(&report, report::of_review(&report, &args.output).text(), format)?;
        }
        ReviewCommand::Add(args) => {
            let report = add::add(args)?;
            print(&report, report::of_decisions(&report).text(), format)?;
        }
        ReviewCommand::State(args) => state(args, format)?,
        ReviewCommand::Verify(args) => {
            let report = arpent_job::review_verify(&args.of.output, args.of.review.as_deref(), &args.seals)?;
            print(&report, report::of_verification(&report).text(), format)?;
            return Ok(if report.intact { 0 } else { PARTIAL });
        }
        ReviewCommand::Sample(args) => {
            let report = arpent_job::review_sample(&sample::options(args))?;
            print(&report, report::of_tasks(&report).text(), format)?;
        }
        ReviewCommand::Publish(args) => publish::main(args, format)?,
        ReviewCommand::Learn(args) => learn::main(args, format)?,
        ReviewCommand::Import(args) => {
            exchange::import(args, &person::of_args(&args.person)?, format)?;
        }
        ReviewCommand::Serve(args) => return serve::main(args, person::of_args(&args.person)?, format),
        ReviewCommand::Export(args) => return exchange::export(args, format),
    }
    Ok(0)
}

const fn of_status(status: StatusArg) -> Status {
    match status {
        StatusArg::Open => Status::Open,
        StatusArg::Decided => Status::Decided,
        StatusArg::Disputed => Status::Disputed,
        StatusArg::Contested => Status::Contested,
    }
}

fn state(args: &ReviewStateArgs, format: Format) -> Result<()> {
    let (output, review) = (&args.of.output, args.of.review.as_deref());
    let status = args.status.map(of_status);
    let report = arpent_job::review_state(output, review, args.feature.as_deref(), status)?;
    print(&report, report::of_state(&report).text(), format)
}
