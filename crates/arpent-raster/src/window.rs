//! Pixel rectangles.

use arpent_base::number::fitted;
use serde::{Deserialize, Serialize};

/// A rectangle of pixels of a [`Grid`](crate::Grid): columns grow eastward, rows grow southward, both counted
/// from the CRS origin, hence signed.
///
/// ```
/// use arpent_raster::Window;
///
/// let tile = Window::new(-3, 5, 100, 80);
/// assert_eq!((tile.col_end(), tile.row_end()), (97, 85));
/// assert_eq!(tile.align_out(32), Window::new(-32, 0, 160, 96));
/// assert_eq!(tile.intersect(&Window::new(90, 0, 50, 50)), Some(Window::new(90, 5, 7, 45)));
/// ```
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
    /// Columns and rows are below this, away from the origin of the CRS: 40,000 km, the circumference of the Earth, are
    /// 4e10 pixels of a millimeter. Ground coordinates of such pixels are exact to 1e-5 pixels, and sums and products
    /// of numbers of pixels do not overflow.
    pub const FARTHEST_PX: i64 = 100_000_000_000;

    /// The window of these columns and rows.
    pub const fn new(col: i64, row: i64, width: usize, height: usize) -> Self {
        Self { col, row, width, height }
    }

    /// The window between two corners; empty if the second does not lie beyond the first.
    pub fn between(col0: i64, row0: i64, col1: i64, row1: i64) -> Self {
        // 0 if the second lies before the first; both may be the bounds of `i64`.
        let span = |a: i64, b: i64| if b > a { fitted(b.abs_diff(a)) } else { 0 };
        Self { col: col0, row: row0, width: span(col0, col1), height: span(row0, row1) }
    }

    /// One past the last column; saturates.
    pub const fn col_end(&self) -> i64 {
        self.col.saturating_add_unsigned(self.width as u64)
    }

    /// One past the last row; saturates.
    pub const fn row_end(&self) -> i64 {
        self.row.saturating_add_unsigned(self.height as u64)
    }

    /// Number of pixels; saturates.
    pub const fn pixels(&self) -> u64 {
        (self.width as u64).saturating_mul(self.height as u64)
    }

    /// Whether it is empty.
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Whether all of it is nearer to the origin of the CRS than [`Window::FARTHEST_PX`]: no position on the Earth is
    /// farther.
    pub const fn is_on_earth(&self) -> bool {
        let limit = Self::FARTHEST_PX;
        self.col > -limit && self.row > -limit && self.col_end() < limit && self.row_end() < limit
    }

    /// The pixels in both windows, `None` if there are none.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let w = Self::between(
            self.col.max(other.col),
            self.row.max(other.row),
            self.col_end().min(other.col_end()),
            self.row_end().min(other.row_end()),
        );
        (!w.is_empty()).then_some(w)
    }

    /// The smallest window that contains both.
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

    /// This window with `cols` more columns in the west and in the east, and `rows` more rows in the north and in the
    /// south; saturates.
    #[must_use]
    pub fn grow_by(&self, cols: usize, rows: usize) -> Self {
        let (cols, rows) = (cols as u64, rows as u64);
        Self::between(
            self.col.saturating_sub_unsigned(cols),
            self.row.saturating_sub_unsigned(rows),
            self.col_end().saturating_add_unsigned(cols),
            self.row_end().saturating_add_unsigned(rows),
        )
    }

    /// The smallest window that contains this one and whose four sides are multiples of `step`; saturates.
    #[must_use]
    pub fn align_out(&self, step: usize) -> Self {
        let step = i64::try_from(step.max(1)).unwrap_or(i64::MAX);
        let down = |v: i64| v.saturating_sub(v.rem_euclid(step));
        let up = |v: i64| match v.rem_euclid(step) {
            0 => v,
            rest => v.saturating_add(step - rest),
        };
        Self::between(down(self.col), down(self.row), up(self.col_end()), up(self.row_end()))
    }

    /// The cell that holds its first pixel: cells are squares of `side` pixels whose corners are multiples of `side`.
    ///
    /// ```
    /// use arpent_raster::Window;
    ///
    /// assert_eq!(Window::new(-3, 70, 2, 9).cell(64), Window::new(-64, 64, 64, 64));
    /// ```
    #[must_use]
    pub fn cell(&self, side: usize) -> Self {
        let step = i64::try_from(side.max(1)).unwrap_or(i64::MAX);
        let corner = |v: i64| v.div_euclid(step).saturating_mul(step);
        Self { col: corner(self.col), row: corner(self.row), width: side, height: side }
    }

    /// Its parts of `rows` rows each, from north to south; the last one has what is left. No rows count as one.
    pub fn strips(self, rows: u64) -> impl Iterator<Item = Self> {
        let begins = std::iter::successors(Some(self.row), move |row| row.checked_add_unsigned(rows.max(1)));
        begins.take_while(move |row| *row < self.row_end()).map(move |row| {
            let end = self.row_end().min(row.saturating_add_unsigned(rows.max(1)));
            Self::between(self.col, row, self.col_end(), end)
        })
    }

    /// Its [`strips`](Self::strips) of about so many pixels each, one row at least.
    pub fn strips_of(self, pixels: usize) -> impl Iterator<Item = Self> {
        self.strips((pixels / self.width.max(1)) as u64)
    }

    /// Its parts between multiples of `every` rows (above 0), counted from the origin of the CRS, from north to south.
    pub fn split_rows(self, every: i64) -> impl Iterator<Item = Self> {
        let part = move |i: i64| {
            let (top, bottom) = (i * every, (i + 1) * every);
            Self::between(self.col, self.row.max(top), self.col_end(), self.row_end().min(bottom))
        };
        (self.row.div_euclid(every)..=(self.row_end() - 1).div_euclid(every)).map(part)
    }

    /// Its parts between multiples of `every` columns (above 0), counted from the origin of the CRS, from west to east.
    pub fn split_columns(self, every: i64) -> impl Iterator<Item = Self> {
        let part = move |i: i64| {
            let (left, right) = (i * every, (i + 1) * every);
            Self::between(self.col.max(left), self.row, self.col_end().min(right), self.row_end())
        };
        (self.col.div_euclid(every)..=(self.col_end() - 1).div_euclid(every)).map(part)
    }

    /// Whether every pixel of `other` is also in this window.
    pub fn contains(&self, other: &Self) -> bool {
        other.is_empty() || self.intersect(other) == Some(*other)
    }

    /// Whether the pixel is in this window.
    pub const fn contains_pixel(&self, col: i64, row: i64) -> bool {
        col >= self.col && row >= self.row && col < self.col_end() && row < self.row_end()
    }

    /// Columns and rows from this window's corner to `inner`'s corner; `None` when `inner` starts outside.
    pub fn offset_of(&self, inner: &Self) -> Option<(usize, usize)> {
        let from = |outer: i64, inner: i64| {
            (inner >= outer).then(|| usize::try_from(inner.abs_diff(outer)).ok()).flatten()
        };
        Some((from(self.col, inner.col)?, from(self.row, inner.row)?))
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

    /// Numbers of pixels up to the limits of what there is.
    fn numbers() -> impl Strategy<Value = i64> {
        let around = |center: i64| (-700i64..700).prop_map(move |off| center.saturating_add(off));
        prop_oneof![
            around(0),
            around(1_000_000_000_000_000),
            around(-1_000_000_000_000_000),
            around(i64::MAX),
            around(i64::MIN),
            any::<i64>(),
        ]
    }

    fn sizes() -> impl Strategy<Value = usize> {
        prop_oneof![0usize..600, Just(1 << 40), Just(1 << 62), Just(usize::MAX - 1), Just(usize::MAX)]
    }

    prop_compose! {
        fn extremes()(col in numbers(), row in numbers(), width in sizes(), height in sizes()) -> Window {
            Window { col, row, width, height }
        }
    }

    /// First and one past the last of a side, in numbers that do not overflow.
    fn side(start: i64, size: usize) -> (i128, i128) {
        let end = i128::from(start) + i128::from(size as u64);
        (start.into(), end.min(i64::MAX.into()))
    }

    /// Columns and rows of a window.
    fn sides(w: &Window) -> [(i128, i128); 2] {
        [side(w.col, w.width), side(w.row, w.height)]
    }

    fn limited(value: i128) -> i128 {
        value.clamp(i64::MIN.into(), i64::MAX.into())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn no_number_overflows(a in extremes(), b in extremes(), by in [sizes(), sizes()], step in sizes()) {
            let of = sides(&a);
            prop_assert_eq!((i128::from(a.col_end()), i128::from(a.row_end())), (of[0].1, of[1].1));
            // Common pixels.
            let common = [0, 1].map(|i| (sides(&a)[i].0.max(sides(&b)[i].0), sides(&a)[i].1.min(sides(&b)[i].1)));
            let is_there = common.iter().all(|(start, end)| start < end);
            prop_assert_eq!(a.intersect(&b).map(|w| sides(&w)), is_there.then_some(common));
            let union = a.union(&b);
            if !a.is_empty() && !b.is_empty() {
                let both = [0, 1].map(|i| (sides(&a)[i].0.min(sides(&b)[i].0), sides(&a)[i].1.max(sides(&b)[i].1)));
                prop_assert_eq!(sides(&union), both);
            }
            // More pixels on each side.
            let more = by.map(|by| i128::from(by as u64));
            let grown = [0, 1].map(|i| (limited(of[i].0 - more[i]), limited(of[i].1 + more[i])));
            prop_assert_eq!(sides(&a.grow_by(by[0], by[1])), grown);
            // Multiples.
            let step_wide = i128::from(i64::try_from(step.max(1)).unwrap_or(i64::MAX));
            let aligned = of.map(|(start, end)| {
                let up = (end + step_wide - 1).div_euclid(step_wide) * step_wide;
                (limited(start.div_euclid(step_wide) * step_wide), limited(up))
            });
            prop_assert_eq!(sides(&a.align_out(step)), aligned);
            // Offsets.
            let offset = [0, 1].map(|i| usize::try_from(sides(&b)[i].0 - of[i].0).ok());
            prop_assert_eq!(a.offset_of(&b), offset[0].zip(offset[1]));
            prop_assert_eq!(a.contains_pixel(b.col, b.row), {
                let inside = |i: usize| of[i].0 <= sides(&b)[i].0 && sides(&b)[i].0 < of[i].1;
                inside(0) && inside(1)
            });
            prop_assert_eq!(u128::from(a.pixels()), (a.width as u128 * a.height as u128).min(u64::MAX.into()));
            prop_assert_eq!(a.is_on_earth(), of.iter().all(|(start, end)| {
                let limit = i128::from(Window::FARTHEST_PX);
                -limit < *start && *end < limit
            }));
        }
    }

    #[test]
    fn a_window_between_the_limits_holds_everything() {
        let all = Window::between(i64::MIN, i64::MIN, i64::MAX, i64::MAX);
        assert_eq!((all.col_end(), all.row_end()), (i64::MAX, i64::MAX));
        assert!(all.contains(&Window::new(5, -7, 10, 10)) && all.contains_pixel(i64::MAX - 1, 0));
    }

    #[test]
    fn growing_keeps_the_centre() {
        let w = Window::new(10, -4, 3, 5).grow(2);
        assert_eq!(w, Window::new(8, -6, 7, 9));
    }

    proptest! {
        #[test]
        fn parts_cover_a_window_once(col in -500i64..500, row in -500i64..500, width in 1usize..90, height in 1usize..90, every in 1i64..70, pixels in 0usize..900) {
            let window = Window { col, row, width, height };
            let (rows, columns): (Vec<_>, Vec<_>) = (window.split_rows(every).collect(), window.split_columns(every).collect());
            let strips: Vec<_> = window.strips_of(pixels).collect();
            for parts in [&rows, &columns, &strips] {
                prop_assert_eq!(parts.iter().map(Window::pixels).sum::<u64>(), window.pixels());
                prop_assert!(parts.iter().all(|part| !part.is_empty() && window.contains(part)));
                prop_assert!(parts.windows(2).all(|two| two[0].intersect(&two[1]).is_none()));
            }
            prop_assert!(rows[1..].iter().all(|part| part.row.rem_euclid(every) == 0));
            prop_assert!(columns[1..].iter().all(|part| part.col.rem_euclid(every) == 0));
            prop_assert!(strips.iter().all(|strip| strip.pixels() <= pixels.max(width) as u64));
        }
    }
}
