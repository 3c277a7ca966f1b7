//! Reading sorted features back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use arpent_vector::Feature;
use tempfile::TempDir;

use super::merge::next_record;
use crate::error::{PublishError, Result};

/// Sorted features on disk; can be read any number of times, also concurrently.
#[derive(Debug)]
pub struct SortedFeatures {
    /// Deleted with its files on drop.
    _dir: TempDir,
    path: PathBuf,
    count: u64,
    class_counts: BTreeMap<u8, u64>,
}

impl SortedFeatures {
    pub(super) fn new(dir: TempDir, path: PathBuf, count: u64, class_counts: BTreeMap<u8, u64>) -> Self {
        Self { _dir: dir, path, count, class_counts }
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Number of features.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Number of features by class id, without empty classes.
    pub fn class_counts(&self) -> &BTreeMap<u8, u64> {
        &self.class_counts
    }

    /// Streams the features from the first.
    ///
    /// # Errors
    /// [`PublishError::Io`] when the scratch file cannot be opened.
    pub fn read(&self) -> Result<Features> {
        let file = File::open(&self.path).map_err(PublishError::io("open", &self.path))?;
        Ok(Features {
            input: BufReader::with_capacity(1 << 18, file),
            bytes: Vec::new(),
            path: self.path.clone(),
            left: self.count,
        })
    }
}

/// A stream of features; ends after the first error.
#[derive(Debug)]
pub struct Features {
    input: BufReader<File>,
    bytes: Vec<u8>,
    path: PathBuf,
    left: u64,
}

impl Features {
    fn read(&mut self) -> Result<Feature> {
        let damaged = || PublishError::SpoolDamaged { path: self.path.clone() };
        let header = next_record(&mut self.input, &mut self.bytes, &self.path)?.ok_or_else(damaged)?;
        postcard::from_bytes(header.payload(&self.bytes)).map_err(|source| PublishError::Spool {
            action: "decode",
            path: self.path.clone(),
            source,
        })
    }
}

impl Iterator for Features {
    type Item = Result<Feature>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let feature = self.read();
        if feature.is_err() {
            self.left = 0;
        }
        Some(feature)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the stream early.
        (0, usize::try_from(self.left).ok())
    }
}
