//! Label maps whose shapes are hard to trace, to cut and to merge: one list for all tests of steps that process
//! labels.

use arpent_raster::{LABEL_NODATA, Window};
use proptest::prelude::*;

/// A shape that fills a rectangle of any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    Empty,
    /// All of it: one region that touches all sides.
    Full,
    /// One pixel in the middle.
    Pixel,
    /// The pixels along the four sides.
    Frame,
    /// A row and a column that meet in the middle and reach all sides.
    Cross,
    /// A line of one pixel that turns inward: one long region, with another one next to it along its whole length.
    Spiral,
    /// Every other column, joined by the first row.
    Comb,
    /// Every other pixel.
    Checkerboard,
    /// Rings in rings: islands in holes in islands.
    Rings,
    /// Pixels that meet at corners only, down a diagonal.
    Diagonal,
    /// Two such diagonals, which cross.
    Saltire,
    /// A line of one pixel in steps of one pixel.
    Stairs,
    /// Everything but every other pixel of every other row: one region with the largest possible number of holes.
    Sieve,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Empty,
        Self::Full,
        Self::Pixel,
        Self::Frame,
        Self::Cross,
        Self::Spiral,
        Self::Comb,
        Self::Checkerboard,
        Self::Rings,
        Self::Diagonal,
        Self::Saltire,
        Self::Stairs,
        Self::Sieve,
    ];

    /// Whether the shape holds a pixel of a rectangle of `width` x `height` pixels.
    pub fn holds(self, col: usize, row: usize, width: usize, height: usize) -> bool {
        let (last_col, last_row) = (width - 1, height - 1);
        let rim = col.min(row).min(last_col - col).min(last_row - row);
        match self {
            Self::Empty => false,
            Self::Full => true,
            Self::Pixel => (col, row) == (width / 2, height / 2),
            Self::Frame => rim == 0,
            Self::Cross => col == width / 2 || row == height / 2,
            Self::Spiral => is_spiral(col, row, rim, width, height),
            Self::Comb => row == 0 || col.is_multiple_of(2),
            Self::Checkerboard => (col + row).is_multiple_of(2),
            Self::Rings => rim.is_multiple_of(2),
            Self::Diagonal => col == row,
            Self::Saltire => col == row || last_col - col == row,
            Self::Stairs => col == row || col == row + 1,
            Self::Sieve => col.is_multiple_of(2) || row.is_multiple_of(2),
        }
    }
}

/// Rings, each but the innermost open next to its corner and joined to the next one there.
fn is_spiral(col: usize, row: usize, rim: usize, width: usize, height: usize) -> bool {
    // The ring that begins in the corner (at, at) has one inside of it.
    let has_inner = |at: usize| width.min(height) > 2 * (at + 2);
    if rim.is_multiple_of(2) {
        !(has_inner(rim) && (col, row) == (rim, rim + 1))
    } else {
        has_inner(rim - 1) && (col, row) == (rim, rim + 1)
    }
}

/// Labels of a window, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap {
    /// Its pixels.
    pub window: Window,
    /// A class or `LABEL_NODATA` for each pixel.
    pub labels: Vec<u8>,
}

impl LabelMap {
    /// A shape of one class on another, drawn with squares of `scale` pixels, rotated and flipped in one of eight
    /// ways.
    pub fn new(window: Window, shape: Shape, scale: usize, turn: usize, [class, around]: [u8; 2]) -> Self {
        let (width, height) = (window.width, window.height);
        let label = |i: usize| {
            let (mut col, mut row) = (i % width, i / width);
            if turn & 1 != 0 {
                col = width - 1 - col;
            }
            if turn & 2 != 0 {
                row = height - 1 - row;
            }
            let (mut size, mut at) =
                ((width.div_ceil(scale), height.div_ceil(scale)), (col / scale, row / scale));
            if turn & 4 != 0 {
                (size, at) = ((size.1, size.0), (at.1, at.0));
            }
            if shape.holds(at.0, at.1, size.0, size.1) { class } else { around }
        };
        Self { window, labels: (0..width * height).map(label).collect() }
    }

    /// The label of a pixel of the grid; `LABEL_NODATA` outside of the window.
    pub fn at(&self, col: i64, row: i64) -> u8 {
        let place = self.window.offset_of(&Window::new(col, row, 1, 1));
        let inside = place.filter(|(c, r)| *c < self.window.width && *r < self.window.height);
        inside.map_or(LABEL_NODATA, |(c, r)| self.labels[r * self.window.width + c])
    }

    /// Its rows, from the north.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let width = self.window.width;
        (0..self.window.height).map(move |row| &self.labels[row * width..(row + 1) * width])
    }

    /// The same labels at another position.
    #[must_use]
    pub fn moved_to(self, col: i64, row: i64) -> Self {
        Self { window: Window { col, row, ..self.window }, ..self }
    }
}

/// Classes of maps: few, so that regions of one class meet.
const CLASSES: [u8; 4] = [0, 1, 7, LABEL_NODATA];

/// Label maps of every [`Shape`], with sides of at most `most` pixels, with specks, sometimes of one row or column,
/// near the origin, around a corner of the lattice of 512 pixels, and at the largest valid distance from the origin.
pub fn label_maps(most: usize) -> impl Strategy<Value = LabelMap> {
    let side = move || 1..=most;
    let size = prop_oneof![
        6 => (side(), side()),
        1 => (Just(1), side()),
        1 => (side(), Just(1)),
    ];
    let place = prop_oneof![
        2 => (-40i64..40, -40i64..40),
        1 => (-40i64..1, -40i64..1).prop_map(|(col, row)| (512 + col, 1024 + row)),
        1 => Just((Window::FARTHEST_PX - 600, -Window::FARTHEST_PX + 1)),
    ];
    let classes = (0..CLASSES.len(), 1..CLASSES.len())
        .prop_map(|(a, step)| [a, (a + step) % CLASSES.len()].map(|i| CLASSES[i]));
    let specks =
        prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(CLASSES.to_vec())), 0..4);
    let shape = prop::sample::select(Shape::ALL.to_vec());
    let scale = prop_oneof![3 => Just(1usize), 1 => 2usize..5];
    (size, place, shape, scale, 0usize..8, classes, specks).prop_map(
        |((width, height), (col, row), shape, scale, turn, classes, specks)| {
            let mut map = LabelMap::new(Window { col, row, width, height }, shape, scale, turn, classes);
            for (at, class) in specks {
                let at = at.index(map.labels.len());
                map.labels[at] = class;
            }
            map
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels of a shape, and of each the number of its neighbors of the shape.
    fn pixels(shape: Shape, width: usize, height: usize) -> Vec<usize> {
        let holds =
            |col: usize, row: usize| col < width && row < height && shape.holds(col, row, width, height);
        let mut neighbors = Vec::new();
        for (col, row) in (0..height).flat_map(|row| (0..width).map(move |col| (col, row))) {
            if holds(col, row) {
                let around =
                    [(col + 1, row), (col, row + 1), (col.wrapping_sub(1), row), (col, row.wrapping_sub(1))];
                neighbors.push(around.into_iter().filter(|(c, r)| holds(*c, *r)).count());
            }
        }
        neighbors
    }

    #[test]
    fn a_spiral_is_one_line_without_a_crossing() {
        for (width, height) in [(21, 21), (33, 12), (9, 40), (16, 16), (5, 5)] {
            let neighbors = pixels(Shape::Spiral, width, height);
            let of = |number: usize| neighbors.iter().filter(|n| **n == number).count();
            assert!(neighbors.len() > width * height / 2, "{width} x {height}: {} pixels", neighbors.len());
            // From one end to the other, or to a ring where an even number of rows leaves room for one.
            assert!([(2, 0), (1, 1)].contains(&(of(1), of(3))), "{width} x {height}: {neighbors:?}");
            assert_eq!(of(1) + of(2) + of(3), neighbors.len(), "{width} x {height}");
        }
    }

    #[test]
    fn shapes_match_their_names() {
        assert_eq!(pixels(Shape::Pixel, 7, 5), [0]);
        assert!(pixels(Shape::Empty, 7, 5).is_empty());
        assert_eq!(pixels(Shape::Full, 7, 5).len(), 35);
        assert!(
            pixels(Shape::Checkerboard, 9, 9).iter().chain(&pixels(Shape::Diagonal, 9, 9)).all(|n| *n == 0)
        );
        assert!(pixels(Shape::Frame, 9, 6).iter().all(|n| *n == 2));
        assert_eq!(pixels(Shape::Sieve, 9, 9).len(), 81 - 16);
        // Every shape fits every size.
        for shape in Shape::ALL {
            for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 2)] {
                pixels(shape, width, height);
            }
        }
    }

    #[test]
    fn turns_keep_the_number_of_pixels_and_labels_are_found_by_their_place() {
        for turn in 0..8 {
            let window = Window::new(-3, 510, 12, 12);
            let map = LabelMap::new(window, Shape::Comb, 1, turn, [7, LABEL_NODATA]);
            assert_eq!(map.labels.iter().map(|l| usize::from(*l == 7)).sum::<usize>(), 6 * 12 + 6, "{turn}");
            assert_eq!(map.at(-3, 510), map.labels[0]);
            assert_eq!(
                (map.at(8, 521), map.at(9, 521), map.at(-4, 510)),
                (map.labels[143], LABEL_NODATA, LABEL_NODATA)
            );
            assert_eq!(map.rows().flatten().copied().collect::<Vec<u8>>(), map.labels);
        }
    }
}
