//! SHA-256 of files, in bounded memory.

use std::fs::File;
use std::path::Path;

use arpent_base::{SQLITE_HEADER, hex, settle_sqlite_header, sha256_of};
use sha2::{Digest as _, Sha256};

use crate::error::{PublishError, Result};

/// Size and SHA-256 of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Size, bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Hashes bytes piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Hasher {
    size: u64,
    inner: Sha256,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.inner.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest { size: self.size, sha256: hex(&self.inner.finalize()) }
    }
}

/// Hashes a SQLite file as it is with a settled header ([`settle_sqlite_header`]): in this way it is known again after a
/// program opened it for writing and wrote nothing.
#[derive(Debug, Default)]
pub(crate) struct SettledHasher {
    /// The first bytes, until the header is complete.
    header: Vec<u8>,
    inner: Hasher,
}

impl SettledHasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let missing = (SQLITE_HEADER - self.header.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(missing);
        self.header.extend_from_slice(first);
        if missing > 0
            && let Ok(mut header) = <[u8; SQLITE_HEADER]>::try_from(&*self.header)
        {
            settle_sqlite_header(&mut header);
            self.inner.update(&header);
        }
        self.inner.update(rest);
    }

    pub(crate) fn finish(mut self) -> Digest {
        if self.header.len() < SQLITE_HEADER {
            self.inner.update(&self.header);
        }
        self.inner.finish()
    }
}

/// Size and SHA-256 of a local file, read once in pieces.
///
/// # Errors
/// [`PublishError::Io`] when the file cannot be read.
pub fn hash_file(path: &Path) -> Result<Digest> {
    let file = File::open(path).map_err(PublishError::io("open", path))?;
    let (size, sha256) = sha256_of(file).map_err(PublishError::io("read", path))?;
    Ok(Digest { size, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_example_has_its_known_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let d = hash_file(&path).unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(d.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(d.size, 3);
    }

    #[test]
    fn a_settled_header_is_hashed_whatever_the_pieces() {
        let hash = |bytes: &[u8], piece: usize| {
            let mut hasher = SettledHasher::default();
            bytes.chunks(piece).for_each(|piece| hasher.update(piece));
            hasher.finish()
        };
        let mut file: Vec<u8> = b"SQLite format 3\0".to_vec();
        file.extend((0..300u16).map(|at| u8::try_from(at % 7).unwrap()));
        let mut settled = file.clone();
        let mut header: [u8; SQLITE_HEADER] = file[..SQLITE_HEADER].try_into().unwrap();
        assert!(settle_sqlite_header(&mut header));
        settled[..SQLITE_HEADER].copy_from_slice(&header);
        assert!(settled != file);
        for piece in [1, 99, 100, 101, 316] {
            assert_eq!(hash(&file, piece).sha256, arpent_base::sha256_hex(&settled), "{piece}");
            // Another file, and a short one, are hashed as they are.
            assert_eq!(hash(&file[1..], piece).sha256, arpent_base::sha256_hex(&file[1..]));
            let short = Digest { size: 50, sha256: arpent_base::sha256_hex(&file[..50]) };
            assert_eq!(hash(&file[..50], piece), short);
        }
    }
}
