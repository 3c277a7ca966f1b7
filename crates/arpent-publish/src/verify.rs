//! Checking a published run against its manifest.

use std::fmt;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Error as StoreError, GetOptions, GetRange, ObjectStoreExt};
use serde::Serialize;

use crate::error::Result;
use crate::gc::JOBS;
use crate::hash::{Digest, Hasher};
use crate::manifest::{Artifact, MANIFEST_NAME, Manifest};
use crate::publish::{PART_BYTES, PARTS_IN_FLIGHT};
use crate::target::Session;

/// What [`Target::verify`](crate::Target::verify) found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The output.
    pub url: String,
    /// The run that it holds.
    pub run_id: String,
    /// Every artifact of the manifest, in its order.
    pub checks: Vec<ArtifactCheck>,
}

/// What was found of one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtifactCheck {
    /// Where it is, relative to the manifest.
    pub href: String,
    /// Whether it is what the manifest says.
    #[serde(flatten)]
    pub outcome: CheckOutcome,
}

/// Whether an artifact is what the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum CheckOutcome {
    /// Same size, same SHA-256.
    Intact,
    /// Not there, or not inside the output.
    Missing,
    /// Another size.
    WrongSize {
        /// Bytes that the manifest says.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// Same size, other bytes.
    WrongHash {
        /// SHA-256 that the manifest says.
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
    /// Whether every artifact is what the manifest says.
    pub fn is_intact(&self) -> bool {
        self.problems().next().is_none()
    }

    /// The artifacts that are not what the manifest says.
    pub fn problems(&self) -> impl Iterator<Item = &ArtifactCheck> {
        self.checks.iter().filter(|c| c.outcome != CheckOutcome::Intact)
    }
}

impl Session {
    pub(crate) async fn verify(&self, manifest: &Manifest) -> Result<VerifyReport> {
        let mut checks = Vec::with_capacity(manifest.artifacts.len());
        for artifact in &manifest.artifacts {
            checks.push(ArtifactCheck { href: artifact.href.clone(), outcome: self.check(artifact).await? });
        }
        Ok(VerifyReport { url: self.url.clone(), run_id: manifest.run_id.clone(), checks })
    }

    /// Whether an artifact is what the manifest says: read whole, piece by piece.
    pub(crate) async fn check(&self, artifact: &Artifact) -> Result<CheckOutcome> {
        Ok(compare(artifact, self.digest(&artifact.href, artifact.size).await?))
    }

    /// The folders right below the output that hold a run.
    pub(crate) async fn maps_below(&self) -> Result<Vec<String>> {
        let listed = self.store().list_with_delimiter(Some(&self.prefix)).await;
        let mut folders = Vec::new();
        for path in listed.map_err(self.failed("list", ""))?.common_prefixes {
            let Some(folder) = path.filename().filter(|name| *name != JOBS) else { continue };
            if self.size(&format!("{folder}/{MANIFEST_NAME}")).await?.is_some() {
                folders.push(folder.to_owned());
            }
        }
        folders.sort();
        Ok(folders)
    }

    /// The size of an object; `None` when there is none.
    pub(crate) async fn size(&self, href: &str) -> Result<Option<u64>> {
        let Some(path) = self.at(href) else { return Ok(None) };
        match self.store().head(&path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", href)(error)),
        }
    }

    /// Reads an object through the hash, piece by piece, so that no request takes long; `None` when there is none. One
    /// that has not the size expected is not read, and has no hash then.
    ///
    /// It does not ask for the size first: refusals of such requests cannot say why.
    pub(crate) async fn digest(&self, href: &str, expected: u64) -> Result<Option<Digest>> {
        let Some(path) = self.at(href) else { return Ok(None) };
        let other_size = |size| Ok(Some(Digest { size, sha256: String::new() }));
        let first = (expected > PART_BYTES).then_some(GetRange::Bounded(0..PART_BYTES));
        let got =
            match self.store().get_opts(&path, GetOptions { range: first, ..GetOptions::default() }).await {
                Ok(got) if got.meta.size != expected => return other_size(got.meta.size),
                Ok(got) => got,
                Err(StoreError::NotFound { .. }) => return Ok(None),
                // An empty object has no first piece.
                Err(error) => match self.size(href).await {
                    Ok(Some(size)) if size != expected => return other_size(size),
                    _ => return Err(self.failed("read", href)(error)),
                },
            };
        let starts = (PART_BYTES..expected).step_by(usize::try_from(PART_BYTES).unwrap_or(usize::MAX));
        let piece = |start: u64| self.store().get_range(&path, start..expected.min(start + PART_BYTES));
        let rest = stream::iter(starts.map(piece)).buffered(PARTS_IN_FLIGHT);
        let mut pieces = got.into_stream().chain(rest);
        let mut hasher = Hasher::default();
        while let Some(bytes) = pieces.try_next().await.map_err(|e| self.failed("read", href)(e))? {
            hasher.update(&bytes);
        }
        Ok(Some(hasher.finish()))
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
