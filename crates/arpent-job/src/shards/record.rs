//! Records of tries at shards, written while they run and when they end.

use std::collections::{BTreeMap, BTreeSet};

use arpent_publish::{StageCost, Traffic};
use arpent_shell::energy::Energy;
use serde::{Deserialize, Serialize};

/// Format of the records that this version writes.
pub(crate) const RECORD_FORMAT: &str = "arpent-shard/1";

/// State of a try at a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It runs, or did at its last update.
    Running,
    /// It has done its shard.
    Done,
    /// It was interrupted; another may continue.
    Stopped,
    /// It failed; another may succeed.
    TryAgain,
    /// It failed permanently.
    Failed,
}

/// The record of a try at a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// [`RECORD_FORMAT`].
    pub format: String,
    /// The shard.
    pub shard: usize,
    /// Unique name of the try.
    #[serde(rename = "attempt")]
    pub try_id: String,
    /// Its state.
    pub state: State,
    /// Machine that it runs on.
    pub host: String,
    /// When it began, seconds since 1970.
    pub began: i64,
    /// Time of its last update, seconds since 1970.
    pub updated: i64,
    /// Pieces that it made.
    pub pieces: usize,
    /// Pixels that it computed, without overlaps.
    pub pixels: u64,
    /// Energy that it used.
    pub energy: Energy,
    /// What its stages took.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, StageCost>,
    /// Requests, and what went over the network.
    #[serde(default)]
    pub traffic: Traffic,
    /// Its engine: predictions are identical only on one kind of processor.
    pub engine: String,
    /// The error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A shard that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// [`RECORD_FORMAT`].
    pub format: String,
    /// The shard.
    pub shard: usize,
    /// Number of pieces of the shard; all are stored.
    pub pieces: usize,
    /// The try that found it done.
    #[serde(rename = "attempt")]
    pub try_id: String,
}

impl Record {
    /// Seconds between its start and its last update.
    pub(crate) fn seconds(&self) -> i64 {
        (self.updated - self.began).max(0)
    }
}

/// The engines of some tries, each once.
pub(crate) fn engines_of(records: &[Record]) -> BTreeSet<String> {
    let made = records.iter().filter(|record| record.pieces > 0 && !record.engine.is_empty());
    made.map(|record| record.engine.clone()).collect()
}
