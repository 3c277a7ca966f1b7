//! Finding and reading the files of a data set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::DatasetError;

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

/// The text of a file.
pub(crate) fn read_text(dataset: &str, path: &Path) -> Result<String, DatasetError> {
    std::fs::read_to_string(path).map_err(|e| unreadable(dataset, path, e))
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
