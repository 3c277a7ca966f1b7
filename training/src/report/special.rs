//! Scores that a training asks for: of thin objects.

use maud::{Markup, html};

use super::chart::whisker;
use super::data::{ThinScores, TrainingReport};
use super::page::{class_label, estimate, wide};

/// Precision and recall that forgive a few pixels.
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
