//! Boxes of a detector that scores anchors: what torchvision's RetinaNet does with the values of its network, in one
//! window.

use std::cmp::Ordering;

use arpent_base::number::{exact, exact_f32, index, truncate};
use arpent_engine::{Answers, PixelSource};
use arpent_raster::Window;

use crate::PixelDetection;
use crate::detectors::{ANCHORS, LEVELS, values};

/// Sides of anchors on each of [`LEVELS`], pixels: a power of two times 1, 2^(1/3) and 2^(2/3), rounded down.
const SIZES: [[f32; 3]; 5] = [
    [512.0, 645.0, 812.0],
    [256.0, 322.0, 406.0],
    [128.0, 161.0, 203.0],
    [64.0, 80.0, 101.0],
    [32.0, 40.0, 50.0],
];

/// Heights of anchors divided by their widths.
const RATIOS: [f32; 3] = [0.5, 1.0, 2.0];

/// Greatest logarithm of the growth of an anchor: 1000 / 16.
const MOST_GROWTH: f32 = 4.135_166_6;

/// Most boxes of a level that are compared with each other, and most boxes of a window.
const MOST_OF_LEVEL: usize = 1000;
const MOST_OF_WINDOW: usize = 300;

/// A box of a class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scored {
    /// Number of the class.
    pub(crate) class: usize,
    /// 0 to 1.
    pub(crate) score: f32,
    /// West, north, east, south, pixels of the picture that the network sees.
    pub(crate) sides: [f32; 4],
    /// Place in the order of the published code: level, from the finest; then row, column, anchor, class.
    order: (usize, usize),
}

impl Scored {
    /// A box; of equal scores, that with the lower `place` is the better one.
    pub(crate) fn new(class: usize, score: f32, sides: [f32; 4], place: usize) -> Self {
        Self { class, score, sides, order: (0, place) }
    }

    /// Row and column in `view`, which the network sees enlarged, of the pixel with the box's center, if the box has an area and
    /// the pixel is one of `core`.
    pub(crate) fn center_in(&self, view: &Window, core: &Window, factor: usize) -> Option<(usize, usize)> {
        let [west, north, east, south] = self.sides;
        let middle = |a: f32, b: f32| {
            let place = f64::from(a + b) / 2.0 / exact(factor);
            index(truncate::<u64>(place.max(0.0)))
        };
        let (y, x) = (middle(north, south), middle(west, east));
        let place = |origin: i64, at: usize| origin.saturating_add_unsigned(at as u64);
        let pixel = Window::new(place(view.col, x), place(view.row, y), 1, 1);
        (west < east && north < south && core.contains(&pixel)).then_some((y, x))
    }

    /// The box in pixels of the grid.
    pub(crate) fn detection(&self, view: &Window, factor: usize, class_id: u8) -> PixelDetection {
        let side = |origin: i64, at: f32| exact(origin) + f64::from(at) / exact(factor);
        let [west, north, east, south] = self.sides;
        let bbox = [side(view.col, west), side(view.row, north), side(view.col, east), side(view.row, south)];
        PixelDetection { class_id, score: self.score, bbox, oriented: None }
    }
}

/// The boxes of a window whose score is above a threshold.
#[derive(Debug)]
pub(crate) struct Boxes {
    classes: usize,
    threshold: f32,
    /// Side of the picture, pixels.
    side: usize,
    /// By level, as [`LEVELS`].
    found: [Vec<Scored>; 5],
}

impl Boxes {
    pub(crate) fn new(classes: usize, threshold: f32, side: usize) -> Self {
        Self { classes, threshold, side, found: Default::default() }
    }

    /// Takes rows of the network's output, in which the values of a map's pixel are repeated: the first of them counts.
    pub(crate) fn take(&mut self, answers: &Answers) {
        let (start, end) = answers.span();
        let channels = LEVELS.len() * values(self.classes);
        for (number, level) in LEVELS.into_iter().enumerate() {
            let stride = 1usize << level;
            for y in (start.next_multiple_of(stride)..end).step_by(stride) {
                let row = answers.row(y);
                for x in (0..self.side).step_by(stride) {
                    let pixel = &row[x * channels + number * values(self.classes)..][..values(self.classes)];
                    self.take_pixel(number, (x, y), pixel);
                }
            }
        }
    }

    fn take_pixel(&mut self, number: usize, (x, y): (usize, usize), values: &[f32]) {
        let (scores, shifts) = values.split_at(ANCHORS * self.classes);
        let stride = 1usize << LEVELS[number];
        let pixel = y / stride * (self.side / stride) + x / stride;
        for (i, logit) in scores.iter().enumerate() {
            let score = 1.0 / (1.0 + (-logit).exp());
            if score > self.threshold {
                let (anchor, class) = (i / self.classes, i % self.classes);
                let shift = &shifts[4 * anchor..4 * anchor + 4];
                let center = [exact_f32(x), exact_f32(y)];
                let sides = moved(placed(number, anchor, center), shift);
                let sides = sides.map(|side| side.clamp(0.0, exact_f32(self.side)));
                // The published code begins with the finest level.
                let order = (LEVELS.len() - number, pixel * scores.len() + i);
                self.found[number].push(Scored { class, score, sides, order });
            }
        }
    }

    /// The boxes that remain: of each level the best 1000; of boxes of a class that overlap by more than `iou`
    /// (intersection over union) the best; of all the best 300. Of equal scores, the first in the order of the published
    /// code is the best.
    pub(crate) fn remaining(self, iou: f64) -> Vec<Scored> {
        let mut all: Vec<Scored> = Vec::new();
        for mut level in self.found {
            level.sort_by(best_first);
            level.truncate(MOST_OF_LEVEL);
            all.extend(level);
        }
        all.sort_by(best_first);
        suppressed(all, iou, MOST_OF_WINDOW, |kept, one| kept.class == one.class)
    }
}

/// Of boxes, best first, those that no better one overlaps by more than `iou` (intersection over union), and of these the
/// first `most`. Only boxes that are `rivals` suppress each other.
pub(crate) fn suppressed(
    found: Vec<Scored>,
    iou: f64,
    most: usize,
    rivals: impl Fn(&Scored, &Scored) -> bool,
) -> Vec<Scored> {
    let mut kept: Vec<Scored> = Vec::new();
    for one in found {
        let hidden = |k: &Scored| rivals(k, &one) && f64::from(overlap(&k.sides, &one.sides)) > iou;
        if kept.len() < most && !kept.iter().any(hidden) {
            kept.push(one);
        }
    }
    kept
}

pub(crate) fn best_first(a: &Scored, b: &Scored) -> Ordering {
    b.score.total_cmp(&a.score).then(a.order.cmp(&b.order))
}

/// The sides of an anchor at a place; half pixels are rounded to the even one, as in torchvision.
fn placed(number: usize, anchor: usize, [x, y]: [f32; 2]) -> [f32; 4] {
    let (ratio, size) = (RATIOS[anchor / 3].sqrt(), SIZES[number][anchor % 3]);
    let (width, height) = (1.0 / ratio * size, ratio * size);
    let half = |side: f32| (side / 2.0).round_ties_even();
    let before = |side: f32| (-side / 2.0).round_ties_even();
    [x + before(width), y + before(height), x + half(width), y + half(height)]
}

/// An anchor, shifted and grown.
fn moved([west, north, east, south]: [f32; 4], shift: &[f32]) -> [f32; 4] {
    let (width, height) = (east - west, south - north);
    let (x, y) = (west + 0.5 * width, north + 0.5 * height);
    let (x, y) = (shift[0] * width + x, shift[1] * height + y);
    let width = 0.5 * (shift[2].min(MOST_GROWTH).exp() * width);
    let height = 0.5 * (shift[3].min(MOST_GROWTH).exp() * height);
    [x - width, y - height, x + width, y + height]
}

/// Intersection over union.
fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |s: &[f32; 4]| (s[2] - s[0]) * (s[3] - s[1]);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let both = width * height;
    both / (area(a) + area(b) - both)
}

/// A picture that is doubled bilinearly, as by PyTorch's `interpolate` without aligned corners.
pub(crate) struct Doubled<'a> {
    pub(crate) source: &'a dyn PixelSource,
    /// Columns and rows of the source.
    pub(crate) size: (usize, usize),
}

impl Doubled<'_> {
    /// The first of the two pixels that a pixel lies between, the second, and the weight of the second in quarters.
    fn between(at: usize, size: usize) -> (usize, usize, f32) {
        let first = (at.saturating_sub(1)) / 2;
        let weight = match at {
            0 => 0.0,
            _ if at % 2 == 1 => 0.25,
            _ => 0.75,
        };
        (first, (first + 1).min(size - 1), weight)
    }
}

impl PixelSource for Doubled<'_> {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        let (width, height) = self.size;
        let (north, south, down) = Self::between(y, height);
        let first = Self::between(cols.0, width).0;
        let end = cols.1.checked_sub(1).map_or(first, |last| Self::between(last, width).1 + 1);
        let mut rows = [vec![0.0; (end - first) * count], vec![0.0; (end - first) * count]];
        for (row, y) in rows.iter_mut().zip([north, south]) {
            self.source.row((start, count), y, (first, end), row);
        }
        for (x, to) in (cols.0..cols.1).zip(to.chunks_exact_mut(count)) {
            let (west, east, across) = Self::between(x, width);
            let (west, east) = ((west - first) * count, (east - first) * count);
            for (band, to) in to.iter_mut().enumerate() {
                let of = |row: &[f32]| (1.0 - across) * row[west + band] + across * row[east + band];
                *to = (1.0 - down) * of(&rows[0]) + down * of(&rows[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "halves and quarters are exact")]

    use super::*;

    #[test]
    fn anchors_are_those_of_torchvision() {
        // `AnchorGenerator(((32, 40, 50), ...), ((0.5, 1.0, 2.0), ...)).cell_anchors`, finest and coarsest level.
        assert_eq!(placed(4, 0, [0.0, 0.0]), [-23.0, -11.0, 23.0, 11.0]);
        assert_eq!(placed(4, 5, [8.0, 16.0]), [-17.0, -9.0, 33.0, 41.0]);
        assert_eq!(placed(0, 8, [0.0, 0.0]), [-287.0, -574.0, 287.0, 574.0]);
    }

    #[test]
    fn of_boxes_that_overlap_the_best_remains_whatever_the_order() {
        let one = |class, score, west: f32, order| Scored {
            class,
            score,
            sides: [west, 0.0, west + 10.0, 10.0],
            order: (1, order),
        };
        let boxes = [one(0, 0.5, 0.0, 0), one(0, 0.75, 5.0, 1), one(1, 0.5, 5.0, 2), one(0, 0.5, 15.0, 3)];
        for turn in 0..4 {
            let mut found = Boxes::new(2, 0.1, 128);
            found.found[4] = boxes.to_vec();
            found.found[4].rotate_left(turn);
            let kept = found.remaining(0.05);
            let orders: Vec<usize> = kept.iter().map(|k| k.order.1).collect();
            assert_eq!(orders, [1, 2, 3], "{turn}");
        }
    }

    struct Ramp;

    impl PixelSource for Ramp {
        fn row(&self, _: (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
            for (x, to) in (cols.0..cols.1).zip(to) {
                *to = exact_f32(x + 10 * y);
            }
        }
    }

    #[test]
    fn a_picture_is_doubled_between_its_pixels() {
        let doubled = Doubled { source: &Ramp, size: (3, 2) };
        let mut row = [0.0; 6];
        doubled.row((0, 1), 0, (0, 6), &mut row);
        assert_eq!(row, [0.0, 0.25, 0.75, 1.25, 1.75, 2.0]);
        doubled.row((0, 1), 2, (0, 6), &mut row);
        assert_eq!(row, [7.5, 7.75, 8.25, 8.75, 9.25, 9.5]);
        let mut part = [0.0; 2];
        doubled.row((0, 1), 3, (4, 6), &mut part);
        assert_eq!(part, [11.75, 12.0]);
    }
}
