//! Parts that the sections share.

use arpent_raster::Nomenclature;
use maud::{Markup, html};

use super::data::Report;
use super::words::{NONE, Words};

/// A part of the page with an entry in its contents.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) heading: String,
    pub(super) body: Markup,
}

/// An area of a table, by its text in the file: the exact value for programs, few digits for readers.
pub(super) fn cell(words: Words, text: &str) -> Markup {
    if let Ok(m2) = text.parse::<f64>() {
        html! { data value=(text) { (words.area(m2)) } }
    } else {
        html! { (NONE) }
    }
}

/// An area with its unit.
pub(super) fn area(words: Words, m2: f64) -> Markup {
    html! { data value=(m2) { (words.area(m2)) } "\u{202f}m²" }
}

/// A class with its color.
pub(super) fn class(words: Words, classes: &Nomenclature, id: u8) -> Markup {
    let color = classes.by_id(id).map(|class| class.color);
    html! {
        @if let Some(color) = color { span.swatch style={ "background:" (color) } aria-hidden="true" {} }
        (words.class(classes, id))
    }
}

/// Facts with their names.
pub(super) fn facts(facts: &[(String, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } } }
}

/// A table that may be wider than the page, with a caption.
pub(super) fn table(caption: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        div.wide role="region" tabindex="0" aria-label=(caption) {
            table.numbers { caption { (caption) } thead { (head) } tbody { (body) } }
        }
    }
}

/// What the pair shows where nothing changed, beside a figure of areas.
pub(super) fn control(report: &Report<'_>, words: Words) -> Markup {
    html! {
        p.control {
            strong { (words.say("Control: ", "Contrôle : ")) }
            @if let Some(control) = report.control() {
                (words.say("where nothing changed, the same rules keep ", "là où rien n'a changé, les mêmes règles retiennent "))
                data value=(control.kept_m2_per_km2) { (words.area(control.kept_m2_per_km2)) }
                (words.say("\u{202f}m² per km², which is ", "\u{202f}m² par km², soit "))
                (area(words, control.kept_m2_per_km2 * report.coverage.both.area_m2() / 1e6))
                (words.say(" on the area that was compared.", " sur la surface comparée."))
            } @else if report.stable.is_none() {
                (words.say(
                    "none for this pair (see below), so the share of false change in these figures is not known.",
                    "aucun pour cette paire (voir plus bas) : la part de faux changements dans ces chiffres n'est pas connue.",
                ))
            }
            @if let Some(kept) = report.stable.and_then(|stable| stable.kept_m2_per_km2()) {
                " " (words.say("On ground known not to have changed, they keep ", "Sur les terrains réputés inchangés, elles retiennent "))
                data value=(kept) { (words.area(kept)) } (words.say("\u{202f}m² per km².", "\u{202f}m² par km²."))
            }
        }
    }
}
