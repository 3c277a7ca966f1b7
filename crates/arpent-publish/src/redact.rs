//! Texts without secrets.

use std::fmt;

/// What stands in the place of a secret.
const REDACTED: &str = "REDACTED";

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

/// A URL that is fit for manifests, logs and messages: without user and password, and with `REDACTED` in the place of the
/// values of query parameters that look like credentials (`sig`, `X-Amz-Signature`, `token`, ...). Other texts,
/// such as paths, stay as they are.
pub fn redacted(url: &str) -> String {
    let (before, query) = match url.find(['?', '#']) {
        Some(at) if url.contains("://") || url.contains("%3A%2F%2F") || url.contains("/vsi") => {
            url.split_at(at)
        }
        _ => (url, ""),
    };
    without_user(before) + &without_signatures(query)
}

/// A text - a message, a JSON document - whose URLs are fit to be shown, as [`redacted`] makes them. A URL ends at white space, at a
/// quotation mark or at a backslash, which a JSON text puts before one.
pub fn redacted_text(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '`' | '<' | '>' | '\\');
    // What a sentence puts after a URL is not part of its last value.
    let closes = |c: char| matches!(c, ':' | ',' | ';' | '.' | ')' | ']' | '}' | '\'');
    let piece = |piece: &str| {
        let end = piece.trim_end_matches(ends).trim_end_matches(closes).len();
        redacted(&piece[..end]) + &piece[end..]
    };
    text.split_inclusive(ends).map(piece).collect()
}

/// A JSON document as it is stored for others to read: indented, with a line's end, its URLs fit to be shown ([`redacted_text`]).
///
/// # Errors
/// When the value holds what JSON cannot say.
pub fn json_document(value: &impl serde::Serialize) -> serde_json::Result<Vec<u8>> {
    Ok((redacted_text(&serde_json::to_string_pretty(value)?) + "\n").into_bytes())
}

/// Leaves out what stands between `://` and an `@`.
fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.rsplit_once("://") else { return address.to_owned() };
    let authority = rest.split('/').next().unwrap_or_default();
    // A password may have a slash in it, which ends the authority too early: what follows a colon is then no port.
    let cut_short = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()));
    let within = if cut_short { rest } else { authority };
    match within.rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => address.to_owned(),
    }
}

fn without_signatures(query: &str) -> String {
    let mut text = String::with_capacity(query.len());
    for piece in query.split_inclusive(['?', '&', ';', '#']) {
        let (pair, end) = match piece.strip_suffix(['?', '&', ';', '#']) {
            Some(pair) => piece.split_at(pair.len()),
            None => (piece, ""),
        };
        match pair.split_once('=') {
            Some((key, value)) if is_secret(key, value) => text.extend([key, "=", REDACTED]),
            _ => text.push_str(pair),
        }
        text.push_str(end);
    }
    text
}

/// Whether a query parameter is, or holds a URL with, a credential.
fn is_secret(key: &str, value: &str) -> bool {
    const MARKS: [&str; 7] = ["sig", "token", "secret", "passw", "credential", "key", "auth"];
    let decoded = |text: &str| {
        let pair = format!("{text}=");
        url::form_urlencoded::parse(pair.as_bytes())
            .next()
            .map(|(key, _)| key.into_owned())
            .unwrap_or_default()
    };
    let key = decoded(key).to_ascii_lowercase();
    let inner = value.replace("%26", "&").replace("%3D", "=").replace("%3d", "=");
    let inner = decoded(&inner.replace('&', "%26").replace('=', "%3D"));
    MARKS.iter().any(|mark| key.contains(mark)) || inner.contains("://") && redacted(&inner) != inner
}
