//! Errors of reviews of a published map.

use arpent_base::Diagnostic;
use thiserror::Error;

/// Why a review cannot be opened, written or exchanged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReviewJobError {
    /// There is no review, or none of that name.
    #[error("{output} has no review{}", .name.as_ref().map_or(String::new(), |name| format!(" `{name}`")))]
    NoReview {
        /// The output.
        output: String,
        /// The name that was given.
        name: Option<String>,
    },
    /// Several reviews, and none is named.
    #[error("{output} has several reviews: {names}")]
    SeveralReviews {
        /// The output.
        output: String,
        /// Their names.
        names: String,
    },
    /// The name is taken.
    #[error("{output} has a review `{name}` already")]
    Exists {
        /// The output.
        output: String,
        /// The name.
        name: String,
    },
    /// The review is of another version of the map.
    #[error(
        "the review `{name}` is of another version of the map ({found}) than {output} has now ({expected})"
    )]
    OtherMap {
        /// The output.
        output: String,
        /// The review.
        name: String,
        /// SHA-256 of the manifest that it is of.
        found: String,
        /// SHA-256 of the manifest that is there.
        expected: String,
    },
    /// The store overwrites objects that were to be created.
    #[error("{output} does not create objects conditionally: a second write replaced the first")]
    NotConditional {
        /// The output.
        output: String,
    },
    /// An object has other bytes than those that were written.
    #[error("{object} has other bytes than those that were written")]
    Damaged {
        /// The object.
        object: String,
    },
    /// The map has no features that can be read.
    #[error("{output} has no features or events in a vector format")]
    NoFeatures {
        /// The output.
        output: String,
    },
    /// A decision about a feature that the map does not have.
    #[error("`{feature}` is not a feature of {output}")]
    NoSuchFeature {
        /// The feature.
        feature: String,
        /// The output.
        output: String,
    },
    /// A line of the input cannot be used; nothing was written.
    #[error("{source_name}, line {line}: {reason}")]
    Line {
        /// The file, or `standard input`.
        source_name: String,
        /// Its line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A table lacks a required column.
    #[error("{file} has no column `{column}`")]
    NoColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// Lessons of a comparison.
    #[error("{output} is a comparison of two dates, and only maps of a model can be learned from")]
    OfEvents {
        /// The output.
        output: String,
    },
    /// A corrected outline that is not where the map is.
    #[error(
        "the corrected outline of `{feature}` has the position {x}, {y}, which is far outside of {output}"
    )]
    OutsideMap {
        /// The feature.
        feature: String,
        /// Longitude.
        x: f64,
        /// Latitude.
        y: f64,
        /// The output.
        output: String,
    },
    /// The map has no features in a format that keeps their coordinates.
    #[error("{output} has no features as GeoParquet, GeoPackage or FlatGeobuf")]
    NoExactFeatures {
        /// The output.
        output: String,
    },
    /// The grid or the classes of the map are not known.
    #[error("no other version of {output} can be made: {reason}")]
    NoPlace {
        /// The output.
        output: String,
        /// Why.
        reason: String,
    },
    /// Nobody has decided anything.
    #[error("the review `{name}` of {output} has no decisions")]
    NoDecisions {
        /// The output.
        output: String,
        /// The review.
        name: String,
    },
    /// The decided version was to be written over the proposal.
    #[error("{to} is in {output}, which is the map that was proposed")]
    SamePlace {
        /// The output.
        output: String,
        /// Where to.
        to: String,
    },
    /// Classes have numbers from 0 to 254, and all are taken.
    #[error("the class `{class}`, which a decision gives, has no free number")]
    TooManyClasses {
        /// The class.
        class: String,
    },
    /// A file of tasks has none of a reviewer.
    #[error("{file} has no tasks of `{reviewer}`, only of {names}")]
    NoTasks {
        /// The file.
        file: String,
        /// The reviewer.
        reviewer: String,
        /// The reviewers that it has tasks of.
        names: String,
    },
    /// A file that was to be written is there.
    #[error("{file} is there already")]
    FileExists {
        /// The file.
        file: String,
    },
    /// A file cannot be read or written.
    #[error("{file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The log has findings that are not only warnings.
    #[error("the review `{name}` of {output} was changed: {findings} findings")]
    Changed {
        /// The output.
        output: String,
        /// The review.
        name: String,
        /// Findings.
        findings: usize,
    },
}

impl Diagnostic for ReviewJobError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoReview { output, .. } => {
                return Some(format!("create one: `arpent review new {output} --name NAME`"));
            }
            Self::SeveralReviews { .. } => "name one of them with --review",
            Self::Exists { .. } => "give the new review another name; a review is never replaced",
            Self::OtherMap { .. } => {
                "begin a review of the map that is there now; decisions are about the features that a person saw"
            }
            Self::NotConditional { .. } => {
                "use a folder, or a store that honors If-None-Match: without it, two persons overwrite each other's decisions"
            }
            Self::Damaged { .. } => "check the store, and verify the review: `arpent review verify OUTPUT`",
            Self::NoFeatures { .. } => {
                "publish the map with features as GeoPackage, FlatGeobuf, GeoJSON or GeoParquet"
            }
            Self::NoSuchFeature { .. } => "use ids of the column `id` of the map's features",
            Self::Line { hint, .. } => hint,
            Self::NoColumn { .. } => "keep the columns of a file that `arpent review export` wrote",
            Self::NoTasks { .. } => "name the reviewer as the file does, with --reviewer",
            Self::OfEvents { .. } => {
                "export the decisions instead: `arpent review export OUTPUT --to decisions.csv`"
            }
            Self::OutsideMap { .. } => {
                "give longitude and latitude in degrees (EPSG:4326), at most a quarter of the map's longer side outside of it"
            }
            Self::NoExactFeatures { .. } => {
                "publish the map with one of these formats; GeoJSON is in degrees and rounded"
            }
            Self::NoPlace { .. } => "make the map again with this version: its item.json has what is needed",
            Self::NoDecisions { output, .. } => {
                return Some(format!(
                    "decide first: `arpent review add {output} --feature ID --verdict VERDICT --person NAME`"
                ));
            }
            Self::SamePlace { .. } => "name another folder or prefix with --to: the proposal stays as it is",
            Self::TooManyClasses { .. } => "list fewer classes in the rules of the review",
            Self::FileExists { .. } => "name another file; exports do not replace files",
            Self::File { .. } => "check the path and its permissions",
            Self::Changed { .. } => "list the findings: `arpent review verify OUTPUT`",
        };
        Some(text.to_owned())
    }
}
