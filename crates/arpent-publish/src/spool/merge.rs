//! Merging sorted runs.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::record::{Header, order, read_bytes};
use crate::error::{PublishError, Result};

/// Bytes of read buffer per run.
const RUN_BUFFER: usize = 1 << 16;

/// A run being read, with its next record.
struct Head {
    header: Header,
    bytes: Vec<u8>,
    input: BufReader<File>,
    run: usize,
}

impl Head {
    /// Opens a run; `None` when it has no record.
    fn open(path: &Path, run: usize) -> Result<Option<Self>> {
        let file = File::open(path).map_err(PublishError::io("open", path))?;
        let input = BufReader::with_capacity(RUN_BUFFER, file);
        Self { header: Header::new(0, 0, 0), bytes: Vec::new(), input, run }.advance(path)
    }

    /// Moves on to the next record; `None` at the end.
    fn advance(mut self, path: &Path) -> Result<Option<Self>> {
        let next = next_record(&mut self.input, &mut self.bytes, path)?;
        Ok(next.map(|header| Self { header, ..self }))
    }
}

/// Reads a record; `None` at the end of the file.
pub(super) fn next_record(
    input: &mut BufReader<File>,
    bytes: &mut Vec<u8>,
    path: &Path,
) -> Result<Option<Header>> {
    let read = Header::read(input).and_then(|header| match header {
        Some(header) => read_bytes(&header, input, bytes).map(|()| Some(header)),
        None => Ok(None),
    });
    read.map_err(|source| match source.kind() {
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData => {
            PublishError::SpoolDamaged { path: path.to_owned() }
        }
        _ => PublishError::Io { action: "read", path: path.to_owned(), source },
    })
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        order(&self.header, &self.bytes, &other.header, &other.bytes).then(self.run.cmp(&other.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// Merges sorted runs into one; memory is one record and one buffer per run.
pub(super) fn merge(inputs: &[PathBuf], output: &Path) -> Result<()> {
    let mut heads = BinaryHeap::with_capacity(inputs.len());
    for (run, path) in inputs.iter().enumerate() {
        heads.extend(Head::open(path, run)?.map(Reverse));
    }
    let file = File::create(output).map_err(PublishError::io("create", output))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    while let Some(Reverse(head)) = heads.pop() {
        head.header
            .write(&mut out)
            .and_then(|()| out.write_all(&head.bytes))
            .map_err(PublishError::io("write", output))?;
        let path = &inputs[head.run];
        heads.extend(head.advance(path)?.map(Reverse));
    }
    out.flush().map_err(PublishError::io("write", output))
}
