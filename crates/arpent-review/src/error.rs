//! Errors of reviews.

use arpent_base::Diagnostic;
use thiserror::Error;

/// Why an object of a review cannot be read or written, or a sample not be drawn.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum ReviewError {
    /// An object is larger than any that is written.
    #[error("{what} has {bytes} bytes, expected at most {limit}")]
    TooLarge {
        /// The kind of object.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest size.
        limit: usize,
    },
    /// An object is not UTF-8.
    #[error("{what} is not UTF-8")]
    NotUtf8 {
        /// The kind of object.
        what: &'static str,
    },
    /// An object is not JSON of its format.
    #[error("{what} cannot be parsed: {reason}")]
    Unreadable {
        /// The kind of object.
        what: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// An object is not in canonical form, so that its hash is not that of its content.
    #[error("{what} is not in the canonical form of JSON (RFC 8785)")]
    NotCanonical {
        /// The kind of object.
        what: &'static str,
    },
    /// A value cannot be written.
    #[error("{what} cannot be written as JSON: {reason}")]
    Unwritable {
        /// The kind of object.
        what: &'static str,
        /// What the writer says.
        reason: String,
    },
    /// A field has a value that is not allowed.
    #[error("`{field}` is {found}, expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// The values that are allowed.
        expected: String,
    },
    /// A required field is missing.
    #[error("`{field}` is missing or blank")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// The key of the signature is not that of the person in the review.
    #[error("the key of {person} in the review does not match the signature")]
    Signature {
        /// The person.
        person: String,
    },
    /// A decision is of another review or map.
    #[error("the decision is of another {what}: {found}, expected {expected}")]
    Foreign {
        /// `review` or `map`.
        what: &'static str,
        /// Its hash or id.
        found: String,
        /// That of this review.
        expected: String,
    },
    /// A sample cannot be drawn.
    #[error(transparent)]
    Sample(#[from] arpent_sampling::AreaError),
    /// A row of a table has values that are not allowed.
    #[error("row {row}: {reason}")]
    Row {
        /// Its number, from 1 (the header is not counted).
        row: u64,
        /// What is wrong.
        reason: String,
    },
}

impl Diagnostic for ReviewError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::TooLarge { .. } => "shorten the comment, or simplify the geometry",
            Self::NotUtf8 { .. } | Self::Unreadable { .. } | Self::NotCanonical { .. } => {
                "restore the object from a copy of the review; objects of a review are never edited"
            }
            Self::Missing { field: "person.name" | "person.function" | "person.organization" } => {
                "every decision is a named person's: give name, function and organization"
            }
            Self::Missing { .. } | Self::Field { .. } | Self::Row { .. } => {
                "the fields of a decision and their values are listed in docs/guides/review.md"
            }
            Self::Signature { .. } => "sign with the key whose public half review.json lists for this person",
            Self::Foreign { .. } => "add the decision to the review of the map that the person saw",
            Self::Sample(error) => return error.hint(),
            Self::Unwritable { .. } => return None,
        };
        Some(text.to_owned())
    }
}

impl ReviewError {
    /// A field whose value is not allowed.
    pub(crate) fn field(field: &'static str, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Field { field, found: short(&found.into()), expected: expected.into() }
    }
}

/// A value in a message: at most 60 characters, without control characters.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > MOST {
        shown.push_str("...");
    }
    format!("`{shown}`")
}
