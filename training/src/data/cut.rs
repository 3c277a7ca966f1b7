//! Squares of pictures as chips: cut, and scaled where the square is of another size.

use arpent_base::number::{exact, narrow, truncate};
use arpent_datasets::IGNORE;

use super::{Item, ItemTruth, ObjectBox, Rng, Sample, Target};

/// The square that a chip shows: north-west corner (may lie outside of the picture) and side, pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Square {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) side: f64,
}

impl Square {
    /// A square of a picture, around a center if there is one, else anywhere.
    pub(super) fn within(item: &Item, side: f64, center: Option<(f64, f64)>, rng: &mut Rng) -> Self {
        let window = item.chip.window;
        let corner = |size: usize, center: Option<f64>, rng: &mut Rng| {
            let room = pixels(size) - side;
            match center {
                _ if room <= 0.0 => room * rng.unit(),
                // Around the center, which may be anywhere but at the very border.
                Some(at) => (at - side * rng.range(0.1, 0.9)).clamp(0.0, room),
                None => rng.range(0.0, room + 1.0).min(room),
            }
        };
        let x = corner(window.width, center.map(|c| c.0), rng).floor();
        let y = corner(window.height, center.map(|c| c.1), rng).floor();
        Self { x, y, side }
    }
}

/// What a square shows, on a chip of `side` pixels. Outside of the picture nothing is valid.
pub(super) fn cut(item: &Item, square: Square, side: usize) -> Sample {
    let taps = Taps::new(item, square, side);
    let planes = 0..item.chip.bands;
    let data = planes.flat_map(|band| taps.values(item.chip.band(band))).collect();
    let valid = taps.valid();
    let target = match &item.truth {
        ItemTruth::Labels(labels) => Target::Labels(taps.labels(labels)),
        ItemTruth::Boxes(boxes) => {
            Target::Boxes(boxes.iter().filter_map(|b| moved(*b, square, side)).collect())
        }
    };
    Sample { side, data, valid, target }
}

/// A box on the chip, if its center is.
fn moved(object: ObjectBox, square: Square, side: usize) -> Option<ObjectBox> {
    let zoom = pixels(side) / square.side;
    let [x0, y0, x1, y1] = object.sides;
    let sides =
        [(x0 - square.x) * zoom, (y0 - square.y) * zoom, (x1 - square.x) * zoom, (y1 - square.y) * zoom];
    let inside = |a: f64, b: f64| (0.0..pixels(side)).contains(&f64::midpoint(a, b));
    let oriented = object.oriented.map(|oriented| oriented.moved([square.x, square.y], zoom));
    (inside(sides[0], sides[2]) && inside(sides[1], sides[3])).then_some(ObjectBox {
        sides,
        oriented,
        ..object
    })
}

/// Four pixels, and their shares of a value between them.
type Four = ([usize; 4], [f32; 4]);

/// Which pixels of a picture make each pixel of a chip.
struct Taps<'a> {
    item: &'a Item,
    /// Nearest pixel, for each pixel of the chip.
    nearest: Vec<Option<usize>>,
    /// The four around it and their shares, where all four are valid and the chip is scaled.
    four: Vec<Option<Four>>,
}

impl<'a> Taps<'a> {
    fn new(item: &'a Item, square: Square, side: usize) -> Self {
        let zoom = square.side / pixels(side);
        let scaled = (zoom - 1.0).abs() > 1e-9;
        let places: Vec<(f64, f64)> = (0..side * side)
            .map(|i| (square.x + (pixels(i % side) + 0.5) * zoom, square.y + (pixels(i / side) + 0.5) * zoom))
            .collect();
        let nearest = places.iter().map(|(x, y)| index(item, x.floor(), y.floor())).collect();
        let four = |(x, y): &(f64, f64)| if scaled { four(item, *x - 0.5, *y - 0.5) } else { None };
        let four = places.iter().map(four).collect();
        Self { item, nearest, four }
    }

    fn values(&self, plane: &[f32]) -> Vec<f32> {
        let value = |(nearest, four): (&Option<usize>, &Option<Four>)| match (nearest, four) {
            (_, Some((at, share))) => at.iter().zip(share).map(|(i, s)| plane[*i] * s).sum(),
            (Some(i), None) => plane[*i],
            (None, None) => 0.0,
        };
        self.nearest.iter().zip(&self.four).map(value).collect()
    }

    fn valid(&self) -> Vec<bool> {
        self.nearest.iter().map(|i| i.is_some_and(|i| self.item.chip.valid[i])).collect()
    }

    fn labels(&self, labels: &[u8]) -> Vec<u8> {
        self.nearest.iter().map(|i| i.map_or(IGNORE, |i| labels[i])).collect()
    }
}

/// The four pixels around a place (in pixel centers), if all are there and valid.
fn four(item: &Item, x: f64, y: f64) -> Option<Four> {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (narrow(x - x0), narrow(y - y0));
    let at = |dx: f64, dy: f64| index(item, x0 + dx, y0 + dy).filter(|i| item.chip.valid[*i]);
    let taps = [at(0.0, 0.0)?, at(1.0, 0.0)?, at(0.0, 1.0)?, at(1.0, 1.0)?];
    Some((taps, [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy]))
}

fn index(item: &Item, x: f64, y: f64) -> Option<usize> {
    let window = item.chip.window;
    let inside = x >= 0.0 && y >= 0.0 && x < pixels(window.width) && y < pixels(window.height);
    let place = || truncate::<usize>(y) * window.width + truncate::<usize>(x);
    inside.then(place)
}

pub(super) fn pixels(count: usize) -> f64 {
    exact(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Rng;
    use arpent_raster::{Chip, OrientedBox, Window};
    use proptest::prelude::*;

    /// A rectangle of class 1 in a picture, as labels and as a box; the first band is 1 there.
    fn rectangle(width: usize, height: usize, [x0, y0, x1, y1]: [usize; 4]) -> [Item; 2] {
        let is_in = |i: usize| (x0..x1).contains(&(i % width)) && (y0..y1).contains(&(i / width));
        let mut chip = Chip::empty(Window::new(0, 0, width, height), 1);
        chip.valid.fill(true);
        let labels: Vec<u8> = (0..width * height).map(|i| u8::from(is_in(i))).collect();
        chip.data = labels.iter().copied().map(f32::from).collect();
        let object = ObjectBox { class: 1, sides: [x0, y0, x1, y1].map(pixels), oriented: None };
        [ItemTruth::Labels(labels), ItemTruth::Boxes(vec![object])].map(|truth| Item {
            chip: chip.clone(),
            truth,
            objects: vec![],
        })
    }

    fn spans() -> impl Strategy<Value = (usize, usize, usize)> {
        (2usize..24)
            .prop_flat_map(|size| (Just(size), 0..size, 1..=size))
            .prop_map(|(size, start, length)| (size, start, (start + length).min(size)))
    }

    proptest! {
        /// Pixels of a blob and only they are inside its box: on the chip, however it is cut and scaled, and after every turn.
        #[test]
        fn a_box_around_a_blob_stays_around_it_on_the_chip(
            (width, x0, x1) in spans(), (height, y0, y1) in spans(), at in [-8i32..24, -8i32..24], size in 1u32..30, side in 1usize..24,
        ) {
            let [labels, boxes] = rectangle(width, height, [x0, y0, x1, y1]);
            let square = Square { x: at[0].into(), y: at[1].into(), side: size.into() };
            let (with_labels, with_boxes) = (cut(&labels, square, side), cut(&boxes, square, side));
            prop_assert_eq!((&with_labels.data, &with_labels.valid), (&with_boxes.data, &with_boxes.valid));
            for turn in 0..8 {
                let (with_labels, with_boxes) = (with_labels.turned(turn), with_boxes.turned(turn));
                let (Target::Labels(labels), Target::Boxes(boxes)) = (&with_labels.target, &with_boxes.target) else { panic!("both") };
                prop_assert!(labels.iter().zip(&with_labels.valid).all(|(l, valid)| (*l != IGNORE) == *valid));
                let Some(object) = boxes.first() else { continue };
                let middle = [0, 1].map(|i| f64::midpoint(object.sides[i], object.sides[i + 2]));
                // Turned, the middle may lie on the far side instead of the near one.
                prop_assert!(middle.iter().all(|v| (0.0..=pixels(side)).contains(v)), "{middle:?}");
                for (i, label) in labels.iter().enumerate().filter(|(_, label)| **label != IGNORE) {
                    let center = [pixels(i % side) + 0.5, pixels(i / side) + 0.5];
                    let [x0, y0, x1, y1] = object.sides;
                    let near = |v: f64, side: f64| (v - side).abs() < 1e-6;
                    if near(center[0], x0) || near(center[0], x1) || near(center[1], y0) || near(center[1], y1) {
                        continue;
                    }
                    let inside = center[0] > x0 && center[0] < x1 && center[1] > y0 && center[1] < y1;
                    prop_assert_eq!(*label == 1, inside, "{:?} of {:?}, turn {}", center, object.sides, turn);
                }
            }
        }

        /// What a chip is cut around is on it, and a chip that is smaller than the picture lies in it.
        #[test]
        fn a_square_holds_its_center(width in 12usize..80, height in 12usize..80, place in [0.0f64..1.0, 0.0f64..1.0], size in 11u32..90, seed in any::<u64>()) {
            let [item, _] = rectangle(width, height, [0, 0, 1, 1]);
            let center = (place[0] * pixels(width), place[1] * pixels(height));
            let side = f64::from(size);
            let square = Square::within(&item, side, Some(center), &mut Rng::new(&[seed]));
            for (start, at, size) in [(square.x, center.0, width), (square.y, center.1, height)] {
                prop_assert!(start.fract().abs() < 1e-9);
                prop_assert!(start <= at && at < start + side, "{at} of {start} and {side}");
                if side <= pixels(size) {
                    prop_assert!(start >= 0.0 && start + side <= pixels(size));
                } else {
                    prop_assert!(start <= 0.0 && start + side >= pixels(size) - 1.0);
                }
            }
        }
    }

    /// 6 x 4 pixels of values 0 to 23 (and 100 to 123 in a second band); pixel 7 is not valid, pixel 10 is of class 1.
    fn item() -> Item {
        let mut chip = Chip::empty(Window::new(0, 0, 6, 4), 2);
        chip.data = (0..24u8).chain(100..124).map(f32::from).collect();
        chip.valid = (0..24).map(|i| i != 7).collect();
        let labels = (0..24)
            .map(|i| {
                if i == 10 {
                    1
                } else if i == 7 {
                    IGNORE
                } else {
                    0
                }
            })
            .collect();
        Item { chip, truth: ItemTruth::Labels(labels), objects: vec![] }
    }

    #[test]
    fn an_unscaled_cut_is_the_picture_itself() {
        let sample = cut(&item(), Square { x: 2.0, y: 1.0, side: 3.0 }, 3);
        let expected = [8.0, 9.0, 10.0, 14.0, 15.0, 16.0, 20.0, 21.0, 22.0];
        assert!(
            sample.data[..9].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
            "{:?}",
            sample.data
        );
        assert!((sample.data[9] - 108.0).abs() < 1e-6 && sample.valid.iter().all(|v| *v));
        assert_eq!(sample.target, Target::Labels(vec![0, 0, 1, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn nothing_is_known_outside_of_the_picture_or_where_it_is_not_valid() {
        let sample = cut(&item(), Square { x: -1.0, y: 0.0, side: 3.0 }, 3);
        assert_eq!(sample.valid, [false, true, true, false, true, false, false, true, true]);
        let Target::Labels(labels) = &sample.target else { panic!() };
        assert!(labels.iter().zip(&sample.valid).all(|(l, valid)| (*l == IGNORE) != *valid));
        assert!(sample.data[0].abs() < 1e-6);
    }

    #[test]
    fn a_scaled_cut_interpolates_valid_pixels_only() {
        let sample = cut(&item(), Square { x: 2.0, y: 1.0, side: 2.0 }, 4);
        // The chip's pixel 5 lies at (2.75, 1.75): between 8, 9, 14 and 15, by quarters.
        assert!((sample.data[5] - (8.0 + 0.25 + 1.5)).abs() < 1e-5, "{:?}", sample.data);
        // The pixel 0 would need pixel 7, which is not valid: the nearest is taken.
        assert!((sample.data[0] - 8.0).abs() < 1e-6 && sample.valid[0]);
    }

    #[test]
    fn boxes_move_with_the_square_and_stay_behind_when_their_center_does() {
        let object = ObjectBox { class: 0, sides: [2.0, 1.0, 4.0, 3.0], oriented: None };
        let on_chip = moved(object, Square { x: 1.0, y: 0.0, side: 4.0 }, 8).unwrap();
        assert!(on_chip.sides.iter().zip([2.0, 2.0, 6.0, 6.0]).all(|(a, b)| (a - b).abs() < 1e-9));
        let oriented = OrientedBox::new([3.0, 2.0], [1.0, 0.5], 0.25);
        let slanted = ObjectBox { oriented: Some(oriented), sides: oriented.bbox(), ..object };
        let on_chip = moved(slanted, Square { x: 1.0, y: 0.0, side: 4.0 }, 8).unwrap();
        let numbers = on_chip.oriented.unwrap().numbers();
        assert!(numbers.iter().zip([4.0, 4.0, 2.0, 1.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert_eq!(moved(object, Square { x: 3.5, y: 0.0, side: 4.0 }, 8), None);
    }
}
