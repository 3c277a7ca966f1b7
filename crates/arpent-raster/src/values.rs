//! Values of published rasters.

/// Value of a pixel of a label raster without a prediction. Class ids are 0 to 254.
pub const LABEL_NODATA: u8 = 255;

/// Value of a pixel of a confidence raster without a prediction.
pub const CONFIDENCE_NODATA: u8 = 255;

/// Confidence rasters contain `round(score / CONFIDENCE_SCALE)`: 0 to 250 stand for 0.0 to 1.0.
pub const CONFIDENCE_SCALE: f64 = 0.004;
