//! Pixel rectangles.

use serde::{Deserialize, Serialize};

/// A rectangle of pixels of a [`Grid`](crate::Grid): columns grow eastward, rows grow southward, both counted
/// from the CRS origin, hence signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// First column.
    pub col: i64,
    /// First row.
    pub row: i64,
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

impl Window {
    /// The window of these columns and rows.
    pub const fn new(col: i64, row: i64, width: usize, height: usize) -> Self {
        Self { col, row, width, height }
    }

    /// The window between two corners; empty where the second does not lie beyond the first.
    pub fn between(col0: i64, row0: i64, col1: i64, row1: i64) -> Self {
        let span = |a: i64, b: i64| usize::try_from(b.saturating_sub(a)).unwrap_or(0);
        Self { col: col0, row: row0, width: span(col0, col1), height: span(row0, row1) }
    }

    /// One past the last column.
    pub const fn col_end(&self) -> i64 {
        self.col.saturating_add_unsigned(self.width as u64)
    }

    /// One past the last row.
    pub const fn row_end(&self) -> i64 {
        self.row.saturating_add_unsigned(self.height as u64)
    }

    /// Number of pixels; the largest number there is where there are more.
    pub const fn pixels(&self) -> u64 {
        (self.width as u64).saturating_mul(self.height as u64)
    }

    /// Whether it holds no pixel.
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The pixels that both windows hold, `None` when there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let w = Self::between(
            self.col.max(other.col),
            self.row.max(other.row),
            self.col_end().min(other.col_end()),
            self.row_end().min(other.row_end()),
        );
        (!w.is_empty()).then_some(w)
    }

    /// The smallest window that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        Self::between(
            self.col.min(other.col),
            self.row.min(other.row),
            self.col_end().max(other.col_end()),
            self.row_end().max(other.row_end()),
        )
    }

    /// This window with `by` more pixels on each of its four sides.
    #[must_use]
    pub fn grow(&self, by: usize) -> Self {
        self.grow_by(by, by)
    }

    /// This window with `cols` more columns in the west and in the east, and `rows` more rows in the north and in the south.
    #[must_use]
    pub fn grow_by(&self, cols: usize, rows: usize) -> Self {
        Self {
            col: self.col.saturating_sub_unsigned(cols as u64),
            row: self.row.saturating_sub_unsigned(rows as u64),
            width: self.width + 2 * cols,
            height: self.height + 2 * rows,
        }
    }

    /// The smallest window that holds this one and whose four sides are multiples of `step`.
    #[must_use]
    pub fn align_out(&self, step: usize) -> Self {
        let step = i64::try_from(step.max(1)).unwrap_or(i64::MAX);
        let up = |v: i64| v.div_euclid(step) * step + if v.rem_euclid(step) == 0 { 0 } else { step };
        let down = |v: i64| v.div_euclid(step) * step;
        Self::between(down(self.col), down(self.row), up(self.col_end()), up(self.row_end()))
    }

    /// Whether every pixel of `other` is also in this window.
    pub fn contains(&self, other: &Self) -> bool {
        other.is_empty() || self.intersect(other) == Some(*other)
    }

    /// Whether this window holds the pixel.
    pub const fn contains_pixel(&self, col: i64, row: i64) -> bool {
        col >= self.col && row >= self.row && col < self.col_end() && row < self.row_end()
    }

    /// Columns and rows from this window's corner to `inner`'s corner; `None` when `inner` starts outside.
    pub fn offset_of(&self, inner: &Self) -> Option<(usize, usize)> {
        Some((usize::try_from(inner.col - self.col).ok()?, usize::try_from(inner.row - self.row).ok()?))
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{} px at column {}, row {}", self.width, self.height, self.col, self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn windows()(col in -5_000i64..5_000, row in -5_000i64..5_000, width in 1usize..3_000, height in 1usize..3_000) -> Window {
            Window { col, row, width, height }
        }
    }

    proptest! {
        #[test]
        fn aligning_out_contains_and_is_aligned(w in windows(), step in 1usize..200) {
            let a = w.align_out(step);
            let s = i64::try_from(step).unwrap();
            prop_assert!(a.contains(&w));
            prop_assert!([a.col, a.row, a.col_end(), a.row_end()].iter().all(|v| v.rem_euclid(s) == 0));
            prop_assert!(a.width < w.width + 2 * step && a.height < w.height + 2 * step);
        }

        #[test]
        fn intersection_is_the_common_part(a in windows(), b in windows()) {
            if let Some(i) = a.intersect(&b) {
                prop_assert!(a.contains(&i) && b.contains(&i));
                prop_assert_eq!(b.intersect(&a), Some(i));
            }
            prop_assert!(a.union(&b).contains(&a) && a.union(&b).contains(&b));
        }
    }

    #[test]
    fn growing_keeps_the_centre() {
        let w = Window::new(10, -4, 3, 5).grow(2);
        assert_eq!(w, Window::new(8, -6, 7, 9));
    }
}
