//! What stands beside every figure of areas.

use maud::{Markup, html};

use super::data::Report;
use crate::report::{Words, area};

/// What the pair shows where nothing changed, beside a figure of areas.
pub(super) fn control(report: &Report<'_>, words: Words) -> Markup {
    html! {
        p.control {
            strong { (words.say("Control: ", "Contrôle : ")) }
            @if let Some(control) = report.control() {
                (words.say("where nothing changed, the same rules keep ", "là où rien n'a changé, les mêmes règles retiennent "))
                data value=(control.kept_m2_per_km2) { (words.area(control.kept_m2_per_km2)) }
                (words.say("\u{202f}m² per km², which is ", "\u{202f}m² par km², soit "))
                (area(words, control.kept_m2_per_km2 * report.facts.observed.map_or(0.0, |observed| observed.both_m2) / 1e6))
                (words.say(" on the area that was compared.", " sur la surface comparée."))
            } @else if report.facts.stable.is_none() {
                (words.say(
                    "none for this pair (see below), so the share of false change in these figures is not known.",
                    "aucun pour cette paire (voir plus bas) : la part de faux changements dans ces chiffres n'est pas connue.",
                ))
            }
            @if let Some(kept) = report.facts.stable.and_then(|stable| stable.kept_m2_per_km2()) {
                " " (words.say("On ground known not to have changed, they keep ", "Sur les terrains réputés inchangés, elles retiennent "))
                data value=(kept) { (words.area(kept)) } (words.say("\u{202f}m² per km².", "\u{202f}m² par km²."))
            }
        }
    }
}
