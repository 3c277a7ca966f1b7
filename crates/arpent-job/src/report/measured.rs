//! Measured values in a report.

use arpent_publish::MeasuredCounts;
use maud::{Markup, html};

use super::material::Material;
use super::parts::table;
use super::words::{NONE, Words};

/// Name of a value in a language, with its unit.
fn name(value: &MeasuredCounts, words: Words) -> String {
    let name = words.say(&value.name, value.name_fr.as_ref().unwrap_or(&value.name));
    match value.unit.as_deref().filter(|unit| *unit != "1") {
        Some(unit) => format!("{name} ({unit})"),
        None => name,
    }
}

/// The statistics of the measured values; nothing for a map of classes.
pub(super) fn statistics(material: &Material<'_>, words: Words) -> Markup {
    let values = &material.manifest.counts.values;
    if values.is_empty() {
        return html! {};
    }
    let caption = words.say("Measured values", "Valeurs mesurées");
    let cell = |value: Option<f64>| html! { td { @if let Some(exact) = value { data value=(exact) { (words.significant(exact)) } } @else { (NONE) } } };
    let head = html! { tr {
        th { (words.say("Value", "Grandeur")) }
        th { (words.say("Lowest", "Minimum")) }
        th { (words.say("Mean", "Moyenne")) }
        th { (words.say("Greatest", "Maximum")) }
        th { (words.say("Standard deviation", "Écart type")) }
        th { (words.say("Pixels", "Pixels")) }
        th { (words.say("Not a number", "Non numériques")) }
    } };
    let body = html! { @for value in values { tr {
        th scope="row" { (name(value, words)) }
        (cell(value.min)) (cell(value.mean)) (cell(value.max)) (cell(value.std))
        td { (words.integer(value.pixels)) }
        td { (words.integer(value.not_finite)) }
    } } };
    html! {
        (table(&caption, &head, &body))
        p.note { (words.say(
            "Statistics of the pixels that have a value. They describe the map, not its error: nobody has measured on the ground.",
            "Statistiques des pixels qui ont une valeur. Elles décrivent la carte, pas son erreur : aucune mesure n'a été faite sur le terrain.",
        )) }
    }
}

/// The ramp of the picture: from the lowest to the greatest color.
pub(super) fn ramp(material: &Material<'_>, words: Words) -> Markup {
    let Some(first) = material.manifest.counts.values.first() else { return html! {} };
    let Some([low, high]) = first.shown else { return html! {} };
    let stop = |quarter: u8| {
        (low + (high - low) * f64::from(quarter) / 4.0, arpent_raster::viridis(f64::from(quarter) / 4.0))
    };
    html! {
        p.note { (name(first, words)) }
        ul.legend { @for (value, color) in (0..=4).map(stop) {
            li { span.swatch style={ "background:" (color) } aria-hidden="true" {} (words.significant(value)) }
        } }
    }
}
