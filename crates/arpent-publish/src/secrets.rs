//! The secrets of a connection.

use std::fmt;

use arpent_base::{REDACTED, redacted_text};

/// Minimum length of a secret; removing shorter values would remove ordinary words.
const SHORTEST_SECRET: usize = 6;

/// The secrets of a connection, which are removed from all messages about it.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn new(values: impl IntoIterator<Item = Option<String>>) -> Self {
        let long = values.into_iter().flatten().filter(|value| value.len() >= SHORTEST_SECRET);
        let mut all: Vec<String> = long.collect();
        // Servers and URLs may contain them percent-encoded.
        let encoded = all.iter().map(|s| url::form_urlencoded::byte_serialize(s.as_bytes()).collect());
        let encoded: Vec<String> = encoded.collect();
        all.extend(encoded);
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all)
    }

    /// The text without the secrets and without credentials in its URLs.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let scrubbed = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED));
        redacted_text(&scrubbed)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}
