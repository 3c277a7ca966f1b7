//! Chips to learn from: cut from tiles, or with crowns pasted on them.

use arpent_datasets::{Crown, DEAD, GROUND, Health, IGNORE, LIVE, LabeledTile, Picture};

use crate::config::Sampling;
use crate::ground;
use crate::rng::Rng;

/// Of a crop's half-sizes, the part of the central ellipse that surely is crown.
const SURE: f64 = 0.62;

/// Of a crop's half-sizes, the ellipse inside which it covers the background entirely, and that outside which
/// it does not show.
const OPAQUE: f64 = 0.95;
const GONE: f64 = 1.2;

/// A picture with labels to learn from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Side, pixels.
    pub(crate) side: usize,
    /// Red, green, blue, each 0 to 255; row by row.
    pub(crate) pixels: Vec<[f32; 3]>,
    /// Class of each pixel, or [`IGNORE`].
    pub(crate) labels: Vec<u8>,
}

/// What samples are drawn from.
#[derive(Debug)]
pub(crate) struct Pool {
    tiles: Vec<LabeledTile>,
    live: Vec<Crown>,
    dead: Vec<Crown>,
    settings: Sampling,
}

impl Pool {
    /// A pool of tiles (the first is drawn most often) and training crowns.
    pub(crate) fn new(tiles: Vec<LabeledTile>, crowns: Vec<Crown>, settings: Sampling) -> Self {
        let (dead, live) = crowns.into_iter().partition(|c| c.health == Health::Dead);
        Self { tiles, live, dead, settings }
    }

    /// The sample of a random stream.
    pub(crate) fn draw(&self, side: usize, rng: &mut Rng) -> Sample {
        let mut sample = if rng.chance(self.settings.tile_share) {
            self.window(side, rng)
        } else {
            self.mosaic(side, rng)
        };
        sample = turned(&sample, rng.below(8));
        jitter(&mut sample.pixels, self.settings.jitter, rng);
        sample
    }

    /// Crowns pasted on drawn ground, or on a window of a tile.
    fn mosaic(&self, side: usize, rng: &mut Rng) -> Sample {
        let drawn = rng.chance(self.settings.drawn_share);
        let mut sample = if drawn { ground::draw(side, rng) } else { self.window(side, rng) };
        jitter(&mut sample.pixels, self.settings.jitter / 2.0, rng);
        for _ in 0..rng.below(self.settings.pastes + 1) {
            self.paste(&mut sample, rng);
        }
        sample
    }

    /// A window of a tile: anywhere, around a dead tree, or around a pixel of ground.
    fn window(&self, side: usize, rng: &mut Rng) -> Sample {
        let tile = &self.tiles[self.some_tile(rng)];
        let (width, height) = (tile.picture.width, tile.picture.height);
        let anywhere = (rng.below(width), rng.below(height));
        let kind = rng.unit();
        let centre = if kind < 0.35 && !tile.dead.is_empty() {
            tile.dead[rng.below(tile.dead.len())]
        } else if kind < 0.6 {
            ground_pixel(tile, rng).unwrap_or(anywhere)
        } else {
            anywhere
        };
        let start = |at: usize, size: usize, rng: &mut Rng| {
            let shift = side / 4 + rng.below(side / 2);
            at.saturating_sub(shift).min(size.saturating_sub(side))
        };
        let (x0, y0) = (start(centre.0, width, rng), start(centre.1, height, rng));
        cut(tile, x0, y0, side)
    }

    /// The first tile or the second most of the time, any other else.
    fn some_tile(&self, rng: &mut Rng) -> usize {
        match rng.unit() {
            u if u < 0.5 => 0,
            u if u < 0.85 => self.tiles.len().min(2) - 1,
            _ => rng.below(self.tiles.len()),
        }
    }

    /// Pastes a crown, or as a decoy a patch of ground, at a random place.
    fn paste(&self, sample: &mut Sample, rng: &mut Rng) {
        if rng.chance(0.2) {
            let tile = &self.tiles[rng.below(self.tiles.len())];
            let size = 24 + rng.below(40);
            if let Some((x, y)) = ground_pixel(tile, rng) {
                let patch = cut(tile, x.saturating_sub(size / 2), y.saturating_sub(size / 2), size);
                let mut patch = turned(&patch, rng.below(8));
                jitter(&mut patch.pixels, self.settings.jitter, rng);
                stamp(sample, &patch, |l| if l == GROUND { GROUND } else { IGNORE }, rng);
            }
            return;
        }
        let (crowns, class) =
            if rng.chance(self.settings.dead_share) { (&self.dead, DEAD) } else { (&self.live, LIVE) };
        if crowns.is_empty() {
            return;
        }
        let crown = &crowns[rng.below(crowns.len())];
        let longest = crown.picture.width.max(crown.picture.height).max(1);
        #[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
        let largest = sample.side as f64 * 0.9 / longest as f64;
        let mut patch = square(&crown.picture, rng.range(0.75, 1.2).min(largest));
        jitter(&mut patch.pixels, self.settings.jitter / 2.0, rng);
        let patch = turned(&patch, rng.below(8));
        stamp(sample, &patch, |l| if l == LIVE { class } else { IGNORE }, rng);
    }
}

fn ground_pixel(tile: &LabeledTile, rng: &mut Rng) -> Option<(usize, usize)> {
    let found = (0..64).map(|_| rng.below(tile.labels.len())).find(|i| tile.labels[*i] == GROUND)?;
    Some((found % tile.picture.width, found / tile.picture.width))
}

/// Pixels of a tile; beyond its border black and without a label.
fn cut(tile: &LabeledTile, x0: usize, y0: usize, side: usize) -> Sample {
    let mut sample = Sample { side, pixels: vec![[0.0; 3]; side * side], labels: vec![IGNORE; side * side] };
    for y in 0..side.min(tile.picture.height.saturating_sub(y0)) {
        for x in 0..side.min(tile.picture.width.saturating_sub(x0)) {
            let from = (y0 + y) * tile.picture.width + x0 + x;
            sample.pixels[y * side + x] = tile.picture.pixels[from].map(f32::from);
            sample.labels[y * side + x] = tile.labels[from];
        }
    }
    sample
}

/// A crop, scaled, in the middle of a square that is empty around it; the central ellipse is labeled [`LIVE`].
fn square(picture: &Picture, scale: f64) -> Sample {
    let scaled = |size: usize| -> usize {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let size = (size as f64 * scale).round().max(4.0) as usize;
        size
    };
    let (width, height) = (scaled(picture.width), scaled(picture.height));
    let side = width.max(height);
    let (left, top) = ((side - width) / 2, (side - height) / 2);
    // A negative red marks pixels that are not part of the crop.
    let mut sample = Sample { side, pixels: vec![[-1.0; 3]; side * side], labels: vec![IGNORE; side * side] };
    for y in 0..height {
        for x in 0..width {
            let distance = elliptic(x, y, width, height);
            if distance < GONE {
                let to = (top + y) * side + left + x;
                sample.pixels[to] = bilinear(picture, share(x, width), share(y, height));
                sample.labels[to] = if distance < SURE { LIVE } else { IGNORE };
            }
        }
    }
    sample
}

/// Place of a pixel's centre along an axis, 0 to 1.
#[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
fn share(at: usize, size: usize) -> f64 {
    (at as f64 + 0.5) / size as f64
}

/// Distance from the centre, 1 on the ellipse that touches the four sides.
fn elliptic(x: usize, y: usize, width: usize, height: usize) -> f64 {
    (2.0 * share(x, width) - 1.0).hypot(2.0 * share(y, height) - 1.0)
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixel counts are small, places are clamped to the picture"
)]
fn bilinear(picture: &Picture, u: f64, v: f64) -> [f32; 3] {
    let along = |t: f64, size: usize| {
        let at = (t * size as f64 - 0.5).clamp(0.0, (size - 1) as f64);
        (at as usize, (at as usize + 1).min(size - 1), at.fract() as f32)
    };
    let ((x0, x1, fx), (y0, y1, fy)) = (along(u, picture.width), along(v, picture.height));
    let at = |x: usize, y: usize| picture.pixels[y * picture.width + x].map(f32::from);
    let mix = |a: [f32; 3], b: [f32; 3], t: f32| [0, 1, 2].map(|c| a[c] + t * (b[c] - a[c]));
    mix(mix(at(x0, y0), at(x1, y0), fx), mix(at(x0, y1), at(x1, y1), fx), fy)
}

/// Pastes a patch at a random place: opaque in the middle, fading out; where it fades the label is unknown.
fn stamp(sample: &mut Sample, patch: &Sample, label: impl Fn(u8) -> u8, rng: &mut Rng) {
    let room = sample.side.saturating_sub(patch.side) + 1;
    let (x0, y0) = (rng.below(room), rng.below(room));
    if rng.chance(0.3) {
        #[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
        let [x, y, radius] = [x0 + patch.side / 2, y0 + patch.side / 2, patch.side / 3].map(|v| v as f64);
        ground::shadow(sample, Some((x, y, radius.max(1.0))), rng);
    }
    for y in 0..patch.side.min(sample.side) {
        for x in 0..patch.side.min(sample.side) {
            let (from, to) = (y * patch.side + x, (y0 + y) * sample.side + x0 + x);
            let distance = elliptic(x, y, patch.side, patch.side);
            if distance >= GONE || patch.pixels[from][0] < 0.0 {
                continue;
            }
            #[allow(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
            let cover = ((GONE - distance) / (GONE - OPAQUE)).min(1.0) as f32;
            let (old, new) = (sample.pixels[to], patch.pixels[from]);
            sample.pixels[to] = [0, 1, 2].map(|c| old[c] + cover * (new[c] - old[c]));
            sample.labels[to] = if distance < OPAQUE { label(patch.labels[from]) } else { IGNORE };
        }
    }
}

/// One of the eight turns and flips of the square.
fn turned(sample: &Sample, turn: usize) -> Sample {
    let side = sample.side;
    let source = |i: usize| {
        let (mut x, mut y) = (i % side, i / side);
        if turn & 1 != 0 {
            x = side - 1 - x;
        }
        if turn & 2 != 0 {
            y = side - 1 - y;
        }
        if turn & 4 != 0 {
            (x, y) = (y, x);
        }
        y * side + x
    };
    let pixels = (0..side * side).map(|i| sample.pixels[source(i)]).collect();
    let labels = (0..side * side).map(|i| sample.labels[source(i)]).collect();
    Sample { side, pixels, labels }
}

/// Changes brightness, contrast, gamma and the balance of the colors; pixels below 0 stay as they are.
#[allow(clippy::cast_possible_truncation, reason = "factors near 1")]
fn jitter(pixels: &mut [[f32; 3]], amount: f64, rng: &mut Rng) {
    let factor = |rng: &mut Rng, amount: f64| rng.range(-amount, amount).exp() as f32;
    let (gain, contrast, gamma) = (factor(rng, amount), factor(rng, amount), factor(rng, amount));
    let balance = [0; 3].map(|_| factor(rng, amount / 4.0));
    let table = [0, 1, 2].map(|c: usize| {
        let value = |v: f32| {
            let v = 255.0 * (v / 255.0).powf(gamma);
            ((v - 110.0) * contrast + 110.0) * gain * balance[c]
        };
        (0..=255u8).map(|v| value(f32::from(v)).clamp(0.0, 255.0)).collect::<Vec<f32>>()
    });
    for pixel in pixels.iter_mut().filter(|p| p[0] >= 0.0) {
        for (value, table) in pixel.iter_mut().zip(&table) {
            #[allow(clippy::cast_sign_loss, reason = "clamped to 0..=255")]
            let step = value.clamp(0.0, 255.0).round() as usize;
            *value = table[step.min(255)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_datasets::{Source, Split};

    fn pool(tile_share: f64) -> Pool {
        let picture =
            |v: u8, side: usize| Picture { width: side, height: side, pixels: vec![[v; 3]; side * side] };
        let tile = LabeledTile {
            source: Source::NEON_SJER,
            picture: picture(80, 100),
            labels: vec![GROUND; 10_000],
            dead: vec![],
        };
        let crown = |v: u8, health: Health| Crown {
            picture: picture(v, 30),
            health,
            site: "A".into(),
            split: Split::Train,
        };
        let settings = Sampling { tile_share, drawn_share: 0.0, pastes: 3, dead_share: 0.5, jitter: 0.0 };
        Pool::new(vec![tile], vec![crown(200, Health::Dead), crown(150, Health::Live)], settings)
    }

    #[test]
    fn labels_stay_on_the_pixels_they_were_made_for() {
        let pool = pool(0.0);
        let (mut exact, mut all) = ([0usize; 3], [0usize; 3]);
        for i in 0..30 {
            let sample = pool.draw(64, &mut Rng::new(&[i]));
            for (pixel, label) in sample.pixels.iter().zip(&sample.labels) {
                let expected = match *label {
                    GROUND => 80.0,
                    LIVE => 150.0,
                    DEAD => 200.0,
                    _ => continue,
                };
                // A shadow may darken, nothing lightens.
                assert!(pixel[0] < expected + 0.01, "{pixel:?} {label}");
                exact[usize::from(*label)] += usize::from((pixel[0] - expected).abs() < 0.01);
                all[usize::from(*label)] += 1;
            }
        }
        assert!(exact.iter().zip(all).all(|(n, all)| *n > 100 && 10 * n > 7 * all), "{exact:?} of {all:?}");
    }

    #[test]
    fn the_same_stream_gives_the_same_sample() {
        let pool = pool(0.5);
        assert_eq!(pool.draw(64, &mut Rng::new(&[5])), pool.draw(64, &mut Rng::new(&[5])));
        assert_ne!(pool.draw(64, &mut Rng::new(&[5])), pool.draw(64, &mut Rng::new(&[6])));
    }

    #[test]
    fn the_eight_turns_differ() {
        let pixels: Vec<[f32; 3]> = (0..9u8).map(|v| [f32::from(v); 3]).collect();
        let sample = Sample { side: 3, labels: (0..9).collect(), pixels };
        let turns: std::collections::BTreeSet<Vec<u8>> = (0..8).map(|t| turned(&sample, t).labels).collect();
        assert_eq!(turns.len(), 8);
    }
}
