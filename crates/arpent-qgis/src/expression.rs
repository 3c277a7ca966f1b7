//! Expressions of QGIS.

use crate::key::Key;

/// A text in an expression. In a map tip `[%` and `%]` are the ends of expressions: they are taken apart.
pub(crate) fn literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n").replace('\t', "\\t");
    let apart = escaped.replace("%]", "%' || ']").replace("[%", "[' || '%");
    if apart == escaped { format!("'{escaped}'") } else { format!("('{apart}')") }
}

/// A column in an expression.
pub(crate) fn column(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The expression's text as it stands in HTML.
pub(crate) fn as_html(expression: &str) -> String {
    format!("replace({expression}, map('&', '&amp;', '<', '&lt;', '>', '&gt;'))")
}

/// The label of a column's value; the value itself where it has none.
pub(crate) fn labelled(name: &str, labels: &[(Key, String)]) -> String {
    let column = column(name);
    let pairs: Vec<String> =
        labels.iter().map(|(key, label)| format!("{}, {}", literal(&key.text()), literal(label))).collect();
    format!("coalesce(map_get(map({}), to_string({column})), to_string({column}))", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_end_an_expression() {
        assert_eq!(literal("l'eau"), "'l''eau'");
        assert_eq!(literal("a\\b\n"), "'a\\\\b\\n'");
        assert_eq!(literal("a %] b"), "('a %' || '] b')");
        assert_eq!(literal("[%]"), "('[' || '%' || ']')");
        assert_eq!(column("a\"b"), "\"a\"\"b\"");
        assert!(!labelled("k", &[(Key::Text("%]".into()), "%]".into())]).contains("%]"));
    }
}
