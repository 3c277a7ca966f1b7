//! An opened output, and operations on its objects.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arpent_base::number::index;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path as ObjectPath;
use object_store::{
    Attribute, Attributes, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload,
    ObjectStore, ObjectStoreExt, UpdateVersion,
};

use crate::connect::Connection;
use crate::error::{PublishError, Result};
use crate::hash::{Digest, Hasher};
use crate::limits::ObjectKind;
use crate::names::{JOBS, MANIFEST_NAME};

/// Files up to this size are uploaded in one request; larger ones in parts of at least this size.
pub(crate) const PART_BYTES: u64 = 8 << 20;

/// Concurrent parts; the memory of an upload is this many parts and one more.
pub(crate) const PARTS_IN_FLIGHT: usize = 4;

/// Bodies up to this size are sent within the read timeout: 1 MiB at 42 kB/s.
const QUICKLY_SENT_BYTES: usize = 1 << 20;

/// A manifest as stored: its bytes, and the store's identifier of this version.
pub(crate) type Version = (Vec<u8>, UpdateVersion);

/// Requests to a store and bytes sent to it, of all sessions of a target. Retries of the client, and further pages of long
/// listings, are not counted.
#[derive(Debug, Default)]
pub(crate) struct Requested {
    requests: AtomicU64,
    sent: AtomicU64,
}

impl Requested {
    /// Counts requests that send so many bytes together.
    pub(crate) fn add(&self, requests: u64, sent: u64) {
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.sent.fetch_add(sent, Ordering::Relaxed);
    }

    /// Requests and bytes so far.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }
}

/// An opened output.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) prefix: ObjectPath,
    /// The folder, if local.
    pub(crate) local: Option<PathBuf>,
    pub(crate) url: String,
    pub(crate) requested: Arc<Requested>,
}

impl Session {
    /// The store, for one request, except uploads of large bodies.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.requested.add(1, 0);
        &*self.connection.store
    }

    /// The store for one request that sends a body of so many bytes.
    pub(crate) fn store_for(&self, bytes: usize) -> &dyn ObjectStore {
        self.requested.add(1, bytes as u64);
        if bytes > QUICKLY_SENT_BYTES { &*self.connection.uploads } else { &*self.connection.store }
    }

    /// For `map_err`: the operation and the object.
    pub(crate) fn failed(
        &self,
        action: &'static str,
        href: &str,
    ) -> impl FnOnce(object_store::Error) -> PublishError {
        PublishError::store(action, self.place(href), &self.connection.secrets)
    }

    /// The object at a path relative to the output; `None` when that is not inside the output.
    pub(crate) fn at(&self, href: &str) -> Option<ObjectPath> {
        let inside = href.split('/').all(|part| !matches!(part, "" | "." | ".."));
        inside.then(|| href.split('/').fold(self.prefix.clone(), ObjectPath::join))
    }

    /// The object of the manifest.
    pub(crate) fn manifest_path(&self) -> ObjectPath {
        self.prefix.clone().join(MANIFEST_NAME)
    }

    /// The address of an object, for messages.
    pub(crate) fn place(&self, href: &str) -> String {
        match &self.local {
            Some(folder) => folder.join(href).display().to_string(),
            None => format!("{}/{href}", self.url),
        }
    }

    /// The manifest's bytes and version, `None` when there is none.
    pub(crate) async fn manifest_bytes(&self) -> Result<Option<Version>> {
        let failed = |e| self.failed("read", MANIFEST_NAME)(e);
        let got = match self.store().get(&self.manifest_path()).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            got => got.map_err(failed)?,
        };
        let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
        Ok(Some((self.bytes(got, MANIFEST_NAME, ObjectKind::Manifest).await?, version)))
    }

    /// The rest of an object that the store has begun to send.
    pub(crate) async fn bytes(&self, got: GetResult, href: &str, kind: ObjectKind) -> Result<Vec<u8>> {
        let failed = |e| self.failed("read", href)(e);
        let check = |size: u64| {
            let (limit, what) = (kind.limit(), kind.name());
            let too_large = || PublishError::TooLarge { place: self.place(href), what, limit };
            if size > limit { Err(too_large()) } else { Ok(()) }
        };
        check(got.meta.size)?;
        if matches!(got.payload, GetResultPayload::File(..)) {
            // The size of an open local file can be trusted.
            return Ok(got.bytes().await.map_err(failed)?.to_vec());
        }
        let mut bytes = Vec::new();
        let mut parts = got.into_stream();
        while let Some(part) = parts.try_next().await.map_err(failed)? {
            check((bytes.len() + part.len()) as u64)?;
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    }

    /// The folders directly below the output that contain a run.
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

    /// The size of an object; `None` when it does not exist.
    pub(crate) async fn size(&self, href: &str) -> Result<Option<u64>> {
        let Some(path) = self.at(href) else { return Ok(None) };
        match self.store().head(&path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", href)(error)),
        }
    }

    /// Hashes an object, piece by piece; `None` when it does not exist. An object of an unexpected size is not read, and
    /// has no hash then.
    pub(crate) async fn digest(&self, href: &str, expected: u64) -> Result<Option<Digest>> {
        self.each_part(href, expected, &mut |_| Ok(())).await
    }

    /// Passes an object to `take` and hashes it, piece by piece, so that no request takes long and memory holds a few
    /// pieces; `None` when it does not exist. Of an object of an unexpected size at most as many bytes are passed, and it
    /// has no hash then.
    ///
    /// The size is not requested first: errors of HEAD requests have no message.
    pub(crate) async fn each_part(
        &self,
        href: &str,
        expected: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<Option<Digest>> {
        let Some(path) = self.at(href) else { return Ok(None) };
        let other_size = |size| Ok(Some(Digest { size, sha256: String::new() }));
        let first = (expected > PART_BYTES).then_some(GetRange::Bounded(0..PART_BYTES));
        let got =
            match self.store().get_opts(&path, GetOptions { range: first, ..GetOptions::default() }).await {
                Ok(got) if got.meta.size != expected => return other_size(got.meta.size),
                Ok(got) => got,
                Err(StoreError::NotFound { .. }) => return Ok(None),
                // The range of a first piece is invalid for an empty object.
                Err(error) => match self.size(href).await {
                    Ok(Some(size)) if size != expected => return other_size(size),
                    _ => return Err(self.failed("read", href)(error)),
                },
            };
        let starts = (PART_BYTES..expected).step_by(index(PART_BYTES));
        let piece = |start: u64| self.store().get_range(&path, start..expected.min(start + PART_BYTES));
        let rest = stream::iter(starts.map(piece)).buffered(PARTS_IN_FLIGHT);
        let mut pieces = got.into_stream().chain(rest);
        let (mut hasher, mut size) = (Hasher::default(), 0);
        while let Some(bytes) = pieces.try_next().await.map_err(|e| self.failed("read", href)(e))? {
            size += bytes.len() as u64;
            if size > expected {
                // The store said otherwise.
                return other_size(size);
            }
            hasher.update(&bytes);
            take(&bytes)?;
        }
        Ok(Some(hasher.finish()))
    }

    /// Deletes every object below a folder of the output; returns those that stay.
    pub(crate) async fn delete_below(&self, folder: &str) -> Vec<String> {
        let Some(prefix) = self.at(folder) else { return Vec::new() };
        let listed: Result<Vec<_>, _> = self.store().list(Some(&prefix)).try_collect().await;
        let Ok(objects) = listed else { return vec![self.place(folder)] };
        let mut stay = Vec::new();
        for object in objects {
            match self.store().delete(&object.location).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(_) => stay.push(object.location.to_string()),
            }
        }
        stay
    }

    /// Deletes an object if it exists.
    pub(crate) async fn delete(&self, href: &str) -> Result<()> {
        match self.store().delete(&self.object(href)?).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", href)(error)),
        }
    }

    pub(crate) fn object(&self, href: &str) -> Result<ObjectPath> {
        let reason = "it is not inside the output";
        self.at(href).ok_or_else(|| PublishError::BadArtifactName { name: href.to_owned(), reason })
    }

    /// The content type, if the store supports it: local folders refuse attributes.
    pub(crate) fn attributes(&self, media_type: &str) -> Attributes {
        let mut attributes = Attributes::new();
        if self.local.is_none() {
            attributes.insert(Attribute::ContentType, media_type.to_owned().into());
        }
        attributes
    }
}
