//! Checks a published run against its manifest.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::error::{PublishError, Result};
use crate::hash::Digest;
use crate::manifest::{Artifact, Manifest};
use crate::session::Session;
use crate::target::Target;

/// The result of [`Target::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The output.
    pub url: String,
    /// Its run.
    pub run_id: String,
    /// Every artifact of the manifest, in its order.
    pub checks: Vec<ArtifactCheck>,
}

/// The result for one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtifactCheck {
    /// Path relative to the manifest.
    pub href: String,
    /// The outcome of the comparison.
    #[serde(flatten)]
    pub outcome: CheckOutcome,
}

/// Outcome of comparing an artifact with the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum CheckOutcome {
    /// Same size, same SHA-256.
    Intact,
    /// Missing, or not inside the output.
    Missing,
    /// The size differs.
    WrongSize {
        /// Bytes by the manifest.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// Same size, different bytes.
    WrongHash {
        /// SHA-256 by the manifest.
        expected: String,
        /// SHA-256 found.
        found: String,
    },
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact => f.write_str("intact"),
            Self::Missing => f.write_str("missing"),
            Self::WrongSize { expected, found } => write!(f, "{found} bytes, published were {expected}"),
            Self::WrongHash { expected, found } => write!(f, "SHA-256 {found}, published was {expected}"),
        }
    }
}

impl VerifyReport {
    /// Whether every artifact agrees with the manifest.
    pub fn is_intact(&self) -> bool {
        self.problems().next().is_none()
    }

    /// The artifacts that differ from the manifest.
    pub fn problems(&self) -> impl Iterator<Item = &ArtifactCheck> {
        self.checks.iter().filter(|c| c.outcome != CheckOutcome::Intact)
    }
}

impl Target {
    /// Checks an artifact of the run against the manifest, by size and SHA-256; it is read once, in pieces. Commands
    /// that derive results from an artifact call it first: otherwise the hash in the manifest would not apply to the
    /// bytes that were used.
    ///
    /// # Errors
    /// [`PublishError::NotAsPublished`] when they differ, [`PublishError::Store`] when it cannot be read.
    pub fn check_artifact(&self, artifact: &Artifact) -> Result<()> {
        let session =
            self.session()?.ok_or_else(|| PublishError::NoManifest { url: self.url().to_owned() })?;
        self.as_published(artifact, &self.block_on(session.check(artifact))?)
    }

    /// Copies an artifact of the run to a new local file and checks it as [`Target::check_artifact`] does. It is read
    /// once, in pieces: memory does not depend on its size. Of one that is not as published nothing is left.
    ///
    /// # Errors
    /// As [`Target::check_artifact`]; [`PublishError::Io`] when the file exists or cannot be written.
    pub fn fetch_artifact(&self, artifact: &Artifact, path: &Path) -> Result<()> {
        let session =
            self.session()?.ok_or_else(|| PublishError::NoManifest { url: self.url().to_owned() })?;
        let mut file = File::create_new(path).map_err(PublishError::io("create", path))?;
        let mut write = |bytes: &[u8]| file.write_all(bytes).map_err(PublishError::io("write", path));
        let found = self.block_on(session.each_part(&artifact.href, artifact.size, &mut write));
        let fetched = found.and_then(|found| self.as_published(artifact, &compare(artifact, found)));
        if fetched.is_err() {
            // The error is reported, whether or not this succeeds.
            let _ = std::fs::remove_file(path);
        }
        fetched
    }

    fn as_published(&self, artifact: &Artifact, outcome: &CheckOutcome) -> Result<()> {
        match outcome {
            CheckOutcome::Intact => Ok(()),
            other => Err(PublishError::NotAsPublished {
                url: self.url().to_owned(),
                href: artifact.href.clone(),
                what: other.to_string(),
            }),
        }
    }

    /// Hashes every artifact again and compares it with the manifest.
    ///
    /// # Errors
    /// As [`Target::read_manifest`], [`PublishError::NoArtifacts`] if the manifest has no files, and
    /// [`PublishError::Store`] when an existing artifact cannot be read.
    pub fn verify(&self) -> Result<VerifyReport> {
        let manifest = self.read_manifest()?;
        if manifest.artifacts.is_empty() {
            return Err(PublishError::NoArtifacts { url: self.url().to_owned() });
        }
        let session =
            self.session()?.ok_or_else(|| PublishError::NoManifest { url: self.url().to_owned() })?;
        self.block_on(session.verify(&manifest))
    }
}

impl Session {
    async fn verify(&self, manifest: &Manifest) -> Result<VerifyReport> {
        let mut checks = Vec::with_capacity(manifest.artifacts.len());
        for artifact in &manifest.artifacts {
            checks.push(ArtifactCheck { href: artifact.href.clone(), outcome: self.check(artifact).await? });
        }
        Ok(VerifyReport { url: self.url.clone(), run_id: manifest.run_id.clone(), checks })
    }

    /// Compares an artifact with the manifest: reads all of it, piece by piece.
    async fn check(&self, artifact: &Artifact) -> Result<CheckOutcome> {
        Ok(compare(artifact, self.digest(&artifact.href, artifact.size).await?))
    }
}

fn compare(artifact: &Artifact, found: Option<Digest>) -> CheckOutcome {
    match found {
        None => CheckOutcome::Missing,
        Some(found) if found.size != artifact.size => {
            CheckOutcome::WrongSize { expected: artifact.size, found: found.size }
        }
        Some(found) if found.sha256 != artifact.sha256 => {
            CheckOutcome::WrongHash { expected: artifact.sha256.clone(), found: found.sha256 }
        }
        Some(_) => CheckOutcome::Intact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::PART_BYTES;

    fn artifact(bytes: &[u8]) -> Artifact {
        Artifact {
            href: "a1/objects.csv".to_owned(),
            role: "objects".to_owned(),
            media_type: "text/csv".to_owned(),
            size: bytes.len() as u64,
            sha256: arpent_base::sha256_hex(bytes),
        }
    }

    #[test]
    fn an_artifact_of_several_parts_is_copied_as_published_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        let part = usize::try_from(PART_BYTES).unwrap();
        let bytes: Vec<u8> = (0..3 * part + 77).map(|at| u8::try_from(at % 251).unwrap()).collect();
        for target in
            [Target::parse(folder.to_str().unwrap()).unwrap(), Target::parse("memory:///fetched").unwrap()]
        {
            let path = dir.path().join("copy");
            let href = "a1/objects.csv";
            for length in [0, 5, part, part + 1, bytes.len()] {
                let bytes = &bytes[..length];
                target.replace(href, bytes.to_vec(), "text/csv").unwrap();
                target.fetch_artifact(&artifact(bytes), &path).unwrap();
                assert!(std::fs::read(&path).unwrap() == bytes, "{length} bytes");
                std::fs::remove_file(&path).unwrap();
            }
            let refused = |artifact: &Artifact| {
                let error = target.fetch_artifact(artifact, &path).unwrap_err();
                assert!(matches!(error, PublishError::NotAsPublished { .. }), "{error}");
                assert!(!path.exists(), "nothing is left");
            };
            // Other bytes, another size, nothing there.
            let mut other = bytes.clone();
            other[2 * part + 5] ^= 1;
            refused(&artifact(&other));
            refused(&artifact(&bytes[..part]));
            refused(&Artifact { href: "a1/gone.csv".to_owned(), ..artifact(&bytes) });
            // A file that is there stays.
            std::fs::write(&path, "mine").unwrap();
            assert!(matches!(target.fetch_artifact(&artifact(&bytes), &path), Err(PublishError::Io { .. })));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
            std::fs::remove_file(&path).unwrap();
        }
    }
}
