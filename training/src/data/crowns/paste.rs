//! Pieces pasted into others.

use arpent_datasets::IGNORE;

use super::ground;
use super::piece::{GONE, Piece, elliptic};
use crate::data::Rng;

/// Of a crop's half-sizes, the ellipse inside which it covers the background entirely.
const OPAQUE: f64 = 0.95;

/// Pastes a piece at a random place: opaque in the middle, fading out; where it fades the label is unknown.
pub(super) fn stamp(under: &mut Piece, piece: &Piece, label: impl Fn(u8) -> u8, rng: &mut Rng) {
    let room = under.side.saturating_sub(piece.side) + 1;
    let (x0, y0) = (rng.below(room), rng.below(room));
    if rng.chance(0.3) {
        #[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
        let [x, y, radius] = [x0 + piece.side / 2, y0 + piece.side / 2, piece.side / 3].map(|v| v as f64);
        ground::shadow(under, Some((x, y, radius.max(1.0))), rng);
    }
    for y in 0..piece.side.min(under.side) {
        for x in 0..piece.side.min(under.side) {
            let (from, to) = (y * piece.side + x, (y0 + y) * under.side + x0 + x);
            let distance = elliptic(x, y, piece.side, piece.side);
            if distance >= GONE || piece.pixels[from][0] < 0.0 {
                continue;
            }
            #[allow(clippy::cast_possible_truncation, reason = "a share between 0 and 1")]
            let cover = ((GONE - distance) / (GONE - OPAQUE)).min(1.0) as f32;
            let (old, new) = (under.pixels[to], piece.pixels[from]);
            under.pixels[to] = [0, 1, 2].map(|c| old[c] + cover * (new[c] - old[c]));
            under.labels[to] = if distance < OPAQUE { label(piece.labels[from]) } else { IGNORE };
        }
    }
}
