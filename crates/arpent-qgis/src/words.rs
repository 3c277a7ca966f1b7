//! Texts in both languages.

use arpent_base::Language;

/// Chooses between texts.
#[derive(Clone, Copy)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    /// English or French.
    pub(crate) const fn say<'a>(self, en: &'a str, fr: &'a str) -> &'a str {
        match self.0 {
            Language::En => en,
            Language::Fr => fr,
        }
    }
}
