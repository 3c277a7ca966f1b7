//! Boxes of a detector without anchors: what the pixels of its maps answer, wherever windows are cut.

use arpent_base::number::{exact, exact_f32, offset, signed};
use arpent_engine::Answers;
use arpent_raster::{OrientedBox, Window};

use crate::PixelDetection;
use crate::detectors::location_values;
use crate::peaks::LARGEST_BOX_PX;

/// The answers of all maps around a core.
pub(crate) struct Maps {
    values: Values,
    /// The core, and around it the neighbors of its outermost pixels in the coarsest map.
    window: Window,
    /// Coarsest first, as the network gives them.
    levels: Vec<Map>,
}

/// The values of a pixel.
#[derive(Clone, Copy)]
pub(crate) struct Values {
    pub(crate) classes: usize,
    /// Whether boxes have a direction.
    pub(crate) oriented: bool,
}

impl Values {
    fn count(self) -> usize {
        location_values(self.classes, self.oriented)
    }
}

/// The pixels of a map whose centers lie in the window. The pixel (column, row) stands for the picture's pixels from
/// `stride * column` and `stride * row` on; the one in its middle (of the four, the last) is its place.
struct Map {
    stride: usize,
    /// First column and row.
    first: (i64, i64),
    cols: usize,
    rows: usize,
    /// Pixel by pixel.
    values: Vec<f32>,
}

impl Maps {
    /// Maps of these strides, finest first, over a window.
    pub(crate) fn new(window: Window, strides: &[usize], of_pixel: Values) -> Self {
        let map = |stride: &usize| {
            let first = |start: i64| first_place(start, *stride);
            let count = |start: i64, end: i64| offset((first_place(end, *stride) - first(start)).max(0));
            let cols = count(window.col, window.col_end());
            let rows = count(window.row, window.row_end());
            let values = vec![0.0; cols * rows * of_pixel.count()];
            Map { stride: *stride, first: (first(window.col), first(window.row)), cols, rows, values }
        };
        Self { values: of_pixel, window, levels: strides.iter().rev().map(map).collect() }
    }

    /// Takes rows of the network's output over the window, whose first row is the engine's row `first`.
    pub(crate) fn take(&mut self, answers: &Answers, first: usize) {
        let (start, end) = answers.span();
        for y in start..end {
            self.take_row(y - first, |x, value| answers.row(y)[x + value]);
        }
    }

    /// Takes the output of a GPU over the window, plane by plane.
    pub(crate) fn take_planes(&mut self, planes: &[f32]) {
        let (width, area) = (self.window.width, self.window.width * self.window.height);
        let channels = self.levels.len() * self.values.count();
        for y in 0..self.window.height {
            self.take_row(y, |at, value| planes[value * area + y * width + at / channels]);
        }
    }

    /// Takes a row of the window: `value(place of a pixel's first value, number of the value)`.
    fn take_row(&mut self, y: usize, value: impl Fn(usize, usize) -> f32) {
        let each = self.values.count();
        let (channels, window) = (self.levels.len() * each, self.window);
        for (number, map) in self.levels.iter_mut().enumerate() {
            let half = signed(map.stride / 2);
            let below = window.row.saturating_add_unsigned(y as u64) - half;
            if below.rem_euclid(signed(map.stride)) != 0 {
                continue;
            }
            let row = offset(below.div_euclid(signed(map.stride)) - map.first.1);
            for col in 0..map.cols {
                let x = offset((map.first.0 + signed(col)) * signed(map.stride) + half - window.col);
                let to = &mut map.values[(row * map.cols + col) * each..][..each];
                let from = |i: usize| value(x * channels, number * each + i);
                to.iter_mut().enumerate().for_each(|(i, to)| *to = from(i));
            }
        }
    }

    /// Boxes whose place is a valid pixel of the core: where the score of a class is the highest among the neighbors in
    /// its map (as of [`crate::peaks`], of equal ones the first) and reaches the threshold. By class, then stride, row and
    /// column. `valid`: of the pixels of the window.
    pub(crate) fn found(
        &self,
        core: &Window,
        valid: &[bool],
        class_ids: &[u8],
        threshold: f32,
    ) -> Vec<PixelDetection> {
        let mut found = Vec::new();
        for (class, class_id) in class_ids.iter().enumerate() {
            for map in self.levels.iter().rev() {
                let scores = map.scores(class, self.values, &self.window, valid);
                map.peaks(core, &scores, threshold, |at, score| {
                    let oriented = self.values.oriented.then(|| map.oriented_box(at, self.values));
                    let bbox = oriented.map_or_else(|| map.bbox(at, self.values), |oriented| oriented.bbox());
                    found.push(PixelDetection { class_id: *class_id, score, bbox, oriented });
                });
            }
        }
        found
    }
}

/// The first pixel of a map whose place is not before `start`.
fn first_place(start: i64, stride: usize) -> i64 {
    let (stride, half) = (signed(stride), signed(stride / 2));
    -(half - start).div_euclid(stride)
}

impl Map {
    /// The place of a pixel.
    fn place(&self, col: usize, row: usize) -> (i64, i64) {
        let (stride, half) = (signed(self.stride), signed(self.stride / 2));
        ((self.first.0 + signed(col)) * stride + half, (self.first.1 + signed(row)) * stride + half)
    }

    /// For each pixel the geometric mean of the class's probability and the nearness of a center; negative where the
    /// pixel is not valid.
    fn scores(&self, class: usize, values: Values, window: &Window, valid: &[bool]) -> Vec<f32> {
        let Values { classes, .. } = values;
        let each = values.count();
        let score = |(i, values): (usize, &[f32])| {
            let (x, y) = self.place(i % self.cols, i / self.cols);
            let at = offset(y - window.row) * window.width + offset(x - window.col);
            if valid[at] { (sigmoid(values[class]) * sigmoid(values[classes])).sqrt() } else { -1.0 }
        };
        self.values.chunks_exact(each).enumerate().map(score).collect()
    }

    fn peaks(&self, core: &Window, scores: &[f32], threshold: f32, mut take: impl FnMut(usize, f32)) {
        for row in 0..self.rows {
            for col in 0..self.cols {
                let (at, (x, y)) = (row * self.cols + col, self.place(col, row));
                let here = scores[at];
                if here >= threshold
                    && core.contains(&Window::new(x, y, 1, 1))
                    && self.is_peak(scores, col, row)
                {
                    take(at, here);
                }
            }
        }
    }

    /// Whether a pixel's score is at least that of its later neighbors, and above that of the earlier ones. Neighbors of
    /// pixels of the core lie in the window.
    fn is_peak(&self, scores: &[f32], col: usize, row: usize) -> bool {
        let here = scores[row * self.cols + col];
        let rows = row.saturating_sub(1)..(row + 2).min(self.rows);
        rows.flat_map(|y| (col.saturating_sub(1)..(col + 2).min(self.cols)).map(move |x| (y, x)))
            .filter(|place| *place != (row, col))
            .all(|(y, x)| {
                let other = scores[y * self.cols + x];
                if (y, x) < (row, col) { other < here } else { other <= here }
            })
    }

    /// The values of the box of a pixel.
    fn of_box(&self, at: usize, values: Values) -> &[f32] {
        let each = values.count();
        &self.values[at * each + values.classes + 1..(at + 1) * each]
    }

    /// The box of a pixel that has a direction. It lies within half of [`LARGEST_BOX_PX`] of the pixel's place along either
    /// axis: its center within an eighth of it, and its corners within the root of an eighth (0.35) of it from there.
    fn oriented_box(&self, at: usize, values: Values) -> OrientedBox {
        let of_box = self.of_box(at, values);
        let (stride, most) = (exact(self.stride), f64::from(LARGEST_BOX_PX));
        let (x, y) = self.place(at % self.cols, at / self.cols);
        let center = [(x, of_box[0]), (y, of_box[1])]
            .map(|(place, by)| exact(place) + limited(f64::from(by) * stride, most / 8.0));
        let size = limited(f64::from(of_box[2]), LARGEST_SIZE);
        let [cosine, sine] = [of_box[3], of_box[4]].map(|v| limited(f64::from(v), MOST_ELONGATED));
        let elongated = (cosine * cosine + sine * sine).sqrt();
        let half = |log: f64| (log.exp() * stride).min(most / 4.0);
        let [along, across] = [0.5, -0.5].map(|part| half(size + part * elongated));
        let direction = halved([cosine, sine], elongated);
        OrientedBox::new(center, direction.map(|v| v * along), across)
    }

    /// The box of a pixel. Distances are half of [`LARGEST_BOX_PX`] at most.
    fn bbox(&self, at: usize, values: Values) -> [f64; 4] {
        let logs = self.of_box(at, values);
        let most = f32::from(LARGEST_BOX_PX / 2);
        let distance = |side: usize| f64::from((logs[side].exp() * exact_f32(self.stride)).min(most));
        let (x, y) = self.place(at % self.cols, at / self.cols);
        let (x, y) = (exact(x), exact(y));
        [x - distance(0), y - distance(1), x + distance(2), y + distance(3)]
    }
}

/// Largest logarithm of a size in strides, and of one part of a stride: the limit of `probiou` in trainings.
const LARGEST_SIZE: f64 = 8.0;

/// Largest logarithm of how many times the longer side of a box is the shorter one, along either axis: 403 times.
const MOST_ELONGATED: f64 = 6.0;

/// A value within this much of 0; 0 for one that is no number, which would be a box that is none.
fn limited(value: f64, most: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(-most, most) }
}

/// The direction at half of the angle of a vector of this length; without trigonometric functions, which differ between
/// systems.
fn halved([cosine, sine]: [f64; 2], length: f64) -> [f64; 2] {
    if length <= 0.0 {
        return [1.0, 0.0];
    }
    let [cosine, sine] = [cosine / length, sine / length];
    if cosine >= 0.0 {
        let half = f64::midpoint(1.0, cosine).sqrt();
        [half, sine / (2.0 * half)]
    } else {
        let half = f64::midpoint(1.0, -cosine).sqrt().copysign(sine);
        [sine / (2.0 * half), half]
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "powers of two are exact")]

    use super::*;

    #[test]
    fn places_are_the_middles_of_squares_on_one_lattice() {
        assert_eq!([-4, -3, 4, 5, 12].map(|start| first_place(start, 8)), [-1, 0, 0, 1, 1]);
        let maps = Maps::new(Window::new(-10, 3, 26, 10), &[8, 16], UPRIGHT);
        let [coarse, fine] = maps.levels.as_slice() else { panic!() };
        assert_eq!((fine.first, fine.cols, fine.rows), ((-1, 0), 3, 2));
        assert_eq!(fine.place(0, 0), (-4, 4));
        assert_eq!((coarse.first, coarse.cols, coarse.rows), ((-1, 0), 2, 1));
        assert_eq!(coarse.place(0, 0), (-8, 8));
    }

    const UPRIGHT: Values = Values { classes: 1, oriented: false };

    /// A map of stride 8 over 5 x 5 of its pixels: scores of class 0 as given, nearness 1, boxes of one stride to each side.
    fn maps(scores: [f32; 25]) -> Maps {
        let window = Window::new(-8, 16, 40, 40);
        let mut maps = Maps::new(window, &[8], UPRIGHT);
        let places: Vec<_> = (0..25).map(|i| (i % 5, i / 5)).collect();
        let value = |x: usize, y: usize, value: usize| {
            let place = places.iter().position(|place| *place == (x / 8, y / 8)).unwrap();
            [scores[place], 99.0, 0.0, 0.0, 2f32.ln(), 9.0][value]
        };
        let mut planes = vec![0.0; 6 * 40 * 40];
        for (i, to) in planes.iter_mut().enumerate() {
            *to = value(i % 40, i / 40 % 40, i / 1600);
        }
        maps.take_planes(&planes);
        maps
    }

    #[test]
    fn of_equal_neighbors_the_first_is_found_inside_the_core() {
        let mut scores = [-9.0; 25];
        (scores[6], scores[7], scores[13], scores[0]) = (2.0, 2.0, 1.0, 3.0);
        let core = Window::new(0, 24, 24, 24);
        let found = maps(scores).found(&core, &[true; 1600], &[7], 0.5);
        // The pixel 0 is higher than 6 and not in the core; 7 is not the first of equal ones; 13 is next to 7.
        assert!(found.is_empty(), "{found:?}");
        scores[0] = -9.0;
        let found = maps(scores).found(&core, &[true; 1600], &[7], 0.5);
        let [one] = found.as_slice() else { panic!("{found:?}") };
        // The pixel (1, 1) stands for columns 0 to 7 and rows 24 to 31: its place is (4, 28).
        let sides = [4.0 - 8.0, 28.0 - 8.0, 4.0 + 16.0, 28.0 + 2048.0];
        assert!(one.bbox.iter().zip(sides).all(|(a, b)| (a - b).abs() < 1e-5), "{one:?}");
        let expected = (1.0 / (1.0 + (-2f32).exp())).sqrt();
        assert!((one.score - expected).abs() < 1e-6 && one.class_id == 7);
    }

    #[test]
    fn invalid_pixels_neither_win_nor_shade() {
        let mut scores = [-9.0; 25];
        (scores[6], scores[7]) = (3.0, 2.0);
        let mut valid = [true; 1600];
        // The place of the pixel (1, 1), in the window.
        valid[12 * 40 + 12] = false;
        let core = Window::new(0, 24, 24, 24);
        let found = maps(scores).found(&core, &valid, &[0], 0.5);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].bbox[0], 12.0 - 8.0);
    }

    /// Of a rectangle at any angle the values give the rectangle back; a little more or less of the angle, a little more or
    /// less of each value.
    #[test]
    fn rectangles_come_back_from_their_values() {
        let values = Values { classes: 1, oriented: true };
        let mut before: Option<[f32; 3]> = None;
        for step in 0..=360u16 {
            let angle = f64::from(step).to_radians();
            let (long, short) = (20.0, 5.0);
            let ratio = f64::ln(long / short);
            let size = 0.5 * f64::ln(long * short) - f64::ln(8.0);
            let of_box = [0.5, -0.25, size, ratio * (2.0 * angle).cos(), ratio * (2.0 * angle).sin()];
            let of_box = of_box.map(arpent_base::number::narrow);
            let mut maps = Maps::new(Window::new(0, 0, 8, 8), &[8], values);
            maps.levels[0].values[2..].copy_from_slice(&of_box);
            let found = maps.levels[0].oriented_box(0, values);
            let expected = OrientedBox::new([8.0, 2.0], [angle.cos() * long, angle.sin() * long], short);
            // At the turn from one end of the longer side to the other, the corners come in another order.
            for corner in found.corners() {
                let near = |other: &[f64; 2]| (corner[0] - other[0]).hypot(corner[1] - other[1]) < 1e-4;
                assert!(expected.corners().iter().any(near), "{step}: {found:?} {expected:?}");
            }
            let direction = [of_box[2], of_box[3], of_box[4]];
            if let Some(before) = before {
                assert!(before.iter().zip(&direction).all(|(a, b)| (a - b).abs() < 0.1), "{step}");
            }
            before = Some(direction);
        }
    }

    #[test]
    fn boxes_of_any_values_stay_near_their_place() {
        let values = Values { classes: 1, oriented: true };
        let sizes = [-400.0, -1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]
            .map(|size| [0.0, 0.0, size, 0.0, 0.0]);
        let long =
            [[0.0, 0.0, 99.0, 3.0, -99.0], [0.0, 0.0, -400.0, 3.0, -99.0], [0.0, 0.0, -400.0, 1e-9, 6.0]];
        let same = [f32::MAX, f32::MIN, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -400.0]
            .map(|value| [value; 5]);
        for extreme in sizes.into_iter().chain(long).chain(same) {
            let mut maps = Maps::new(Window::new(0, 0, 8, 8), &[8], values);
            maps.levels[0].values[2..].copy_from_slice(&extreme);
            let found = maps.levels[0].oriented_box(0, values);
            assert!(
                found.is_finite()
                    && found.bbox().iter().all(|side| (side - 4.0).abs() <= 2048.0)
                    && found.area() > 0.0,
                "{extreme:?}: {found:?}"
            );
        }
    }
}
