//! From text to tables, with errors that name file, line and key.
//!
//! The run configuration of `arpent` tells its errors the same way; the two applications do not depend on each other,
//! and the few lines are not worth a library.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arpent_datasets::SetConfig;
use arpent_raster::Class;
use serde::Deserialize;
use toml::Spanned;

use super::{
    Augment, Config, Crowns, EnergyOptions, Evaluate, Fit, Init, Loss, Model, Sampling, SetEntry, TaskKind,
};
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
    let line = match error.span() {
        Some(span) => line_at(text, span.start),
        None => line_of_key(text, table, first_quoted(&message)),
    };
    let hint = unknown_key(&message);
    TrainError::Config { path: path.to_owned(), line, text: line_text(text, line), message, hint }
}

/// A value that has the right type and no sense. `key` is the last part of `table.key`.
pub(super) fn value_error(config: &Config, key: &str, message: &str) -> TrainError {
    let last = key.rsplit('.').next().unwrap_or(key);
    let table = key.rsplit_once('.').and_then(|(table, _)| config.text.find(&format!("[{table}]")));
    let line = line_of_key(&config.text, table.unwrap_or(0), Some(last));
    TrainError::Config {
        path: config.path.clone(),
        line,
        text: line_text(&config.text, line),
        message: format!("{key} {message}"),
        hint: None,
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
    before.matches('\n').count() + 1
}

fn line_text(text: &str, line: usize) -> String {
    text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim().to_owned()
}

/// The first line from `start` that sets this key, else the one of `start`.
fn line_of_key(text: &str, start: usize, key: Option<&str>) -> usize {
    let first = line_at(text, start);
    let sets = |line: &str, key: &str| {
        let line = line.trim_start();
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
            || line.contains(&format!("{key} ="))
            || line.starts_with(&format!("[{key}]"))
    };
    let found = key.and_then(|key| text.lines().skip(first - 1).position(|line| sets(line, key)));
    found.map_or(first, |at| first + at)
}

fn first_quoted(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

/// The nearest of the names that serde says it expected: "unknown field `a`, expected one of `b`, `c`".
fn unknown_key(message: &str) -> Option<String> {
    if !message.starts_with("unknown") {
        return None;
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (written, names) = names.split_first()?;
    Some(nearest(written, names))
}

/// "did you mean", or all there is to choose from.
pub(crate) fn nearest(written: &str, names: &[&str]) -> String {
    let likeness = |name: &&&str| strsim::jaro_winkler(written, name);
    match names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))) {
        Some(best) if likeness(&best) > 0.75 => format!("did you mean `{best}`?"),
        _ => format!("choose one of {}", names.join(", ")),
    }
}
