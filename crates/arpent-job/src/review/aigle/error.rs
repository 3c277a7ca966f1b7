//! Errors of deliveries to AIGLE and of statuses from it.

use arpent_base::Diagnostic;
use thiserror::Error;

/// Why a delivery cannot be made, or statuses cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AigleError {
    /// AIGLE would take nothing of the delivery.
    #[error("AIGLE would take nothing: {rules}")]
    Refused {
        /// The rules, in words.
        rules: String,
    },
    /// Scenes of several years, or without a date.
    #[error("the year of the imagery is not clear: {found}")]
    Year {
        /// The years that the scenes have.
        found: String,
    },
    /// The map was published without imagery.
    #[error("the map was published without imagery, of which the tiles are made")]
    NoImagery,
    /// Imagery with pixels that are much larger than those that AIGLE shows.
    #[error(
        "the imagery is too coarse: its deepest zoom is {zoom}, and AIGLE shows tiles from zoom {first} on"
    )]
    CoarseImagery {
        /// The deepest zoom.
        zoom: u8,
        /// The first zoom of a delivery.
        first: u8,
    },
    /// A file of statuses, of persons or of types cannot be used.
    #[error("{file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A user without a name.
    #[error("{file}, line {line}: the user {email} has no name here")]
    NoName {
        /// The file.
        file: String,
        /// Its line.
        line: u64,
        /// The address.
        email: String,
    },
    /// An argument of `--person-of` or `--object-type` that cannot be read.
    #[error("`{argument}` is not of the form {expected}")]
    Argument {
        /// As given.
        argument: String,
        /// The form.
        expected: &'static str,
    },
}

impl Diagnostic for AigleError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Refused { .. } => {
                "list every rule with --check; give the address of the tiles with --batch-tiles-url"
            }
            Self::Year { .. } => "say it with --year",
            Self::NoImagery => {
                "set `publish.imagery = true` in the configuration of the run, where its terms allow it, and run again"
            }
            Self::CoarseImagery { .. } => "leave --tiles out, and deliver tiles of other imagery",
            Self::File { .. } => "the columns are described in docs/guides/review.md",
            Self::NoName { .. } => {
                "every decision is a named person's: give --people FILE (email,name,function,organization) or --person-of EMAIL=NAME;FUNCTION;ORGANIZATION"
            }
            Self::Argument { .. } => "quote it where it has spaces",
        };
        Some(text.to_owned())
    }
}
