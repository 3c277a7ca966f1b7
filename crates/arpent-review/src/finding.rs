//! What the verification of a log finds.

use serde::{Deserialize, Serialize};

use crate::error::ReviewError;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// The object: a path below the review's folder, or a feature.
    pub object: String,
    /// What is wrong, in plain words.
    pub message: String,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// The content of an object is not that of its name: it was edited, exchanged or renamed.
    Edited,
    /// An object is larger than any that is written.
    TooLarge,
    /// An object is not UTF-8, not JSON of its format, or not in canonical form.
    Unreadable,
    /// A path that no object of a review has.
    Unknown,
    /// A decision or a seal of another review, of an edited `review.json`, or of another map.
    Foreign,
    /// A decision without a named person.
    NoPerson,
    /// A decision that the rules of the review do not allow: an unknown reason, class or person, a wrong geometry.
    NotAllowed,
    /// A signature that is missing, or does not fit the person's key.
    Signature,
    /// A feature that is not in the map.
    UnknownFeature,
    /// A decision that a later one has seen is missing, or is about another feature.
    MissingPrevious,
    /// An answer to something that is not a contest of the feature.
    BadAnswer,
    /// A decision of a chain is missing.
    MissingDecision,
    /// Two decisions, or two seals, of a writer have one number: two processes had one id, or a copy was changed.
    Fork,
    /// A decision does not follow the one before it in its chain.
    Reordered,
    /// What was decided before, which the header names, is missing.
    MissingHistory,
    /// A seal that another one has seen is missing, or a number of a writer's seals.
    MissingSeal,
    /// A seal does not fit the decisions of its writer.
    WrongSeal,
    /// The last decisions of a writer have no seal: it was stopped between the two, or works now, or a seal was removed.
    Unsealed,
    /// A statement that was written twice.
    Duplicate,
    /// The time of a decision is before the review, or in the future.
    Clock,
}

impl FindingKind {
    /// Whether the log may be whole despite it.
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::Unsealed | Self::Duplicate | Self::Clock)
    }

    /// The kind of an error of a decision's check.
    pub(crate) fn of(error: &ReviewError) -> Self {
        match error {
            ReviewError::Foreign { .. } => Self::Foreign,
            ReviewError::Signature { .. } => Self::Signature,
            ReviewError::Missing { field: "person.name" | "person.function" | "person.organization" } => {
                Self::NoPerson
            }
            ReviewError::TooLarge { .. } => Self::TooLarge,
            _ => Self::NotAllowed,
        }
    }
}
