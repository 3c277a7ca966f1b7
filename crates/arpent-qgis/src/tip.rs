//! Map tips: what QGIS shows of the feature under the pointer.

use arpent_base::{Column, ColumnKind};
use maud::{PreEscaped, html};

use crate::expression::{as_html, column, labelled, literal};
use crate::style::LayerStyle;
use crate::words::Words;

/// Square meters from which an area is shown in hectares.
const HECTARES_FROM: &str = "100000";

/// The template: HTML with expressions between `[%` and `%]`.
pub(crate) fn template(style: &LayerStyle<'_>) -> String {
    let mut shown = style.tip.iter().filter_map(|name| style.columns.iter().find(|c| c.name == **name));
    let heading = shown.next();
    html! {
        @if let Some(heading) = heading { b { (value(style, heading)) } }
        table {
            @for column in shown {
                tr { td { (title(column.title.of(style.language))) } td { (value(style, column)) } }
            }
        }
    }
    .into_string()
}

/// A title outside of expressions: it must not begin one.
fn title(text: &str) -> PreEscaped<String> {
    let escaped = html! { (text) }.into_string();
    PreEscaped(escaped.replace("[%", "[&#37;"))
}

/// The value of a column, in words.
fn value(style: &LayerStyle<'_>, of: &Column) -> PreEscaped<String> {
    let words = Words(style.language);
    let name = column(&of.name);
    let missing = literal(match &*of.name {
        "score" => words.say("none", "aucun"),
        _ => "–",
    });
    let text = match (style.labels(&of.name), of.kind) {
        (Some(labels), _) => labelled(&of.name, labels),
        (None, ColumnKind::Real) if of.unit == "m2" => format!(
            "if({name} >= {HECTARES_FROM}, format_number({name} / 10000, 1) || ' ha', format_number({name}, if({name} < 100, 1, 0)) || ' m²')"
        ),
        (None, ColumnKind::Real) => format!("format_number({name}, 2)"),
        (None, _) => format!("to_string({name})"),
    };
    PreEscaped(format!("[% {} %]", as_html(&format!("coalesce({text}, {missing})"))))
}
