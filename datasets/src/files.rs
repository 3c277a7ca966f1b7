//! Finding and reading the files of a data set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::remarks::Seen;
use crate::{DatasetError, RemarkKind};

/// Extensions of pictures, lower case.
pub(crate) const PICTURES: &[&str] = &["jpg", "jpeg", "png", "tif", "tiff"];

/// Files of a folder by their id: path below the folder without suffix and extension, with `/` between folders.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    folder: PathBuf,
    suffix: String,
    extension: &'static str,
    files: BTreeMap<String, PathBuf>,
}

impl Index {
    /// Looks through a folder and all below it for files of these extensions (lower case) whose name, without its
    /// extension, ends with `suffix`.
    pub(crate) fn new(
        dataset: &str,
        folder: &Path,
        suffix: &str,
        extensions: &[&'static str],
    ) -> Result<Self, DatasetError> {
        let mut files = BTreeMap::new();
        for path in walk(dataset, folder)? {
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
            let relative = relative(folder, &path.with_extension(""));
            let Some(id) = relative.strip_suffix(suffix) else { continue };
            if !extensions.contains(&extension.as_str()) {
                continue;
            }
            if let Some(other) = files.insert(id.to_owned(), path.clone()) {
                let problem = format!("it is there twice, also as {}", other.display());
                return Err(DatasetError::BadItem { path, item: id.to_owned(), problem });
            }
        }
        let extension = if extensions.len() == 1 { extensions[0] } else { "*" };
        Ok(Self { folder: folder.to_owned(), suffix: suffix.to_owned(), extension, files })
    }

    /// Ids, ascending.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The file of an id.
    pub(crate) fn get(&self, dataset: &str, id: &str) -> Result<&Path, DatasetError> {
        let missing = || DatasetError::Missing { dataset: dataset.to_owned(), path: self.place(id) };
        self.files.get(id).map(PathBuf::as_path).ok_or_else(missing)
    }

    /// The file of an id, where there is one.
    pub(crate) fn find(&self, id: &str) -> Option<&Path> {
        self.files.get(id).map(PathBuf::as_path)
    }

    /// How many ids are none of these, and the first of them.
    pub(crate) fn beside(&self, known: &BTreeSet<&str>) -> (usize, Option<&str>) {
        let mut others = self.ids().filter(|id| !known.contains(id)).peekable();
        let first = others.peek().copied();
        (others.count(), first)
    }

    /// Where the file of an id should be.
    pub(crate) fn place(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}{}.{}", self.suffix, self.extension))
    }
}

/// All files of a folder and below it, hidden ones left out, sorted.
pub(crate) fn walk(dataset: &str, folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(dataset, folder, e))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| unreadable(dataset, folder, e))?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() { paths.extend(walk(dataset, &path)?) } else { paths.push(path) }
    }
    paths.sort();
    Ok(paths)
}

/// The path below a folder, with `/` between folders.
pub(crate) fn relative(folder: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = relative.components().map(|c| c.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// The text of a file in UTF-8, with or without a byte order mark, with lines that end in a line feed alone (the csv crate counts
/// lines wrongly where they end in two characters). UTF-16 is refused: encodings are not guessed.
pub(crate) fn read_text(dataset: &str, path: &Path) -> Result<String, DatasetError> {
    let bytes = std::fs::read(path).map_err(|e| unreadable(dataset, path, e))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    let is_16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    String::from_utf8(bytes).map(|text| text.replace("\r\n", "\n")).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.split(|b| *b == b'\n').count();
        let what = if is_16 { "it is UTF-16, not UTF-8" } else { "it is not UTF-8" };
        DatasetError::Malformed { path: path.to_owned(), line, problem: format!("{what}: save it as UTF-8") }
    })
}

/// The text of an XML file: UTF-8, or ISO-8859-1 and windows-1252 where it is declared (the first is read as the second, as
/// in browsers: WHATWG, *Encoding*). Other bytes are refused, not replaced.
pub(crate) fn read_xml(dataset: &str, path: &Path, seen: &mut Seen) -> Result<String, DatasetError> {
    let bytes = std::fs::read(path).map_err(|e| unreadable(dataset, path, e))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text),
        Err(error) => error.into_bytes(),
    };
    let head: String = bytes.iter().take(200).map(|b| char::from(*b)).collect();
    let said = head.split("?>").next().and_then(|h| h.split_once("encoding=")).map_or("", |(_, rest)| rest);
    let said =
        said.trim_start_matches(['"', '\'']).split(['"', '\'']).next().unwrap_or_default().to_lowercase();
    if !["iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252"].contains(&said.as_str()) {
        let line =
            bytes.split(|b| *b == b'\n').take_while(|line| std::str::from_utf8(line).is_ok()).count() + 1;
        let said = if said.is_empty() { "UTF-8, the default" } else { said.as_str() };
        let problem =
            format!("it is not {said}: save it as UTF-8, or declare its encoding in the first line");
        return Err(DatasetError::Malformed { path: path.to_owned(), line, problem });
    }
    seen.add(RemarkKind::Latin1, 1);
    Ok(bytes.into_iter().map(of_windows_1252).collect())
}

/// Characters of the bytes 0x80 to 0x9f; all others are those of Unicode.
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
    '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

fn of_windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

/// Refuses a file that is not there.
pub(crate) fn require(dataset: &str, path: &Path) -> Result<(), DatasetError> {
    if path.exists() {
        return Ok(());
    }
    Err(DatasetError::Missing { dataset: dataset.to_owned(), path: path.to_owned() })
}

pub(crate) fn unreadable(dataset: &str, path: &Path, source: std::io::Error) -> DatasetError {
    let (dataset, path) = (dataset.to_owned(), path.to_owned());
    if source.kind() == std::io::ErrorKind::NotFound {
        DatasetError::Missing { dataset, path }
    } else {
        DatasetError::Read { dataset, path, source }
    }
}

/// An id as tables write it, without a picture's extension.
pub(crate) fn without_extension(item: &str) -> &str {
    match item.rsplit_once('.') {
        Some((stem, extension)) if PICTURES.contains(&extension.to_lowercase().as_str()) => stem,
        _ => item,
    }
}

/// A folder below the set's, without a trailing dot.
pub(crate) fn below(root: &Path, folder: &str) -> PathBuf {
    if folder == "." { root.to_owned() } else { root.join(folder) }
}
