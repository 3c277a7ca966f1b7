//! What attempts at shards tell of themselves while they run, and when they end.

use std::collections::BTreeSet;

use arpent_shell::energy::Energy;
use serde::{Deserialize, Serialize};

/// Format of the records that this version writes.
pub const RECORD_FORMAT: &str = "arpent-shard/1";

/// Where an attempt at a shard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It works, or did when it last told.
    Running,
    /// It has done its shard.
    Done,
    /// It was interrupted; another may go on.
    Stopped,
    /// It failed; another may go well.
    TryAgain,
    /// It failed, and another would too.
    Failed,
}

/// What an attempt at a shard came to so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_FORMAT`].
    pub format: String,
    /// The shard.
    pub shard: usize,
    /// Name of the attempt: no other has it.
    pub attempt: String,
    /// Where it stands.
    pub state: State,
    /// Machine that it runs on.
    pub host: String,
    /// When it began, seconds since 1970.
    pub began: i64,
    /// When it last told, seconds since 1970.
    pub updated: i64,
    /// Pieces that it made.
    pub pieces: usize,
    /// Pixels that it computed, without overlaps.
    pub pixels: u64,
    /// Energy that it took.
    pub energy: Energy,
    /// What computed: answers are the same bytes on one kind of processor.
    pub engine: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A shard that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// [`RECORD_FORMAT`].
    pub format: String,
    /// The shard.
    pub shard: usize,
    /// Pieces of the shard; all are there.
    pub pieces: usize,
    /// The attempt that found it done.
    pub attempt: String,
}

impl Record {
    /// Seconds between its beginning and the last that it told.
    pub fn seconds(&self) -> i64 {
        (self.updated - self.began).max(0)
    }
}

/// What computed the pieces of some attempts, each once.
pub fn engines_of(records: &[Record]) -> BTreeSet<String> {
    let made = records.iter().filter(|record| record.pieces > 0 && !record.engine.is_empty());
    made.map(|record| record.engine.clone()).collect()
}
