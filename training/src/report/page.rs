//! The frame of the page and the parts that its sections share.

use arpent_raster::{Color, Nomenclature};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::data::TrainingReport;
use super::number;
use crate::evaluate::figures::Estimate;

/// A part of the page with an entry in its contents.
pub(super) struct Section {
    /// Anchor.
    pub(super) id: &'static str,
    /// Heading.
    pub(super) heading: &'static str,
    /// Contents.
    pub(super) body: Markup,
}

/// The whole page.
pub(super) fn page(report: &TrainingReport, sections: &[Section]) -> Markup {
    let model = &report.model;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                title { (model.title) " – training report" }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    p.kind { "Training report" }
                    h1 { (model.title) }
                    p.subtitle { code { (model.id) } " version " (model.version) " · " (task(&model.task))
                        @if let Some(date) = &report.run.date { " · " (date) } }
                }
                nav aria-label="Contents" { ul { @for section in sections {
                    li { a href={ "#" (section.id) } { (section.heading) } }
                } } }
                main { @for section in sections {
                    section id=(section.id) aria-labelledby={ (section.id) "-heading" } {
                        h2 id={ (section.id) "-heading" } { (section.heading) }
                        (section.body)
                    }
                } }
                footer { p { "Predictions of a model are proposals until a person has verified them. "
                    "This page is one file, loads nothing and has no script." } }
            }
        }
    }
}

/// A task in words.
fn task(name: &str) -> String {
    name.replace('-', " ")
}

/// A sentence in place of a missing part.
pub(super) fn absent(what: &str) -> Markup {
    html! { p.absent { (what) } }
}

/// A square in a color.
pub(super) fn swatch(color: Color) -> Markup {
    html! { span.swatch style={ "background:" (color) } aria-hidden="true" {} }
}

/// A class with its color.
pub(super) fn class_label(id: u8, classes: &Nomenclature) -> Markup {
    let color = classes.by_id(id).map(|class| class.color);
    html! { @if let Some(color) = color { (swatch(color)) } (class_name(id, classes)) }
}

/// The name of a class.
pub(super) fn class_name(id: u8, classes: &Nomenclature) -> String {
    classes.by_id(id).map_or_else(|| format!("class {id}"), |class| class.name.clone())
}

/// A score with its interval.
pub(super) fn estimate(estimate: &Estimate) -> Markup {
    html! {
        (number::score(estimate.value))
        @if let Some(interval) = estimate.interval { " " span.interval { (between(interval)) } }
    }
}

/// The ends of an interval.
pub(super) fn between([low, high]: [f64; 2]) -> String {
    format!("{} to {}", number::score(Some(low)), number::score(Some(high)))
}

/// A table that may be wider than the page.
pub(super) fn wide(table: &Markup) -> Markup {
    html! { div.wide { (table) } }
}
