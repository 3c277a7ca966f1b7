//! How pieces are packed: a first line that says what it is, then zstd, then the SHA-256 of both.

use std::io::Read as _;

use sha2::{Digest, Sha256};

use super::error::ShardError;

const HASH_BYTES: usize = 32;
/// zstd's fastest level except for the negative ones: pieces are kept for about a day.
const LEVEL: i32 = 1;

/// Packs the body of a piece.
pub(crate) fn pack(magic: &[u8], body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = magic.to_vec();
    bytes.extend(zstd::bulk::compress(body, LEVEL)?);
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    Ok(bytes)
}

/// The body of what [`pack`] made, of `most` bytes at most.
///
/// # Errors
/// [`ShardError::BadPiece`] for anything else; it names `place`.
pub(crate) fn unpack(magic: &[u8], bytes: &[u8], most: u64, place: &str) -> Result<Vec<u8>, ShardError> {
    let bad = |reason| ShardError::BadPiece { place: place.to_owned(), reason };
    let end = bytes.len().checked_sub(HASH_BYTES).ok_or_else(|| bad("it is truncated"))?;
    if Sha256::digest(&bytes[..end])[..] != bytes[end..] {
        return Err(bad("its hash does not match"));
    }
    let packed = bytes[..end].strip_prefix(magic).ok_or_else(|| bad("it is not a piece"))?;
    let mut body = Vec::new();
    let decoder = zstd::Decoder::new(packed).map_err(|_| bad("it cannot be unpacked"))?;
    decoder.take(most).read_to_end(&mut body).map_err(|_| bad("it cannot be unpacked"))?;
    Ok(body)
}

/// Bytes that are not read yet.
pub(crate) struct Rest<'a>(pub(crate) &'a [u8]);

impl<'a> Rest<'a> {
    /// The next bytes; `None` if there are not so many.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next number, little-endian.
    pub(crate) fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}
