//! Removes credentials from addresses and texts before they are shown.

/// Replacement of a secret.
pub const REDACTED: &str = "REDACTED";

/// A URL for manifests, logs and messages: without user and password, and with `REDACTED` instead of the values of
/// query parameters that look like credentials (`sig`, `X-Amz-Signature`, `token`, ...). Other texts, such as paths,
/// are unchanged.
pub fn redacted(url: &str) -> String {
    let (before, query) = match url.find(['?', '#']) {
        Some(at) if url.contains("://") || url.contains("%3A%2F%2F") || url.contains("/vsi") => {
            url.split_at(at)
        }
        _ => (url, ""),
    };
    without_user(before) + &without_signatures(query)
}

/// A text (a message, a JSON document) with its URLs [`redacted`]. A URL ends at white space, at a quotation mark or at
/// a backslash, which JSON puts before a quotation mark.
pub fn redacted_text(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '`' | '<' | '>' | '\\');
    // Punctuation after a URL is not part of its last value.
    let closes = |c: char| matches!(c, ':' | ',' | ';' | '.' | ')' | ']' | '}' | '\'');
    let piece = |piece: &str| {
        let end = piece.trim_end_matches(ends).trim_end_matches(closes).len();
        redacted(&piece[..end]) + &piece[end..]
    };
    text.split_inclusive(ends).map(piece).collect()
}

/// A JSON document for storage: indented, with a final newline, its URLs redacted ([`redacted_text`]).
///
/// # Errors
/// When JSON cannot represent the value.
pub fn json_document(value: &impl serde::Serialize) -> serde_json::Result<Vec<u8>> {
    Ok((redacted_text(&serde_json::to_string_pretty(value)?) + "\n").into_bytes())
}

/// Removes the text between `://` and an `@`.
fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.rsplit_once("://") else { return address.to_owned() };
    let authority = rest.split('/').next().unwrap_or_default();
    // A password may contain a slash, which ends the authority too early: the text after the colon is then not a port.
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

/// Whether a query parameter is a credential or contains a URL with one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_redacted() {
        for (url, fit) in [
            ("https://user:pw@host/a?x=1", "https://host/a?x=1"),
            ("s3://key:se/cret@bucket/p", "s3://bucket/p"),
            ("https://host:8080/a@b", "https://host:8080/a@b"),
            ("https://h/a?sv=1&sig=abc%3D&se=2", "https://h/a?sv=1&sig=REDACTED&se=2"),
            (
                "https://h/a?X-Amz-Signature=abc&X-Amz-Date=d",
                "https://h/a?X-Amz-Signature=REDACTED&X-Amz-Date=d",
            ),
            ("https://h/a?X%2DAmz%2DSecurity%2DToken=abc", "https://h/a?X%2DAmz%2DSecurity%2DToken=REDACTED"),
            ("https://h/a#access_token=abc", "https://h/a#access_token=REDACTED"),
            ("/vsicurl/https://u:p@h/a?token=t", "/vsicurl/https://h/a?token=REDACTED"),
            ("/vsicurl?url=https%3A%2F%2Fu:p@h%2Fa", "/vsicurl?url=REDACTED"),
            ("/vsicurl?url=https%3A%2F%2Fh%2Fa%3Fsig%3Dabc", "/vsicurl?url=REDACTED"),
            (
                "/vsicurl?url=https%3A%2F%2Fh%2Fa&pc_url_signing=yes",
                "/vsicurl?url=https%3A%2F%2Fh%2Fa&pc_url_signing=REDACTED",
            ),
            ("/data/what?token=1.tif", "/data/what?token=1.tif"),
            ("s3://bucket/prefix", "s3://bucket/prefix"),
            ("", ""),
        ] {
            assert_eq!(redacted(url), fit);
            assert_eq!(redacted(fit), fit);
        }
    }

    #[test]
    fn urls_in_texts_are_redacted_where_they_end() {
        for (text, fit) in [
            ("http://u:p@h/z.gpkg?sig=abc: not there", "http://h/z.gpkg?sig=REDACTED: not there"),
            ("of `http://h/a?token=t`, in (s3://k:s@b/p).", "of `http://h/a?token=REDACTED`, in (s3://b/p)."),
            (
                r#"{"uri":"http://u:p@h/a?sig=b","next":"c"}"#,
                r#"{"uri":"http://h/a?sig=REDACTED","next":"c"}"#,
            ),
            (
                r#"{"said":"in \"http://h/a?sig=b\", line 1"}"#,
                r#"{"said":"in \"http://h/a?sig=REDACTED\", line 1"}"#,
            ),
            ("ogrinfo '/vsicurl/http://h/a?sig=b'", "ogrinfo '/vsicurl/http://h/a?sig=REDACTED'"),
            ("a ? b & sig=c\n\tnothing: /data/a?sig=b.tif", "a ? b & sig=c\n\tnothing: /data/a?sig=b.tif"),
            ("", ""),
        ] {
            assert_eq!(redacted_text(text), fit);
            assert_eq!(redacted_text(fit), fit);
        }
        let document = json_document(&serde_json::json!({ "a": "http://h/a?sig=b" })).unwrap();
        assert_eq!(String::from_utf8(document).unwrap(), "{\n  \"a\": \"http://h/a?sig=REDACTED\"\n}\n");
    }
}
