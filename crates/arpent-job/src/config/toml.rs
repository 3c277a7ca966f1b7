//! Configuration files: reading TOML, lines for messages, paths relative to the file.

use std::path::{Path, PathBuf};

use arpent_base::Failure;
use arpent_base::config::{Document, Key, NotUtf8, Renamed, Spot};
use arpent_shell::message::notice;
use serde::de::DeserializeOwned;

use crate::error::JobError;

/// Old names of keys, which are still accepted, and the current ones.
const FORMER: &[(&str, &str)] =
    &[("reference.impose", "reference.override"), ("reference.inform", "reference.enrich")];

/// A configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    path: PathBuf,
    document: Document,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`JobError::ConfigRead`]; [`JobError::ConfigParse`] where it is not UTF-8.
    pub(crate) fn read(path: &Path) -> Result<Self, JobError> {
        let bytes =
            std::fs::read(path).map_err(|source| JobError::ConfigRead { path: path.to_owned(), source })?;
        match Document::from_bytes(bytes) {
            Ok(mut document) => {
                for Renamed { spot, old, new } in document.renamed(FORMER) {
                    let (path, line) = (path.display(), spot.line);
                    notice(&format!(
                        "{path}, line {line}: `{old}` was renamed to `{new}`; the old name is still accepted"
                    ));
                }
                Ok(Self { path: path.to_owned(), document })
            }
            Err(NotUtf8 { spot, message }) => Err(error(path, spot, Some(NotUtf8::HINT.to_owned()), message)),
        }
    }

    /// A text as the content of a file.
    pub(crate) fn of_text(path: &Path, text: String) -> Self {
        Self { path: path.to_owned(), document: text.into() }
    }

    /// Parses the file.
    ///
    /// # Errors
    /// [`JobError::ConfigParse`].
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        toml::from_str(self.document.text()).map_err(|e| {
            let (message, hint) = self.document.explain(&e);
            let spot = self.document.spot_at(e.span().map_or(0, |span| span.start));
            error(&self.path, spot, hint, message)
        })
    }

    /// The error of a value of the right type that is not valid.
    pub(crate) fn value_error(&self, key: &Key, message: &str) -> JobError {
        error(&self.path, self.document.spot_of(key), None, format!("`{key}` {message}"))
    }

    /// An error about a value, with its line; unchanged if the file does not contain the key.
    pub(crate) fn located(&self, failure: Failure) -> Failure {
        match failure.key().filter(|key| self.document.mentions(key)) {
            Some(key) => {
                error(&self.path, self.document.spot_of(&key), failure.hint(), failure.message()).into()
            }
            None => failure,
        }
    }
}

/// A path relative to the configuration's folder; URLs stay unchanged.
pub(crate) fn relative_to(folder: &Path, location: &str) -> String {
    if location.contains("://") || location.starts_with("/vsi") {
        return location.to_owned();
    }
    // A list of scenes.
    if let Some(list) = location.strip_prefix('@') {
        return format!("@{}", folder.join(list).to_string_lossy());
    }
    folder.join(location).to_string_lossy().into_owned()
}

fn error(path: &Path, spot: Spot, hint: Option<String>, message: String) -> JobError {
    let Spot { line, table, text } = spot;
    JobError::ConfigParse { path: path.to_owned(), line, table, text, message, hint }
}
