//! Errors of GeoPackages with decisions.

use arpent_base::Diagnostic;
use thiserror::Error;

/// Why the decisions of a GeoPackage cannot be imported, or one cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GeoPackageError {
    /// It is no file of `arpent review export`.
    #[error("{file} is no GeoPackage of a review: {reason}")]
    NotAReview {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// It is of another review, or of another version of the map.
    #[error("{file} is of another {what}: {found}, expected {expected}")]
    Foreign {
        /// The file.
        file: String,
        /// `review` or `map`.
        what: &'static str,
        /// Its id.
        found: String,
        /// The id of this one.
        expected: String,
    },
    /// Tables or triggers are not those of the export.
    #[error("{file}: {what}")]
    Changed {
        /// The file.
        file: String,
        /// What was changed.
        what: String,
    },
    /// A row cannot be used.
    #[error("{file}, table {table}, row {row} ({uuid}): {reason}")]
    Row {
        /// The file.
        file: String,
        /// `decisions` or `outlines`.
        table: &'static str,
        /// Its `fid`.
        row: String,
        /// Its `uuid`.
        uuid: String,
        /// What is wrong.
        reason: String,
    },
    /// A row says something else than when it was imported before, or than in another file.
    #[error("{file}, table {table}, row {row} ({uuid}) was altered: {reason}")]
    Altered {
        /// The file.
        file: String,
        /// `decisions` or `outlines`.
        table: &'static str,
        /// Its `fid`.
        row: String,
        /// Its `uuid`.
        uuid: String,
        /// What it differs from.
        reason: String,
    },
    /// The file was exported from a copy of the review that has other decisions.
    #[error("{file} was exported with decisions that the review does not have: {decision}")]
    Behind {
        /// The file.
        file: String,
        /// One of them.
        decision: String,
    },
    /// The map was published without imagery.
    #[error("the map was published without imagery")]
    NoImagery,
    /// The surroundings of all features are too large for a file that people carry with them.
    #[error("the imagery around the features has more than {gigabytes} GB")]
    MuchImagery {
        /// The limit.
        gigabytes: u64,
    },
    /// A table of tasks has several reviewers, and none is named.
    #[error("{file} has tasks of several reviewers: {reviewers}")]
    Reviewers {
        /// The file.
        file: String,
        /// Their names.
        reviewers: String,
    },
    /// A table of tasks cannot be used.
    #[error("{file}: {reason}")]
    Tasks {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

impl Diagnostic for GeoPackageError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotAReview { .. } => {
                "give the file that `arpent review export` wrote, or a copy of it; an export from QGIS is another file"
            }
            Self::Foreign { .. } => {
                "import it into the review that it was exported from; of a new version of the map, export a new file"
            }
            Self::Changed { .. } => {
                "rows may have been altered. Ask for an unchanged copy of the file, or have its decisions entered again in a new export"
            }
            Self::Row { uuid, .. } => {
                return Some(format!(
                    "rows of the file are not changed: have the decision entered again, and leave this one out with --without {uuid}"
                ));
            }
            Self::Altered { uuid, .. } => {
                return Some(format!(
                    "find out who changed it; what was imported before stays. Leave the row out with --without {uuid}"
                ));
            }
            Self::Behind { .. } => {
                "merge the copies of the review first: copy the files of both into one folder, then import again"
            }
            Self::NoImagery => {
                "set `publish.imagery = true` in the configuration of the run, where its terms allow it, and run again; or leave --imagery out"
            }
            Self::MuchImagery { .. } => {
                "give each reviewer a file of their tasks: --tasks FILE --reviewer NAME"
            }
            Self::Reviewers { .. } => "name one of them with --reviewer: each gets a file of their own",
            Self::Tasks { .. } => "give tasks.csv of `arpent review sample`, or some of its rows",
        };
        Some(text.to_owned())
    }
}
