//! From text to tables, with errors that name file, line, table and key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_base::config::{NotUtf8, Spot, hint_of_unknown, spot_at, spot_of_key, utf8};
use arpent_datasets::SetConfig;
use arpent_raster::Class;
use serde::Deserialize;
use toml::Spanned;

use super::tables::{Augment, Crowns, EnergyOptions, Evaluate, Fit, Init, Loss, Model, Sampling};
use super::training::{Config, SetEntry, TaskKind};
use crate::error::TrainError;

/// The file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    task: TaskKind,
    output: PathBuf,
    #[serde(default)]
    data: PathBuf,
    model: Model,
    classes: Vec<Class>,
    #[serde(default)]
    sets: Vec<Spanned<toml::Table>>,
    #[serde(default)]
    crowns: Option<Crowns>,
    fit: Fit,
    #[serde(default)]
    sampling: Sampling,
    #[serde(default)]
    loss: Loss,
    #[serde(default)]
    augment: Augment,
    #[serde(default)]
    init: Option<Init>,
    #[serde(default)]
    evaluate: Evaluate,
    #[serde(default)]
    energy: EnergyOptions,
}

/// What a table of a set holds beside the set's own keys.
#[derive(Deserialize)]
struct Beside {
    #[serde(default = "one")]
    weight: f64,
    #[serde(default)]
    classes: BTreeMap<String, String>,
    #[serde(default)]
    ignore: Vec<String>,
}

fn one() -> f64 {
    1.0
}

const BESIDE: [&str; 3] = ["weight", "classes", "ignore"];

/// The text of a file.
pub(super) fn text(path: &Path, bytes: Vec<u8>) -> Result<String, TrainError> {
    utf8(bytes).map_err(|NotUtf8 { spot, message }| {
        config_error(path, spot, message, Some(NotUtf8::HINT.to_owned()))
    })
}

/// Reads the tables; paths are made relative to the file's folder.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, TrainError> {
    let written: Written = toml::from_str(text).map_err(|e| parse_error(path, text, 0, &e))?;
    let sets = written.sets.into_iter().map(|table| set(path, text, table)).collect::<Result<_, _>>()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(Config {
        path: path.to_owned(),
        text: text.to_owned(),
        identity: String::new(),
        task: written.task,
        output: folder.join(written.output),
        data: folder.join(written.data),
        model: written.model,
        classes: written.classes,
        sets,
        crowns: written.crowns.map(|c| Crowns { packages: folder.join(&c.packages), ..c }),
        fit: written.fit,
        sampling: written.sampling,
        loss: written.loss,
        augment: written.augment,
        init: written.init.map(|i| Init { path: folder.join(i.path) }),
        evaluate: written.evaluate,
        energy: written.energy,
    })
}

/// A table `[[sets]]`: our keys, and those of the set's own configuration, which is as strict.
fn set(path: &Path, text: &str, table: Spanned<toml::Table>) -> Result<SetEntry, TrainError> {
    let start = table.span().start;
    let mut own = table.into_inner();
    let beside = BESIDE.iter().filter_map(|key| Some(((*key).to_owned(), own.remove(*key)?)));
    let beside: toml::Table = beside.collect();
    let bad = |e: toml::de::Error| parse_error(path, text, start, &e);
    let Beside { weight, classes, ignore } = beside.try_into().map_err(bad)?;
    let mut config: SetConfig = own.try_into().map_err(bad)?;
    // Cards lie with the configuration, not with the data.
    let card = path.parent().unwrap_or(Path::new(".")).join(&config.card);
    config.card = std::path::absolute(&card).unwrap_or(card);
    Ok(SetEntry { config, weight, classes, ignore, line: line_at(text, start) })
}

/// An error of the TOML reader; one without a place concerns the table that starts at `table`.
fn parse_error(path: &Path, text: &str, table: usize, error: &toml::de::Error) -> TrainError {
    let message = error.message().to_owned();
    let start = match error.span() {
        Some(span) => span.start,
        None => first_quoted(&message).and_then(|key| start_of_key(text, table, key)).unwrap_or(table),
    };
    let hint = hint_of_unknown(&message);
    config_error(path, spot_at(text, start), message, hint)
}

/// A value that has the right type and no sense; `key` is named from the top of the document: `fit.chip_px`, `sets.0.weight`.
pub(super) fn value_error(config: &Config, key: &str, message: &str) -> TrainError {
    config_error(&config.path, spot_of_key(&config.text, key), format!("{key} {message}"), None)
}

fn config_error(path: &Path, spot: Spot, message: String, hint: Option<String>) -> TrainError {
    let Spot { line, table, text } = spot;
    TrainError::Config { path: path.to_owned(), line, table, text, message, hint }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    before.matches('\n').count() + 1
}

/// Where the first line from `start` that sets this key begins: of a table `[[sets]]` that is read in two steps, the reader says
/// no place.
fn start_of_key(text: &str, start: usize, key: &str) -> Option<usize> {
    let mut at = start;
    for line in text.get(start..)?.split_inclusive('\n') {
        let rest = line.trim_start().strip_prefix(key);
        if rest.is_some_and(|rest| rest.trim_start().starts_with(['=', '.'])) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

fn first_quoted(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}
