//! Places in TOML documents: the line and the table of a key, for messages about values that have the right type and no sense.

use toml::de::{DeTable, DeValue};

/// A place in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Its line, from 1.
    pub line: usize,
    /// The table in which it stands, as its header is written, with the number of an element from 1 (`[[sets]] 2`); `None` above
    /// the first header.
    pub table: Option<Box<str>>,
    /// The text of the line, without blanks around it.
    pub text: String,
}

/// What is no text in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUtf8 {
    /// The place of the first byte that is not.
    pub spot: Spot,
    /// What is wrong, with the column.
    pub message: String,
}

impl NotUtf8 {
    /// What to do about it.
    pub const HINT: &str = "save the file as UTF-8 (editors call it an encoding); `iconv -f CP1252 -t UTF-8 IN > OUT` converts one of Windows";
}

/// The text of a document.
///
/// # Errors
/// [`NotUtf8`].
pub fn utf8(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    String::from_utf8(bytes).map_err(|error| {
        let (valid, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let text = String::from_utf8_lossy(bytes);
        // Up to there, it is as long as the bytes.
        let spot = spot_at(&text, valid);
        let column = text[..valid].chars().rev().take_while(|c| *c != '\n').count() + 1;
        let byte = bytes.get(valid).copied().unwrap_or_default();
        NotUtf8 { spot, message: format!("the byte 0x{byte:02X} at column {column} is not UTF-8") }
    })
}

/// The place of a key, named from the top: `features.min_area_m2`, `sets.2.path` (elements count from 0). Where it is not
/// written, the place of the innermost table on the way that is; the first line where none is.
pub fn spot_of_key(text: &str, path: &str) -> Spot {
    let Ok(document) = DeTable::parse(text) else { return spot_at(text, 0) };
    let mut place = 0;
    let mut node = Node::Table(document.get_ref());
    for part in path.split('.') {
        let Some((start, value)) = node.child(part) else { break };
        place = start;
        let Some(next) = Node::of(value) else { break };
        node = next;
    }
    spot_at(text, place)
}

/// The place at a byte of the document.
pub fn spot_at(text: &str, offset: usize) -> Spot {
    let offset = text.floor_char_boundary(offset.min(text.len()));
    let line = text[..offset].matches('\n').count() + 1;
    let mut headers = Vec::new();
    if let Ok(document) = DeTable::parse(text) {
        collect_headers(text, document.get_ref(), "", &mut headers);
    }
    let table = headers.into_iter().filter(|(start, _)| line_of(text, *start) <= line);
    Spot {
        line,
        table: table.max_by_key(|(start, _)| *start).map(|(_, name)| name.into_boxed_str()),
        text: text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// What has keys.
enum Node<'a> {
    Table(&'a DeTable<'a>),
    Array(&'a [toml::Spanned<DeValue<'a>>]),
}

impl<'a> Node<'a> {
    fn of(value: &'a DeValue<'a>) -> Option<Self> {
        match value {
            DeValue::Table(table) => Some(Self::Table(table)),
            DeValue::Array(array) => Some(Self::Array(array)),
            _ => None,
        }
    }

    /// Where a key stands, and its value.
    fn child(&self, key: &str) -> Option<(usize, &'a DeValue<'a>)> {
        match self {
            Self::Table(table) => {
                let (key, value) = table.get_key_value(key)?;
                Some((key.span().start, value.get_ref()))
            }
            Self::Array(array) => {
                let element = array.get(key.parse::<usize>().ok()?)?;
                Some((element.span().start, element.get_ref()))
            }
        }
    }
}

/// Where each header of a table stands, and how it is written.
fn collect_headers(text: &str, table: &DeTable, above: &str, headers: &mut Vec<(usize, String)>) {
    for (key, value) in table {
        let name =
            if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        match value.get_ref() {
            DeValue::Table(inner) => {
                if is_header(text, key.span().start) {
                    headers.push((key.span().start, format!("[{name}]")));
                }
                collect_headers(text, inner, &name, headers);
            }
            DeValue::Array(array) => {
                for (number, element) in (1..).zip(array.iter()) {
                    let DeValue::Table(inner) = element.get_ref() else { continue };
                    if is_header(text, element.span().start) {
                        headers.push((element.span().start, format!("[[{name}]] {number}")));
                    }
                    collect_headers(text, inner, &name, headers);
                }
            }
            _ => {}
        }
    }
}

/// Whether the line of a byte is the header of a table.
fn is_header(text: &str, offset: usize) -> bool {
    let start = text[..offset.min(text.len())].rfind('\n').map_or(0, |end| end + 1);
    text[start..].trim_start().starts_with('[')
}

/// What to write instead of an unknown name, from serde's words ("unknown field `a`, expected one of `b`, `c`"); `None` for other
/// messages.
pub fn hint_of_unknown(message: &str) -> Option<String> {
    if !message.starts_with("unknown") {
        return None;
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (written, names) = names.split_first()?;
    (!names.is_empty()).then(|| nearest(written, names))
}

/// The name that was probably meant, or all that there are.
pub fn nearest(written: &str, names: &[&str]) -> String {
    let likeness = |name: &&&str| strsim::jaro_winkler(written, name);
    match names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        Some(best) if likeness(&best) > 0.75 => format!("did you mean `{best}`?"),
        _ => format!("choose one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "model = \"m\"
# width = 1
[first]
width = 2
note = \"\"\"
[not.a.table]
width = 3\"\"\"

[second]
width = 4
inline = { width = 5, deep = { width = 6 } }

[second.third]
width = 7
\"odd key\" = 8

[[sets]]
width = 9

[[sets]]
path = \"p\"
width = 10
list = [
  [1, 2],
  [3, 4],
]
last = 11
";

    fn spot(path: &str) -> (usize, Option<Box<str>>) {
        let spot = spot_of_key(TEXT, path);
        assert_eq!(spot.text, TEXT.lines().nth(spot.line - 1).unwrap().trim());
        (spot.line, spot.table)
    }

    #[test]
    fn the_same_key_of_several_tables_has_several_places() {
        let table = |name: &str| Some(name.into());
        assert_eq!(spot("model"), (1, None));
        assert_eq!(spot("first.width"), (4, table("[first]")));
        assert_eq!(spot("second.width"), (10, table("[second]")));
        assert_eq!(spot("second.inline.width"), (11, table("[second]")));
        assert_eq!(spot("second.inline.deep.width"), (11, table("[second]")));
        assert_eq!(spot("second.third.width"), (14, table("[second.third]")));
        assert_eq!(spot("second.third.odd key"), (15, table("[second.third]")));
        assert_eq!(spot("sets.0.width"), (18, table("[[sets]] 1")));
        assert_eq!(spot("sets.1.width"), (22, table("[[sets]] 2")));
        assert_eq!(spot("sets.1.last"), (27, table("[[sets]] 2")));
    }

    #[test]
    fn what_is_not_written_is_looked_for_in_its_table() {
        assert_eq!(spot("second.missing").0, 9);
        assert_eq!(spot("sets.1.missing").0, 20);
        assert_eq!(spot("sets.7.path").0, 17);
        assert_eq!(spot("nothing.at.all"), (1, None));
        assert_eq!(spot_of_key("a = = 1", "a").line, 1);
        assert_eq!(spot_of_key("", "a").line, 1);
    }

    #[test]
    fn bytes_anywhere_have_a_line() {
        for text in ["", "é", "a = 1\né", TEXT] {
            for offset in 0..text.len() + 3 {
                let spot = spot_at(text, offset);
                assert!(spot.line <= text.lines().count().max(1) + 1);
            }
        }
    }

    #[test]
    fn bytes_of_another_encoding_have_a_line_and_a_column() {
        let error = utf8(b"model = \"m\"\n# \xe9t\xe9\n[a]\n".to_vec()).unwrap_err();
        assert_eq!((error.spot.line, error.spot.text.as_str()), (2, "# \u{fffd}t\u{fffd}"));
        assert!(error.message.contains("0xE9 at column 3"), "{}", error.message);
        let error = utf8("é\né".bytes().chain([0xff]).collect()).unwrap_err();
        assert!(error.spot.line == 2 && error.message.contains("column 2"), "{error:?}");
        assert_eq!(utf8("é".into()).unwrap(), "é");
        assert_eq!(utf8(b"\xff\xfem\0".to_vec()).unwrap_err().spot.line, 1);
    }

    #[test]
    fn unknown_names_are_answered_with_the_nearest() {
        let hint = |text: &str| hint_of_unknown(text);
        let near = "unknown field `windw_px`, expected one of `window_px`, `align`";
        assert_eq!(hint(near).unwrap(), "did you mean `window_px`?");
        assert_eq!(hint("unknown variant `q`, expected `a` or `b`").unwrap(), "choose one of a, b");
        assert_eq!(hint("unknown field `q`, there are no fields"), None);
        assert_eq!(hint("invalid type: string \"x\""), None);
    }
}
