//! Errors.

use arpent_raster::Window;
use thiserror::Error;

/// Maps or images that cannot be compared.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventError {
    /// The extent has more columns or rows than can be numbered, or is not on the Earth.
    #[error(
        "cannot compare {extent}: a side has 268435455 pixels or more, or a corner lies {} pixels or more from the origin of the CRS",
        Window::FARTHEST_PX
    )]
    ExtentTooLarge {
        /// The extent.
        extent: Window,
    },
    /// A row does not have one value for each column of the extent.
    #[error("row {row} needs {expected} values, got {got}")]
    RowLength {
        /// Row, counted from the CRS origin.
        row: i64,
        /// Columns of the extent.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// More rows were given than the extent has.
    #[error("cannot take row {row}: it lies below the extent, {extent}")]
    TooManyRows {
        /// Row, counted from the CRS origin.
        row: i64,
        /// The extent.
        extent: Window,
    },
    /// The ground area of a pixel is not a positive number.
    #[error("row {row} has a pixel area of {pixel_area_m2} m2, which is not a positive number")]
    PixelArea {
        /// Row, counted from the CRS origin.
        row: i64,
        /// The area given, square meters.
        pixel_area_m2: f64,
    },
    /// An option has an invalid value.
    #[error("option `{option}` is {value}; it must be {expected}")]
    BadOption {
        /// Its name.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The valid values.
        expected: &'static str,
    },
}

impl arpent_base::Diagnostic for EventError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::ExtentTooLarge { .. } => Some(
                "check the CRS; compare several areas, each less than 268435455 pixels wide and high".into(),
            ),
            Self::BadOption { option, expected, .. } => Some(format!("set `{option}` to {expected}")),
            Self::PixelArea { .. } => Some("check the CRS and the pixel size".into()),
            Self::RowLength { .. } | Self::TooManyRows { .. } => None,
        }
    }
}
