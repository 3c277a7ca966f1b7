//! The squares of attention within windows: which pixels are in each, of a picture that is rolled.

use crate::numbers::{signed, size};

/// One axis of a picture that is rolled and cut into squares.
#[allow(clippy::struct_field_names, reason = "before or after the padding")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rolled {
    length: i64,
    side: i64,
    shift: i64,
    /// Length with the pixels beyond the picture: a multiple of the side.
    padded: i64,
    rolled_first: bool,
}

impl Rolled {
    pub(crate) fn new(length: i64, side: usize, shift: usize, rolled_first: bool) -> Self {
        let (side, shift) = (signed(side), signed(shift));
        Self { length, side, shift, padded: (length + side - 1) / side * side, rolled_first }
    }

    /// Where a pixel of the picture is after it was rolled.
    fn rolled(&self, pixel: i64) -> i64 {
        let around = if self.rolled_first { self.length } else { self.padded };
        (pixel - self.shift).rem_euclid(around)
    }

    /// The pixel that is somewhere after it was rolled; `None` beyond the picture.
    fn original(&self, rolled: i64) -> Option<i64> {
        let around = if self.rolled_first { self.length } else { self.padded };
        let pixel = (rolled + self.shift).rem_euclid(around);
        (rolled < around && pixel < self.length).then_some(pixel)
    }

    /// Pixels of one square with different numbers were no neighbors before they were rolled.
    fn part(&self, rolled: i64) -> u8 {
        match rolled {
            _ if self.shift == 0 => 0,
            _ if rolled < self.padded - self.side => 0,
            _ if rolled < self.padded - self.shift => 1,
            _ => 2,
        }
    }

    /// Numbers of the squares of some pixels, in order.
    pub(crate) fn squares(&self, pixels: std::ops::Range<i64>) -> Vec<i64> {
        let mut squares: Vec<i64> = pixels.map(|pixel| self.rolled(pixel) / self.side).collect();
        squares.sort_unstable();
        squares.dedup();
        squares
    }

    /// A square's pixels: each with its part.
    fn of(&self, square: i64) -> impl Iterator<Item = (Option<i64>, u8)> {
        let this = *self;
        let start = square * self.side;
        (start..start + self.side).map(move |rolled| (this.original(rolled), this.part(rolled)))
    }
}

/// A pixel of a square.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pixel {
    /// Row and column; `None` beyond the picture.
    pub(crate) place: Option<(i64, i64)>,
    /// Different for pixels that were no neighbors.
    pub(crate) part: u8,
}

/// All pixels of a square, row by row.
pub(crate) fn pixels([rows, cols]: [&Rolled; 2], [row, col]: [i64; 2]) -> Vec<Pixel> {
    let mut pixels = Vec::with_capacity(size(rows.side * cols.side));
    for (y, part) in rows.of(row) {
        for (x, other) in cols.of(col) {
            pixels.push(Pixel { place: y.zip(x), part: 3 * part + other });
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_whole_squares_is_rolled_the_same_way_in_any_order() {
        for rolled_first in [false, true] {
            let rolled = Rolled::new(8, 4, 2, rolled_first);
            let last: Vec<(Option<i64>, u8)> = rolled.of(1).collect();
            assert_eq!(last, [(Some(6), 1), (Some(7), 1), (Some(0), 2), (Some(1), 2)]);
            assert_eq!(rolled.squares(0..3), [0, 1]);
            assert_eq!(rolled.squares(0..2), [1]);
        }
    }

    #[test]
    fn pixels_beyond_the_picture_come_before_or_after_those_from_the_north() {
        let of = |rolled_first: bool, square: i64| {
            Rolled::new(6, 4, 2, rolled_first).of(square).map(|(pixel, _)| pixel).collect::<Vec<_>>()
        };
        // As in timm: rolled, then pixels are added in the south.
        assert_eq!(of(true, 0), [Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(of(true, 1), [Some(0), Some(1), None, None]);
        // As in the original: pixels are added in the south, then rolled.
        assert_eq!(of(false, 0), [Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(of(false, 1), [None, None, Some(0), Some(1)]);
    }

    #[test]
    fn every_pixel_is_in_one_square() {
        for (length, side, shift) in [(1, 4, 1), (5, 4, 0), (6, 4, 1), (12, 7, 3), (128, 12, 6)] {
            for rolled_first in [false, true] {
                let rolled = Rolled::new(length, side, shift, rolled_first);
                let squares = rolled.squares(0..length);
                let mut all: Vec<i64> = squares
                    .iter()
                    .flat_map(|square| rolled.of(*square).filter_map(|(pixel, _)| pixel))
                    .collect();
                all.sort_unstable();
                assert_eq!(all, (0..length).collect::<Vec<_>>(), "{length} {side} {shift}");
            }
        }
    }
}
