//! Errors of this crate.

use std::io;
use std::path::{Path, PathBuf};

use arpent_base::Diagnostic;
use thiserror::Error;

/// A result of this crate.
pub type Result<T, E = TilesError> = std::result::Result<T, E>;

/// Errors of writing tiles.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TilesError {
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
    /// A record of a scratch file cannot be encoded or decoded.
    #[error("cannot {action} a feature in the scratch file {}: {source}", path.display())]
    Scratch {
        /// `encode` or `decode`.
        action: &'static str,
        /// The scratch file.
        path: PathBuf,
        /// The codec's reason.
        source: postcard::Error,
    },
    /// A coordinate is not a longitude and a latitude.
    #[error("feature {id}: {longitude}, {latitude} is no place: expected -180 to 180 and -90 to 90 degrees")]
    NotOnGlobe {
        /// The feature.
        id: String,
        /// As given.
        longitude: f64,
        /// As given.
        latitude: f64,
    },
    /// A ring with fewer than 3 places.
    #[error("feature {id}: a ring has {places} places, expected at least 3")]
    ShortRing {
        /// The feature.
        id: String,
        /// Distinct places.
        places: usize,
    },
    /// An outline crosses itself, or runs twice around the same ground.
    #[error("feature {id}: its outline crosses itself")]
    Crossing {
        /// The feature.
        id: String,
    },
    /// Two features of a coverage have ground in common.
    #[error("features {one} and {other} overlap, expected a coverage without overlaps")]
    Overlap {
        /// A feature.
        one: String,
        /// A feature.
        other: String,
    },
    /// A feature has more or fewer values than there are columns.
    #[error("feature {id} has {values} values for {columns} columns")]
    Columns {
        /// The feature.
        id: String,
        /// Its values.
        values: usize,
        /// Columns of the archive.
        columns: usize,
    },
    /// A file that is no archive of pictures, or a damaged one.
    #[error("{}: {problem}", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// A zoom that no archive has.
    #[error("the deepest zoom is {zoom}, expected 0 to {}", crate::DEEPEST)]
    Zoom {
        /// As asked for.
        zoom: u8,
    },
}

impl TilesError {
    /// Makes an I/O error from an action and a path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl Diagnostic for TilesError {
    fn is_transient(&self) -> Option<bool> {
        use io::ErrorKind as Kind;
        Some(matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            Kind::StorageFull | Kind::QuotaExceeded | Kind::OutOfMemory | Kind::ResourceBusy | Kind::Interrupted
        )))
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { source, path, .. } if source.kind() == io::ErrorKind::StorageFull => {
                format!("free space on the disk of {}, or choose another folder with TMPDIR", path.display())
            }
            Self::Io { path, .. } => format!("check that {} exists and can be written", path.display()),
            Self::Scratch { .. } => "run again, and leave scratch files alone while a command works".into(),
            Self::NotOnGlobe { .. } => {
                "give coordinates as longitude and latitude in degrees (EPSG:4326)".into()
            }
            Self::ShortRing { .. } | Self::Crossing { .. } => {
                "repair the outline, or leave the feature out".into()
            }
            Self::Overlap { .. } => "write the features as objects, which may overlap".into(),
            Self::Columns { .. } => "give a value or null for each column, in their order".into(),
            Self::Archive { .. } => "publish the imagery again: `arpent check` reports damaged files".into(),
            Self::Zoom { .. } => format!("choose a zoom of at most {}", crate::DEEPEST),
        })
    }
}
