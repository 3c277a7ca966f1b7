//! Checks of extents and rows.

use arpent_raster::Window;

use super::chains::SQUARE;
use super::layout::{Connectivity, Layout};
use crate::VectorError;

/// Side lengths are kept below this, so that columns and rows have four spare bits.
const SIDE_LIMIT: usize = (SQUARE - 1) as usize;

/// Checks that the vertices of an extent can be numbered.
pub(crate) fn check_extent(extent: Window) -> Result<(), VectorError> {
    if extent.width.max(extent.height) >= SIDE_LIMIT || !extent.is_on_earth() {
        return Err(VectorError::ExtentTooLarge { extent });
    }
    Ok(())
}

/// Checks an extent, and that a block of it may be processed alone.
pub(crate) fn check_block(extent: Window, block: Window) -> Result<(), VectorError> {
    check_extent(extent)?;
    if Layout::new(extent, Connectivity::Four).has_block(&block) {
        return Ok(());
    }
    Err(VectorError::BadBlock { block, extent })
}

/// Checks that row `row` is in `extent`, has its width, and that its pixels have an area.
pub(crate) fn check_row(
    extent: Window,
    row: i64,
    labels: &[u8],
    confidence: &[u8],
    pixel_area_m2: f64,
) -> Result<(), VectorError> {
    let expected = extent.width;
    if row >= extent.row_end() {
        return Err(VectorError::TooManyRows { row, extent });
    }
    if labels.len() != expected || confidence.len() != expected {
        let (labels, confidence) = (labels.len(), confidence.len());
        return Err(VectorError::RowLength { row, expected, labels, confidence });
    }
    if !(pixel_area_m2.is_finite() && pixel_area_m2 > 0.0) {
        return Err(VectorError::PixelArea { row, pixel_area_m2 });
    }
    Ok(())
}
