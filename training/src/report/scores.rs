//! Scores: overall, by class, by group.

use std::cmp::Ordering;

use maud::{Markup, html};

use super::chart::whisker;
use super::data::TrainingReport;
use super::page::{Section, absent, between, class_label, estimate, wide};
use super::{number, special};
use crate::evaluate::figures::{ClassScore, Estimate, GroupRow, GroupScores, Intervals, Scores};

/// Number of groups shown by default; the others are folded.
const SHOWN: usize = 20;
/// Fewer units than this give intervals that are too short (Cameron, Gelbach, Miller: *Bootstrap-based improvements
/// for inference with clustered errors*, 2008, put the border between 20 and 50).
const FEW: u64 = 20;

/// A score of a class: its name, and where it stands.
type Column = (&'static str, fn(&ClassScore) -> &Estimate);

const COLUMNS: [Column; 4] = [
    ("IoU", |score| &score.iou),
    ("F1", |score| &score.f1),
    ("Precision", |score| &score.precision),
    ("Recall", |score| &score.recall),
];

/// The overall scores in large type.
pub(super) fn tiles(scores: Option<&Scores>) -> Markup {
    let Some(scores) = scores.filter(|scores| !scores.overall.is_empty()) else { return html! {} };
    html! {
        ul.tiles aria-label={ "Scores on the split " (scores.split) } { @for score in &scores.overall { li {
            span.name { (score.name) }
            span.value { (number::score(score.estimate.value)) }
            @if let Some(interval) = score.estimate.interval { span.interval { (between(interval)) } }
        } } }
        p.note { "On the split “" (scores.split) "”." @if has_intervals(scores) { " Small: 95 % interval." } }
    }
}

fn has_intervals(scores: &Scores) -> bool {
    let of_classes = scores.classes.iter().flat_map(|class| COLUMNS.iter().map(|(_, of)| of(class)));
    scores.overall.iter().map(|score| &score.estimate).chain(of_classes).any(|e| e.interval.is_some())
}

/// "Scores".
pub(super) fn section(report: &TrainingReport) -> Section {
    let body = match &report.scores {
        None => absent("No scores were computed."),
        Some(scores) => html! {
            p { "Computed on the split “" (scores.split) "” with the chosen weights." }
            (intervals(&scores.intervals))
            h3 { "Overall" } (overall(scores))
            h3 { "By class" } (classes(report, scores))
            @if let Some(thin) = &scores.thin { h3 { "Thin objects" } (special::thin(report, thin)) }
            @if let Some(rare) = &scores.rare { h3 { "The best candidates" } (special::rare(report, rare)) }
            h3 { "By " (report.data.group_kind.as_deref().unwrap_or("group")) ", worst first" } (groups(report, scores))
        },
    };
    Section { id: "scores", heading: "Scores", body }
}

fn intervals(intervals: &Intervals) -> Markup {
    html! { p.note { @match intervals {
        Intervals::None { reason } => { "There are no intervals. " (reason) },
        Intervals::Bootstrap { resamples, unit, units } => {
            "Ranges are 95 % bootstrap intervals: " (number::integer(u64::from(*resamples))) " resamples of "
            (number::counted(*units, unit)) "."
            @if *units < FEW {
                strong { " These are few: the true intervals are wider than those shown." }
            }
        },
    } } }
}

fn overall(scores: &Scores) -> Markup {
    if scores.overall.is_empty() {
        return absent("No overall scores were computed.");
    }
    let meanings = scores.overall.iter().any(|score| score.meaning.is_some());
    html! { table.numbers {
        thead { tr { th scope="col" { "Score" } th scope="col" { "Value" } @if meanings { th.words scope="col" { "Meaning" } } } }
        tbody { @for score in &scores.overall { tr {
            th scope="row" { (score.name) }
            td { (estimate(&score.estimate)) }
            @if meanings { td.words { (score.meaning.as_deref().unwrap_or_default()) } }
        } } }
    } }
}

fn classes(report: &TrainingReport, scores: &Scores) -> Markup {
    if scores.classes.is_empty() {
        return absent("No scores by class were computed.");
    }
    let known = |column: &&Column| scores.classes.iter().any(|class| column.1(class).value.is_some());
    let columns: Vec<&Column> = COLUMNS.iter().filter(known).collect();
    let Some(first) = columns.first().copied() else { return absent("No class has a score.") };
    let shares = scores.classes.iter().any(|class| class.truth_share.is_some());
    html! { (wide(&html! { table.numbers {
        thead { tr {
            th scope="col" { "Class" }
            @if shares { th scope="col" { "Share of truth" } }
            th scope="col" colspan="2" { (first.0) }
            @for (name, _) in &columns[1..] { th scope="col" { (name) } }
        } }
        tbody { @for class in &scores.classes { tr {
            th scope="row" { (class_label(class.class, &report.classes)) }
            @if shares { td { (number::percent(class.truth_share)) } }
            td.picture { @if let Some(value) = first.1(class).value { (whisker(value, first.1(class).interval)) } }
            @if class.truth_share == Some(0.0) { td colspan=(columns.len()) { "no truth" } }
            @else { @for (_, of) in &columns { td { (estimate(of(class))) } } }
        } } }
    } }))
    p.note { "Drawn: " (first.0) " on a line from 0 to 1" @if has_intervals(scores) { ", with its interval" } "." }
    }
}

fn groups(report: &TrainingReport, scores: &Scores) -> Markup {
    let Some(groups) = scores.groups.as_ref().filter(|groups| !groups.rows.is_empty()) else {
        return absent("No scores by group were computed.");
    };
    let mut rows: Vec<&GroupRow> = groups.rows.iter().collect();
    rows.sort_by(|a, b| worst_first(a, b));
    let (shown, hidden) = rows.split_at(rows.len().min(SHOWN));
    let kind = report.data.group_kind.as_deref().unwrap_or("group");
    let count = hidden.len() as u64;
    html! {
        (group_table(kind, groups, shown))
        @if !hidden.is_empty() { details {
            summary { "The other " (number::counted(count, kind)) }
            (group_table(kind, groups, hidden))
        } }
    }
}

/// By the first score; groups without one come last, equals in the order of their names.
fn worst_first(a: &GroupRow, b: &GroupRow) -> Ordering {
    let key = |row: &GroupRow| {
        row.scores.first().copied().flatten().filter(|v| v.is_finite()).unwrap_or(f64::INFINITY)
    };
    key(a).total_cmp(&key(b)).then_with(|| a.group.cmp(&b.group))
}

fn group_table(kind: &str, groups: &GroupScores, rows: &[&GroupRow]) -> Markup {
    let pixels = groups.rows.iter().any(|row| row.pixels.is_some());
    wide(&html! { table.numbers {
        thead { tr {
            th.capital scope="col" { (kind) } th scope="col" { "Items" }
            @if pixels { th scope="col" { "Labeled pixels" } }
            @for (i, name) in groups.names.iter().enumerate() { th scope="col" colspan=[(i == 0).then_some("2")] { (name) } }
        } }
        tbody { @for row in rows { tr {
            th scope="row" { (row.group) } td { (number::integer(row.items)) }
            @if pixels { td { (row.pixels.map_or_else(|| number::NONE.into(), number::integer)) } }
            @for i in 0..groups.names.len() {
                @let value = row.scores.get(i).copied().flatten();
                @if i == 0 { td.picture { @if let Some(value) = value { (whisker(value, None)) } } }
                td { (number::score(value)) }
            }
        } } }
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stand_worst_first_and_those_without_a_score_last() {
        let row =
            |group: &str, score| GroupRow { group: group.into(), scores: vec![score], ..GroupRow::default() };
        let mut rows = [
            row("none", None),
            row("good", Some(0.9)),
            row("odd", Some(f64::NAN)),
            row("also bad", Some(0.2)),
            row("bad", Some(0.2)),
        ];
        rows.sort_by(worst_first);
        assert_eq!(rows.map(|row| row.group), ["also bad", "bad", "good", "none", "odd"]);
    }
}
