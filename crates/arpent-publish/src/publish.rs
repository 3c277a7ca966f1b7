//! The commit protocol: artifacts first, under a key of their own, then the manifest in one conditional step.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use arpent_base::Diagnostic as _;
use object_store::path::Path as ObjectPath;
use object_store::{
    Error as StoreError, PutMode, PutMultipartOptions, PutOptions, UpdateVersion, WriteMultipart,
};
use serde::Serialize;

use crate::error::{PublishError, Result};
use crate::hash::{Digest, Hasher, hash_file};
use crate::manifest::{Artifact, Manifest};
use crate::media::media_type;
use crate::names::{MANIFEST_NAME, is_plain, new_attempt};
use crate::session::{PART_BYTES, PARTS_IN_FLIGHT, Session, Version};
use crate::target::Target;

/// Stores take 10,000 parts at most; larger files get larger parts.
const MOST_PARTS: u64 = 9_000;
const MANIFEST_MEDIA_TYPE: &str = "application/json";

/// A finished local file that is to be part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedArtifact {
    /// Where the file is.
    pub path: PathBuf,
    /// Its name in the output: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// What it is: `labels`, `confidence`, `features`, `metadata`, ...
    pub role: String,
    /// Media type.
    pub media_type: String,
    /// Its size and SHA-256.
    pub digest: Digest,
}

impl StagedArtifact {
    /// Hashes a finished file, which will be published under its own name and the
    /// [`media_type`] that this implies.
    ///
    /// # Errors
    /// [`PublishError::Io`] when it cannot be read.
    pub fn new(path: &Path, role: &str) -> Result<Self> {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            role: role.to_owned(),
            media_type: media_type(&name).to_owned(),
            name,
            digest: hash_file(path)?,
        })
    }
}

/// A run that is now visible.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Published {
    /// The manifest as stored.
    pub manifest: Manifest,
    /// Objects of the run that was replaced which could not be deleted; harmless, but they take space.
    pub leftovers: Vec<String>,
}

/// Names must be plain and different.
fn check_names(artifacts: &[StagedArtifact]) -> Result<()> {
    let bad = |name: &str, reason| Err(PublishError::BadArtifactName { name: name.to_owned(), reason });
    for (i, artifact) in artifacts.iter().enumerate() {
        if !is_plain(&artifact.name) {
            return bad(&artifact.name, "a name has letters, digits, `.`, `_` and `-` only");
        }
        if artifacts[..i].iter().any(|a| a.name == artifact.name) {
            return bad(&artifact.name, "two artifacts have it");
        }
    }
    Ok(())
}

impl Target {
    /// Publishes a run: uploads the artifacts under a folder of this attempt, then writes the manifest, at
    /// which moment the run becomes visible, complete.
    ///
    /// [`Manifest::attempt`] and [`Manifest::artifacts`] are filled in; the manifest as stored is given back.
    /// With `overwrite`, a former run stays visible until the new manifest replaces it in one step, then its
    /// artifacts are deleted. When anything fails before that step, what was uploaded is deleted; where it is not known
    /// whether the step has been made, it stays.
    ///
    /// # Errors
    /// [`PublishError::OutputExists`] when there is a run and `overwrite` is false,
    /// [`PublishError::ReplacedMeanwhile`] when another run was published during the upload,
    /// [`PublishError::ArtifactChanged`] when a file is not any more what was hashed,
    /// [`PublishError::Damaged`] when the store holds something else than was sent, [`PublishError::ReadOnly`],
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
            // Only empty folders, and only those made above; whatever else is there stays.
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
        let attempt = new_attempt();
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

    /// Uploads one file; gives the digest of the bytes that went up.
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
        let part_len = usize::try_from(part).unwrap_or(usize::MAX);
        let mut writer = WriteMultipart::new_with_chunk_size(upload, part_len);
        match self.send_parts(&mut writer, file, part, path, href).await {
            Ok(digest) => {
                writer.finish().await.map_err(self.failed("upload", href))?;
                Ok(digest)
            }
            Err(error) => {
                // The first error is the one to tell; a part that stays is the store's to expire.
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

    /// Whether the store holds what was sent: every object is read back, large ones piece by piece. Of a local folder,
    /// where nothing lies in between, only the size is compared.
    async fn check_upload(&self, href: &str, sent: &Digest) -> Result<()> {
        let found = match self.local {
            Some(_) => self.size(href).await?.map(|size| Digest { size, ..sent.clone() }),
            None => self.digest(href, sent.size).await?,
        };
        let what = match found {
            None => "it is not there",
            Some(found) if found.size != sent.size => "it has another size",
            Some(found) if found.sha256 != sent.sha256 => "it holds other bytes",
            Some(_) => return Ok(()),
        };
        Err(PublishError::Damaged { place: self.place(href), what })
    }

    /// The one step that makes the run visible. The attempt of one that failed is deleted where it is certain that its
    /// manifest is not there and will not be: a request that was given up may still be on its way to the store. What
    /// stays is for [`Target::gc`].
    async fn commit(&self, manifest: &Manifest, former: Option<&Version>) -> Result<()> {
        let bytes = manifest.to_json()?;
        let put = self.put_manifest(&bytes, former.map(|(_, version)| version.clone())).await;
        let found = self.manifest_bytes().await;
        let error = match (put, &found) {
            (_, Ok(Some((found, _)))) if *found == bytes => return Ok(()),
            // Somebody else has published since.
            (Ok(e_tag), Ok(Some((_, version)))) if version.e_tag != e_tag => return Ok(()),
            (Ok(_), Ok(_)) => return self.take_back(manifest, found?, former).await,
            // The store took it.
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

    /// Whether a manifest is that of another attempt, beyond a byte that was changed while it was read.
    fn is_of_another(&self, found: &[u8], attempt: &str) -> bool {
        Manifest::from_json(found, &self.url).is_ok_and(|other| {
            let is_its_own = |a: &Artifact| a.href.split_once('/').is_some_and(|(at, _)| at == other.attempt);
            other.attempt != attempt && other.artifacts.iter().all(is_its_own)
        })
    }

    /// Undoes a commit whose manifest is not there as it was sent: that of the former run is there again, or none.
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
        Err(PublishError::Damaged { place: self.place(MANIFEST_NAME), what: "it holds other bytes" })
    }

    /// Writes the manifest in the place of the one that is known, or where there is none; gives its version's tag.
    async fn put_manifest(&self, bytes: &[u8], former: Option<UpdateVersion>) -> Result<Option<String>> {
        let to = self.manifest_path();
        let replacing = former.is_some();
        let put = |mode| {
            let attributes = self.attributes(MANIFEST_MEDIA_TYPE);
            let options = PutOptions { mode, attributes, ..PutOptions::default() };
            self.store_for(bytes.len()).put_opts(&to, bytes.to_vec().into(), options)
        };
        let done = match put(former.map_or(PutMode::Create, PutMode::Update)).await {
            // Local folders know no conditional update; their overwrite is a rename, hence still one step.
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

    /// Deletes what an attempt uploaded, as far as the store lets us: the error that led here is told.
    async fn delete_attempt(&self, attempt: &str) {
        let _ = self.delete_below(attempt).await;
    }

    /// Deletes the artifacts of the run that was replaced; gives what stays. A manifest that cannot be read
    /// does not say what was its own, so nothing is touched then.
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

/// The manifest with what only publication knows.
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
