//! The extent of a region.

use arpent_raster::Window;

/// Columns and rows of a region, relative to the extent's corner; ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) cols: (u32, u32),
    pub(super) rows: (u32, u32),
}

impl Default for Span {
    /// Empty.
    fn default() -> Self {
        Self { cols: (u32::MAX, 0), rows: (u32::MAX, 0) }
    }
}

impl Span {
    /// Extends it to contain another.
    pub(super) fn include(&mut self, other: &Self) {
        self.cols = (self.cols.0.min(other.cols.0), self.cols.1.max(other.cols.1));
        self.rows = (self.rows.0.min(other.rows.0), self.rows.1.max(other.rows.1));
    }

    /// The window of the span in an extent.
    pub(super) fn window(&self, extent: &Window) -> Window {
        let (col, row) = (extent.col, extent.row);
        Window::between(
            col + i64::from(self.cols.0),
            row + i64::from(self.rows.0),
            col + i64::from(self.cols.1),
            row + i64::from(self.rows.1),
        )
    }
}
