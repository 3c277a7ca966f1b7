//! Unicode normalization of text for comparison.

use arpent_base::Value;
use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Normalized text for comparing field values, class names and ids: composed and decomposed accents are equal
/// (normalization form C of Unicode, UAX 15), and surrounding blanks are ignored.
pub fn same_text(text: &str) -> String {
    let text = text.trim();
    if is_nfc(text) { text.to_owned() } else { text.nfc().collect() }
}

/// Text without accents: letters that have one are those without it (form D of Unicode, without combining marks).
pub fn plain_text(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).collect()
}

/// A value as normalized text: see [`same_text`].
pub fn value_key(value: &Value) -> String {
    match value {
        Value::Text(text) => same_text(text),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_are_compared_as_they_are_read() {
        assert_eq!(same_text(" Fore\u{302}t "), same_text("For\u{ea}t"));
        assert_ne!(same_text("pr\u{e8}"), same_text("pr\u{e9}"));
        assert_eq!(plain_text("D\u{e9}p\u{f4}t fore\u{302}t"), "Depot foret");
    }
}
