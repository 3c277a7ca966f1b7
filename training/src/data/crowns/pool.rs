//! Chips with crowns pasted on them, or cut from tiles.

use arpent_base::Result;
use arpent_datasets::{Crown, DEAD, GROUND, Health, IGNORE, LIVE, LabeledTile};

use super::ground;
use super::paste::stamp;
use super::piece::{Piece, cut, jitter, square, turned};
use crate::config::Crowns;
use crate::data::{Draw, Rng, Sample, Target};

/// What chips are drawn from.
#[derive(Debug)]
pub(crate) struct Pool {
    tiles: Vec<LabeledTile>,
    live: Vec<Crown>,
    dead: Vec<Crown>,
    settings: Crowns,
}

impl Pool {
    /// A pool of tiles (the first is drawn most often) and training crowns.
    pub(crate) fn new(tiles: Vec<LabeledTile>, crowns: Vec<Crown>, settings: Crowns) -> Self {
        let (dead, live) = crowns.into_iter().partition(|c| c.health == Health::Dead);
        Self { tiles, live, dead, settings }
    }

    fn piece(&self, side: usize, rng: &mut Rng) -> Piece {
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
    fn mosaic(&self, side: usize, rng: &mut Rng) -> Piece {
        let drawn = rng.chance(self.settings.drawn_share);
        let mut sample = if drawn { ground::draw(side, rng) } else { self.window(side, rng) };
        jitter(&mut sample.pixels, self.settings.jitter / 2.0, rng);
        for _ in 0..rng.below(self.settings.pastes + 1) {
            self.paste(&mut sample, rng);
        }
        sample
    }

    /// A window of a tile: anywhere, around a dead tree, or around a pixel of ground.
    fn window(&self, side: usize, rng: &mut Rng) -> Piece {
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

    /// Pastes a crown, or as a decoy a piece of ground, at a random place.
    fn paste(&self, sample: &mut Piece, rng: &mut Rng) {
        if rng.chance(0.2) {
            let tile = &self.tiles[rng.below(self.tiles.len())];
            let size = 24 + rng.below(40);
            if let Some((x, y)) = ground_pixel(tile, rng) {
                let piece = cut(tile, x.saturating_sub(size / 2), y.saturating_sub(size / 2), size);
                let mut piece = turned(&piece, rng.below(8));
                jitter(&mut piece.pixels, self.settings.jitter, rng);
                stamp(sample, &piece, |l| if l == GROUND { GROUND } else { IGNORE }, rng);
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
        let mut piece = square(&crown.picture, rng.range(0.75, 1.2).min(largest));
        jitter(&mut piece.pixels, self.settings.jitter / 2.0, rng);
        let piece = turned(&piece, rng.below(8));
        stamp(sample, &piece, |l| if l == LIVE { class } else { IGNORE }, rng);
    }
}

fn ground_pixel(tile: &LabeledTile, rng: &mut Rng) -> Option<(usize, usize)> {
    let found = (0..64).map(|_| rng.below(tile.labels.len())).find(|i| tile.labels[*i] == GROUND)?;
    Some((found % tile.picture.width, found / tile.picture.width))
}

impl Draw for Pool {
    fn draw(&self, side: usize, rng: &mut Rng) -> Result<Sample> {
        let piece = self.piece(side, rng);
        let band = |c: usize| piece.pixels.iter().map(move |p| p[c]);
        Ok(Sample {
            side,
            data: (0..3).flat_map(band).collect(),
            valid: vec![true; side * side],
            target: Target::Labels(piece.labels.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_datasets::{Picture, Source, Split};

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
        let settings = Crowns {
            packages: ".".into(),
            tile_share,
            drawn_share: 0.0,
            pastes: 3,
            dead_share: 0.5,
            jitter: 0.0,
        };
        Pool::new(vec![tile], vec![crown(200, Health::Dead), crown(150, Health::Live)], settings)
    }

    #[test]
    fn labels_stay_on_the_pixels_they_were_made_for() {
        let pool = pool(0.0);
        let (mut exact, mut all) = ([0usize; 3], [0usize; 3]);
        for i in 0..30 {
            let sample = pool.piece(64, &mut Rng::new(&[i]));
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
        assert_eq!(pool.piece(64, &mut Rng::new(&[5])), pool.piece(64, &mut Rng::new(&[5])));
        assert_ne!(pool.piece(64, &mut Rng::new(&[5])), pool.piece(64, &mut Rng::new(&[6])));
    }
}
