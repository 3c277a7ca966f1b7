//! What can go wrong with data sets.

use std::path::PathBuf;

use thiserror::Error;

/// A data set that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file or folder is not there.
    #[error("data set {dataset}: {} is missing", path.display())]
    Missing {
        /// The data set.
        dataset: String,
        /// What was looked for.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("data set {dataset}: cannot read {}", path.display())]
    Read {
        /// The data set.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A picture could not be decoded.
    #[error("data set {dataset}: cannot decode {}", path.display())]
    Decode {
        /// The data set.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// A table or an annotation is not as expected.
    #[error("{}:{line}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A group lies on both sides of a split, so that scores would flatter.
    #[error("{}: group `{group}` of {dataset} is in {first} and in {second}", path.display())]
    Leak {
        /// The table of splits.
        path: PathBuf,
        /// The data set.
        dataset: String,
        /// The group.
        group: String,
        /// One split.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A card that cannot be used.
    #[error("{}: {problem}", path.display())]
    BadCard {
        /// The card.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No item was found.
    #[error("{}: no item of {dataset} in {split}", path.display())]
    Empty {
        /// The table of splits.
        path: PathBuf,
        /// The data set.
        dataset: String,
        /// The split.
        split: &'static str,
    },
}

impl DatasetError {
    /// What the reader can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => {
                Some("give the folder that holds the data set with --data or --packages".into())
            }
            Self::Leak { .. } => Some("put every item of the group into one split".into()),
            _ => None,
        }
    }
}
