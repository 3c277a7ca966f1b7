//! Pieces of a map: windows whose predictions are stored together.

use std::ops::Range;

use arpent_base::number::truncate;
use arpent_model::{ModelPackage, flop_per_pixel};
use arpent_tiling::WindowPlan;

/// Pixels of a piece at most, unless one window has more.
const MOST_PIXELS: u64 = 8 << 20;
/// Work of a piece at most, unless one window takes more: half a minute of two slow cores (50 GFLOP/s).
const MOST_FLOP: f64 = 1.5e12;
/// Bytes of a label and its confidence.
const LABEL_BYTES: u64 = 2;
/// The windows of each piece of a map.
pub(crate) fn pieces(model: &ModelPackage, plan: &WindowPlan) -> Vec<Range<usize>> {
    // Predictions of more bytes are stored in pieces of fewer pixels.
    let by_size = MOST_PIXELS * LABEL_BYTES / answer_bytes(model).max(LABEL_BYTES);
    cut(plan, most_pixels(flop_per_pixel(&model.architecture)).min(by_size))
}

/// Bytes of a pixel's prediction: a label and a confidence, or single-precision values.
pub(super) fn answer_bytes(model: &ModelPackage) -> u64 {
    if model.is_regression() { 4 * model.values.len() as u64 } else { LABEL_BYTES }
}

/// Pixels of the largest piece of a map.
pub(super) fn largest_piece_px(model: &ModelPackage, plan: &WindowPlan) -> u64 {
    let pixels = |range: Range<usize>| plan.windows()[range].iter().map(|w| w.core.pixels()).sum();
    pieces(model, plan).into_iter().map(pixels).max().unwrap_or(0)
}

/// Pixels of a piece for a network with a number of operations per pixel.
fn most_pixels(flop_per_pixel: f64) -> u64 {
    let by_work = truncate::<u64>(MOST_FLOP / flop_per_pixel.max(1.0));
    by_work.min(MOST_PIXELS)
}

/// Cuts the windows of a plan into pieces with a maximum number of pixels, within strips.
pub(crate) fn cut(plan: &WindowPlan, most_pixels: u64) -> Vec<Range<usize>> {
    let windows = plan.windows();
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut pixels = 0;
    for (i, window) in windows.iter().enumerate() {
        let size = window.core.pixels();
        let joins = i > 0 && windows[i - 1].strip == window.strip && pixels + size <= most_pixels;
        if let Some(piece) = pieces.last_mut().filter(|_| joins) {
            piece.end = i + 1;
            pixels += size;
        } else {
            pieces.push(i..i + 1);
            pixels = size;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_networks_have_small_pieces() {
        assert_eq!(most_pixels(1.0), MOST_PIXELS);
        // A U-Net with a ResNet-18: 44 GFLOP for 512 x 512 pixels.
        assert_eq!(most_pixels(44e9 / 262_144.0), MOST_PIXELS);
        assert!(most_pixels(1e6) == 1_500_000);
    }
}
