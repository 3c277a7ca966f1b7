//! Sizes of layers.

use crate::numbers::{ratio, signed};

/// The size of a picture that may be of any size.
pub(crate) const UNBOUNDED: i64 = i64::MAX;

/// Size along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// The picture's, halved so many times.
    Halved(u32),
    /// So many pixels, whatever the size of the picture.
    Fixed(i64),
}

impl Length {
    /// Pixels, for a picture of `size`.
    pub(crate) const fn of(self, size: i64) -> i64 {
        match self {
            Self::Halved(_) if size == UNBOUNDED => UNBOUNDED,
            Self::Halved(levels) => size >> levels,
            Self::Fixed(length) => length,
        }
    }
}

/// Rows and columns of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) rows: Length,
    pub(crate) cols: Length,
}

impl Extent {
    /// The picture halved so many times.
    pub(crate) const fn level(levels: u32) -> Self {
        Self { rows: Length::Halved(levels), cols: Length::Halved(levels) }
    }

    /// A grid of `side` x `side` pixels.
    pub(crate) fn grid(side: usize) -> Self {
        let side = Length::Fixed(signed(side));
        Self { rows: side, cols: side }
    }

    /// How often the picture is halved in it; `None` if it does not depend on the picture.
    pub(crate) const fn halvings(self) -> Option<u32> {
        match self {
            Self { rows: Length::Halved(rows), cols: Length::Halved(cols) } if rows == cols => Some(rows),
            _ => None,
        }
    }
}

/// Part `index` of `parts` of `size` pixels, as in PyTorch's `adaptive_avg_pool2d`: parts overlap by a pixel where
/// `size` is not a multiple, and are never empty.
pub(crate) const fn part(index: i64, parts: i64, size: i64) -> (i64, i64) {
    (index * size / parts, ((index + 1) * size + parts - 1) / parts)
}

/// Where bilinear interpolation reads along an axis: output pixel `i` at `(factor * i + offset) / over` of the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resampling {
    factor: i64,
    offset: i64,
    over: i64,
    /// The last pixel of the input; positions beyond it, and before the first, are at it. `None`: without limits.
    last: Option<i64>,
}

impl Resampling {
    /// From one length to another, of a picture of `size`.
    pub(crate) fn new([from, to]: [Length; 2], size: i64, align_corners: bool) -> Self {
        // Of an unbounded picture, the ratio counts only.
        let halvings = |length: Length| if let Length::Halved(levels) = length { levels } else { 0 };
        let unit = if size == UNBOUNDED { 1 << halvings(from).max(halvings(to)) } else { size };
        let (from, to) = (from.of(unit), to.of(unit));
        let last = (size != UNBOUNDED).then_some(from - 1);
        if align_corners {
            Self { factor: from - 1, offset: 0, over: (to - 1).max(1), last }
        } else {
            Self { factor: 2 * from, offset: from - to, over: 2 * to, last }
        }
    }

    /// The first of the two pixels that an output pixel is made of, the second, and the share of that.
    pub(crate) fn at(&self, pixel: i64) -> (i64, i64, f32) {
        let position = self.factor * pixel + self.offset;
        let position = if self.last.is_some() { position.max(0) } else { position };
        let last = self.last.unwrap_or(i64::MAX);
        let (first, share) = (position.div_euclid(self.over), position.rem_euclid(self.over));
        (first.min(last), (first + 1).min(last), ratio(share, self.over))
    }

    /// The pixels that a span of output pixels is made of.
    pub(crate) fn reads(&self, (start, end): (i64, i64)) -> (i64, i64) {
        (self.at(start).0, self.at(end - 1).1 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Length, Resampling, UNBOUNDED, part};

    #[test]
    fn positions_are_those_of_pytorch() {
        let at = |from: i64, to: i64, align: bool| {
            let resampling = Resampling::new([Length::Fixed(from), Length::Fixed(to)], 1, align);
            (0..to).map(|i| resampling.at(i)).collect::<Vec<_>>()
        };
        assert_eq!(at(2, 4, false), [(0, 1, 0.0), (0, 1, 0.25), (0, 1, 0.75), (1, 1, 0.25)]);
        assert_eq!(at(4, 2, false), [(0, 1, 0.5), (2, 3, 0.5)]);
        assert_eq!(at(2, 3, true), [(0, 1, 0.0), (0, 1, 0.5), (1, 1, 0.0)]);
        assert_eq!(at(1, 2, true), [(0, 0, 0.0); 2]);
        assert_eq!(at(5, 1, true), [(0, 1, 0.0)]);
        let halved = [Length::Halved(2), Length::Halved(1)];
        let [bounded, unbounded] = [400, UNBOUNDED].map(|size| Resampling::new(halved, size, false));
        assert_eq!(unbounded.at(0), (-1, 0, 0.75));
        (1..199).for_each(|i| assert_eq!(bounded.at(i), unbounded.at(i)));
        assert_eq!(bounded.reads((0, 3)), (0, 2));
    }

    #[test]
    fn parts_are_those_of_pytorch() {
        let parts = |parts: i64, size: i64| (0..parts).map(|i| part(i, parts, size)).collect::<Vec<_>>();
        assert_eq!(parts(3, 7), [(0, 3), (2, 5), (4, 7)]);
        assert_eq!(parts(6, 2), [(0, 1), (0, 1), (0, 1), (1, 2), (1, 2), (1, 2)]);
        assert_eq!(parts(1, 5), [(0, 5)]);
    }
}
