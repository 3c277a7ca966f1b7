//! Reading TOML: files, places for messages, paths relative to the file.

use std::path::Path;

use arpent_base::Failure;
use arpent_base::config::{NotUtf8, Spot, hint_of_unknown, spot_at, spot_of_key, utf8};
use serde::de::DeserializeOwned;

use crate::error::JobError;

/// Reads a configuration file; gives its text too, for messages.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<(T, String), JobError> {
    let text = read_text(path)?;
    let config = toml::from_str(&text).map_err(|e| parse_error(path, &text, &e))?;
    Ok((config, text))
}

/// The text of a file that is TOML.
///
/// # Errors
/// [`JobError::ConfigRead`]; [`JobError::ConfigParse`] where it is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, JobError> {
    let bytes =
        std::fs::read(path).map_err(|source| JobError::ConfigRead { path: path.to_owned(), source })?;
    utf8(bytes).map_err(|NotUtf8 { spot, message }| {
        config_error(path, spot, Some(NotUtf8::HINT.to_owned()), message)
    })
}

/// An error about a value of a file, with its place there; where nothing of the key is written, as it is.
pub(crate) fn located(path: &Path, key: &str, error: Failure) -> Failure {
    let Ok(text) = read_text(path) else { return error };
    let first = key.split('.').next().unwrap_or(key);
    if !text.parse::<toml::Table>().is_ok_and(|table| table.contains_key(first)) {
        return error;
    }
    config_error(path, spot_of_key(&text, key), error.hint(), error.message()).into()
}

/// A path relative to the configuration's folder; URLs stay as they are.
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

pub(crate) fn parse_error(path: &Path, text: &str, error: &toml::de::Error) -> JobError {
    let message = error.message().to_owned();
    let spot = spot_at(text, error.span().map_or(0, |span| span.start));
    config_error(path, spot, hint_of_unknown(&message), message)
}

/// An error of a value that has the right type and no sense; `key` is named from the top of the document: `features.min_area_m2`.
pub(crate) fn value_error(path: &Path, text: &str, key: &str, message: &str) -> JobError {
    config_error(path, spot_of_key(text, key), None, format!("`{key}` {message}"))
}

fn config_error(path: &Path, spot: Spot, hint: Option<String>, message: String) -> JobError {
    let Spot { line, table, text } = spot;
    JobError::ConfigParse { path: path.to_owned(), line, table, text, message, hint }
}
