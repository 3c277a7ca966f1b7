//! Checks of extents and rows, and the lattice on which large areas are cut.

use arpent_raster::Window;

use super::error::EventError;

/// Rows whose number is a multiple of this may cut areas that began more than as many rows before. Equal to the
/// lattice on which the polygonizer cuts regions.
pub(super) const LATTICE: i64 = 512;

/// Side lengths are kept below this, as those of polygonized extents.
const SIDE_LIMIT: usize = (1 << 28) - 1;

pub(super) fn check_extent(extent: Window) -> Result<(), EventError> {
    if extent.width.max(extent.height) >= SIDE_LIMIT || !extent.is_on_earth() {
        return Err(EventError::ExtentTooLarge { extent });
    }
    Ok(())
}

/// Checks that a row is in the extent, that its values are as many as the columns, and that its pixels have an area.
pub(super) fn check_row(
    extent: Window,
    row: i64,
    mut lengths: impl Iterator<Item = usize>,
    pixel_area_m2: f64,
) -> Result<(), EventError> {
    if row >= extent.row_end() {
        return Err(EventError::TooManyRows { row, extent });
    }
    if let Some(got) = lengths.find(|length| *length != extent.width) {
        return Err(EventError::RowLength { row, expected: extent.width, got });
    }
    if !(pixel_area_m2.is_finite() && pixel_area_m2 > 0.0) {
        return Err(EventError::PixelArea { row, pixel_area_m2 });
    }
    Ok(())
}
