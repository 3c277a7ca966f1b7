//! Errors of the registration.

use arpent_base::Diagnostic;
use thiserror::Error;

use super::MIN_GOOD_CELLS;

/// A shift field that cannot be measured or summarized.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum RegisterError {
    /// An option has an invalid value.
    #[error("registration: `{option}` is {value}, expected {expected}")]
    BadOption {
        /// Name of the option.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The valid values.
        expected: &'static str,
    },
    /// A window has the wrong shape.
    #[error(
        "registration, {what}: {} x {} px, expected {} x {} px (rows x columns)",
        got[0], got[1], expected[0], expected[1]
    )]
    Shape {
        /// Which array.
        what: &'static str,
        /// Rows and columns given.
        got: [usize; 2],
        /// Rows and columns expected.
        expected: [usize; 2],
    },
    /// One cell was given twice.
    #[error("registration: cell {col}, {row} was given twice, expected each cell of the lattice once")]
    DuplicateCell {
        /// Column of the cell.
        col: i64,
        /// Row of the cell.
        row: i64,
    },
    /// Too few cells are good for a statement about the shift.
    #[error("registration: {good} of {cells} cells are good, expected at least {MIN_GOOD_CELLS}")]
    TooFewGoodCells {
        /// Cells measured.
        cells: usize,
        /// Cells that are good.
        good: usize,
    },
}

impl Diagnostic for RegisterError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::TooFewGoodCells { .. } => Some(
                "use a larger area, smaller cells or a band with more texture (near infrared is often better than red)"
                    .to_owned(),
            ),
            Self::BadOption { option, expected, .. } => Some(format!("set `{option}` to {expected}")),
            Self::Shape { .. } | Self::DuplicateCell { .. } => None,
        }
    }
}
