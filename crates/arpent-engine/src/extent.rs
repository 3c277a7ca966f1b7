//! Sizes of layers.

use crate::numbers::signed;

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

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_are_those_of_pytorch() {
        let parts = |parts: i64, size: i64| (0..parts).map(|i| part(i, parts, size)).collect::<Vec<_>>();
        assert_eq!(parts(3, 7), [(0, 3), (2, 5), (4, 7)]);
        assert_eq!(parts(6, 2), [(0, 1), (0, 1), (0, 1), (1, 2), (1, 2), (1, 2)]);
        assert_eq!(parts(1, 5), [(0, 5)]);
    }
}
