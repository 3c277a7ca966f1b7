//! Optional scores: of thin and of rare objects.

use maud::{Markup, html};

use super::chart::whisker;
use super::data::TrainingReport;
use super::number;
use super::page::{class_label, estimate, wide};
use crate::evaluate::figures::{RareScores, ThinScores};

/// Precision and recall with a tolerance.
pub(super) fn thin(report: &TrainingReport, thin: &ThinScores) -> Markup {
    html! {
        p { "With a tolerance of " (thin.tolerance_px) " px: a predicted pixel is right when a true one lies that near, "
            "a true pixel is found when a predicted one does." }
        (wide(&html! { table.numbers {
            thead { tr {
                th scope="col" { "Class" } th scope="col" colspan="2" { "F1" } th scope="col" { "Precision" } th scope="col" { "Recall" }
            } }
            tbody { @for class in &thin.classes { tr {
                th scope="row" { (class_label(class.class, &report.classes)) }
                td.picture { @if let Some(value) = class.f1.value { (whisker(value, class.f1.interval)) } }
                @for score in [&class.f1, &class.precision, &class.recall] { td { (estimate(score)) } }
            } } }
        } }))
    }
}

/// Precision of the best candidates.
pub(super) fn rare(report: &TrainingReport, rare: &RareScores) -> Markup {
    let expected =
        rare.prevalence.map(|share| format!("At a prevalence of {}", number::percent(Some(share))));
    let optimistic = rare.classes.iter().flat_map(|class| &class.best).any(|best| best.is_optimistic);
    html! {
        p { "Candidates are " (rare.candidates) ", ranked by the network's probability of the class; precision is the share of the best ones that is real." }
        (wide(&html! { table.numbers {
            thead { tr {
                th scope="col" { "Class" } th scope="col" { "Candidates" } th scope="col" { "Real" } th scope="col" { "The best" }
                th scope="col" colspan="2" { "Precision" } th scope="col" { "Recall" }
                @if let Some(expected) = &expected { th scope="col" { (expected) } }
            } }
            @for class in &rare.classes { tbody {
                @let head = html! {
                    th scope="row" { (class_label(class.class, &report.classes)) }
                    td { (number::integer(class.candidates)) } td { (number::integer(class.real)) }
                };
                @for best in &class.best { tr {
                    (head) td { (number::integer(best.k)) }
                    td.picture { @if let Some(value) = best.precision.value { (whisker(value, best.precision.interval)) } }
                    td { (estimate(&best.precision)) } td { (number::score(best.recall)) }
                    @if expected.is_some() { td { (estimate(&best.at_prevalence)) @if best.is_optimistic { " *" } } }
                } }
                tr {
                    (head) td { "average" }
                    td.picture { @if let Some(value) = class.average_precision.value { (whisker(value, class.average_precision.interval)) } }
                    td { (estimate(&class.average_precision)) } td { (number::NONE) }
                    @if expected.is_some() { td { (estimate(&class.at_prevalence)) } }
                }
            } }
        } }))
        @if optimistic { p.note {
            "*: no wrong candidate of this split ranks that high, so the precision over a larger area is unknown: expect less."
        } }
    }
}
