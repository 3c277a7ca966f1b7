//! SHA-256 of files, in bounded memory.

use std::fs::File;
use std::path::Path;

use arpent_base::{hex, sha256_of};
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
}
