//! Scratch files: features as they come, and their parts in tiles, sorted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use arpent_base::number::wide;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, TilesError};

/// Bytes of records that are sorted in memory.
const RUN: usize = 96 << 20;

/// Bytes of a buffer of each run that is merged.
const BUFFER: usize = 1 << 17;

/// Runs that are merged at a time at most.
const FAN_IN: usize = 128;

/// Encodes a record at the end of bytes.
///
/// # Errors
/// If the codec fails.
pub(crate) fn encode(record: &impl Serialize, bytes: &mut Vec<u8>, path: &Path) -> Result<()> {
    let encoded = postcard::to_io(record, bytes).map(|_| ());
    encoded.map_err(|source| TilesError::Scratch { action: "encode", path: path.to_owned(), source })
}

/// Decodes a record.
///
/// # Errors
/// If the bytes are not such a record.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|source| TilesError::Scratch {
        action: "decode",
        path: path.to_owned(),
        source,
    })
}

/// Records with a key, in order of writing.
#[derive(Debug)]
pub(crate) struct RecordFile {
    pub(crate) path: PathBuf,
    out: BufWriter<File>,
}

impl RecordFile {
    /// A new file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let file = File::create(&path).map_err(TilesError::io("create", &path))?;
        Ok(Self { out: BufWriter::with_capacity(1 << 18, file), path })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn add(&mut self, key: u64, bytes: &[u8]) -> Result<()> {
        let header = [key.to_le_bytes(), wide(bytes.len()).to_le_bytes()].concat();
        let written = self.out.write_all(&header).and_then(|()| self.out.write_all(bytes));
        written.map_err(TilesError::io("write", &self.path))
    }

    /// Reads all records from the first.
    ///
    /// # Errors
    /// When the file cannot be written or opened.
    pub(crate) fn read(&mut self) -> Result<Records> {
        self.out.flush().map_err(TilesError::io("write", &self.path))?;
        Records::open(&self.path, 1 << 18)
    }
}

/// A stream of records.
#[derive(Debug)]
pub(crate) struct Records {
    path: PathBuf,
    input: BufReader<File>,
}

impl Records {
    fn open(path: &Path, buffer: usize) -> Result<Self> {
        let file = File::open(path).map_err(TilesError::io("open", path))?;
        Ok(Self { path: path.to_owned(), input: BufReader::with_capacity(buffer, file) })
    }

    /// Reads the next record into `bytes`; its key, `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or ends within a record.
    pub(crate) fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<u64>> {
        self.try_next(bytes).map_err(TilesError::io("read", &self.path))
    }

    fn try_next(&mut self, bytes: &mut Vec<u8>) -> io::Result<Option<u64>> {
        let mut header = [0; 16];
        if self.input.read(&mut header[..1])? == 0 {
            return Ok(None);
        }
        self.input.read_exact(&mut header[1..])?;
        let number = |at: usize| header[at..at + 8].iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b));
        bytes.clear();
        let length = number(8);
        // Not a buffer of the length that the file says: it may be damaged.
        let read = self.input.by_ref().take(length).read_to_end(bytes)?;
        if wide(read) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(number(0)))
    }
}

/// Sorts records by key; equal keys keep their order. Memory is one run and a small buffer for each run on disk.
#[derive(Debug)]
pub(crate) struct Sorter {
    folder: PathBuf,
    bytes: Vec<u8>,
    entries: Vec<(u64, usize, usize)>,
    runs: Vec<PathBuf>,
    made: usize,
}

impl Sorter {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), bytes: Vec::new(), entries: Vec::new(), runs: Vec::new(), made: 0 }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When a run cannot be written.
    pub(crate) fn add(&mut self, key: u64, record: &impl Serialize) -> Result<()> {
        let start = self.bytes.len();
        encode(record, &mut self.bytes, &self.folder)?;
        self.entries.push((key, start, self.bytes.len()));
        if self.bytes.len() + self.entries.len() * size_of::<(u64, usize, usize)>() >= RUN {
            self.write_run()?;
        }
        Ok(())
    }

    fn next_path(&mut self) -> PathBuf {
        self.made += 1;
        self.folder.join(format!("{:05}.run", self.made))
    }

    fn write_run(&mut self) -> Result<()> {
        self.entries.sort_unstable();
        let path = self.next_path();
        let mut file = RecordFile::create(path.clone())?;
        for (key, from, to) in &self.entries {
            file.add(*key, &self.bytes[*from..*to])?;
        }
        file.out.flush().map_err(TilesError::io("write", &path))?;
        self.bytes.clear();
        self.entries.clear();
        self.runs.push(path);
        Ok(())
    }

    /// All records, sorted.
    ///
    /// # Errors
    /// When runs cannot be written or read.
    pub(crate) fn finish(mut self) -> Result<Merged> {
        self.write_run()?;
        (self.bytes, self.entries) = (Vec::new(), Vec::new());
        while self.runs.len() > FAN_IN {
            // Neighbors in order, so that equal keys keep it.
            for group in std::mem::take(&mut self.runs).chunks(FAN_IN) {
                let path = self.next_path();
                let mut file = RecordFile::create(path.clone())?;
                let mut merged = Merged::open(group)?;
                while let Some((key, bytes)) = merged.next()? {
                    file.add(key, &bytes)?;
                }
                file.out.flush().map_err(TilesError::io("write", &path))?;
                for old in group {
                    std::fs::remove_file(old).map_err(TilesError::io("remove", old))?;
                }
                self.runs.push(path);
            }
        }
        Merged::open(&self.runs)
    }
}

/// Sorted records of several runs.
#[derive(Debug)]
pub(crate) struct Merged {
    runs: Vec<Records>,
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    next: Vec<Vec<u8>>,
}

impl Merged {
    fn open(paths: &[PathBuf]) -> Result<Self> {
        let runs = paths.iter().map(|path| Records::open(path, BUFFER)).collect::<Result<Vec<_>>>()?;
        let mut merged = Self { next: vec![Vec::new(); runs.len()], runs, heads: BinaryHeap::new() };
        for run in 0..merged.runs.len() {
            merged.advance(run)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, run: usize) -> Result<()> {
        if let Some(key) = self.runs[run].next(&mut self.next[run])? {
            self.heads.push(Reverse((key, run)));
        }
        Ok(())
    }

    /// The next record.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>> {
        let Some(Reverse((key, run))) = self.heads.pop() else { return Ok(None) };
        let bytes = std::mem::take(&mut self.next[run]);
        self.advance(run)?;
        Ok(Some((key, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_sorted_by_key_and_keep_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path());
        for i in 0..1000u64 {
            sorter.add(i * 7919 % 100, &i).unwrap();
            if i % 3 == 0 {
                sorter.write_run().unwrap();
            }
        }
        let mut merged = sorter.finish().unwrap();
        let mut all = Vec::new();
        while let Some((key, bytes)) = merged.next().unwrap() {
            all.push((key, decode::<u64>(&bytes, folder.path()).unwrap()));
        }
        let mut wanted: Vec<_> = (0..1000u64).map(|i| (i * 7919 % 100, i)).collect();
        wanted.sort_unstable();
        assert_eq!(all, wanted);
    }

    #[test]
    fn a_file_that_ends_within_a_record_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut file = RecordFile::create(path.clone()).unwrap();
        file.add(1, b"abcdef").unwrap();
        file.read().unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 2]).unwrap();
        let mut records = Records::open(&path, 64).unwrap();
        assert!(records.next(&mut Vec::new()).is_err());
    }
}
