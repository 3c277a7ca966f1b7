//! Checks a published run against its manifest.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::error::{PublishError, Result};
use crate::hash::{Digest, SettledHasher};
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
    /// Same size, same SHA-256; of a GeoPackage, without the part of its header that changes when a program opens it for
    /// writing.
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
    /// The published file, open in another program: what is written to it lies beside it until the program closes it.
    InUse {
        /// The file with what is written to it, relative to the manifest.
        beside: String,
    },
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact => f.write_str("intact"),
            Self::Missing => f.write_str("missing"),
            Self::WrongSize { expected, found } => write!(f, "{found} bytes, published were {expected}"),
            Self::WrongHash { expected, found } => write!(f, "SHA-256 {found}, published was {expected}"),
            Self::InUse { beside } => {
                write!(f, "open in another program, which has written to {beside}: close it there")
            }
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
        let mut settled = SettledHasher::default();
        let mut write = |bytes: &[u8]| {
            settled.update(bytes);
            file.write_all(bytes).map_err(PublishError::io("write", path))
        };
        let found = self.block_on(session.each_part(&artifact.href, artifact.size, &mut write));
        let fetched = found.and_then(|found| match compare(artifact, found) {
            // What a program has written beside it is not copied.
            CheckOutcome::WrongHash { .. } if was_only_opened(artifact, settled) => Ok(()),
            outcome => self.as_published(artifact, &outcome),
        });
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
        let mut settled = SettledHasher::default();
        let mut take = |bytes: &[u8]| {
            settled.update(bytes);
            Ok(())
        };
        let found = if is_geopackage(artifact) {
            self.each_part(&artifact.href, artifact.size, &mut take).await?
        } else {
            self.digest(&artifact.href, artifact.size).await?
        };
        match compare(artifact, found) {
            CheckOutcome::WrongHash { .. } if was_only_opened(artifact, settled) => {
                // SQLite's write-ahead log: empty, or not there, where nothing was written.
                let beside = format!("{}-wal", artifact.href);
                let written = self.size(&beside).await?.unwrap_or(0);
                Ok(if written > 0 { CheckOutcome::InUse { beside } } else { CheckOutcome::Intact })
            }
            outcome => Ok(outcome),
        }
    }
}

fn is_geopackage(artifact: &Artifact) -> bool {
    artifact.href.rsplit_once('.').is_some_and(|(_, ending)| ending == "gpkg")
}

/// Whether a GeoPackage with another hash differs from the published one only in what changes in its header when a program
/// opens it for writing, as QGIS does when editing begins, also if it is canceled.
fn was_only_opened(artifact: &Artifact, settled: SettledHasher) -> bool {
    is_geopackage(artifact) && settled.finish().sha256 == artifact.sha256
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
    fn a_geopackage_that_was_opened_for_writing_is_intact_until_something_is_written() {
        let mut published = b"SQLite format 3\0".to_vec();
        published.extend([7; 5000]);
        let mut header = published[..arpent_base::SQLITE_HEADER].try_into().unwrap();
        assert!(arpent_base::settle_sqlite_header(&mut header));
        published[..header.len()].copy_from_slice(&header);
        published[18..20].fill(1);
        let href = "a1/features.gpkg";
        let artifact = Artifact { href: href.to_owned(), ..artifact(&published) };
        let dir = tempfile::tempdir().unwrap();
        let target = Target::parse(dir.path().join("out").to_str().unwrap()).unwrap();
        let put = |href: &str, bytes: &[u8]| target.replace(href, bytes.to_vec(), "application/x").unwrap();
        let outcome = || {
            let session = target.session().unwrap().unwrap();
            target.block_on(session.check(&artifact)).unwrap()
        };
        let mut opened = published.clone();
        opened[18..20].fill(2);
        opened[24..28].copy_from_slice(&35u32.to_be_bytes());
        opened[92..100].fill(9);
        put(href, &opened);
        assert_eq!(outcome(), CheckOutcome::Intact);
        let copy = dir.path().join("copy.gpkg");
        target.check_artifact(&artifact).unwrap();
        target.fetch_artifact(&artifact, &copy).unwrap();
        // A log without content is one of a program that has written nothing.
        put("a1/features.gpkg-wal", b"");
        assert_eq!(outcome(), CheckOutcome::Intact);
        put("a1/features.gpkg-wal", b"frames");
        assert_eq!(outcome(), CheckOutcome::InUse { beside: "a1/features.gpkg-wal".to_owned() });
        assert!(outcome().to_string().contains("close it there"));
        put("a1/features.gpkg-wal", b"");
        // Any other byte is damage, in the header too.
        for at in [20, 28, 91, 100, 5000] {
            let mut damaged = opened.clone();
            damaged[at] ^= 1;
            put(href, &damaged);
            assert!(matches!(outcome(), CheckOutcome::WrongHash { .. }), "byte {at}");
        }
        // A file of another name has no such header.
        put("a1/other.csv", &opened);
        let other = Artifact { href: "a1/other.csv".to_owned(), ..artifact.clone() };
        assert!(matches!(target.check_artifact(&other), Err(PublishError::NotAsPublished { .. })));
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
