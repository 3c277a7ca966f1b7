//! Single objects of an output, which a job stores there while it runs.

use std::ops::Range;
use std::path::Path;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use object_store::{Error as StoreError, ObjectMeta, ObjectStoreExt, PutMode, PutOptions};

use crate::error::{PublishError, Result};
use crate::limits::{MOST_LISTED, ObjectKind};
use crate::session::Session;
use crate::target::Target;

/// An object below a [`Target`], as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Path relative to the target.
    pub href: String,
    /// Its size, bytes.
    pub size: u64,
    /// Time of the last write, by the store's clock.
    pub modified: DateTime<Utc>,
}

impl Target {
    /// The object at `href`, up to the limit of its kind; `None` when it does not exist.
    ///
    /// # Errors
    /// [`BadArtifactName`](crate::PublishError::BadArtifactName) when `href` is not inside the target,
    /// [`TooLarge`](crate::PublishError::TooLarge), [`Store`](crate::PublishError::Store).
    pub fn read(&self, href: &str, kind: ObjectKind) -> Result<Option<Vec<u8>>> {
        let Some(session) = self.session()? else { return Ok(None) };
        self.block_on(session.read(href, kind))
    }

    /// Some bytes of an object, fewer where it ends before.
    ///
    /// # Errors
    /// [`BadArtifactName`](crate::PublishError::BadArtifactName), [`Store`](crate::PublishError::Store), also when it does
    /// not exist.
    pub fn read_part(&self, href: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let session =
            self.session()?.ok_or_else(|| PublishError::NoManifest { url: self.url().to_owned() })?;
        self.block_on(session.read_part(href, range))
    }

    /// Writes an object unless it exists; returns whether it was written. Of several concurrent writers, one succeeds
    /// and the others get `false`; readers never get a part of it.
    ///
    /// If the store's answer is lost, the retry finds the object of the first request, and the result is `false`; after
    /// an error, the object may exist or not. A caller that needs certainty writes unique bytes and reads them back.
    ///
    /// # Errors
    /// [`BadArtifactName`](crate::PublishError::BadArtifactName), [`ReadOnly`](crate::PublishError::ReadOnly),
    /// [`Store`](crate::PublishError::Store), [`Io`](crate::PublishError::Io).
    pub fn create(&self, href: &str, bytes: Vec<u8>, media_type: &str) -> Result<bool> {
        self.make_folder()?;
        let session = self.writable()?;
        self.block_on(session.put(href, bytes, media_type, PutMode::Create))
    }

    /// Writes an object, replacing an existing one.
    ///
    /// # Errors
    /// As [`Target::create`].
    pub fn replace(&self, href: &str, bytes: Vec<u8>, media_type: &str) -> Result<()> {
        self.make_folder()?;
        let session = self.writable()?;
        self.block_on(session.put(href, bytes, media_type, PutMode::Overwrite)).map(drop)
    }

    /// Every object below a folder of the target (all of them for an empty name), sorted by path.
    ///
    /// # Errors
    /// [`BadArtifactName`](crate::PublishError::BadArtifactName), [`TooMany`](crate::PublishError::TooMany),
    /// [`Store`](crate::PublishError::Store).
    pub fn list(&self, folder: &str) -> Result<Vec<ObjectInfo>> {
        let Some(session) = self.session()? else { return Ok(Vec::new()) };
        self.block_on(session.list(folder))
    }

    /// Deletes every object below a folder of the target; returns those that stay.
    ///
    /// # Errors
    /// [`NotAFolder`](crate::PublishError::NotAFolder) when the target is not a folder,
    /// [`ReadOnly`](crate::PublishError::ReadOnly).
    pub fn delete_below(&self, folder: &str) -> Result<Vec<String>> {
        if self.session()?.is_none() {
            return Ok(Vec::new());
        }
        let session = self.writable()?;
        let stay = self.block_on(session.delete_below(folder));
        self.forget_folder(folder);
        Ok(stay)
    }

    /// Removes a local folder of the target if it is empty, with empty folders in it and parents that become empty.
    pub(crate) fn forget_folder(&self, folder: &str) {
        fn remove(folder: &Path) {
            let Ok(entries) = std::fs::read_dir(folder) else { return };
            entries
                .flatten()
                .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
                .for_each(|e| remove(&e.path()));
            // Folders that are not empty stay.
            let _ = std::fs::remove_dir(folder);
        }
        let Some(root) = self.local_folder() else { return };
        remove(&root.join(folder));
        let above = Path::new(folder).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        for above in above {
            let _ = std::fs::remove_dir(root.join(above));
        }
    }
}

impl Session {
    async fn read(&self, href: &str, kind: ObjectKind) -> Result<Option<Vec<u8>>> {
        let got = match self.store().get(&self.object(href)?).await {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            got => got.map_err(self.failed("read", href))?,
        };
        self.bytes(got, href, kind).await.map(Some)
    }

    async fn read_part(&self, href: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let got = self.store().get_range(&self.object(href)?, range).await;
        Ok(got.map_err(self.failed("read", href))?.to_vec())
    }

    async fn put(&self, href: &str, bytes: Vec<u8>, media_type: &str, mode: PutMode) -> Result<bool> {
        let options = PutOptions { mode, attributes: self.attributes(media_type), ..PutOptions::default() };
        match self.store_for(bytes.len()).put_opts(&self.object(href)?, bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed("write", href)(error)),
        }
    }

    async fn list(&self, folder: &str) -> Result<Vec<ObjectInfo>> {
        let prefix = if folder.is_empty() { self.prefix.clone() } else { self.object(folder)? };
        let mut objects = Vec::new();
        let mut listed = self.store().list(Some(&prefix));
        while let Some(meta) = listed.try_next().await.map_err(|e| self.failed("list", folder)(e))? {
            objects.extend(self.info(&meta));
            if objects.len() > MOST_LISTED {
                return Err(PublishError::TooMany { place: self.place(folder), limit: MOST_LISTED });
            }
        }
        objects.sort_by(|a, b| a.href.cmp(&b.href));
        Ok(objects)
    }

    fn info(&self, meta: &ObjectMeta) -> Option<ObjectInfo> {
        let parts: Vec<_> = meta.location.prefix_match(&self.prefix)?.collect();
        let names: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        Some(ObjectInfo { href: names.join("/"), size: meta.size, modified: meta.last_modified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exercise(target: &Target) {
        assert_eq!(target.read("job/a", ObjectKind::Record).unwrap(), None);
        assert!(target.list("").unwrap().is_empty());
        assert!(target.create("job/a", b"one".to_vec(), "text/plain").unwrap());
        assert!(!target.create("job/a", b"two".to_vec(), "text/plain").unwrap());
        assert_eq!(target.read("job/a", ObjectKind::Record).unwrap().unwrap(), b"one");
        target.replace("job/a", b"three".to_vec(), "text/plain").unwrap();
        target.replace("job/deep/b", b"4".to_vec(), "text/plain").unwrap();
        let listed: Vec<_> = target.list("job").unwrap().into_iter().map(|o| (o.href, o.size)).collect();
        assert_eq!(listed, [("job/a".to_owned(), 5), ("job/deep/b".to_owned(), 1)]);
        assert_eq!(target.list("").unwrap().len(), 2);
        assert!(target.list("jo").unwrap().is_empty(), "a prefix is a whole name");
        assert!(target.delete_below("job").unwrap().is_empty());
        assert!(target.list("").unwrap().is_empty());
        assert!(target.read("../x", ObjectKind::Record).is_err());
    }

    #[test]
    fn objects_are_created_once_listed_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("not/there/yet");
        exercise(&Target::parse(folder.to_str().unwrap()).unwrap());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        exercise(&Target::parse("memory:///a/b").unwrap());
    }

    #[test]
    fn of_many_writers_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::parse(dir.path().to_str().unwrap()).unwrap();
        let won = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8u8)
                .map(|i| {
                    scope.spawn({
                        let t = target.clone();
                        move || t.create("x", vec![i; 1000], "x").unwrap()
                    })
                })
                .collect();
            writers.into_iter().map(|w| w.join().unwrap()).filter(|w| *w).count()
        });
        assert_eq!(won, 1);
        let bytes = target.read("x", ObjectKind::Record).unwrap().unwrap();
        assert!(bytes.len() == 1000 && bytes.iter().all(|b| *b == bytes[0]));
    }
}
