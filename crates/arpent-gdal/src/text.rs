//! Text compared by what is read, not by how it is stored.

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Text by which values of fields, names of classes and ids are compared: two texts that are read alike are the same,
/// whether an accent is part of a character or one of its own (normalization form C of Unicode, UAX 15). Blanks around it do not
/// count.
pub fn same_text(text: &str) -> String {
    let text = text.trim();
    if is_nfc(text) { text.to_owned() } else { text.nfc().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_are_compared_as_they_are_read() {
        assert_eq!(same_text(" Fore\u{302}t "), same_text("For\u{ea}t"));
        assert_ne!(same_text("pr\u{e8}"), same_text("pr\u{e9}"));
    }
}
