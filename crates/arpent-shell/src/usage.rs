//! Errors as JSON (docs/json.md).

use arpent_base::redacted_text;

/// An error as a JSON document of one line, for stderr with `--format json`.
pub fn document(message: &str, hint: Option<&str>, code: u8) -> String {
    serde_json::json!({ "error": { "message": message, "hint": hint, "code": code } }).to_string()
}

/// The message for a command line that the parser refuses, as text or JSON. The parser's text contains words of the
/// command line, and addresses among these may contain signatures and passwords, which are redacted.
pub(crate) fn of_usage(words: &str, as_json: bool, code: u8) -> String {
    let words = redacted_text(words);
    if !as_json {
        return words.trim_end().to_owned();
    }
    let (message, hint) = parted(&words);
    document(message, hint, code)
}

/// Whether a command line that could not be parsed contains `--format json`.
pub fn wants_json(words: impl Iterator<Item = String>) -> bool {
    let words: Vec<String> = words.collect();
    words.iter().any(|word| word == "--format=json")
        || words.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
}

/// The message and the hint of the parser.
fn parted(text: &str) -> (&str, Option<&str>) {
    let text = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
    match text.split_once("\n\n") {
        Some((message, hint)) => (message, Some(hint.trim())),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_requested_in_two_spellings() {
        let wants = |words: &str| wants_json(words.split(' ').map(str::to_owned));
        assert!(wants("arpent plan --format json") && wants("arpent --format=json plan"));
        assert!(!wants("arpent plan json --format human"));
        assert_eq!(parted("error: a\n\nUsage: b\n"), ("a", Some("Usage: b")));
        assert_eq!(parted("a"), ("a", None));
    }

    #[test]
    fn a_refused_command_line_shows_no_signature() {
        let words = "error: unexpected argument 'https://u:p@h/a.tif?sv=1&sig=leak' found\n\nUsage: b\n";
        let human = of_usage(words, false, 2);
        assert_eq!(human, "error: unexpected argument 'https://h/a.tif?sv=1&sig=REDACTED' found\n\nUsage: b");
        let json = of_usage(words, true, 2);
        assert!(json.contains("sig=REDACTED'") && json.contains(r#""hint":"Usage: b""#), "{json}");
        assert!(!json.contains("leak") && !json.contains("u:p@"), "{json}");
    }
}
