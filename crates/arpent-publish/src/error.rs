//! Errors of this crate.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use arpent_base::Diagnostic;
use thiserror::Error;

use crate::failure::{Cause, StoreFailure, find_io, is_transient};
use crate::secrets::Secrets;

/// A result of this crate.
pub type Result<T, E = PublishError> = std::result::Result<T, E>;

/// Errors of writing features, and of publishing, reading and verifying a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// An operation on a local file or folder failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation: `write`, `create`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The path of the output is not a folder.
    #[error("the output {} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A local folder that is missing or empty, or a prefix of a bucket without objects.
    #[error("{url} does not exist or is empty")]
    NothingThere {
        /// The output.
        url: String,
    },
    /// A record of a scratch file cannot be encoded or decoded.
    #[error("cannot {action} feature in the scratch file {}: {source}", path.display())]
    Spool {
        /// `encode` or `decode`.
        action: &'static str,
        /// The scratch file.
        path: PathBuf,
        /// The codec's reason.
        source: postcard::Error,
    },
    /// A scratch file ends within a record, or a record is larger than any that is written.
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
    /// A Parquet file of features cannot be read.
    #[error("cannot read {} as features of a run: {source}", path.display())]
    ReadParquet {
        /// The file.
        path: PathBuf,
        /// The library's reason.
        source: Box<parquet::errors::ParquetError>,
    },
    /// The table of features cannot be built.
    #[error("cannot build the feature table of {}: {source}", path.display())]
    Columns {
        /// The file to be written.
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
    /// A coordinate of a feature cannot be transformed to WGS 84.
    #[error("feature {id}: cannot transform ({x}, {y}) to longitude and latitude: {source}")]
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
    /// The address of an output is not supported.
    #[error("`{url}` is not a valid output: {reason}")]
    BadTarget {
        /// The address as given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The output already holds a complete run.
    #[error("{url} already holds the complete run {run_id}")]
    OutputExists {
        /// The output.
        url: String,
        /// The run that it holds.
        run_id: String,
    },
    /// Another process published to the output during the upload.
    #[error("{url} was replaced by another process while this run was being published")]
    ReplacedMeanwhile {
        /// The output.
        url: String,
    },
    /// An operation of the store failed.
    #[error("cannot {action} {place}: {source}")]
    Store {
        /// The operation.
        action: &'static str,
        /// The object or file.
        place: String,
        /// The store's reason.
        source: Box<StoreFailure>,
    },
    /// A store cannot be configured from its address and the environment.
    #[error("cannot set up access to {url}: {source}")]
    Connect {
        /// The address.
        url: String,
        /// The library's reason.
        source: Box<StoreFailure>,
    },
    /// The environment has no credentials for a store that needs them.
    #[error("the environment holds no credentials for {url}")]
    NoCredentials {
        /// The address.
        url: String,
        /// The variables to set.
        variables: &'static str,
    },
    /// Two variables with the same meaning have different values.
    #[error("the environment variables {first} and {second} contradict each other")]
    Contradiction {
        /// One variable.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// An environment variable has an invalid value.
    #[error("the environment variable {name} cannot be used: {reason}")]
    BadVariable {
        /// The variable.
        name: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// An endpoint with http, without the variable that allows it.
    #[error(
        "the environment variable {name} cannot be used: it is an http address, and requests over http are not encrypted"
    )]
    ClearEndpoint {
        /// The variable.
        name: &'static str,
        /// The variable that allows it.
        allow: &'static str,
    },
    /// The output is on a web server, which is read-only.
    #[error("{url} can only be read")]
    ReadOnly {
        /// The address.
        url: String,
    },
    /// The object in the store differs from what was uploaded.
    #[error("{place} is not what was uploaded: {what}")]
    Damaged {
        /// The object.
        place: String,
        /// What differs.
        what: &'static str,
    },
    /// The output has no manifest, hence no complete run.
    #[error("{url} holds no complete run: {} is missing", crate::names::MANIFEST_NAME)]
    NoManifest {
        /// The output.
        url: String,
    },
    /// The output has maps in its folders, but none of its own.
    #[error("{url} holds several maps, each in a folder: {}", folders.join(", "))]
    SeveralMaps {
        /// The output.
        url: String,
        /// The folders.
        folders: Vec<String>,
    },
    /// A manifest without files: a complete run has some.
    #[error("the manifest of {url} names no file")]
    NoArtifacts {
        /// The output.
        url: String,
    },
    /// A file of a run differs from its manifest.
    #[error("{url}: {href} is not what was published: {what}")]
    NotAsPublished {
        /// The output.
        url: String,
        /// The file, relative to the manifest.
        href: String,
        /// What differs.
        what: String,
    },
    /// The manifest cannot be parsed.
    #[error("the manifest of {url} cannot be read: {source}")]
    BadManifest {
        /// The output.
        url: String,
        /// The parser's reason.
        source: serde_json::Error,
    },
    /// The manifest has another format version.
    #[error(
        "the manifest of {url} has format `{found}`, this version reads `{}`",
        crate::names::MANIFEST_FORMAT
    )]
    ManifestFormat {
        /// The output.
        url: String,
        /// The format of the manifest; empty if it has none.
        found: String,
    },
    /// A manifest names a file that is not in the folder of its attempt.
    #[error("the manifest of {url} names `{href}`, which is not a file of its attempt `{attempt}`")]
    ManifestPath {
        /// The output.
        url: String,
        /// The path in the manifest.
        href: String,
        /// The folder that contains all its files.
        attempt: String,
    },
    /// An object is larger than the limit for its kind.
    #[error("{place} is larger than {limit} bytes, the most that {what} may have")]
    TooLarge {
        /// The object.
        place: String,
        /// The kind of object expected.
        what: &'static str,
        /// The limit, bytes.
        limit: u64,
    },
    /// A list of objects is longer than the limit.
    #[error("more than {limit} objects lie below {place}")]
    TooMany {
        /// The folder.
        place: String,
        /// The limit.
        limit: usize,
    },
    /// Folders in folders, more than outputs have.
    #[error("folders below {url} are nested more than {limit} deep: {place}")]
    TooDeep {
        /// The address.
        url: String,
        /// The deepest folder that was seen.
        place: String,
        /// The limit.
        limit: usize,
    },
    /// A catalog that Arpent did not write.
    #[error("{place} is a catalog of another program, or another version of arpent")]
    ForeignCatalog {
        /// The document.
        place: String,
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
    /// The file of an artifact changed after it was hashed.
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
    /// For `map_err`: the operation and the local file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err`: the operation, the object and the secrets of its store.
    pub(crate) fn store(
        action: &'static str,
        place: String,
        secrets: &Secrets,
    ) -> impl FnOnce(object_store::Error) -> Self {
        move |source| Self::Store { action, place, source: Box::new(StoreFailure::new(&source, secrets)) }
    }
}

impl Diagnostic for PublishError {
    /// Whether the same command may succeed later: the network or the store is unavailable or busy, credentials or a
    /// clock are out of date, the disk is full, no file handles are left, or an upload was corrupted in transit.
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
            Self::BadVariable { name, .. } => Some(format!("correct or unset {name} (docs/guides/object-storage.md)")),
            Self::ClearEndpoint { allow, .. } => Some(format!(
                "use an https address, or set {allow}=true if you trust the network between this machine and the store"
            )),
            Self::Damaged { .. } => Some("run again; if the error repeats, check for a proxy between this machine and the store".into()),
            Self::NoManifest { .. } => Some(
                "give the folder that was the run's --output; an interrupted run leaves no manifest"
                    .into(),
            ),
            Self::SeveralMaps { url, folders } => {
                folders.first().map(|folder| format!("name one of them: {}/{folder}", url.trim_end_matches('/')))
            }
            Self::NotAsPublished { url, .. } => Some(format!(
                "`arpent check {url}` lists the changed files: restore them, or publish the map again"
            )),
            Self::ManifestPath { .. } | Self::NoArtifacts { .. } => {
                Some("the manifest was changed after publication: do not trust it, and publish the map again".into())
            }
            Self::TooLarge { .. } => {
                Some("this is not an output of Arpent: check the address and its write permissions".into())
            }
            Self::TooDeep { .. } => Some("name a folder nearer to the outputs; folders may link to each other in a circle".into()),
            Self::ForeignCatalog { .. } => {
                Some("move it away, or give a folder of its own to the outputs that belong into one catalog".into())
            }
            Self::TooMany { .. } => Some("use a separate output for each map".into()),
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

const CREDENTIALS: &str = "check the environment variables of the store and its credentials \
                           (docs/guides/object-storage.md lists them)";

const UNREACHABLE: &str = "check that the store runs, and that its address is right: the host in the URL, or the endpoint in the \
                           environment (AWS_ENDPOINT, AZURE_STORAGE_ENDPOINT, GOOGLE_BASE_URL); if they are, try again later";

const WHOLE_FILES: &str = "download the files and give the path of the copy, or put them on a web server or an object store that sends \
                           parts of files (docs/guides/object-storage.md)";

fn store_hint(failure: &StoreFailure) -> Option<String> {
    let of_cause = || {
        Some(match failure.cause? {
            Cause::Refused => CREDENTIALS,
            Cause::Unreachable => UNREACHABLE,
            Cause::WithoutRanges => WHOLE_FILES,
        })
    };
    let later = || failure.transient.then_some("try again later");
    failure.io.and_then(io_hint).or_else(|| of_cause().or_else(later).map(str::to_owned))
}

fn io_hint(kind: io::ErrorKind) -> Option<String> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Some(
            "free disk space, or choose another folder for --output or for scratch files (TMPDIR)".into(),
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("check the write permission, or give another --output".into())
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
    fn the_error_of_an_existing_output_has_a_hint() {
        let e = PublishError::OutputExists { url: "s3://b/p".into(), run_id: "r1".into() };
        assert!(e.hint().unwrap().contains("--overwrite"));
        assert!(e.is_transient() == Some(false));
    }
}
