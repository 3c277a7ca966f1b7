//! `arpent review`: decisions of named persons about a published map.

use std::io::BufRead;

use arpent_base::{DoingWhat as _, Result};
use arpent_job::{
    AddReport, After, NewReport, ReviewPerson, ReviewSampleOptions, ReviewSampleReport, StateReport,
    VerifyReport,
};
use arpent_review::sample::{Allocation, DOUBLED, Design, SampleOptions, Split};
use arpent_review::{Key, Person, Status, Verdict};
use arpent_shell::exit::PARTIAL;
use arpent_shell::lines::{Lines, count};
use arpent_shell::print::{Format, print};
use serde_json::json;

use super::{review_exchange, review_learn, review_publish};
use crate::cli::{
    PersonArgs, ReviewAddArgs, ReviewArgs, ReviewCommand, ReviewSampleArgs, ReviewStateArgs, SplitArg,
    StatusArg, VerdictArg,
};

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
            print(&report, human_new(&report, &args.output).text(), format)?;
        }
        ReviewCommand::Add(args) => {
            let report = add(args)?;
            print(&report, human_add(&report).text(), format)?;
        }
        ReviewCommand::State(args) => state(args, format)?,
        ReviewCommand::Verify(args) => {
            let report = arpent_job::review_verify(&args.of.output, args.of.review.as_deref(), &args.seals)?;
            print(&report, human_verify(&report).text(), format)?;
            return Ok(if report.intact { 0 } else { PARTIAL });
        }
        ReviewCommand::Sample(args) => {
            let report = arpent_job::review_sample(&options(args))?;
            print(&report, human_sample(&report).text(), format)?;
        }
        ReviewCommand::Publish(args) => review_publish::main(args, format)?,
        ReviewCommand::Learn(args) => review_learn::main(args, format)?,
        ReviewCommand::Import(args) => {
            review_exchange::import(args, &person(&args.person)?, format)?;
        }
        ReviewCommand::Serve(args) => return super::review_serve::main(args, person(&args.person)?, format),
        ReviewCommand::Export(args) => return review_exchange::export(args, format),
    }
    Ok(0)
}

/// The person of the arguments and the environment.
fn person(args: &PersonArgs) -> Result<ReviewPerson> {
    let given = |argument: &Option<String>, name: &str| argument.clone().or_else(|| std::env::var(name).ok());
    let parts = [
        given(&args.person, "ARPENT_PERSON"),
        given(&args.function, "ARPENT_FUNCTION"),
        given(&args.organization, "ARPENT_ORGANIZATION"),
    ];
    let person = parts.iter().any(Option::is_some).then(|| {
        let [name, function, organization] = parts.map(Option::unwrap_or_default);
        Person { name, function, organization }
    });
    let key = match &args.key {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            Some(Key::of_pem(&text).with_context(|| file.display().to_string())?)
        }
    };
    Ok(ReviewPerson { person, key })
}

fn add(args: &ReviewAddArgs) -> Result<AddReport> {
    let (output, review) = (&args.of.output, args.of.review.as_deref());
    let person = person(&args.person)?;
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

const fn of_status(status: StatusArg) -> Status {
    match status {
        StatusArg::Open => Status::Open,
        StatusArg::Decided => Status::Decided,
        StatusArg::Disputed => Status::Disputed,
        StatusArg::Contested => Status::Contested,
    }
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Decided => "decided",
        Status::Disputed => "disputed",
        Status::Contested => "contested",
    }
}

fn options(args: &ReviewSampleArgs) -> ReviewSampleOptions {
    let by = args.by.iter().map(|by| match by {
        SplitArg::Class => Split::Class,
        SplitArg::Zone => Split::Zone,
        SplitArg::Score => Split::Score,
    });
    let design = match (args.top, args.random, args.least_certain) {
        (Some(per_zone), ..) => Design::Top { per_zone },
        (_, Some(size), _) => {
            let allocation = if args.neyman { Allocation::Neyman } else { Allocation::Proportional };
            Design::Random { size, minimum: args.minimum, by: by.collect(), allocation }
        }
        (.., Some(count)) => Design::LeastCertain { count, at: 0.5 },
        _ => Design::All,
    };
    let doubled = args.doubled.unwrap_or(if args.reviewers.len() > 1 { DOUBLED } else { 0.0 });
    let sample = SampleOptions {
        seed: args.seed,
        design,
        reviewers: args.reviewers.clone(),
        doubled,
        known: args.known.clone(),
    };
    ReviewSampleOptions {
        output: args.of.output.clone(),
        review: args.of.review.clone(),
        folder: args.folder.clone(),
        zones: args.zones.clone(),
        sample,
    }
}

fn human_new(report: &NewReport, output: &str) -> Lines {
    let mut lines = Lines::default();
    lines.add("review", &report.review).add("map", &report.run_id);
    lines.add("reasons", report.reasons.join(", ")).add("classes", arpent_base::listed(&report.classes));
    let people = if report.people == 0 { "every named person".to_owned() } else { report.people.to_string() };
    lines.add("may decide", people);
    if report.with_history > 0 {
        let features = count(arpent_base::number::wide(report.with_history));
        lines.add(
            "history",
            format!("{features} features with decisions about their object in the earlier map"),
        );
    }
    lines.add(
        "next",
        format!("`arpent review add {output} --feature ID --verdict VERDICT --person NAME ...`"),
    );
    lines
}

fn human_add(report: &AddReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("review", &report.review);
    for id in &report.decisions {
        lines.add("decision", id);
    }
    lines
}

fn state(args: &ReviewStateArgs, format: Format) -> Result<()> {
    let (output, review) = (&args.of.output, args.of.review.as_deref());
    let status = args.status.map(of_status);
    let report = arpent_job::review_state(output, review, args.feature.as_deref(), status)?;
    print(&report, human_state(&report).text(), format)
}

fn human_state(report: &StateReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("review", &report.review).add("decisions", count(report.decisions));
    for row in &report.counts {
        let verdict = row.verdict.as_ref().map_or(String::new(), |verdict| format!(", {verdict}"));
        lines.add(word(row.status), format!("{} features{verdict}", count(row.features)));
    }
    for row in &report.features {
        lines.add(&row.feature, format!("{}: {}", word(row.status), row.opinions.join("; ")));
        for earlier in &row.history {
            lines.more(format!("earlier map, does not count: {} at {}", earlier.verdict, earlier.time));
        }
        for id in &row.contests {
            lines.more(format!("contest {id} has no answer"));
        }
        if row.heads.len() > 1 {
            lines.more(format!("decisions that no other one has seen: {}", row.heads.join(", ")));
        }
    }
    if let Some(alpha) = report.agreement.alpha {
        let features = count(arpent_base::number::wide(report.agreement.features));
        lines.add(
            "agreement",
            format!("alpha {alpha:.3}, of {features} features that several persons decided independently"),
        );
    }
    if let Some(seconds) = &report.agreement.seconds {
        let (low, median, high) = (seconds.low, seconds.median, seconds.high);
        lines.add("time", format!("median {median:.1} s per decision, quartiles {low:.1} and {high:.1} s"));
    }
    if report.findings > 0 {
        lines.add("CHANGED", format!("{} findings: `arpent review verify` lists them", report.findings));
    }
    lines
}

fn human_verify(report: &VerifyReport) -> Lines {
    let mut lines = Lines::default();
    for finding in &report.findings {
        let what = if finding.kind.is_warning() { "warning" } else { "CHANGED" };
        lines.add(what, format!("{}: {}", finding.object, finding.message));
    }
    for id in &report.missing {
        lines.add("CHANGED", format!("the seal {id}, which was noted, is missing"));
    }
    lines.add("review", &report.review).add("decisions", count(report.decisions));
    lines.add("root", &report.root);
    for id in &report.newest {
        lines.add("newest seal", id);
    }
    lines.add("verdict", if report.intact { "intact" } else { "CHANGED" });
    lines
}

fn human_sample(report: &ReviewSampleReport) -> Lines {
    let mut lines = Lines::default();
    let number = |n: usize| count(arpent_base::number::wide(n));
    lines
        .add("review", &report.review)
        .add("features", format!("{} of {}", number(report.drawn), count(report.features)));
    for stratum in &report.strata {
        lines.add(
            "stratum",
            format!("{}: {} of {}", stratum.name, count(stratum.drawn), count(stratum.features)),
        );
    }
    for (reviewer, tasks) in &report.tasks {
        lines.add("tasks", format!("{reviewer}: {}", number(*tasks)));
    }
    lines.add("twice", format!("{} features", number(report.doubled)));
    for name in ["tasks.csv", "sample.json"] {
        lines.add("file", format!("{}/{name}", report.folder.trim_end_matches('/')));
    }
    lines
}
