//! What can go wrong between a feature and a published run.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use arpent_base::Diagnostic;
use thiserror::Error;

use crate::failure::{StoreFailure, find_io, is_transient};
use crate::secrets::Secrets;

/// A result of this crate.
pub type Result<T, E = PublishError> = std::result::Result<T, E>;

/// Why features could not be written, or a run could not be published, read or verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A local file or folder refused an operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What we were doing: `write`, `create`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The output's place is there, but is not a folder.
    #[error("the output {} is not a folder", path.display())]
    NotAFolder {
        /// The place.
        path: PathBuf,
    },
    /// A local folder that is not there or is empty, and a part of a bucket without objects.
    #[error("there is nothing at {url}")]
    NothingThere {
        /// The output.
        url: String,
    },
    /// A record of a scratch file does not encode or decode.
    #[error("cannot {action} feature in the scratch file {}: {source}", path.display())]
    Spool {
        /// `encode` or `decode`.
        action: &'static str,
        /// The scratch file.
        path: PathBuf,
        /// The codec's reason.
        source: postcard::Error,
    },
    /// A scratch file ends in the middle of a record, or its record is larger than any that is written.
    #[error("the scratch file {} was changed while in use", path.display())]
    SpoolDamaged {
        /// The scratch file.
        path: PathBuf,
    },
    /// A GeoParquet file cannot be written.
    #[error("cannot write the GeoParquet file {}: {source}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's reason.
        source: Box<parquet::errors::ParquetError>,
    },
    /// A table of features cannot be made.
    #[error("cannot lay out features for {}: {source}", path.display())]
    Columns {
        /// The file meant.
        path: PathBuf,
        /// The library's reason.
        source: Box<arrow_schema::ArrowError>,
    },
    /// The PROJJSON definition of the CRS is not JSON.
    #[error("the PROJJSON definition of {crs} is not JSON: {source}")]
    BadProjjson {
        /// The CRS.
        crs: String,
        /// The parser's reason.
        source: serde_json::Error,
    },
    /// A coordinate of a feature cannot be brought to WGS 84.
    #[error("feature {id}: cannot bring ({x}, {y}) to longitude and latitude: {source}")]
    Reproject {
        /// The feature.
        id: String,
        /// Easting or longitude in the scene's CRS.
        x: f64,
        /// Northing or latitude in the scene's CRS.
        y: f64,
        /// The transformer's reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A transformed coordinate is not on the globe.
    #[error("feature {id}: ({longitude}, {latitude}) is not a longitude and latitude")]
    NotOnGlobe {
        /// The feature.
        id: String,
        /// Longitude, degrees.
        longitude: f64,
        /// Latitude, degrees.
        latitude: f64,
    },
    /// An output address is not one of those understood.
    #[error("`{url}` is no place for an output: {reason}")]
    BadTarget {
        /// The address as given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The output holds a complete run already.
    #[error("{url} already holds the complete run {run_id}")]
    OutputExists {
        /// The output.
        url: String,
        /// The run that it holds.
        run_id: String,
    },
    /// Someone else published to the output while this run was uploading.
    #[error("{url} was replaced by someone else while this run was being published")]
    ReplacedMeanwhile {
        /// The output.
        url: String,
    },
    /// The store refused an operation.
    #[error("cannot {action} {place}: {source}")]
    Store {
        /// What we were doing.
        action: &'static str,
        /// The object or file.
        place: String,
        /// The store's reason.
        source: Box<StoreFailure>,
    },
    /// A store could not be set up from its address and the environment.
    #[error("cannot set up access to {url}: {source}")]
    Connect {
        /// The address.
        url: String,
        /// The library's reason.
        source: Box<StoreFailure>,
    },
    /// The environment names no credentials for a store that needs them.
    #[error("the environment holds no credentials for {url}")]
    NoCredentials {
        /// The address.
        url: String,
        /// The variables that would hold them.
        variables: &'static str,
    },
    /// Two variables that mean the same thing hold different values.
    #[error("the environment variables {first} and {second} contradict each other")]
    Contradiction {
        /// One variable.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A variable of the environment cannot be understood.
    #[error("the environment variable {name} cannot be used: {reason}")]
    BadVariable {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The output is on a web server, which is only read.
    #[error("{url} can only be read")]
    ReadOnly {
        /// The address.
        url: String,
    },
    /// What a store holds after an upload is not what was sent.
    #[error("{place} is not what was uploaded: {what}")]
    Damaged {
        /// The object.
        place: String,
        /// What differs.
        what: &'static str,
    },
    /// The output holds no manifest, hence no complete run.
    #[error("{url} holds no complete run: {} is missing", crate::names::MANIFEST_NAME)]
    NoManifest {
        /// The output.
        url: String,
    },
    /// The output holds maps in folders of its own, and none itself.
    #[error("{url} holds several maps, each in a folder: {}", folders.join(", "))]
    SeveralMaps {
        /// The output.
        url: String,
        /// The folders.
        folders: Vec<String>,
    },
    /// A manifest that names no file: a complete run has some.
    #[error("the manifest of {url} names no file")]
    NoArtifacts {
        /// The output.
        url: String,
    },
    /// A file of a run is not what its manifest says.
    #[error("{url}: {href} is not what was published: {what}")]
    NotAsPublished {
        /// The output.
        url: String,
        /// The file, relative to the manifest.
        href: String,
        /// What differs.
        what: String,
    },
    /// The manifest is not what this version reads.
    #[error("the manifest of {url} cannot be read: {source}")]
    BadManifest {
        /// The output.
        url: String,
        /// The parser's reason.
        source: serde_json::Error,
    },
    /// The manifest was written in another format version.
    #[error(
        "the manifest of {url} has format `{found}`, this version reads `{}`",
        crate::names::MANIFEST_FORMAT
    )]
    ManifestFormat {
        /// The output.
        url: String,
        /// The format it names; empty where it names none.
        found: String,
    },
    /// A manifest names a file that is not in the folder of its attempt.
    #[error("the manifest of {url} names `{href}`, which is not a file of its attempt `{attempt}`")]
    ManifestPath {
        /// The output.
        url: String,
        /// The place that it names.
        href: String,
        /// The folder in which all its files lie.
        attempt: String,
    },
    /// An object is larger than anything of its kind.
    #[error("{place} is larger than {limit} bytes, the most that {what} may have")]
    TooLarge {
        /// The object.
        place: String,
        /// What it should be.
        what: &'static str,
        /// The most that is read, bytes.
        limit: u64,
    },
    /// A list of objects does not end.
    #[error("more than {limit} objects lie below {place}")]
    TooMany {
        /// The folder.
        place: String,
        /// The most that are listed.
        limit: usize,
    },
    /// A JSON document cannot be written.
    #[error("cannot encode {what}: {source}")]
    Json {
        /// The document.
        what: &'static str,
        /// The encoder's reason.
        source: serde_json::Error,
    },
    /// An artifact's name cannot be part of an address, or two artifacts share it.
    #[error("`{name}` cannot name an artifact: {reason}")]
    BadArtifactName {
        /// The name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An artifact's file is not any more what was hashed.
    #[error("{} changed between hashing and upload", path.display())]
    ArtifactChanged {
        /// The file.
        path: PathBuf,
    },
    /// The runtime that drives the store's requests did not start.
    #[error("cannot start the runtime for uploads: {source}")]
    Runtime {
        /// The system's reason.
        source: io::Error,
    },
}

impl PublishError {
    /// For `map_err`: what we were doing to which local file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err`: what we were doing to which object of which store.
    pub(crate) fn store(
        action: &'static str,
        place: String,
        secrets: &Secrets,
    ) -> impl FnOnce(object_store::Error) -> Self {
        move |source| Self::Store { action, place, source: Box::new(StoreFailure::new(&source, secrets)) }
    }
}

impl Diagnostic for PublishError {
    /// Whether the same may work later, without anybody changing what was asked for: a network or a store that is
    /// away or busy, credentials or a clock out of date, no room, no file handles, an upload that was damaged on
    /// its way.
    fn is_transient(&self) -> Option<bool> {
        Some(match self {
            Self::Store { source, .. } | Self::Connect { source, .. } => source.transient,
            Self::Damaged { .. } => true,
            _ => find_io(self).is_some_and(is_transient),
        })
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::OutputExists { .. } => {
                Some("pass --overwrite to replace it, or give another --output".into())
            }
            Self::ReplacedMeanwhile { .. } => {
                Some("check that no other job has this --output, then run again".into())
            }
            Self::NotAFolder { .. } => Some("give --output the path of a folder".into()),
            Self::NothingThere { .. } => Some("check the address: give the folder or URL that was the run's --output".into()),
            Self::BadTarget { .. } => Some(
                "use a path, file:///path/to/folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
                    .into(),
            ),
            Self::ReadOnly { .. } => Some("publish to a folder or to an object store".into()),
            Self::Contradiction { .. } => Some("unset one of the two".into()),
            Self::Damaged { .. } => Some("run again; if it happens again, look for a proxy in between".into()),
            Self::NoManifest { .. } => Some(
                "give the folder that was the run's --output; a run that was cut off leaves no manifest"
                    .into(),
            ),
            Self::SeveralMaps { url, folders } => {
                folders.first().map(|folder| format!("name one of them: {}/{folder}", url.trim_end_matches('/')))
            }
            Self::NotAsPublished { url, .. } => Some(format!(
                "`arpent verify {url}` tells every file that was changed: publish the map again, or bring the file back"
            )),
            Self::ManifestPath { .. } | Self::NoArtifacts { .. } => {
                Some("somebody changed the manifest: publish the map again, and do not trust this one".into())
            }
            Self::TooLarge { .. } => {
                Some("this is not what Arpent wrote: check the address, and who may write there".into())
            }
            Self::TooMany { .. } => Some("give each map an output of its own".into()),
            Self::ManifestFormat { .. } => {
                Some("use the version of arpent that wrote it, or a newer one".into())
            }
            Self::NoCredentials { variables, .. } => Some(format!("set {variables}")),
            Self::Connect { .. } => Some(CREDENTIALS.into()),
            Self::Store { source, .. } => store_hint(source),
            _ => find_io(self).and_then(|e| io_hint(e.kind())),
        }
    }
}

const CREDENTIALS: &str = "check the variables of the environment that name the store and its credentials \
                           (docs/guides/object-storage.md lists them)";

fn store_hint(failure: &StoreFailure) -> Option<String> {
    let later = || failure.transient.then(|| "try again later".into());
    let refused = || failure.refused.then(|| CREDENTIALS.into());
    failure.io.and_then(io_hint).or_else(refused).or_else(later)
}

fn io_hint(kind: io::ErrorKind) -> Option<String> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some("free some space, or choose another place for --output or for scratch files (TMPDIR)".into())
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("check who may write there, or give another --output".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_found_below_the_wrappers() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let wrapped = parquet::errors::ParquetError::External(Box::new(full()));
        let errors = [
            PublishError::Io { action: "write", path: "a".into(), source: full() },
            PublishError::Parquet { path: "a".into(), source: Box::new(wrapped) },
            PublishError::store("upload", "a".into(), &Secrets::default())(object_store::Error::Generic {
                store: "x",
                source: Box::new(full()),
            }),
        ];
        for e in errors {
            assert!(e.hint().unwrap().contains("space"), "{e}");
            assert!(e.is_transient() == Some(true), "{e}");
        }
    }

    #[test]
    fn an_existing_output_says_how_to_replace_it() {
        let e = PublishError::OutputExists { url: "s3://b/p".into(), run_id: "r1".into() };
        assert!(e.hint().unwrap().contains("--overwrite"));
        assert!(e.is_transient() == Some(false));
    }
}
