//! The commit protocol: artifacts first, in a folder of the attempt, then the manifest in one conditional write.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use arpent_base::Diagnostic as _;
use arpent_base::number::index;
use object_store::path::Path as ObjectPath;
use object_store::{
    Error as StoreError, PutMode, PutMultipartOptions, PutOptions, UpdateVersion, WriteMultipart,
};
use serde::Serialize;

use crate::error::{PublishError, Result};
use crate::hash::{Digest, Hasher, hash_file};
use crate::manifest::{Artifact, Manifest};
use crate::media::media_type;
use crate::names::{MANIFEST_NAME, is_plain, unique_key};
use crate::session::{PART_BYTES, PARTS_IN_FLIGHT, Session, Version};
use crate::target::Target;

/// Stores accept 10,000 parts at most; larger files get larger parts.
const MOST_PARTS: u64 = 9_000;
const MANIFEST_MEDIA_TYPE: &str = "application/json";

/// A complete local file to be published with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedArtifact {
    /// Path of the file.
    pub path: PathBuf,
    /// Its name in the output: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Role: `labels`, `confidence`, `features`, `metadata`, ...
    pub role: String,
    /// Media type.
    pub media_type: String,
    /// Its size and SHA-256.
    pub digest: Digest,
}

impl StagedArtifact {
    /// Hashes a complete file, which will be published under its own name and the [`media_type`] of that name.
    ///
    /// # Errors
    /// [`PublishError::Io`] when it cannot be read.
    pub fn new(path: &Path, role: &str) -> Result<Self> {
        let name = path.file_name().expect("an artifact is a file").to_string_lossy().into_owned();
        Ok(Self {
            path: path.to_owned(),
            role: role.to_owned(),
            media_type: media_type(&name).to_owned(),
            name,
            digest: hash_file(path)?,
        })
    }
}

/// A published run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Published {
    /// The manifest as stored.
    pub manifest: Manifest,
    /// Objects of the replaced run that could not be deleted; harmless, but they take space.
    pub leftovers: Vec<String>,
}

/// Checks that names are plain and distinct.
fn check_names(artifacts: &[StagedArtifact]) -> Result<()> {
    let bad = |name: &str, reason| Err(PublishError::BadArtifactName { name: name.to_owned(), reason });
    for (i, artifact) in artifacts.iter().enumerate() {
        if !is_plain(&artifact.name) {
            return bad(&artifact.name, "only letters, digits, `.`, `_` and `-` are allowed");
        }
        if artifacts[..i].iter().any(|a| a.name == artifact.name) {
            return bad(&artifact.name, "two artifacts have this name");
        }
    }
    Ok(())
}

impl Target {
    /// Publishes a run: uploads the artifacts under a folder of this attempt, then writes the manifest, at
    /// which moment the run becomes visible, complete.
    ///
    /// [`Manifest::attempt`] and [`Manifest::artifacts`] are filled in; returns the manifest as stored. With
    /// `overwrite`, a former run stays visible until the new manifest replaces it in one step, then its artifacts are
    /// deleted. If an error occurs before that step, the uploaded objects are deleted; if the outcome of that step is
    /// unknown, they stay.
    ///
    /// # Errors
    /// [`PublishError::OutputExists`] when there is a run and `overwrite` is false,
    /// [`PublishError::ReplacedMeanwhile`] when another run was published during the upload,
    /// [`PublishError::ArtifactChanged`] when a file changed after it was hashed,
    /// [`PublishError::Damaged`] when the store holds other bytes than were sent, [`PublishError::ReadOnly`],
    /// [`PublishError::BadArtifactName`], [`PublishError::Io`] and [`PublishError::Store`].
    pub fn publish(
        &self,
        artifacts: &[StagedArtifact],
        manifest: Manifest,
        overwrite: bool,
    ) -> Result<Published> {
        check_names(artifacts)?;
        let made = self.make_folder()?;
        let published = self
            .writable()
            .and_then(|session| self.block_on(session.publish(artifacts, manifest, overwrite)));
        if published.is_err() {
            // Only empty folders, and only those created above, are removed.
            made.iter().all(|folder| std::fs::remove_dir(folder).is_ok());
        }
        published
    }
}

impl Session {
    async fn publish(
        &self,
        artifacts: &[StagedArtifact],
        manifest: Manifest,
        overwrite: bool,
    ) -> Result<Published> {
        let former = self.manifest_bytes().await?;
        if let (Some((bytes, _)), false) = (&former, overwrite) {
            return Err(self.output_exists(bytes));
        }
        let attempt = unique_key();
        let manifest = complete(manifest, &attempt, artifacts);
        if let Err(error) = self.upload_all(&attempt, artifacts).await {
            self.delete_attempt(&attempt).await;
            return Err(error);
        }
        self.commit(&manifest, former.as_ref()).await?;
        let leftovers = match former {
            Some((bytes, _)) => self.delete_former(&bytes).await,
            None => Vec::new(),
        };
        Ok(Published { manifest, leftovers })
    }

    fn output_exists(&self, manifest: &[u8]) -> PublishError {
        let run_id =
            Manifest::from_json(manifest, &self.url).map_or_else(|_| "(unreadable)".into(), |m| m.run_id);
        PublishError::OutputExists { url: self.url.clone(), run_id }
    }

    /// Uploads every artifact under the attempt's folder.
    pub(crate) async fn upload_all(&self, attempt: &str, artifacts: &[StagedArtifact]) -> Result<()> {
        for artifact in artifacts {
            let href = format!("{attempt}/{}", artifact.name);
            let digest = self.upload(artifact, &href).await?;
            if digest != artifact.digest {
                return Err(PublishError::ArtifactChanged { path: artifact.path.clone() });
            }
            self.check_upload(&href, &digest).await?;
        }
        Ok(())
    }

    /// Uploads one file; returns the digest of the bytes sent.
    async fn upload(&self, artifact: &StagedArtifact, href: &str) -> Result<Digest> {
        let path = &artifact.path;
        let size = std::fs::metadata(path).map_err(PublishError::io("read", path))?.len();
        let file = File::open(path).map_err(PublishError::io("open", path))?;
        let to = self.object(href)?;
        if size <= PART_BYTES {
            return self.upload_whole(file, artifact, &to, href).await;
        }
        let part = PART_BYTES.max(size / MOST_PARTS);
        let options = PutMultipartOptions {
            attributes: self.attributes(&artifact.media_type),
            ..PutMultipartOptions::default()
        };
        let started = self.connection.uploads.put_multipart_opts(&to, options).await;
        let upload = started.map_err(self.failed("upload", href))?;
        let part_len = index(part);
        // Its begin, its parts, its end.
        self.requested.add(2 + size.div_ceil(part), size);
        let mut writer = WriteMultipart::new_with_chunk_size(upload, part_len);
        match self.send_parts(&mut writer, file, part, path, href).await {
            Ok(digest) => {
                writer.finish().await.map_err(self.failed("upload", href))?;
                Ok(digest)
            }
            Err(error) => {
                // The first error is reported; the store expires parts that stay.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }

    async fn upload_whole(
        &self,
        mut file: File,
        artifact: &StagedArtifact,
        to: &ObjectPath,
        href: &str,
    ) -> Result<Digest> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(PublishError::io("read", &artifact.path))?;
        let digest = digest_of(&bytes);
        let options =
            PutOptions { attributes: self.attributes(&artifact.media_type), ..PutOptions::default() };
        let put = self.store_for(bytes.len()).put_opts(to, bytes.into(), options).await;
        put.map_err(self.failed("upload", href))?;
        Ok(digest)
    }

    async fn send_parts(
        &self,
        writer: &mut WriteMultipart,
        mut file: File,
        part: u64,
        path: &Path,
        href: &str,
    ) -> Result<Digest> {
        let mut hasher = Hasher::default();
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let read = file.by_ref().take(part).read_to_end(&mut bytes);
            if read.map_err(PublishError::io("read", path))? == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&bytes);
            let ready = writer.wait_for_capacity(PARTS_IN_FLIGHT).await;
            ready.map_err(self.failed("upload", href))?;
            writer.write(&bytes);
        }
    }

    /// Checks that the store holds the bytes that were sent: every object is read back, large ones in pieces. For a
    /// local folder only the size is compared.
    async fn check_upload(&self, href: &str, sent: &Digest) -> Result<()> {
        let found = match self.local {
            Some(_) => self.size(href).await?.map(|size| Digest { size, ..sent.clone() }),
            None => self.digest(href, sent.size).await?,
        };
        let what = match found {
            None => "it is missing",
            Some(found) if found.size != sent.size => "its size differs",
            Some(found) if found.sha256 != sent.sha256 => "its bytes differ",
            Some(_) => return Ok(()),
        };
        Err(PublishError::Damaged { place: self.place(href), what })
    }

    /// The write that makes the run visible. After a failure, the objects of the attempt are deleted only if its
    /// manifest is certainly absent and cannot appear later: a request that timed out may still reach the store.
    /// [`Target::gc`] deletes the rest.
    async fn commit(&self, manifest: &Manifest, former: Option<&Version>) -> Result<()> {
        let bytes = manifest.to_json()?;
        let put = self.put_manifest(&bytes, former.map(|(_, version)| version.clone())).await;
        let found = self.manifest_bytes().await;
        let error = match (put, &found) {
            (_, Ok(Some((found, _)))) if *found == bytes => return Ok(()),
            // Another process has published since.
            (Ok(e_tag), Ok(Some((_, version)))) if version.e_tag != e_tag => return Ok(()),
            (Ok(_), Ok(_)) => return self.take_back(manifest, found?, former).await,
            // The store accepted it.
            (Ok(_), Err(_)) => return Ok(()),
            (Err(error), _) => error,
        };
        let refused = self.local.is_some() || error.is_transient() == Some(false);
        let never_there = match &found {
            Ok(None) => refused,
            Ok(Some((found, _))) => refused && self.is_of_another(found, &manifest.attempt),
            Err(_) => false,
        };
        if never_there {
            self.delete_attempt(&manifest.attempt).await;
        }
        Err(error)
    }

    /// Whether a manifest is that of another attempt, and not this one with bytes corrupted in transit.
    fn is_of_another(&self, found: &[u8], attempt: &str) -> bool {
        Manifest::from_json(found, &self.url).is_ok_and(|other| {
            let is_its_own = |a: &Artifact| a.href.split_once('/').is_some_and(|(at, _)| at == other.attempt);
            other.attempt != attempt && other.artifacts.iter().all(is_its_own)
        })
    }

    /// Undoes a commit whose manifest was not stored as sent: restores the manifest of the former run, or deletes it.
    async fn take_back(
        &self,
        manifest: &Manifest,
        found: Option<Version>,
        former: Option<&Version>,
    ) -> Result<()> {
        let undone = match former {
            Some((bytes, _)) => self.put_manifest(bytes, found.map(|(_, version)| version)).await.map(drop),
            None => self.delete(MANIFEST_NAME).await,
        };
        undone?;
        let gone = match self.manifest_bytes().await? {
            None => true,
            Some((now, _)) => self.is_of_another(&now, &manifest.attempt),
        };
        if gone {
            self.delete_attempt(&manifest.attempt).await;
        }
        Err(PublishError::Damaged { place: self.place(MANIFEST_NAME), what: "its bytes differ" })
    }

    /// Writes the manifest over the known version, or only if there is none; returns the tag of the new version.
    async fn put_manifest(&self, bytes: &[u8], former: Option<UpdateVersion>) -> Result<Option<String>> {
        let to = self.manifest_path();
        let replacing = former.is_some();
        let put = |mode| {
            let attributes = self.attributes(MANIFEST_MEDIA_TYPE);
            let options = PutOptions { mode, attributes, ..PutOptions::default() };
            self.store_for(bytes.len()).put_opts(&to, bytes.to_vec().into(), options)
        };
        let done = match put(former.map_or(PutMode::Create, PutMode::Update)).await {
            // Local folders have no conditional update; their overwrite is a rename, hence still one step.
            Err(StoreError::NotImplemented { .. }) if replacing => put(PutMode::Overwrite).await,
            done => done,
        };
        match done {
            Ok(put) => Ok(put.e_tag),
            Err(
                StoreError::AlreadyExists { .. }
                | StoreError::Precondition { .. }
                | StoreError::NotFound { .. },
            ) if replacing => Err(PublishError::ReplacedMeanwhile { url: self.url.clone() }),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                let found = self.manifest_bytes().await?.map(|(bytes, _)| bytes).unwrap_or_default();
                Err(self.output_exists(&found))
            }
            Err(error) => Err(self.failed("write", MANIFEST_NAME)(error)),
        }
    }

    /// Deletes the objects of an attempt as far as possible; errors are ignored, since the original error is reported.
    async fn delete_attempt(&self, attempt: &str) {
        let _ = self.delete_below(attempt).await;
    }

    /// Deletes the artifacts of the replaced run; returns those that stay. If the old manifest cannot be read, its
    /// artifacts are unknown and nothing is deleted.
    async fn delete_former(&self, manifest: &[u8]) -> Vec<String> {
        match Manifest::from_json(manifest, &self.url) {
            Ok(former) if is_plain(&former.attempt) => self.delete_below(&former.attempt).await,
            _ => vec![self.url.clone()],
        }
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// The manifest with the fields that publication fills in.
fn complete(mut manifest: Manifest, attempt: &str, artifacts: &[StagedArtifact]) -> Manifest {
    let record = |a: &StagedArtifact| Artifact {
        href: format!("{attempt}/{}", a.name),
        role: a.role.clone(),
        media_type: a.media_type.clone(),
        size: a.digest.size,
        sha256: a.digest.sha256.clone(),
    };
    manifest.artifacts = artifacts.iter().map(record).collect();
    attempt.clone_into(&mut manifest.attempt);
    manifest
}

#[cfg(test)]
pub(crate) mod tests;
