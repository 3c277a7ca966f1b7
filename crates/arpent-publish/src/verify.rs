//! Checking a published run against its manifest.

use futures_util::TryStreamExt;
use object_store::{Error as StoreError, ObjectStoreExt};
use serde::Serialize;

use crate::error::{PublishError, Result};
use crate::hash::{Digest, Hasher};
use crate::manifest::{Artifact, Manifest};
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
            let outcome = compare(artifact, self.digest(&artifact.href).await?);
            checks.push(ArtifactCheck { href: artifact.href.clone(), outcome });
        }
        Ok(VerifyReport { url: self.url.clone(), run_id: manifest.run_id.clone(), checks })
    }

    /// Streams an object through the hash; `None` when there is none.
    async fn digest(&self, href: &str) -> Result<Option<Digest>> {
        let Some(path) = self.at(href) else { return Ok(None) };
        let failed = |e| PublishError::store("read", self.place(href))(e);
        let got = match self.store.get(&path).await {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            got => got.map_err(failed)?,
        };
        let mut hasher = Hasher::default();
        let mut stream = got.into_stream();
        while let Some(bytes) = stream.try_next().await.map_err(failed)? {
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
