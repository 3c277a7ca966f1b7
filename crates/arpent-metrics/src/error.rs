//! Errors.

use arpent_raster::Window;
use thiserror::Error;

/// Predictions and truths that cannot be compared.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricsError {
    /// A label is not a class.
    #[error("label {label} at position {position} is not one of the {classes} classes")]
    LabelOutOfRange {
        /// The label.
        label: u8,
        /// Its position in the input.
        position: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Inputs that must be equally long are not.
    #[error("{what} needs {expected} values, got {got}")]
    Length {
        /// What has the wrong length.
        what: &'static str,
        /// Values needed.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// Rasters that must cover the same pixels do not.
    #[error("{what} covers {got}, the truth {expected}")]
    Windows {
        /// The raster that differs.
        what: &'static str,
        /// The pixels of the truth.
        expected: Window,
        /// Its pixels.
        got: Window,
    },
    /// Two accumulators measure different things.
    #[error("cannot merge measures that differ in {what}")]
    Merge {
        /// The difference.
        what: &'static str,
    },
    /// An option has an invalid value.
    #[error("`{option}` is {value}; it must be {expected}")]
    BadOption {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The valid values.
        expected: &'static str,
    },
    /// A score is invalid.
    #[error("the score at position {position} is {score}; it must be {expected}")]
    BadScore {
        /// Its position in the input.
        position: usize,
        /// The score.
        score: f64,
        /// The valid values.
        expected: &'static str,
    },
    /// A box has a corner that is not a number, or corners in the wrong order.
    #[error(
        "the box {bbox:?} at position {position} is malformed: west, north, east, south; rows grow southward"
    )]
    BadBox {
        /// Its position in the input.
        position: usize,
        /// The box.
        bbox: [f64; 4],
    },
    /// The sum of the counts of a stored confusion matrix is too large.
    #[error("a confusion matrix counts more than 2^64 pixels")]
    TooManyPixels,
}

impl arpent_base::Diagnostic for MetricsError {}

/// Rejects inputs that are not equally long.
pub(crate) fn check_length(what: &'static str, expected: usize, got: usize) -> Result<(), MetricsError> {
    if expected == got { Ok(()) } else { Err(MetricsError::Length { what, expected, got }) }
}

/// Rejects an option that is not in its range.
pub(crate) fn check_option(
    is_fine: bool,
    option: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<(), MetricsError> {
    if is_fine { Ok(()) } else { Err(MetricsError::BadOption { option, value, expected }) }
}
