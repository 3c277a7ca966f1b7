//! TOML documents: positions of keys and tables, for messages about values of the right type that are invalid.

use std::fmt;

use toml::de::{DeTable, DeValue};

use crate::listed::listed_of;

/// A position in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Its line, from 1.
    pub line: usize,
    /// The header of its table as written, with the number of an element from 1 (`[[sets]] 2`); `None` above the first
    /// header.
    pub table: Option<Box<str>>,
    /// The text of the line, trimmed.
    pub text: String,
}

/// A key that a document writes with a former name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// Its position.
    pub spot: Spot,
    /// The former name.
    pub old: &'static str,
    /// The current name.
    pub new: &'static str,
}

/// A key of a document, from the top: `features.min_area_m2`. Elements of lists are counted from 0; messages show them
/// with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Box<Parts>);

/// On the heap, so that errors stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    path: Vec<Box<str>>,
    shown: String,
    is_element: bool,
}

impl Key {
    /// The key in a table.
    #[must_use]
    pub fn then(&self, key: &str) -> Self {
        let between = if self.0.is_element { ": " } else { "." };
        let shown = format!("{}{between}{key}", self.0.shown);
        Self::of(self.below(key), shown, false)
    }

    /// The element of a list of tables, which messages show with its name.
    #[must_use]
    pub fn element(&self, index: usize, name: &str) -> Self {
        let shown = format!("{} `{name}`", self.0.shown);
        Self::of(self.below(&index.to_string()), shown, true)
    }

    fn of(path: Vec<Box<str>>, shown: String, is_element: bool) -> Self {
        Self(Box::new(Parts { path, shown, is_element }))
    }

    fn below(&self, part: &str) -> Vec<Box<str>> {
        self.0.path.iter().cloned().chain([part.into()]).collect()
    }
}

/// A key written with dots; its parts must not contain dots.
impl From<&str> for Key {
    fn from(dotted: &str) -> Self {
        Self::of(dotted.split('.').map(Into::into).collect(), dotted.to_owned(), false)
    }
}

/// As shown in messages.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.shown)
    }
}

/// Bytes that are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUtf8 {
    /// The position of the first invalid byte.
    pub spot: Spot,
    /// The message, with the column.
    pub message: String,
}

impl NotUtf8 {
    /// The hint.
    pub const HINT: &str = "save the file as UTF-8 (the encoding in the save dialog of an editor); `iconv -f CP1252 -t UTF-8 IN > OUT` converts a Windows file";
}

/// The text of a configuration, with the positions of its keys from the TOML parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    text: String,
    entries: Vec<Entry>,
}

/// A key, or an element of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    path: Vec<Box<str>>,
    /// The byte at which it begins.
    start: usize,
    /// One past the last byte of its value.
    end: usize,
    /// Its name in headers and messages, without indices of elements.
    name: String,
    is_element: bool,
    /// Its header as written, if any.
    header: Option<Box<str>>,
}

impl Document {
    /// From the bytes of a file.
    ///
    /// # Errors
    /// [`NotUtf8`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, NotUtf8> {
        String::from_utf8(bytes).map(Self::from).map_err(|error| {
            let (valid, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
            let document = Self::from(String::from_utf8_lossy(bytes).into_owned());
            // The valid part: byte offsets are the same in the text.
            let column = document.text[..valid].chars().rev().take_while(|c| *c != '\n').count() + 1;
            let message = format!("the byte 0x{:02X} at column {column} is not UTF-8", bytes[valid]);
            NotUtf8 { spot: document.spot_at(valid), message }
        })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the document has a top-level table or value of that name.
    pub fn mentions(&self, key: &Key) -> bool {
        self.entries.iter().any(|entry| entry.path.first() == key.0.path.first())
    }

    /// Renames keys from their former names (`reference.impose`) to the current ones (`reference.override`); returns
    /// their positions and both names.
    pub fn renamed(&mut self, former: &[(&'static str, &'static str)]) -> Vec<Renamed> {
        let mut found = Vec::new();
        for (old, new) in former {
            let [old_path, new_path] = [old, new].map(|name| Key::from(*name).0.path);
            let below = |entry: &&mut Entry| entry.path.starts_with(&old_path);
            let mut first = None;
            for entry in self.entries.iter_mut().filter(below) {
                first = first.or(Some(entry.start));
                let rest = entry.path.split_off(old_path.len());
                entry.path = new_path.iter().cloned().chain(rest).collect();
            }
            found.extend(first.map(|start| Renamed { spot: self.spot_at(start), old, new }));
        }
        found
    }

    /// The position of a key. If it is not written, the position of the innermost table of its path that is, else the
    /// first line.
    pub fn spot_of(&self, key: &Key) -> Spot {
        self.spot_at(self.longest(&key.0.path).map_or(0, |entry| entry.start))
    }

    /// The entry of a path, or of its longest prefix that has one.
    fn longest(&self, path: &[Box<str>]) -> Option<&Entry> {
        let on_the_way = self.entries.iter().filter(|entry| path.starts_with(&entry.path));
        on_the_way.max_by_key(|entry| entry.path.len())
    }

    /// The position of a key in the table that begins at a byte offset.
    pub fn spot_in(&self, table: usize, key: &str) -> Option<Spot> {
        let table = self.entries.iter().find(|entry| entry.start == table)?;
        let is_it = |entry: &&Entry| {
            entry
                .path
                .strip_prefix(&table.path[..])
                .is_some_and(|rest| matches!(rest, [one] if **one == *key))
        };
        Some(self.spot_at(self.entries.iter().find(is_it)?.start))
    }

    /// The name of the key whose value contains a byte offset.
    pub fn key_at(&self, offset: usize) -> Option<&str> {
        let holding = self.entries.iter().filter(|entry| (entry.start..entry.end).contains(&offset));
        let named = holding.filter(|entry| !entry.is_element);
        named.max_by_key(|entry| entry.path.len()).map(|entry| &*entry.name)
    }

    /// The position of a byte offset.
    pub fn spot_at(&self, offset: usize) -> Spot {
        let line = self.line_at(offset);
        let headers = self.entries.iter().filter(|entry| entry.header.is_some());
        let above = headers.filter(|entry| self.line_at(entry.start) <= line);
        // In `[[a.b]]`, `a` is a table too.
        let innermost = above.max_by_key(|entry| (self.line_at(entry.start), entry.path.len()));
        Spot {
            line,
            table: innermost.and_then(|entry| entry.header.clone()),
            text: self.text.lines().nth(line - 1).unwrap_or_default().trim().to_owned(),
        }
    }

    /// The line of a byte offset, from 1.
    pub fn line_at(&self, offset: usize) -> usize {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        self.text[..offset].matches('\n').count() + 1
    }

    /// The message of a TOML error, with the name of the key if the message begins with the value, and the hint.
    pub fn explain(&self, error: &toml::de::Error) -> (String, Option<String>) {
        let message = error.message();
        let Some(expected) = message.strip_prefix("is ").and_then(|rest| rest.split_once(", expected "))
        else {
            return (message.to_owned(), hint_of_unknown(message));
        };
        let key = error.span().and_then(|span| self.key_at(span.start)).unwrap_or("a value");
        (format!("`{key}` {message}"), Some(format!("set it to {}", expected.1)))
    }
}

/// A text that is not TOML has no keys.
impl From<String> for Document {
    fn from(text: String) -> Self {
        let mut entries = Vec::new();
        if let Ok(document) = DeTable::parse(&text) {
            collect(&text, document.get_ref(), (&[], ""), &mut entries);
        }
        Self { text, entries }
    }
}

/// Collects the keys of a table, given its path and its name in headers, which do not count elements.
fn collect(text: &str, table: &DeTable, (above, called): (&[Box<str>], &str), entries: &mut Vec<Entry>) {
    for (key, value) in table {
        let (key, start) = (&**key.get_ref(), key.span().start);
        let path: Vec<Box<str>> = above.iter().cloned().chain([key.into()]).collect();
        let name = if called.is_empty() { key.to_owned() } else { format!("{called}.{key}") };
        let (end, value) = (value.span().end, value.get_ref());
        let header = (is_table(value) && is_header(text, start)).then(|| format!("[{name}]").into());
        let entry = Entry { path: path.clone(), start, end, name: name.clone(), is_element: false, header };
        entries.push(entry);
        collect_value(text, value, (&path, &name), entries);
    }
}

fn collect_value(text: &str, value: &DeValue, (path, name): (&[Box<str>], &str), entries: &mut Vec<Entry>) {
    match value {
        DeValue::Table(inner) => collect(text, inner, (path, name), entries),
        DeValue::Array(array) => {
            for (index, element) in array.iter().enumerate() {
                let (span, value) = (element.span(), element.get_ref());
                let path: Vec<Box<str>> = path.iter().cloned().chain([index.to_string().into()]).collect();
                let header = is_table(value) && is_header(text, span.start);
                let header = header.then(|| format!("[[{name}]] {}", index + 1).into());
                let (start, end, name) = (span.start, span.end, name.to_owned());
                entries.push(Entry {
                    path: path.clone(),
                    start,
                    end,
                    name: name.clone(),
                    is_element: true,
                    header,
                });
                collect_value(text, value, (&path, &name), entries);
            }
        }
        _ => {}
    }
}

fn is_table(value: &DeValue) -> bool {
    matches!(value, DeValue::Table(_))
}

/// Whether the line of a byte offset is the header of a table.
fn is_header(text: &str, offset: usize) -> bool {
    let start = text[..offset.min(text.len())].rfind('\n').map_or(0, |end| end + 1);
    text[start..].trim_start().starts_with('[')
}

/// The hint for an unknown name, from serde's message ("unknown field `a`, expected one of `b`, `c`"); `None` for other
/// messages.
fn hint_of_unknown(message: &str) -> Option<String> {
    if !message.starts_with("unknown") {
        return None;
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (written, names) = names.split_first()?;
    (!names.is_empty()).then(|| nearest(written, names))
}

/// Names of a hint at most; a table of a configuration has fewer keys.
const MOST_NAMES: usize = 32;

/// A suggestion of the most similar name, or a list of the names.
pub fn nearest(written: &str, names: &[&str]) -> String {
    let likeness = |name: &&&str| strsim::jaro_winkler(written, name);
    match names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        Some(best) if likeness(&best) > 0.75 => format!("did you mean `{best}`?"),
        _ if names.len() > MOST_NAMES => format!("choose one of {}", listed_of(names, "names")),
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
        let spot = Document::from(TEXT.to_owned()).spot_of(&path.into());
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
    fn former_names_are_found_by_todays() {
        let text = "[[second.old]]\nwidth = 1\n[[second.old]]\nwidth = 2\n";
        let mut document = Document::from(text.to_owned());
        let found = document.renamed(&[("second.old", "second.new"), ("other.old", "other.new")]);
        let found: Vec<_> = found.iter().map(|one| (one.spot.line, one.old, one.new)).collect();
        assert_eq!(found, [(1, "second.old", "second.new")]);
        assert_eq!(document.spot_of(&"second.new.1.width".into()).line, 4);
    }

    #[test]
    fn what_is_not_written_is_looked_for_in_its_table() {
        assert_eq!(spot("second.missing").0, 9);
        assert_eq!(spot("sets.1.missing").0, 20);
        assert_eq!(spot("sets.7.path").0, 17);
        assert_eq!(spot("nothing.at.all"), (1, None));
        let line = |text: &str| Document::from(text.to_owned()).spot_of(&"a".into()).line;
        assert_eq!((line("a = = 1"), line("")), (1, 1));
    }

    #[test]
    fn elements_are_counted_in_paths_and_named_in_messages() {
        let document = Document::from(TEXT.to_owned());
        let key = Key::from("sets").element(1, "p").then("list");
        assert_eq!((key.to_string().as_str(), document.spot_of(&key).line), ("sets `p`: list", 23));
        assert_eq!(key.then("x").to_string(), "sets `p`: list.x");
        // A name with a dot is one part.
        let dotted = Document::from("[classes]\na.b = 1\n\"a.b\" = 2\n".to_owned());
        assert_eq!(dotted.spot_of(&Key::from("classes").then("a.b")).line, 3);
        assert!(document.mentions(&"second.nothing".into()) && !document.mentions(&"none".into()));
        let start = TEXT.find("[[sets]]\npath").unwrap();
        assert_eq!(document.spot_in(start, "width").unwrap().line, 22);
        assert_eq!(document.spot_in(start, "nothing"), None);
    }

    #[test]
    fn the_value_at_a_byte_has_a_key() {
        let document = Document::from(TEXT.to_owned());
        let at = |text: &str| document.key_at(TEXT.find(text).unwrap());
        assert_eq!(
            (at("4\ninline"), at("6 } }"), at("3, 4]")),
            (Some("second.width"), Some("second.inline.deep.width"), Some("sets.list"))
        );
        let error = toml::from_str::<std::collections::BTreeMap<String, crate::Share>>("a = 1\nb = 2.5\n")
            .unwrap_err();
        let (message, hint) = Document::from("a = 1\nb = 2.5\n".to_owned()).explain(&error);
        assert_eq!(message, "`b` is 2.5, expected a share from 0 to 1");
        assert_eq!(hint.unwrap(), "set it to a share from 0 to 1");
    }

    #[test]
    fn bytes_anywhere_have_a_line() {
        for text in ["", "é", "a = 1\né", TEXT] {
            let document = Document::from(text.to_owned());
            for offset in 0..text.len() + 3 {
                let spot = document.spot_at(offset);
                assert!(spot.line <= text.lines().count().max(1) + 1);
            }
        }
    }

    #[test]
    fn bytes_of_another_encoding_have_a_line_and_a_column() {
        let error = Document::from_bytes(b"model = \"m\"\n# \xe9t\xe9\n[a]\n".to_vec()).unwrap_err();
        assert_eq!((error.spot.line, error.spot.text.as_str()), (2, "# \u{fffd}t\u{fffd}"));
        assert!(error.message.contains("0xE9 at column 3"), "{}", error.message);
        let error = Document::from_bytes("é\né".bytes().chain([0xff]).collect()).unwrap_err();
        assert!(error.spot.line == 2 && error.message.contains("column 2"), "{error:?}");
        assert_eq!(Document::from_bytes("é".into()).unwrap().text(), "é");
        assert_eq!(Document::from_bytes(b"\xff\xfem\0".to_vec()).unwrap_err().spot.line, 1);
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
