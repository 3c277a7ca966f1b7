//! The target of a publication: a folder or a prefix of an object store, with blocking functions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use tokio::runtime::Runtime;

use crate::connect::{Connection, Place, place_of_url};
use crate::credentials::from_environment;
use crate::error::{PublishError, Result};
use crate::manifest::Manifest;
use crate::secrets::Secrets;
use crate::session::{Requested, Session};

/// The address of an output.
///
/// Its functions block on an internal runtime; do not call them from asynchronous code. Clones share
/// the connection (and, for `memory://`, the memory).
///
/// A run is visible once its manifest exists, which is written last:
///
/// ```
/// use arpent_publish::{
///     Counts, MANIFEST_FORMAT, Manifest, ModelRecord, ROLE_METADATA, StagedArtifact, Target, utc_now,
/// };
///
/// # let folder = tempfile::tempdir()?;
/// let file = folder.path().join("notes.txt");
/// std::fs::write(&file, "two roofs")?;
/// let output = folder.path().join("map");
/// let target = Target::parse(&output.to_string_lossy())?;
/// assert!(!target.exists()?);
///
/// let manifest = Manifest {
///     format: MANIFEST_FORMAT.into(),
///     run_id: "run-1".into(),
///     created: utc_now(),
///     attempt: String::new(),
///     plan: None,
///     software: [("counting".to_owned(), "1.0".to_owned())].into(),
///     engines: vec![],
///     inputs: vec![],
///     failed_inputs: vec![],
///     warnings: vec![],
///     model: ModelRecord::default(),
///     package: None,
///     config: serde_json::json!({}),
///     counts: Counts { features: 2, ..Counts::default() },
///     timings_s: [].into(),
///     energy: None,
///     ledger: None,
///     columns: None,
///     tables: [].into(),
///     artifacts: vec![],
/// };
/// let published = target.publish(&[StagedArtifact::new(&file, ROLE_METADATA)?], manifest, false)?;
///
/// assert_eq!(target.read_manifest()?, published.manifest);
/// let artifact = &published.manifest.artifacts[0];
/// assert_eq!(std::fs::read(output.join(&artifact.href))?, b"two roofs");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Target {
    url: String,
    place: Place,
    runtime: Arc<Runtime>,
    requested: Arc<Requested>,
}

impl Target {
    /// Parses a path, `file://` (absolute), `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`
    /// (the account comes from the environment), `http(s)://`, which is read-only, and, for tests, `memory://`. Nothing
    /// is opened or requested yet.
    ///
    /// Credentials and endpoints come only from the environment; `docs/guides/object-storage.md` lists the
    /// variables. The metadata service of a cloud machine is never used.
    ///
    /// # Errors
    /// [`PublishError::BadTarget`] for anything else; [`PublishError::NoCredentials`],
    /// [`PublishError::Contradiction`], [`PublishError::BadVariable`] and [`PublishError::Connect`] when the
    /// environment has no credentials or is inconsistent.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, &from_environment)
    }

    /// [`Target::parse`] with a look-up function instead of the process's environment.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub fn parse_with(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let place = if text.contains("://") {
            place_of_url(text, variable)?
        } else {
            let bad = |e: std::io::Error| PublishError::BadTarget { url: text.into(), reason: e.to_string() };
            Place::Folder(std::path::absolute(Path::new(text)).map_err(bad)?)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| PublishError::Runtime { source })?;
        Ok(Self {
            url: text.trim_end_matches('/').to_owned(),
            place,
            runtime: Arc::new(runtime),
            requested: Arc::default(),
        })
    }

    /// The address as given, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder, absolute, when the output is local.
    pub fn local_folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(path) => Some(path),
            Place::Objects { .. } => None,
        }
    }

    /// A folder below this one; shares the connection.
    ///
    /// # Errors
    /// [`PublishError::BadArtifactName`] when the name is not inside this folder.
    pub fn below(&self, folder: &str) -> Result<Self> {
        let reason = "it is not inside the output";
        let inside = folder.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let inside = inside.then_some(folder);
        let folder =
            inside.ok_or_else(|| PublishError::BadArtifactName { name: folder.to_owned(), reason })?;
        let place = match &self.place {
            Place::Folder(path) => Place::Folder(path.join(folder)),
            Place::Objects { store, prefix } => Place::Objects {
                store: store.clone(),
                prefix: folder.split('/').fold(prefix.clone(), ObjectPath::join),
            },
        };
        let (runtime, requested) = (self.runtime.clone(), self.requested.clone());
        Ok(Self { url: format!("{}/{folder}", self.url), place, runtime, requested })
    }

    /// Requests to the store so far, and bytes sent to it, through this target, its clones and folders below; none of a local
    /// folder.
    pub fn requested(&self) -> (u64, u64) {
        if self.local_folder().is_some() { (0, 0) } else { self.requested.so_far() }
    }

    /// Whether there is a manifest, that is, a complete run.
    ///
    /// # Errors
    /// [`PublishError::Store`] when the store cannot be reached, [`PublishError::TooLarge`].
    pub fn exists(&self) -> Result<bool> {
        let Some(session) = self.session()? else { return Ok(false) };
        self.runtime.block_on(async { Ok(session.manifest_bytes().await?.is_some()) })
    }

    /// Checks, before any work is done, whether the output is writable: creates a file in a local folder or in its
    /// nearest existing parent. For object stores it only checks that they answer.
    ///
    /// # Errors
    /// [`PublishError::NotAFolder`] and [`PublishError::Io`] for local folders, [`PublishError::Store`] for
    /// stores.
    pub fn check_writable(&self) -> Result<()> {
        match &self.place {
            Place::Folder(path) => check_folder(path),
            Place::Objects { .. } => self.writable().and_then(|_| self.exists()).map(|_| ()),
        }
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// [`PublishError::NoManifest`] when there is none, [`PublishError::SeveralMaps`] when folders below have one,
    /// [`PublishError::BadManifest`] and
    /// [`PublishError::ManifestFormat`] when it cannot be parsed, [`PublishError::ManifestPath`] when it names a file
    /// outside of its attempt, [`PublishError::TooLarge`], [`PublishError::Store`] when it cannot be fetched.
    pub fn read_manifest(&self) -> Result<Manifest> {
        let missing = || PublishError::NoManifest { url: self.url.clone() };
        let session = self.session()?.ok_or_else(missing)?;
        if let Some((found, _)) = self.runtime.block_on(session.manifest_bytes())? {
            return Manifest::from_json(&found, &self.url);
        }
        // A web server has no listing: folders with maps cannot be found.
        let folders = self.runtime.block_on(session.maps_below()).unwrap_or_default();
        Err(if folders.is_empty() {
            missing()
        } else {
            PublishError::SeveralMaps { url: self.url.clone(), folders }
        })
    }

    /// Creates the local folder and its parents; returns those that were missing, innermost first.
    pub(crate) fn make_folder(&self) -> Result<Vec<PathBuf>> {
        let Some(folder) = self.local_folder() else { return Ok(Vec::new()) };
        let missing = folder.ancestors().take_while(|p| !p.exists()).map(Path::to_owned).collect();
        std::fs::create_dir_all(folder).map_err(PublishError::io("create the folder", folder))?;
        Ok(missing)
    }

    /// Opens the store; `None` for a local folder that does not exist.
    pub(crate) fn session(&self) -> Result<Option<Session>> {
        let (connection, prefix, local) = match &self.place {
            Place::Objects { store, prefix } => (store.clone(), prefix.clone(), None),
            Place::Folder(path) if !path.exists() => return Ok(None),
            Place::Folder(path) if !path.is_dir() => {
                return Err(PublishError::NotAFolder { path: path.clone() });
            }
            Place::Folder(path) => {
                let nothing = Secrets::default();
                let failed = PublishError::store("open", self.url.clone(), &nothing);
                let local = LocalFileSystem::new_with_prefix(path).map_err(failed)?;
                // After a power failure, a manifest must not exist without its artifacts.
                let local = local.with_automatic_cleanup(true).with_fsync(true);
                (Connection::open(Arc::new(local)), ObjectPath::default(), Some(path.clone()))
            }
        };
        let (url, requested) = (self.url.clone(), self.requested.clone());
        Ok(Some(Session { connection, prefix, local, url, requested }))
    }

    /// Opens the store to write to it.
    pub(crate) fn writable(&self) -> Result<Session> {
        let session = self.session()?;
        let session = session.ok_or_else(|| PublishError::NotAFolder { path: self.url.clone().into() })?;
        if session.connection.read_only {
            return Err(PublishError::ReadOnly { url: self.url.clone() });
        }
        Ok(session)
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

fn check_folder(folder: &Path) -> Result<()> {
    let nearest = folder.ancestors().find(|p| p.exists()).unwrap_or(folder);
    if !nearest.is_dir() {
        return Err(PublishError::NotAFolder { path: nearest.to_owned() });
    }
    let probe = tempfile::Builder::new().prefix(".arpent-check-").tempfile_in(nearest);
    probe.map(|_| ()).map_err(PublishError::io("write to the folder", nearest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_base::Diagnostic as _;

    #[test]
    fn addresses_are_understood_or_refused_with_a_hint() {
        assert_eq!(Target::parse("/data/out/").unwrap().local_folder(), Some(Path::new("/data/out/")));
        assert_eq!(Target::parse("file:///data/a%20b").unwrap().local_folder(), Some(Path::new("/data/a b")));
        assert!(Target::parse("out").unwrap().local_folder().unwrap().is_absolute());
        assert_eq!(Target::parse("memory:///a/b/").unwrap().url(), "memory:///a/b");
        for bad in ["ftp://x/y", "s3://", "file://host/x y/..%2f", "://"] {
            let error = Target::parse(bad).unwrap_err();
            assert!(error.hint().is_some(), "{bad}: {error}");
        }
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_not_repeated() {
        let error = Target::parse("s3://key:secret@bucket/p").unwrap_err().to_string();
        assert!(error.contains("environment") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn requests_are_counted_with_the_folders_below() {
        let target = Target::parse("memory:///a").unwrap();
        let below = target.below("jobs").unwrap();
        below.replace("x", vec![0; 1000], "x").unwrap();
        below.read("x", crate::ObjectKind::Record).unwrap();
        assert_eq!(target.requested(), (2, 1000));
        let folder = tempfile::tempdir().unwrap();
        let local = Target::parse(folder.path().to_str().unwrap()).unwrap();
        local.replace("x", vec![0; 1000], "x").unwrap();
        assert_eq!(local.requested(), (0, 0));
    }

    #[test]
    fn nothing_is_outside_the_output() {
        let target = Target::parse("memory:///a").unwrap();
        let session = target.session().unwrap().unwrap();
        assert_eq!(session.at("t/labels.tif").unwrap().as_ref(), "a/t/labels.tif");
        for bad in ["../b", "/etc/x", "", "t/../../x", "t//x"] {
            assert!(session.at(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_unwritable_target_is_reported_early() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("not/yet/there");
        let check = |path: &Path| Target::parse(path.to_str().unwrap()).unwrap().check_writable();
        check(&inside).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the check left something behind");

        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for path in [file.clone(), file.join("below")] {
            let error = check(&path).unwrap_err();
            assert!(matches!(error, PublishError::NotAFolder { .. }), "{error}");
        }
        if Path::new("/proc/self").exists() {
            let error = check(Path::new("/proc/arpent")).unwrap_err();
            assert!(error.to_string().contains("/proc"), "{error}");
        }
    }
}
