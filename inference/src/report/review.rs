//! Reviews: their state, proof and samples.

use arpent_job::{AddReport, NewReport, ReviewSampleReport, StateReport, VerifyReport};
use arpent_review::Status;
use arpent_shell::lines::{Lines, count};

/// A review that was begun.
pub(crate) fn of_review(report: &NewReport, output: &str) -> Lines {
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

/// Decisions that were added.
pub(crate) fn of_decisions(report: &AddReport) -> Lines {
    let mut lines = Lines::default();
    lines.add("review", &report.review);
    for id in &report.decisions {
        lines.add("decision", id);
    }
    lines
}

/// The state of the features of a review.
pub(crate) fn of_state(report: &StateReport) -> Lines {
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

/// What the proof of a review found.
pub(crate) fn of_verification(report: &VerifyReport) -> Lines {
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

/// Tasks that were drawn.
pub(crate) fn of_tasks(report: &ReviewSampleReport) -> Lines {
    let mut lines = Lines::default();
    let number = |n: usize| count(arpent_base::number::wide(n));
    lines
        .add("review", &report.review)
        .add("features", format!("{} of {}", number(report.drawn), count(report.features)));
    if let Some(undecided) = report.undecided {
        lines.more(format!("{} are undecided and have no score", count(undecided)));
    }
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

const fn word(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Decided => "decided",
        Status::Disputed => "disputed",
        Status::Contested => "contested",
    }
}
