//! `log.jsonl`: one line of JSON per epoch.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// The figures of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// From 1.
    #[serde(rename = "epoch")]
    pub(crate) number: usize,
    /// Mean loss of its steps.
    pub(crate) loss: f64,
    /// Means of the terms, before their weights.
    pub(crate) terms: BTreeMap<String, f64>,
    /// The same loss on chips that were held out; absent where it was not validated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) validation_loss: Option<f64>,
    /// Learning rate of its last step.
    pub(crate) rate: f64,
    /// Scores on the validation split; empty where it was not validated.
    pub(crate) scores: BTreeMap<String, f64>,
    /// Seconds since the start, time before an interruption included.
    pub(crate) seconds: f64,
    /// Watt-hours since the start.
    pub(crate) energy_wh: f64,
}

/// The log of a run.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Log {
    /// Opens the log and cuts off what lies behind `bytes`: lines of epochs that are done again.
    pub(crate) fn open(path: &Path, bytes: u64) -> Result<Self> {
        let context = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(context)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).with_context(context)?;
        let length = file.metadata().with_context(context)?.len();
        if length < bytes {
            let problem = format!("{} is shorter than its checkpoint says", path.display());
            return Err(TrainError::refused(problem, "start again with --restart").into());
        }
        file.set_len(bytes).with_context(context)?;
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    /// Adds a line, and returns the length of the log.
    pub(crate) fn add(&mut self, epoch: &Epoch) -> Result<u64> {
        let mut line = serde_json::to_vec(epoch)?;
        line.push(b'\n');
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("cannot write {}", self.path.display()))?;
        self.bytes += line.len() as u64;
        Ok(self.bytes)
    }

    /// All lines.
    pub(crate) fn read(path: &Path) -> Result<Vec<Epoch>> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().with_context(|| path.display().to_string())
    }
}
