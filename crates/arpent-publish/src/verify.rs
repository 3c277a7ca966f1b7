//! Checking a published run against its manifest.

use std::fmt;

use serde::Serialize;

use crate::error::{PublishError, Result};
use crate::hash::Digest;
use crate::manifest::{Artifact, Manifest};
use crate::session::Session;
use crate::target::Target;

/// What [`Target::verify`] found.
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

impl Target {
    /// Whether an artifact of the run is what its manifest says, by size and SHA-256; it is read once, in pieces. Whoever makes
    /// something of an artifact asks before: else the hash in the manifest would vouch for other bytes.
    ///
    /// # Errors
    /// [`PublishError::NotAsPublished`] when it is not, [`PublishError::Store`] when it cannot be read.
    pub fn check_artifact(&self, artifact: &Artifact) -> Result<()> {
        let session =
            self.session()?.ok_or_else(|| PublishError::NoManifest { url: self.url().to_owned() })?;
        match self.block_on(session.check(artifact))? {
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
    /// As [`Target::read_manifest`], [`PublishError::NoArtifacts`] where nothing can be compared, and [`PublishError::Store`] when
    /// an artifact that is there cannot be read.
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

    /// Whether an artifact is what the manifest says: read whole, piece by piece.
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
