//! Network input at invalid pixels.
//!
//! A network reads pixels around those that it predicts, and beyond the border of the data there are none. One rule
//! fills them, the same for prediction, training and evaluation. Let `n` be the valid pixel nearest to an invalid pixel
//! `p` (distance between centers; of several the northernmost, then the westernmost). Within [`FILL_PX`] of `n`, `p`
//! has the values of its mirror image `2n - p` if that is valid, else those of `n`; farther away it has the mean of
//! each band. The rule depends only on the position: on pixels up to [`FILL_REACH_PX`] away, never on the window that
//! is read.

use std::ops::Range;

use arpent_base::number::{fitted, signed};

use crate::{Chip, Window};

/// Distance to the nearest valid pixel up to which an invalid one is filled, pixels. Chosen by measurement; see ADR
/// 0017.
pub const FILL_PX: usize = 32;

/// Columns and rows on each side that can affect the fill of a pixel: its mirror image lies twice as far as the nearest
/// pixel.
pub const FILL_REACH_PX: usize = 2 * FILL_PX;

/// A step is stored in one byte; the longest is that to a mirror image.
const _: () = assert!(FILL_REACH_PX <= 127);

/// The sources of the invalid pixels of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The pixels in memory.
    held: Window,
    /// A window that contains all invalid pixels.
    area: Window,
    /// Columns and rows from each pixel of the area to its source; zero for pixels that are valid or not filled.
    steps: Vec<[i8; 2]>,
}

/// The column has no valid pixel within reach.
const FAR: i8 = i8::MIN;

impl Fill {
    /// The sources of the invalid pixels of `wanted`, among the `held` pixels, whose validity is given row by row;
    /// pixels beyond are invalid. `None` if all are valid. For a result that depends only on the position, `held` must
    /// reach [`FILL_REACH_PX`] beyond `wanted`, or as far as there are valid pixels.
    pub fn new(valid: &[bool], held: Window, wanted: Window) -> Option<Self> {
        let area = invalid_area(valid, &held, &wanted)?;
        let (col, row) = held.offset_of(&area)?;
        // Columns that may contain the nearest pixel.
        let cols = col.saturating_sub(FILL_PX)..(col + area.width + FILL_PX).min(held.width);
        let down = nearest_in_columns(valid, held.width, &cols, held.height, row..row + area.height);
        let width = cols.len();
        let mut steps = vec![[0; 2]; area.width * area.height];
        let mut away = vec![usize::MAX; width];
        for (y, steps) in steps.chunks_exact_mut(area.width).enumerate() {
            let down = &down[y * width..][..width];
            distances(down, &mut away);
            for (x, step) in steps.iter_mut().enumerate() {
                let at = (row + y) * held.width + col + x;
                if valid[at] {
                    continue;
                }
                let Some((dx, dy)) = nearest(down, col + x - cols.start, &away) else { continue };
                let mirror = held_index(&held, (col + x, row + y), (2 * dx, 2 * dy)).filter(|i| valid[*i]);
                *step = if mirror.is_some() { small(2 * dx, 2 * dy) } else { small(dx, dy) };
            }
        }
        Some(Self { held, area, steps })
    }

    /// The filled pixels of a row between two columns, each with the index of its source among the held pixels.
    pub fn row(&self, row: i64, cols: Range<i64>) -> impl Iterator<Item = (i64, usize)> + '_ {
        let window = Window::between(cols.start, row, cols.end, row + 1);
        let common = self.area.intersect(&window);
        let start = common.and_then(|w| self.area.offset_of(&w)).map_or(0, |(x, y)| y * self.area.width + x);
        let (col, width) = common.map_or((0, 0), |w| (w.col, w.width));
        let columns = (col..).zip(&self.steps[start..start + width]);
        columns.filter(|(_, step)| **step != [0; 2]).filter_map(move |(col, [dx, dy])| {
            let x = usize::try_from(col + i64::from(*dx) - self.held.col).ok()?;
            let y = usize::try_from(row + i64::from(*dy) - self.held.row).ok()?;
            Some((col, y * self.held.width + x))
        })
    }
}

impl Chip {
    /// The windows outside of this chip that affect the fill of its invalid pixels ([`Fill`]); `None` if all are valid.
    pub fn fill_needs(&self) -> Option<Vec<Window>> {
        let held = self.window;
        invalid_area(&self.valid, &held, &held)?;
        let reach = signed(FILL_REACH_PX);
        // The range of invalid pixels near each side.
        let (mut north, mut south, mut west, mut east) = (None, None, None, None);
        let add = |ends: &mut Option<(usize, usize)>, at: usize| {
            *ends = Some(ends.map_or((at, at), |(low, high)| (low.min(at), high.max(at))));
        };
        for (y, valid) in self.valid.chunks_exact(held.width).enumerate() {
            let Some(first) = valid.iter().position(|v| !v) else { continue };
            let last = valid.iter().rposition(|v| !v).unwrap_or(first);
            for (is_near, ends) in
                [(y < FILL_REACH_PX, &mut north), (y + FILL_REACH_PX >= held.height, &mut south)]
            {
                if is_near {
                    add(ends, first);
                    add(ends, last);
                }
            }
            for (is_near, ends) in
                [(first < FILL_REACH_PX, &mut west), (last + FILL_REACH_PX >= held.width, &mut east)]
            {
                if is_near {
                    add(ends, y);
                }
            }
        }
        let cols = |(low, high): (usize, usize)| {
            (held.col + signed(low) - reach, held.col + signed(high) + 1 + reach)
        };
        // The corners belong to the windows in the north and in the south.
        let rows = |(low, high): (usize, usize)| {
            let (start, end) = (held.row + signed(low) - reach, held.row + signed(high) + 1 + reach);
            (start.max(held.row), end.min(held.row_end()))
        };
        let beyond = [
            north.map(cols).map(|(w, e)| Window::between(w, held.row - reach, e, held.row)),
            west.map(rows).map(|(n, s)| Window::between(held.col - reach, n, held.col, s)),
            east.map(rows).map(|(n, s)| Window::between(held.col_end(), n, held.col_end() + reach, s)),
            south.map(cols).map(|(w, e)| Window::between(w, held.row_end(), e, held.row_end() + reach)),
        ];
        Some(beyond.into_iter().flatten().collect())
    }
}

/// The smallest window that contains the invalid pixels of `wanted`.
fn invalid_area(valid: &[bool], held: &Window, wanted: &Window) -> Option<Window> {
    let wanted = held.intersect(wanted)?;
    let (col, row) = held.offset_of(&wanted)?;
    let mut ends: Option<[usize; 4]> = None;
    for y in 0..wanted.height {
        let line = &valid[(row + y) * held.width + col..][..wanted.width];
        let Some(first) = line.iter().position(|v| !v) else { continue };
        let last = line.iter().rposition(|v| !v).unwrap_or(first);
        ends = Some(ends.map_or([first, y, last, y], |[w, n, e, _]| [w.min(first), n, e.max(last), y]));
    }
    let [w, n, e, s] = ends?.map(signed);
    Some(Window::between(wanted.col + w, wanted.row + n, wanted.col + e + 1, wanted.row + s + 1))
}

/// For each pixel of some rows and columns, the number of rows to the nearest valid pixel of its column, the northern
/// of two; [`FAR`] beyond [`FILL_PX`].
fn nearest_in_columns(
    valid: &[bool],
    stride: usize,
    cols: &Range<usize>,
    height: usize,
    rows: Range<usize>,
) -> Vec<i8> {
    let width = cols.len();
    let mut steps = vec![FAR; width * rows.len()];
    let line = |y: usize| &valid[y * stride + cols.start..][..width];
    // Rows since the last valid pixel.
    let mut since = vec![usize::MAX; width];
    for y in rows.start.saturating_sub(FILL_PX)..rows.end {
        for (since, valid) in since.iter_mut().zip(line(y)) {
            *since = if *valid { 0 } else { since.saturating_add(1) };
        }
        if y >= rows.start {
            let steps = &mut steps[(y - rows.start) * width..][..width];
            for (step, since) in steps.iter_mut().zip(&since).filter(|(_, since)| **since <= FILL_PX) {
                *step = -fitted::<i8>(*since);
            }
        }
    }
    since.fill(usize::MAX);
    for y in (rows.start..(rows.end + FILL_PX).min(height)).rev() {
        for (since, valid) in since.iter_mut().zip(line(y)) {
            *since = if *valid { 0 } else { since.saturating_add(1) };
        }
        if y < rows.end {
            let steps = &mut steps[(y - rows.start) * width..][..width];
            for (step, since) in steps.iter_mut().zip(&since).filter(|(_, since)| **since <= FILL_PX) {
                if *step == FAR || *since < usize::from(step.unsigned_abs()) {
                    *step = fitted(*since);
                }
            }
        }
    }
    steps
}

/// For each column, the distance to the nearest column with a valid pixel.
fn distances(down: &[i8], away: &mut [usize]) {
    let mut since = usize::MAX;
    for (away, down) in away.iter_mut().zip(down) {
        since = if *down == FAR { since.saturating_add(1) } else { 0 };
        *away = since;
    }
    since = usize::MAX;
    for (away, down) in away.iter_mut().zip(down).rev() {
        since = if *down == FAR { since.saturating_add(1) } else { 0 };
        *away = since.min(*away);
    }
}

/// Columns and rows from the pixel at column `x` to its nearest valid one.
fn nearest(down: &[i8], x: usize, away: &[usize]) -> Option<(i64, i64)> {
    let most = FILL_PX * FILL_PX;
    // Square of the distance, rows, columns: the order of preference.
    let mut best: Option<(usize, i64, i64)> = None;
    let mut dx = away[x];
    while dx <= FILL_PX && best.is_none_or(|(square, ..)| dx * dx <= square) {
        let west = x.checked_sub(dx).map(|at| (at, -signed(dx)));
        let east = (dx > 0 && x + dx < down.len()).then(|| (x + dx, signed(dx)));
        for (at, cols) in west.into_iter().chain(east) {
            if down[at] == FAR {
                continue;
            }
            let rows = usize::from(down[at].unsigned_abs());
            let found = (dx * dx + rows * rows, i64::from(down[at]), cols);
            if found.0 <= most && best.is_none_or(|best| found < best) {
                best = Some(found);
            }
        }
        dx += 1;
    }
    best.map(|(_, rows, cols)| (cols, rows))
}

/// Index of the pixel at an offset in columns and rows, if it is held.
fn held_index(held: &Window, (x, y): (usize, usize), (dx, dy): (i64, i64)) -> Option<usize> {
    let x = usize::try_from(signed(x) + dx).ok().filter(|x| *x < held.width)?;
    let y = usize::try_from(signed(y) + dy).ok().filter(|y| *y < held.height)?;
    Some(y * held.width + x)
}

fn small(dx: i64, dy: i64) -> [i8; 2] {
    [dx, dy].map(fitted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels that are valid by a number: noise, a lone pixel, a half-plane, a disc, a disc that is missing.
    fn is_valid(shape: u64, (x, y): (i64, i64)) -> bool {
        let mut key = (shape << 32) ^ (x.cast_unsigned() << 16) ^ y.cast_unsigned();
        key = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        key = (key ^ (key >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let noise = (key ^ (key >> 32)) % 97;
        let inside = (x - 40) * (x - 40) + (y - 30) * (y - 30) < 23 * 23;
        match shape % 6 {
            0 => noise < 40,
            1 => (x, y) == (31, 17),
            2 => 3 * x - 2 * y > 11,
            3 => inside,
            4 => !inside && noise != 5,
            _ => noise == 0,
        }
    }

    fn mask(shape: u64, window: Window) -> Vec<bool> {
        let rows = window.row..window.row_end();
        rows.flat_map(|y| (window.col..window.col_end()).map(move |x| is_valid(shape, (x, y)))).collect()
    }

    /// The definition, pixel by pixel.
    fn expected(valid: &[bool], held: Window, (col, row): (i64, i64)) -> Option<(i64, i64)> {
        let at = |col: i64, row: i64| {
            let (x, y) = held.offset_of(&Window::new(col, row, 1, 1))?;
            (x < held.width && y < held.height && valid[y * held.width + x]).then_some((col, row))
        };
        let pixels = (held.row..held.row_end()).flat_map(|y| (held.col..held.col_end()).map(move |x| (x, y)));
        let near = |(x, y): &(i64, i64)| (x - col).pow(2) + (y - row).pow(2);
        // Row by row from the north-west: of several the first stays.
        let (x, y) = pixels.filter(|(x, y)| at(*x, *y).is_some()).min_by_key(near)?;
        let limit = signed(FILL_PX).pow(2);
        (near(&(x, y)) <= limit).then(|| at(2 * x - col, 2 * y - row).unwrap_or((x, y)))
    }

    #[test]
    fn a_pixel_is_filled_by_the_rule() {
        let held = Window::new(-20, -35, 130, 110);
        let wanted = Window::new(-10, -35, 95, 70);
        for shape in 0..6 {
            let valid = mask(shape, held);
            let fill = Fill::new(&valid, held, wanted).unwrap();
            for row in (wanted.row..wanted.row_end()).step_by(7) {
                let mut filled = vec![None; held.width];
                for (col, index) in fill.row(row, wanted.col..wanted.col_end()) {
                    let place =
                        (held.col + signed(index % held.width), held.row + signed(index / held.width));
                    filled[usize::try_from(col - held.col).unwrap()] = Some(place);
                }
                for col in (wanted.col..wanted.col_end()).step_by(3) {
                    let known = is_valid(shape, (col, row));
                    let right = if known { None } else { expected(&valid, held, (col, row)) };
                    assert_eq!(
                        filled[usize::try_from(col - held.col).unwrap()],
                        right,
                        "{shape}: {col} {row}"
                    );
                }
            }
        }
    }

    #[test]
    fn it_depends_on_the_place_and_not_on_what_is_held() {
        let wanted = Window::new(-7, 3, 61, 50);
        let more = wanted.grow(FILL_REACH_PX + 23);
        for shape in 0..6 {
            let near = wanted.grow(FILL_REACH_PX);
            let places = |held: Window| {
                let fill = Fill::new(&mask(shape, held), held, wanted).unwrap();
                let rows = wanted.row..wanted.row_end();
                let place = |(col, i): (i64, usize)| {
                    (col, held.col + signed(i % held.width), held.row + signed(i / held.width))
                };
                let all = rows.flat_map(|row| fill.row(row, -100..100).map(place).collect::<Vec<_>>());
                all.collect::<Vec<_>>()
            };
            assert_eq!(places(near), places(more), "{shape}");
            // And the declared needs of a chip are enough.
            let chip = Chip { window: wanted, bands: 0, data: vec![], valid: mask(shape, wanted) };
            let needs = chip.fill_needs().unwrap();
            let is_read = |col: i64, row: i64| {
                wanted.contains_pixel(col, row) || needs.iter().any(|w| w.contains_pixel(col, row))
            };
            let rows = near.row..near.row_end();
            let read = rows.flat_map(|row| {
                (near.col..near.col_end()).map(move |col| is_read(col, row) && is_valid(shape, (col, row)))
            });
            let fill = Fill::new(&read.collect::<Vec<_>>(), near, wanted).unwrap();
            assert_eq!(Some(fill), Fill::new(&mask(shape, near), near, wanted), "{shape}");
            assert!(needs.iter().all(|w| w.intersect(&wanted).is_none() && near.contains(w)));
        }
    }

    #[test]
    fn a_border_mirrors_and_what_is_valid_pays_nothing() {
        let held = Window::new(0, 0, 8, 1);
        let valid = [false, false, false, true, true, true, false, false];
        let fill = Fill::new(&valid, held, held).unwrap();
        // The pixel at the border is not repeated: its neighbors mirror around it.
        let filled: Vec<_> = fill.row(0, 0..8).collect();
        assert_eq!(filled, [(0, 3), (1, 5), (2, 4), (6, 4), (7, 3)]);
        assert_eq!(fill.row(0, 1..7).collect::<Vec<_>>(), filled[1..4]);
        assert_eq!(Fill::new(&valid, held, Window::new(3, 0, 3, 1)), None);
        let mut chip = Chip::empty(held, 1);
        chip.valid.fill(true);
        assert_eq!(chip.fill_needs(), None);
    }

    #[test]
    fn what_is_invalid_far_from_the_sides_needs_nothing_beyond() {
        let side = 2 * FILL_REACH_PX + 9;
        let mut chip = Chip::empty(Window::new(5, 5, side, side), 0);
        chip.valid.fill(true);
        let middle = (FILL_REACH_PX + 4) * side + FILL_REACH_PX + 4;
        chip.valid[middle] = false;
        assert_eq!(chip.fill_needs(), Some(vec![]));
        // Beside the western side, and far from the corners: a part of that side alone.
        chip.valid[(FILL_REACH_PX + 4) * side] = false;
        let reach = signed(FILL_REACH_PX);
        let row = 5 + reach + 4;
        assert_eq!(
            chip.fill_needs(),
            Some(vec![Window::between(5 - reach, row - reach, 5, row + reach + 1)])
        );
    }
}
