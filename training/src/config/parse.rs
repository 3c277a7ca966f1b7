//! From text to tables, with errors that name file, line, table and key.

use std::path::Path;

use arpent_base::config::{Document, Key, NotUtf8, Spot};
use arpent_datasets::{LayoutConfig, SetConfig};
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tables::Init;
use super::training::{Config, SetEntry};
use super::written::{Beside, Written};
use crate::error::TrainError;

/// The replacement of a table of older configurations.
const CROWNS: &str = "[crowns] was removed: name its data in [[sets]] (layouts class-folders and boxes-to-labels), say in \
                      [sampling.paste] which of them are pasted, and vote = 0.5 in [evaluate]";

const BESIDE: [&str; 3] = ["weight", "classes", "ignore"];

/// The text of a file.
pub(super) fn document(path: &Path, bytes: Vec<u8>) -> Result<Document, TrainError> {
    Document::from_bytes(bytes).map_err(|NotUtf8 { spot, message }| {
        config_error(path, spot, message, Some(NotUtf8::HINT.to_owned()))
    })
}

/// Reads the tables; paths are made relative to the file's folder.
pub(super) fn parse(path: &Path, document: Document) -> Result<Config, TrainError> {
    let bad = |e: toml::de::Error| parse_error(path, &document, None, &e);
    let mut root = DeTable::parse(document.text()).map_err(bad)?;
    let sets =
        root.get_mut().remove("sets").map_or_else(|| Ok(Vec::new()), |sets| tables(path, &document, sets))?;
    let written = Written::deserialize(toml::Deserializer::from(root)).map_err(bad)?;
    let sets = sets.into_iter().map(|table| set(path, &document, table)).collect::<Result<_, _>>()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(Config {
        path: path.to_owned(),
        identity: String::new(),
        task: written.task,
        output: folder.join(written.output),
        data: folder.join(written.data),
        model: written.model,
        classes: written.classes,
        sets,
        fit: written.fit,
        sampling: written.sampling,
        loss: written.loss,
        augment: written.augment,
        init: written.init.map(|i| Init { path: folder.join(i.path) }),
        evaluate: written.evaluate,
        energy: written.energy,
        document,
    })
}

/// The tables `[[sets]]`. They are read in two parts, so that the keys of the set's own configuration can be checked as strictly.
fn tables<'a>(
    path: &Path,
    document: &Document,
    sets: Spanned<DeValue<'a>>,
) -> Result<Vec<(usize, DeTable<'a>)>, TrainError> {
    let wrong = |at: usize| {
        let message = "expected tables with the header [[sets]]".to_owned();
        config_error(path, document.spot_at(at), message, None)
    };
    let start = sets.span().start;
    let DeValue::Array(sets) = sets.into_inner() else { return Err(wrong(start)) };
    let table = |element: Spanned<DeValue<'a>>| match (element.span().start, element.into_inner()) {
        (start, DeValue::Table(table)) => Ok((start, table)),
        (start, _) => Err(wrong(start)),
    };
    sets.into_iter().map(table).collect()
}

/// A table `[[sets]]`: the training's keys, and those of the set's own configuration, which is as strict.
fn set(
    path: &Path,
    document: &Document,
    (start, mut own): (usize, DeTable<'_>),
) -> Result<SetEntry, TrainError> {
    let mut beside = DeTable::new();
    for key in BESIDE {
        beside.extend(own.remove_entry(key));
    }
    let bad = |e: toml::de::Error| parse_error(path, document, Some(start), &e);
    let reader = |table| toml::Deserializer::from(Spanned::new(start..start, table));
    let Beside { weight, classes, ignore } = Beside::deserialize(reader(beside)).map_err(bad)?;
    let mut config = SetConfig::deserialize(reader(own)).map_err(bad)?;
    // Paths of cards and of marks are relative to the configuration, not to the data.
    let card = path.parent().unwrap_or(Path::new(".")).join(&config.card);
    config.card = std::path::absolute(&card).unwrap_or(card);
    if let LayoutConfig::BoxesToLabels(options) = &mut config.layout
        && let Some(marks) = &mut options.marks
    {
        let beside = path.parent().unwrap_or(Path::new(".")).join(&*marks);
        *marks = std::path::absolute(&beside).unwrap_or(beside);
    }
    Ok(SetEntry { config, weight, classes, ignore, line: document.line_at(start) })
}

/// An error of the TOML reader. Options of a layout are read from what is left of the table of a set, where the reader gives the
/// place of the table: the key that the message names is looked for in it.
fn parse_error(
    path: &Path,
    document: &Document,
    table: Option<usize>,
    error: &toml::de::Error,
) -> TrainError {
    let (message, mut hint) = document.explain(error);
    if first_quoted(&message) == Some("crowns") {
        hint = Some(CROWNS.to_owned());
    }
    let start = error.span().map_or(0, |span| span.start);
    let named = table
        .filter(|table| *table == start)
        .and_then(|table| document.spot_in(table, first_quoted(&message)?));
    config_error(path, named.unwrap_or_else(|| document.spot_at(start)), message, hint)
}

/// A value of the right type that is not valid; `key` is the path from the top of the document: `fit.chip_px`, `sets.0.weight`.
pub(super) fn value_error(config: &Config, key: &str, message: &str) -> TrainError {
    let spot = config.document.spot_of(&Key::from(key));
    config_error(&config.path, spot, format!("{key} {message}"), None)
}

fn config_error(path: &Path, spot: Spot, message: String, hint: Option<String>) -> TrainError {
    let Spot { line, table, text } = spot;
    TrainError::Config { path: path.to_owned(), line, table, text, message, hint }
}

fn first_quoted(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}
