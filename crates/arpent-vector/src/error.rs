//! What can go wrong.

use arpent_raster::Window;
use thiserror::Error;

/// Labels or detections that cannot be made into features.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum VectorError {
    /// The extent has more columns or rows than vertices can be numbered.
    #[error("cannot polygonize {extent}: a side has 268435455 pixels or more")]
    ExtentTooLarge {
        /// The extent of the label raster.
        extent: Window,
    },
    /// A row does not have one value for each column of the extent.
    #[error("row {row} needs {expected} labels and confidences, got {labels} and {confidence}")]
    RowLength {
        /// Row, counted from the CRS origin.
        row: i64,
        /// Columns of the extent.
        expected: usize,
        /// Labels given.
        labels: usize,
        /// Confidences given.
        confidence: usize,
    },
    /// More rows were given than the extent has.
    #[error("cannot polygonize row {row}: it lies below the extent, {extent}")]
    TooManyRows {
        /// Row, counted from the CRS origin.
        row: i64,
        /// The extent of the label raster.
        extent: Window,
    },
    /// The ground area of a pixel is not a positive number.
    #[error("row {row} has a pixel area of {pixel_area_m2} m2, which is not a positive number")]
    PixelArea {
        /// Row, counted from the CRS origin.
        row: i64,
        /// The area given, square metres.
        pixel_area_m2: f64,
    },
    /// The regions that are open at a row have more edges than can be numbered.
    #[error("cannot polygonize row {row}: the regions open there have more than four thousand million edges")]
    TooManyEdges {
        /// Row, counted from the CRS origin.
        row: i64,
    },
    /// An option has a value that makes no sense.
    #[error("option `{option}` is {value}; it must be {expected}")]
    BadOption {
        /// Name of the option, as it is written in a configuration.
        option: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A detection has a score or a corner that is not a number, or corners in the wrong order.
    #[error("the detection of class {class_id} with box {bbox:?} and score {score} is malformed")]
    BadDetection {
        /// Its class.
        class_id: u8,
        /// Its score.
        score: f32,
        /// Its box, grid pixels.
        bbox: [f64; 4],
    },
    /// A vertex of a zone is nowhere.
    #[error("a vertex of the zone lies at column {col}, row {row}, which is nowhere on the Earth")]
    ZoneNotFinite {
        /// Column, grid pixels.
        col: f64,
        /// Row, grid pixels.
        row: f64,
    },
    /// A detection reaches into rows that were said to be done.
    #[error("a detection starts at row {row}, but the rows above {done_above_row} were said to be done")]
    LateDetection {
        /// First row of the detection, grid pixels.
        row: f64,
        /// The row above which no detection was to come.
        done_above_row: i64,
    },
}

impl arpent_base::Diagnostic for VectorError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::ExtentTooLarge { .. } => {
                Some("split the job into several areas of interest, each less than 268435455 pixels wide and high".into())
            }
            Self::TooManyEdges { .. } => Some(
                "a class covers the whole area and encloses everything else: set `features = false` for it in \
                 the nomenclature, or split the job into several areas of interest"
                    .into(),
            ),
            Self::BadOption { option, expected, .. } => Some(format!("set `{option}` to {expected}")),
            Self::PixelArea { .. } => Some("check the CRS and the pixel size of the scene".into()),
            Self::BadDetection { .. } => {
                Some("the model gave values that are not numbers: check its weights and the scaling of its bands".into())
            }
            Self::ZoneNotFinite { .. } => Some("check the coordinates and the CRS of the layer".into()),
            Self::RowLength { .. } | Self::TooManyRows { .. } | Self::LateDetection { .. } => None,
        }
    }
}
