//! Features on disk, sorted in space by an external merge sort.
//!
//! Features are encoded into an arena; a full arena is sorted and written as a run; runs are merged, a bounded
//! number at a time, until one is left. Readers then stream that one file, as often as they like.

mod merge;
mod record;
mod sorted;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arpent_raster::Grid;
use arpent_vector::Feature;
use tempfile::TempDir;

use crate::error::{PublishError, Result};
use crate::hilbert::hilbert_key;
use record::{Header, order};
pub use sorted::{Features, SortedFeatures};

/// Memory limits of sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolOptions {
    /// Bytes of encoded features held in memory before a sorted run is written.
    pub run_bytes: usize,
    /// Runs merged at a time at most, at least 2; each needs a file handle and a small buffer.
    pub fan_in: usize,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self { run_bytes: 64 << 20, fan_in: 64 }
    }
}

/// Accepts features in any order and returns them in the order of a Hilbert curve over their bbox centers,
/// ties by id.
///
/// The order depends only on the features and the grid: not on the order of pushing, on the size of runs or
/// on the extent of the job. Memory is `run_bytes` plus the largest feature; scratch space is up to twice the
/// encoded features. Scratch files are removed when the spool, or the result of [`Spool::finish`], is dropped.
#[derive(Debug)]
pub struct Spool {
    dir: TempDir,
    grid: Grid,
    options: SpoolOptions,
    arena: Vec<u8>,
    entries: Vec<Entry>,
    runs: VecDeque<PathBuf>,
    files_made: u64,
    count: u64,
    class_counts: BTreeMap<u8, u64>,
}

/// A record of the arena.
#[derive(Debug, Clone, Copy)]
struct Entry {
    header: Header,
    start: usize,
}

impl Entry {
    fn bytes<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.start..self.start + self.header.len()]
    }
}

impl Spool {
    /// An empty spool with its scratch files in a new folder under `scratch`, which must exist.
    ///
    /// # Errors
    /// [`PublishError::Io`] when the folder cannot be made.
    pub fn create(scratch: &Path, grid: &Grid, options: SpoolOptions) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("arpent-features-")
            .tempdir_in(scratch)
            .map_err(PublishError::io("create a scratch folder in", scratch))?;
        Ok(Self {
            dir,
            grid: grid.clone(),
            options,
            arena: Vec::new(),
            entries: Vec::new(),
            runs: VecDeque::new(),
            files_made: 0,
            count: 0,
            class_counts: BTreeMap::new(),
        })
    }

    /// Adds a feature.
    ///
    /// # Errors
    /// [`PublishError::Spool`] when it does not encode, [`PublishError::Io`] when a scratch file cannot be
    /// written.
    pub fn push(&mut self, feature: &Feature) -> Result<()> {
        let start = self.arena.len();
        self.arena.extend_from_slice(feature.id.as_bytes());
        let id_len = self.arena.len() - start;
        let encoded = postcard::to_io(feature, &mut self.arena).map(|_| ());
        encoded.map_err(|source| PublishError::Spool {
            action: "encode",
            path: self.dir.path().to_owned(),
            source,
        })?;
        let key = hilbert_key(&self.grid, feature.bbox());
        let header = Header::new(key, id_len, self.arena.len() - start);
        self.entries.push(Entry { header, start });
        self.count += 1;
        *self.class_counts.entry(feature.class_id).or_default() += 1;
        if self.arena.len() + self.entries.len() * size_of::<Entry>() >= self.options.run_bytes {
            self.write_run()?;
        }
        Ok(())
    }

    /// Number of features added so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sorts the remaining features, merges the runs and returns the sorted features.
    ///
    /// # Errors
    /// [`PublishError::Io`] when scratch files cannot be written or read, [`PublishError::SpoolDamaged`] when
    /// another process changed them.
    pub fn finish(mut self) -> Result<SortedFeatures> {
        if !self.entries.is_empty() || self.runs.is_empty() {
            self.write_run()?;
        }
        self.arena = Vec::new();
        self.entries = Vec::new();
        while self.runs.len() > 1 {
            self.merge_once()?;
        }
        let path = self.runs.pop_front().expect("one run is left");
        Ok(SortedFeatures::new(self.dir, path, self.count, self.class_counts))
    }

    fn next_file(&mut self) -> PathBuf {
        let path = self.dir.path().join(format!("{:06}.run", self.files_made));
        self.files_made += 1;
        path
    }

    /// Sorts the arena and writes it as a run.
    fn write_run(&mut self) -> Result<()> {
        let path = self.next_file();
        let arena = &self.arena;
        self.entries.sort_unstable_by(|a, b| order(&a.header, a.bytes(arena), &b.header, b.bytes(arena)));
        write_entries(&path, &self.entries, arena)?;
        self.arena.clear();
        self.entries.clear();
        self.runs.push_back(path);
        Ok(())
    }

    /// Merges the oldest runs into one, which is added at the end of the queue.
    fn merge_once(&mut self) -> Result<()> {
        let inputs: Vec<_> = self.runs.drain(..self.options.fan_in.max(2).min(self.runs.len())).collect();
        let output = self.next_file();
        merge::merge(&inputs, &output)?;
        for path in &inputs {
            std::fs::remove_file(path).map_err(PublishError::io("remove", path))?;
        }
        self.runs.push_back(output);
        Ok(())
    }
}

fn write_entries(path: &Path, entries: &[Entry], arena: &[u8]) -> Result<()> {
    let file = File::create(path).map_err(PublishError::io("create", path))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let written = entries
        .iter()
        .try_for_each(|entry| entry.header.write(&mut out).and_then(|()| out.write_all(entry.bytes(arena))));
    written.and_then(|()| out.flush()).map_err(PublishError::io("write", path))
}

#[cfg(test)]
mod tests;
