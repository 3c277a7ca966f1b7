//! What values of published rasters stand for.

/// Value of a pixel of a label raster that has no answer. Class ids are 0 to 254.
pub const LABEL_NODATA: u8 = 255;

/// Value of a pixel of a confidence raster that has no answer.
pub const CONFIDENCE_NODATA: u8 = 255;

/// Confidence rasters hold `round(score / CONFIDENCE_SCALE)`: 0 to 250 stands for 0.0 to 1.0.
pub const CONFIDENCE_SCALE: f64 = 0.004;
