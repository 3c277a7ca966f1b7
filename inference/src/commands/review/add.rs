//! `arpent review add`: a decision of the arguments, or many of standard input.

use std::io::BufRead;

use arpent_base::Result;
use arpent_cli::{ReviewAddArgs, VerdictArg};
use arpent_job::AddReport;
use arpent_review::Verdict;
use serde_json::json;

use super::person;

/// Adds the decisions.
///
/// # Errors
/// When a decision is refused or cannot be written.
pub(super) fn add(args: &ReviewAddArgs) -> Result<AddReport> {
    let (output, review) = (&args.of.output, args.of.review.as_deref());
    let person = person::of_args(&args.person)?;
    if args.stdin {
        return arpent_job::review_add(
            output,
            review,
            &person,
            &mut std::io::stdin().lock(),
            "standard input",
        );
    }
    let kind = match (args.contest, args.answers.is_empty()) {
        (true, _) => "contest",
        (false, false) => "answer",
        (false, true) => "verdict",
    };
    let line = json!({
        "feature": args.feature,
        "kind": kind,
        "verdict": args.verdict.map(|verdict| of_verdict(verdict).name()),
        "answers": args.answers,
        "reason": args.reason,
        "comment": args.comment,
        "class": args.class,
        "geometry": args.geometry,
    });
    let line = line.to_string();
    let mut lines: &mut dyn BufRead = &mut line.as_bytes();
    arpent_job::review_add(output, review, &person, &mut lines, "the arguments")
}

const fn of_verdict(verdict: VerdictArg) -> Verdict {
    match verdict {
        VerdictArg::NotVerified => Verdict::NotVerified,
        VerdictArg::Suspect => Verdict::Suspect,
        VerdictArg::Illegal => Verdict::Illegal,
        VerdictArg::Legitimate => Verdict::Legitimate,
        VerdictArg::Invalidated => Verdict::Invalidated,
        VerdictArg::Confirmed => Verdict::Confirmed,
    }
}
