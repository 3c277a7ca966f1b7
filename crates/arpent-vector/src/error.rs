//! Errors.

use arpent_raster::Window;
use thiserror::Error;

/// Labels or detections that cannot be converted to features.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum VectorError {
    /// The extent has more columns or rows than vertices can be numbered, or is not on the Earth.
    #[error(
        "cannot polygonize {extent}: a side has 268435455 pixels or more, or a corner lies {} pixels or more from the origin of \
         the CRS",
        Window::FARTHEST_PX
    )]
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
    /// A row of a block was given as one around it, or the reverse.
    #[error(
        "row {row} was given out of turn: rows of the block {block} are its own, those of its halo above and below it are labels only"
    )]
    HaloRow {
        /// Row, counted from the CRS origin.
        row: i64,
        /// The block.
        block: Window,
    },
    /// A row of measured values does not have one number for each pixel.
    #[error("row {row} needs {expected} numbers of each measured value, got {found}")]
    ValueLength {
        /// Row, counted from the CRS origin.
        row: i64,
        /// Pixels of the row.
        expected: usize,
        /// Numbers given.
        found: usize,
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
        /// The area given, square meters.
        pixel_area_m2: f64,
    },
    /// The regions that are open at a row have more edges than can be numbered.
    #[error("cannot polygonize row {row}: the regions open there have more than four thousand million edges")]
    TooManyEdges {
        /// Row, counted from the CRS origin.
        row: i64,
    },
    /// An option has an invalid value.
    #[error("option `{option}` is {value}; it must be {expected}")]
    BadOption {
        /// Name of the option in a configuration.
        option: &'static str,
        /// Its value.
        value: f64,
        /// The valid values.
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
    /// A vertex of a zone is not on the Earth.
    #[error("a vertex of the zone lies at column {col}, row {row}, which is not on the Earth")]
    ZoneNotFinite {
        /// Column, grid pixels.
        col: f64,
        /// Row, grid pixels.
        row: f64,
    },
    /// The sides of a block do not lie where blocks may be cut.
    #[error(
        "the block {block} cannot be processed alone: its sides must lie on columns and rows whose numbers are multiples of 512, or \
         on those of the extent, {extent}"
    )]
    BadBlock {
        /// The block.
        block: Window,
        /// The extent of the map.
        extent: Window,
    },
    /// What a block left was made for another map.
    #[error("a block was processed for the map of {other}, or with other rules; this is the map of {extent}")]
    OtherBlocks {
        /// The extent of the map.
        extent: Window,
        /// The extent of the map that the block is of.
        other: Window,
    },
    /// A block was given again, or overlaps another one.
    #[error("the block at {block} was given twice, or overlaps another one")]
    BlockTwice {
        /// The block, or a place in it.
        block: Window,
    },
    /// Not all blocks of a map were given.
    #[error("blocks are missing: {pixels} of {} pixels of {extent} were given", extent.pixels())]
    BlocksMissing {
        /// The extent of the map.
        extent: Window,
        /// Pixels of the blocks that were given.
        pixels: u64,
    },
    /// What a block left is damaged.
    #[error("what was kept of a block is damaged: {what}")]
    DamagedBlock {
        /// What is wrong.
        what: &'static str,
    },
    /// A detection lies where all had been declared found.
    #[error("the detection with box {bbox:?} lies where all detections were declared found")]
    LateDetection {
        /// Its box, grid pixels.
        bbox: [f64; 4],
    },
}

impl arpent_base::Diagnostic for VectorError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::ExtentTooLarge { .. } => {
                Some("check the CRS; split the job into several areas of interest, each less than 268435455 pixels wide and high".into())
            }
            Self::TooManyEdges { .. } => Some(
                "a class covers the whole area and encloses everything else: set `features = false` for it in \
                 the nomenclature, or split the job into several areas of interest"
                    .into(),
            ),
            Self::BadOption { option, expected, .. } => Some(format!("set `{option}` to {expected}")),
            Self::PixelArea { .. } => Some("check the CRS and the pixel size of the scene".into()),
            Self::BadDetection { .. } => {
                Some("the model returned values that are not numbers: check its weights and the scaling of its bands".into())
            }
            Self::ZoneNotFinite { .. } => Some("check the coordinates and the CRS of the layer".into()),
            Self::OtherBlocks { .. } | Self::BlockTwice { .. } | Self::BlocksMissing { .. } => {
                Some("process all blocks of one plan with the same configuration, each once".into())
            }
            Self::DamagedBlock { .. } => Some("process the block again".into()),
            Self::RowLength { .. }
            | Self::ValueLength { .. }
            | Self::TooManyRows { .. }
            | Self::LateDetection { .. }
            | Self::HaloRow { .. }
            | Self::BadBlock { .. } => None,
        }
    }
}
