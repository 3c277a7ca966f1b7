//! Map tips: what QGIS shows of the feature under the pointer.

use arpent_base::{Column, ColumnKind, Language};
use maud::{PreEscaped, html};

use crate::expression::{as_html, column, labelled, literal};
use crate::key::Key;
use crate::words::Words;

/// Square meters from which an area is shown in hectares.
const HECTARES_FROM: &str = "100000";

/// A column of a map tip.
pub(crate) struct Shown<'a> {
    pub(crate) column: &'a Column,
    /// Labels of its values.
    pub(crate) labels: Option<&'a [(Key, String)]>,
}

/// The template: HTML with expressions between `[%` and `%]`. The first column is the heading.
pub(crate) fn template(shown: &[Shown<'_>], language: Language) -> String {
    html! {
        @if let Some(heading) = shown.first() { b { (value(heading, language)) } }
        table {
            @for row in shown.iter().skip(1) {
                tr { td { (title(row.column.title.of(language))) } td { (value(row, language)) } }
            }
        }
    }
    .into_string()
}

/// A title outside of expressions: it must not begin or end one.
fn title(text: &str) -> PreEscaped<String> {
    let escaped = html! { (text) }.into_string();
    PreEscaped(escaped.replace('%', "&#37;"))
}

/// The value of a column, in words.
fn value(shown: &Shown<'_>, language: Language) -> PreEscaped<String> {
    let (words, of) = (Words(language), shown.column);
    let name = column(&of.name);
    let missing = literal(match &*of.name {
        "score" => words.say("none", "aucun"),
        _ => "–",
    });
    let text = match (shown.labels, of.kind) {
        (Some(labels), _) => labelled(&of.name, labels),
        (None, ColumnKind::Real) if of.unit == "m2" => format!(
            "if(abs({name}) >= {HECTARES_FROM}, format_number({name} / 10000, 1) || ' ha', format_number({name}, if(abs({name}) < 100, 1, 0)) || ' m²')"
        ),
        (None, ColumnKind::Real) => format!("format_number({name}, 2)"),
        (None, _) => format!("to_string({name})"),
    };
    PreEscaped(format!("[% {} %]", as_html(&format!("coalesce({text}, {missing})"))))
}
