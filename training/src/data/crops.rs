//! Chips cut from the pictures of data sets, at random or around what is rare.

use arpent_base::Result;
use arpent_datasets::{IGNORE, Split};
use rayon::prelude::*;

use super::cache::Cache;
use super::statistics::{ItemStatistics, Statistics};
use super::{Draw, Item, ItemId, ItemTruth, ObjectBox, Purpose, Rng, Sample, Sets, Target, augment};
use crate::config::{Augment, Config};

/// Chips that are cut until one says something.
const TRIES: usize = 8;

/// Chips of the training split of data sets.
#[derive(Debug)]
pub(crate) struct Crops {
    sets: Sets,
    items: Vec<ItemStatistics>,
    /// Classes that the training split holds.
    present: Vec<usize>,
    cache: Cache,
    class_aware: f64,
    augment: Augment,
    range: [f32; 2],
    dates: usize,
}

/// The square that a chip shows: north-west corner (may lie outside of the picture) and side, pixels.
#[derive(Debug, Clone, Copy)]
struct Square {
    x: f64,
    y: f64,
    side: f64,
}

impl Square {
    /// A square of a picture, around a center if there is one, else anywhere.
    fn within(item: &Item, side: f64, center: Option<(f64, f64)>, rng: &mut Rng) -> Self {
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

impl Crops {
    /// Chips of these sets, whose statistics were gathered.
    pub(crate) fn new(config: &Config, sets: Sets, statistics: &Statistics) -> Self {
        let present = statistics.classes.iter().enumerate().filter(|(_, n)| **n > 0).map(|(c, _)| c);
        Self {
            sets,
            items: statistics.items.clone(),
            present: present.collect(),
            cache: Cache::new(config.sampling.cache_mb),
            class_aware: config.sampling.class_aware,
            augment: config.augment.clone(),
            range: config.model.value_range,
            dates: config.dates(),
        }
    }

    /// The data sets.
    pub(crate) fn sets(&self) -> &Sets {
        &self.sets
    }

    /// The data sets alone.
    pub(crate) fn into_sets(self) -> Sets {
        self.sets
    }

    /// The item and the square of a stream.
    fn place(&self, side: f64, rng: &mut Rng) -> Result<(std::sync::Arc<Item>, Square)> {
        let class =
            rng.chance(self.class_aware).then(|| self.present.get(rng.below(self.present.len())).copied());
        let class = class.flatten();
        let position = self.choose(class, rng);
        let item = self.cache.get(&self.sets, self.items[position].id)?;
        let center = class.and_then(|class| find(&item, class, self.items[position].classes[class], rng));
        let square = Square::within(&item, side, center, rng);
        Ok((item, square))
    }

    /// One chip of these items, each as likely as the others.
    fn held_out_chip(&self, items: &[ItemId], side: usize, rng: &mut Rng) -> Result<Sample> {
        let mut tries = 0;
        loop {
            let item = self.cache.get(&self.sets, items[rng.below(items.len())])?;
            let sample = cut(&item, Square::within(&item, pixels(side), None, rng), side);
            tries += 1;
            if sample.says_something() || tries == TRIES {
                return Ok(sample);
            }
        }
    }

    /// An item: a set by its weight, then an item of it by its pixels (of the class).
    fn choose(&self, class: Option<usize>, rng: &mut Rng) -> usize {
        let measure = |item: &ItemStatistics| class.map_or(item.pixels, |c| item.classes[c]);
        let weights = self.sets.weights();
        let mut totals = vec![0u64; weights.len()];
        self.items.iter().for_each(|item| totals[item.id.set] += measure(item));
        let shares: Vec<f64> =
            weights.iter().zip(&totals).map(|(w, total)| if *total > 0 { *w } else { 0.0 }).collect();
        let set = pick(&shares, rng);
        let measures: Vec<f64> =
            self.items.iter().map(|i| if i.id.set == set { whole(measure(i)) } else { 0.0 }).collect();
        pick(&measures, rng)
    }
}

impl Draw for Crops {
    fn draw(&self, side: usize, rng: &mut Rng) -> Result<Sample> {
        let scale = if self.augment.scale > 0.0 {
            rng.range(-self.augment.scale, self.augment.scale).exp()
        } else {
            1.0
        };
        // A chip without anything known teaches nothing; a few more are tried before one is taken.
        let mut sample = None;
        for _ in 0..TRIES {
            let (item, square) = self.place((pixels(side) * scale).round(), rng)?;
            let cut = cut(&item, square, side);
            let known = cut.says_something();
            sample = Some(cut);
            if known {
                break;
            }
        }
        let sample =
            sample.unwrap_or(Sample { side, data: vec![], valid: vec![], target: Target::Boxes(vec![]) });
        Ok(augment::vary(sample, &self.augment, self.range, self.dates, rng))
    }

    fn held_out(&self, side: usize, count: usize, seed: u64) -> Result<Vec<Sample>> {
        let items = self.sets.items(Split::Validation);
        let count = if items.is_empty() { 0 } else { count };
        let chip = |i| self.held_out_chip(&items, side, &mut Rng::of(seed, Purpose::HeldOut, 0, i));
        (0..count).into_par_iter().map(chip).collect()
    }
}

/// The index drawn by weights; the first with any weight when rounding runs out of them.
fn pick(weights: &[f64], rng: &mut Rng) -> usize {
    let mut left = rng.unit() * weights.iter().sum::<f64>();
    let mut last = 0;
    for (i, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        last = i;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// A pixel (or the center of a box) of a class of which there are `count`.
fn find(item: &Item, class: usize, count: u64, rng: &mut Rng) -> Option<(f64, f64)> {
    let nth = rng.below(usize::try_from(count).ok()?);
    match &item.truth {
        ItemTruth::Labels(labels) => {
            let mut places = labels.iter().enumerate().filter(|(_, l)| usize::from(**l) == class);
            let (at, _) = places.nth(nth)?;
            let width = item.chip.window.width;
            Some((pixels(at % width), pixels(at / width)))
        }
        ItemTruth::Boxes(boxes) => {
            let object = boxes.iter().filter(|b| usize::from(b.class) == class).nth(nth)?;
            let [x0, y0, x1, y1] = object.sides;
            Some((f64::midpoint(x0, x1), f64::midpoint(y0, y1)))
        }
    }
}

/// What a square shows, on a chip of `side` pixels. Outside of the picture nothing is valid.
fn cut(item: &Item, square: Square, side: usize) -> Sample {
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
    (inside(sides[0], sides[2]) && inside(sides[1], sides[3])).then_some(ObjectBox { sides, ..object })
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
#[allow(clippy::cast_possible_truncation, reason = "shares between 0 and 1")]
fn four(item: &Item, x: f64, y: f64) -> Option<Four> {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = ((x - x0) as f32, (y - y0) as f32);
    let at = |dx: f64, dy: f64| index(item, x0 + dx, y0 + dy).filter(|i| item.chip.valid[*i]);
    let taps = [at(0.0, 0.0)?, at(1.0, 0.0)?, at(0.0, 1.0)?, at(1.0, 1.0)?];
    Some((taps, [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy]))
}

fn index(item: &Item, x: f64, y: f64) -> Option<usize> {
    let window = item.chip.window;
    let inside = x >= 0.0 && y >= 0.0 && x < pixels(window.width) && y < pixels(window.height);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside of the picture")]
    let place = || y as usize * window.width + x as usize;
    inside.then(place)
}

#[allow(clippy::cast_precision_loss, reason = "pictures are far smaller than 2^52")]
fn pixels(count: usize) -> f64 {
    count as f64
}

#[allow(clippy::cast_precision_loss, reason = "pixel counts are far smaller than 2^52")]
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_raster::{Chip, Window};

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
        Item { chip, truth: ItemTruth::Labels(labels) }
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
        let object = ObjectBox { class: 0, sides: [2.0, 1.0, 4.0, 3.0] };
        let on_chip = moved(object, Square { x: 1.0, y: 0.0, side: 4.0 }, 8).unwrap();
        assert!(on_chip.sides.iter().zip([2.0, 2.0, 6.0, 6.0]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert_eq!(moved(object, Square { x: 3.5, y: 0.0, side: 4.0 }, 8), None);
    }

    #[test]
    fn items_and_pixels_are_drawn_by_their_weights() {
        let mut rng = Rng::new(&[1]);
        let drawn: Vec<usize> = (0..4000).map(|_| pick(&[0.0, 1.0, 3.0, 0.0], &mut rng)).collect();
        let third = drawn.iter().filter(|i| **i == 2).count();
        assert!(drawn.iter().all(|i| *i == 1 || *i == 2) && (2850..3150).contains(&third), "{third}");
        assert_eq!(find(&item(), 1, 1, &mut rng), Some((4.0, 1.0)));
    }
}
