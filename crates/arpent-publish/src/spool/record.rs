//! Records of scratch files: key, id, encoded feature.

use std::cmp::Ordering;
use std::io::{self, Read, Write};

/// Sort key of a record and the sizes of its two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Position along the Hilbert curve.
    pub(super) key: u64,
    id_len: usize,
    len: usize,
}

impl Header {
    /// `len` counts the id and the encoded feature.
    pub(super) fn new(key: u64, id_len: usize, len: usize) -> Self {
        Self { key, id_len, len }
    }

    /// Bytes that follow: the id, then the encoded feature.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The encoded feature within the bytes that follow.
    pub(super) fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.id_len..]
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.key.to_le_bytes())?;
        out.write_all(&(self.id_len as u64).to_le_bytes())?;
        out.write_all(&(self.len as u64).to_le_bytes())
    }

    /// `None` at the end of the file.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = [0; 24];
        let first = input.read(&mut bytes)?;
        if first == 0 {
            return Ok(None);
        }
        input.read_exact(&mut bytes[first..])?;
        let number = |at: usize| bytes[at..at + 8].iter().rev().fold(0u64, |n, b| (n << 8) | u64::from(*b));
        let size = |at| usize::try_from(number(at)).map_err(|_| damaged());
        let header = Self { key: number(0), id_len: size(8)?, len: size(16)? };
        if header.id_len > header.len {
            return Err(damaged());
        }
        Ok(Some(header))
    }
}

fn damaged() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// The order of records: along the curve, then by id, then by content (so that the order is unique even for two
/// features of one id).
pub(super) fn order(a: &Header, a_bytes: &[u8], b: &Header, b_bytes: &[u8]) -> Ordering {
    let ids = || a_bytes[..a.id_len].cmp(&b_bytes[..b.id_len]);
    a.key.cmp(&b.key).then_with(ids).then_with(|| a.payload(a_bytes).cmp(b.payload(b_bytes)))
}

/// Reads the bytes after a header.
pub(super) fn read_bytes(header: &Header, input: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    // `take` instead of a buffer of the declared size: a corrupt size must not exhaust memory.
    let read = input.take(header.len as u64).read_to_end(bytes)?;
    if read < header.len {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(())
}
