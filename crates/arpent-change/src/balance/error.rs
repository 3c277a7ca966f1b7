//! Errors of balances.

use thiserror::Error;

/// Why rows cannot be added to a balance.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum BalanceError {
    /// The rows of the two dates, the weights or the masks do not have one length.
    #[error("row {row}: `{what}` has {found} pixels, expected {expected}")]
    RowLength {
        /// Number of the row, as the caller counts.
        row: u64,
        /// The row that differs.
        what: &'static str,
        /// Its pixels.
        found: usize,
        /// Pixels of the first row.
        expected: usize,
    },
    /// The ground area of a pixel is not a positive number.
    #[error("row {row} has a pixel area of {pixel_area_m2} m2, expected a positive number")]
    PixelArea {
        /// Number of the row.
        row: u64,
        /// The area given, square meters.
        pixel_area_m2: f64,
    },
    /// A weight is not a part of a pixel.
    #[error("row {row}, column {col}: the weight is {weight}, expected 0 to 1")]
    Weight {
        /// Number of the row.
        row: u64,
        /// Column, from the first of the row.
        col: usize,
        /// The weight.
        weight: f64,
    },
    /// More rows than the extent has, or fewer.
    #[error("{found} rows were given, expected {expected}")]
    Rows {
        /// Rows given.
        found: u64,
        /// Rows of the extent.
        expected: u64,
    },
    /// The extent has no pixel, or more columns than can be numbered.
    #[error(
        "the extent has {width} columns and {height} rows, expected 1 to 4294967294 columns and at least 1 row"
    )]
    Extent {
        /// Columns.
        width: usize,
        /// Rows.
        height: u64,
    },
    /// A threshold is not an area.
    #[error("threshold `{name}` is {value} m2, expected 0 or more")]
    Threshold {
        /// Its name.
        name: &'static str,
        /// Its value, square meters.
        value: f64,
    },
    /// A value of a binary row is neither of the two kinds nor nodata.
    #[error("row {row}, column {col}: the value is {value}, expected 0, 1 or 255 (not observed)")]
    NotBinary {
        /// Number of the row.
        row: u64,
        /// Column, from the first of the row.
        col: usize,
        /// The value.
        value: u8,
    },
}

impl arpent_base::Diagnostic for BalanceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::PixelArea { .. } => Some("check the CRS and the pixel size of the rasters".into()),
            Self::Threshold { name, .. } => Some(format!("set `{name}` to 0 or more square meters")),
            Self::Extent { .. } => {
                Some("check the extent of the two dates; split it into several areas".into())
            }
            Self::RowLength { .. } | Self::Weight { .. } | Self::Rows { .. } | Self::NotBinary { .. } => None,
        }
    }
}

/// Checks the ground area of the pixels of a row.
pub(super) fn check_area(row: u64, pixel_area_m2: f64) -> Result<(), BalanceError> {
    if pixel_area_m2.is_finite() && pixel_area_m2 > 0.0 {
        Ok(())
    } else {
        Err(BalanceError::PixelArea { row, pixel_area_m2 })
    }
}

/// Checks the length of a row.
pub(super) fn check_length(
    row: u64,
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), BalanceError> {
    if found == expected { Ok(()) } else { Err(BalanceError::RowLength { row, what, found, expected }) }
}
