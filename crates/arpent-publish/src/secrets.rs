//! The secrets of a connection.

use std::fmt;

use arpent_base::{REDACTED, redacted_text};

/// A secret is at least this long; shorter values would blot out ordinary words.
const SHORTEST_SECRET: usize = 6;

/// The secrets of a connection, which are taken out of whatever is said about it.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn new(values: impl IntoIterator<Item = Option<String>>) -> Self {
        let long = values.into_iter().flatten().filter(|value| value.len() >= SHORTEST_SECRET);
        let mut all: Vec<String> = long.collect();
        // Servers and URLs repeat them percent-encoded.
        let encoded = all.iter().map(|s| url::form_urlencoded::byte_serialize(s.as_bytes()).collect());
        let encoded: Vec<String> = encoded.collect();
        all.extend(encoded);
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all)
    }

    /// The text without the secrets, and without credentials in the URLs in it.
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
