//! Pieces of pictures: cut, scaled, turned and lit.

use arpent_datasets::{IGNORE, LIVE, LabeledTile, Picture};

use crate::data::Rng;
use crate::data::sample::turned_index;

/// Of a crop's half-sizes, the part of the central ellipse that surely is crown.
const SURE: f64 = 0.62;

/// Of a crop's half-sizes, the ellipse outside which it does not show.
pub(super) const GONE: f64 = 1.2;

/// A square piece of a picture with labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// Side, pixels.
    pub(super) side: usize,
    /// Red, green, blue, each 0 to 255; row by row.
    pub(super) pixels: Vec<[f32; 3]>,
    /// Class of each pixel, or [`IGNORE`].
    pub(super) labels: Vec<u8>,
}

/// Pixels of a tile; beyond its border black and without a label.
pub(super) fn cut(tile: &LabeledTile, x0: usize, y0: usize, side: usize) -> Piece {
    let mut sample = Piece { side, pixels: vec![[0.0; 3]; side * side], labels: vec![IGNORE; side * side] };
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
pub(super) fn square(picture: &Picture, scale: f64) -> Piece {
    let scaled = |size: usize| -> usize {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sizes of crops, pixels"
        )]
        let size = (size as f64 * scale).round().max(4.0) as usize;
        size
    };
    let (width, height) = (scaled(picture.width), scaled(picture.height));
    let side = width.max(height);
    let (left, top) = ((side - width) / 2, (side - height) / 2);
    // A negative red marks pixels that are not part of the crop.
    let mut sample = Piece { side, pixels: vec![[-1.0; 3]; side * side], labels: vec![IGNORE; side * side] };
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
pub(super) fn elliptic(x: usize, y: usize, width: usize, height: usize) -> f64 {
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

/// One of the eight turns and flips of the square.
pub(super) fn turned(piece: &Piece, turn: usize) -> Piece {
    let side = piece.side;
    let source = |i: usize| turned_index(side, i, turn);
    let pixels = (0..side * side).map(|i| piece.pixels[source(i)]).collect();
    let labels = (0..side * side).map(|i| piece.labels[source(i)]).collect();
    Piece { side, pixels, labels }
}

/// Changes brightness, contrast, gamma and the balance of the colors; pixels below 0 stay as they are.
#[allow(clippy::cast_possible_truncation, reason = "factors near 1")]
pub(super) fn jitter(pixels: &mut [[f32; 3]], amount: f64, rng: &mut Rng) {
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
