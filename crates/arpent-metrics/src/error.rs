//! What can go wrong.

use arpent_raster::Window;
use thiserror::Error;

/// Predictions and truths that cannot be compared.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricsError {
    /// A label is no class.
    #[error("label {label} at position {position} is none of the {classes} classes")]
    LabelOutOfRange {
        /// The label.
        label: u8,
        /// Its position in what was given.
        position: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Things that belong together are not equally long.
    #[error("{what} needs {expected} values, got {got}")]
    Length {
        /// What has the wrong length.
        what: &'static str,
        /// Values needed.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// Rasters that belong together do not hold the same pixels.
    #[error("{what} covers {got}, the truth {expected}")]
    Windows {
        /// What does not fit.
        what: &'static str,
        /// The pixels of the truth.
        expected: Window,
        /// The pixels it holds.
        got: Window,
    },
    /// Two accumulators measure different things.
    #[error("cannot merge measures that differ in {what}")]
    Merge {
        /// In what they differ.
        what: &'static str,
    },
    /// An option has a value that makes no sense.
    #[error("`{option}` is {value}; it must be {expected}")]
    BadOption {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A score is not what a score can be.
    #[error("the score at position {position} is {score}; it must be {expected}")]
    BadScore {
        /// Its position in what was given.
        position: usize,
        /// The score.
        score: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A box has a corner that is not a number, or corners in the wrong order.
    #[error(
        "the box {bbox:?} at position {position} is malformed: west, north, east, south; rows grow southward"
    )]
    BadBox {
        /// Its position in what was given.
        position: usize,
        /// The box.
        bbox: [f64; 4],
    },
    /// The counts of a stored confusion matrix sum to more than can be counted.
    #[error("a confusion matrix counts more than 2^64 pixels")]
    TooManyPixels,
}

impl arpent_base::Diagnostic for MetricsError {}

/// Refuses rows that are not equally long.
pub(crate) fn check_length(what: &'static str, expected: usize, got: usize) -> Result<(), MetricsError> {
    if expected == got { Ok(()) } else { Err(MetricsError::Length { what, expected, got }) }
}

/// Refuses an option that is not in its range.
pub(crate) fn check_option(
    is_fine: bool,
    option: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<(), MetricsError> {
    if is_fine { Ok(()) } else { Err(MetricsError::BadOption { option, value, expected }) }
}
