//! Pieces pasted into chips: pictures of single objects, which data sets of crops hold, put into scenes.

use std::sync::Arc;

use arpent_base::Result;
use arpent_datasets::IGNORE;

use super::cut::{Square, cut, pixels};
use super::statistics::ItemStatistics;
use super::stock::Stock;
use super::{Item, Rng, Sample, Target};
use crate::config::Paste;

/// Of a piece's half-sides, the ellipse inside which it covers the scene entirely.
const OPAQUE: f64 = 0.95;

/// Of a piece's half-sides, the ellipse outside which it does not show.
const GONE: f64 = 1.2;

/// How many times as large as its picture a piece is.
const ZOOM: [f64; 2] = [0.75, 1.2];

/// The longest side of a piece, as a share of the chip's.
const LARGEST: f64 = 0.9;

/// Sides of the pieces of scenes that are pasted beside crops, pixels.
const DECOY: [usize; 2] = [24, 64];

/// What is pasted into chips of scenes.
#[derive(Debug)]
pub(super) struct Pastes {
    crops: Stock,
    settings: Paste,
}

/// A square chip of which an ellipse is pasted.
#[derive(Debug)]
struct Piece {
    sample: Sample,
    /// Half of its width and height, pixels.
    half: [f64; 2],
}

impl Pastes {
    pub(super) fn new(crops: Stock, settings: Paste) -> Self {
        Self { crops, settings }
    }

    /// Pastes pieces into a share of the chips: crops, each class as likely as the others, and pieces of the scenes, so that the border
    /// of a piece does not reveal a crop.
    pub(super) fn on(
        &self,
        chip: &mut Sample,
        scenes: &Stock,
        read: &impl Fn(&ItemStatistics) -> Result<Arc<Item>>,
        light: &impl Fn(&mut Sample, &mut Rng),
        rng: &mut Rng,
    ) -> Result<()> {
        if !rng.chance(self.settings.share.get()) || self.crops.is_empty() {
            return Ok(());
        }
        for _ in 0..=rng.below(self.settings.most.get()) {
            let mut piece = if rng.chance(self.settings.decoys.get()) {
                let side = (DECOY[0] + rng.below(DECOY[1] - DECOY[0])).min(chip.side);
                decoy(&*read(scenes.choose(None, rng))?, side, rng)
            } else {
                let class = self.crops.class(rng);
                crop(&*read(self.crops.one(class, rng))?, chip.side, rng)
            };
            light(&mut piece.sample, rng);
            stamp(chip, &piece.turned(rng.below(8)), rng);
        }
        Ok(())
    }
}

impl Piece {
    fn turned(self, turn: usize) -> Self {
        let [a, b] = self.half;
        let half = if turn & 4 == 0 { [a, b] } else { [b, a] };
        Self { sample: self.sample.turned(turn), half }
    }
}

/// A square of a scene.
fn decoy(item: &Item, side: usize, rng: &mut Rng) -> Piece {
    let sample = cut(item, Square::within(item, pixels(side), None, rng), side);
    Piece { sample, half: [pixels(side) / 2.0; 2] }
}

/// A whole picture in the middle of a square, for a chip of this side.
fn crop(item: &Item, chip: usize, rng: &mut Rng) -> Piece {
    let [width, height] = [item.chip.window.width, item.chip.window.height].map(pixels);
    let longest = width.max(height).max(1.0);
    let zoom = rng.range(ZOOM[0], ZOOM[1]).min(LARGEST * pixels(chip) / longest);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a chip's side")]
    let side = (longest * zoom).round().max(4.0) as usize;
    let square = Square { x: (width - longest) / 2.0, y: (height - longest) / 2.0, side: longest };
    let zoom = pixels(side) / longest;
    Piece { sample: cut(item, square, side), half: [width * zoom / 2.0, height * zoom / 2.0] }
}

/// Pastes a piece at a random place: opaque in the middle, fading out; the fading ring is of unknown class.
fn stamp(chip: &mut Sample, piece: &Piece, rng: &mut Rng) {
    let (side, Sample { side: own, data, valid, target }) = (chip.side, &piece.sample);
    let (Target::Labels(labels), Target::Labels(under)) = (target, &mut chip.target) else { return };
    let room = side.saturating_sub(*own) + 1;
    let (x0, y0) = (rng.below(room), rng.below(room));
    for from in (0..own * own).filter(|i| valid[*i]) {
        let (x, y) = (from % own, from / own);
        let along = |at: usize, half: f64| (pixels(at) + 0.5 - pixels(*own) / 2.0) / half.max(0.5);
        let distance = along(x, piece.half[0]).hypot(along(y, piece.half[1]));
        let to = (y0 + y) * side + x0 + x;
        let is_whole = distance < OPAQUE;
        // Invalid pixels of the chip cannot be mixed.
        if distance >= GONE || x0 + x >= side || y0 + y >= side || !(chip.valid[to] || is_whole) {
            continue;
        }
        #[allow(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
        let cover = ((GONE - distance) / (GONE - OPAQUE)).min(1.0) as f32;
        for (plane, piece) in chip.data.chunks_exact_mut(side * side).zip(data.chunks_exact(own * own)) {
            plane[to] += cover * (piece[from] - plane[to]);
        }
        chip.valid[to] = true;
        under[to] = if is_whole { labels[from] } else { IGNORE };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ItemId, ItemTruth};
    use arpent_raster::{Chip, Window};

    /// A picture of one value in two bands and of one class, all of it valid.
    fn item(width: usize, height: usize, value: f32, class: u8) -> Item {
        let mut chip = Chip::empty(Window::new(0, 0, width, height), 2);
        chip.data.fill(value);
        chip.valid.fill(true);
        Item { chip, truth: ItemTruth::Labels(vec![class; width * height]), objects: vec![] }
    }

    fn stock(items: &[Item], set: usize) -> Stock {
        let one = |(item, of): (usize, &Item)| {
            let ItemTruth::Labels(labels) = &of.truth else { panic!() };
            let mut classes = vec![0; 3];
            for label in labels {
                classes[usize::from(*label)] += 1;
            }
            ItemStatistics { id: ItemId { set, item }, pixels: labels.len() as u64, classes, content: None }
        };
        Stock::new(items.iter().enumerate().map(one).collect(), vec![1.0; 2], 3)
    }

    fn drawn(settings: Paste, seed: u64) -> Sample {
        let scenes = [item(100, 100, 80.0, 0)];
        let crops = [item(30, 20, 150.0, 1), item(20, 24, 200.0, 2)];
        let pastes = Pastes::new(stock(&crops, 1), settings);
        let read = |of: &ItemStatistics| {
            Ok(Arc::new(if of.id.set == 0 { scenes[0].clone() } else { crops[of.id.item].clone() }))
        };
        let mut rng = Rng::new(&[seed]);
        let mut chip = cut(&scenes[0], Square { x: -8.0, y: 0.0, side: 64.0 }, 64);
        pastes.on(&mut chip, &stock(&scenes, 0), &read, &|_, _| {}, &mut rng).unwrap();
        chip
    }

    fn share(value: f64) -> arpent_base::Share {
        arpent_base::Share::new(value).unwrap()
    }

    fn settings() -> Paste {
        Paste {
            sets: vec![],
            share: share(1.0),
            most: arpent_base::Count::new(3).unwrap(),
            decoys: share(0.2),
        }
    }

    #[test]
    fn labels_stay_on_the_pixels_they_came_with() {
        let mut known = [0usize; 3];
        for seed in 0..40 {
            let chip = drawn(settings(), seed);
            let Target::Labels(labels) = &chip.target else { panic!() };
            for (i, label) in labels.iter().enumerate().filter(|(_, l)| **l != IGNORE) {
                let expected = [80.0, 150.0, 200.0][usize::from(*label)];
                let values = [chip.data[i], chip.data[64 * 64 + i]];
                assert!(
                    chip.valid[i] && values.iter().all(|v| (v - expected).abs() < 0.01),
                    "{values:?} {label}"
                );
                known[usize::from(*label)] += 1;
            }
        }
        assert!(known.iter().all(|n| *n > 2000), "{known:?}");
    }

    #[test]
    fn what_fades_is_mixed_and_not_known() {
        let chip = drawn(Paste { most: arpent_base::Count::ONE, decoys: share(0.0), ..settings() }, 1);
        let Target::Labels(labels) = &chip.target else { panic!() };
        let is_mixed =
            |i: &usize| chip.valid[*i] && (chip.data[*i] - 80.0).abs() > 0.01 && labels[*i] == IGNORE;
        assert!((0..64 * 64).filter(is_mixed).count() > 10);
        let nothing = drawn(Paste { share: share(0.0), ..settings() }, 1);
        assert!(nothing.valid.iter().zip(&nothing.data).all(|(valid, v)| !valid || (v - 80.0).abs() < 0.01));
    }

    #[test]
    fn the_same_stream_gives_the_same_chip() {
        assert_eq!(drawn(settings(), 5), drawn(settings(), 5));
        assert_ne!(drawn(settings(), 5), drawn(settings(), 6));
    }
}
