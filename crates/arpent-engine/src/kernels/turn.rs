//! Transposes planes to pixels and back: from channel-major to pixel-major layout.

use super::isa::{Isa, Set, Work};

/// Side of the squares that are transposed in registers.
pub(super) const SIDE: usize = 8;

/// Columns of all channels that are transposed before the next: the size of a cache line.
const COLUMNS: usize = 16;

/// Writes a row of `width` pixels, whose channels are rows of planes (`plane(channel)`), to `pixels`: one every
/// `step` values.
pub(crate) fn to_pixels<'a>(
    isa: Isa,
    (channels, width, step): (usize, usize, usize),
    plane: impl Fn(usize) -> &'a [f32],
    pixels: &mut [f32],
) {
    isa.run(ToPixels { channels, width, step, plane, pixels });
}

struct ToPixels<'p, F> {
    channels: usize,
    width: usize,
    step: usize,
    plane: F,
    pixels: &'p mut [f32],
}

impl<'a, F: Fn(usize) -> &'a [f32]> Work for ToPixels<'_, F> {
    #[inline(always)]
    fn on<I: Set>(self, _: I) {
        let Self { channels, width, step, plane, pixels } = self;
        for start in (0..width).step_by(COLUMNS) {
            let end = (start + COLUMNS).min(width);
            for c in (0..channels).step_by(SIDE) {
                let mut rows: [&[f32]; SIDE] = [&[]; SIDE];
                rows.iter_mut().zip(c..channels).for_each(|(row, c)| *row = plane(c));
                let whole = c + SIDE <= channels;
                let mut x = start;
                while whole && x + SIDE <= end {
                    for (i, pixel) in turned(|i| &rows[i][x..]).iter().enumerate() {
                        pixels[(x + i) * step + c..][..SIDE].copy_from_slice(pixel);
                    }
                    x += SIDE;
                }
                for x in x..end {
                    let to = &mut pixels[x * step + c..][..SIDE.min(channels - c)];
                    to.iter_mut().zip(&rows).for_each(|(to, row)| *to = row[x]);
                }
            }
        }
    }
}

/// The reverse: `pixels` are contiguous, and rows of `planes` begin at `at`.
pub(crate) fn to_planes(isa: Isa, pixels: &[f32], planes: &mut [&mut [f32]], at: usize) {
    isa.run(ToPlanes { pixels, planes, at });
}

struct ToPlanes<'a, 'b> {
    pixels: &'a [f32],
    planes: &'a mut [&'b mut [f32]],
    at: usize,
}

impl Work for ToPlanes<'_, '_> {
    #[inline(always)]
    fn on<I: Set>(self, _: I) {
        let Self { pixels, planes, at } = self;
        let channels = planes.len();
        let width = pixels.len() / channels;
        for start in (0..width).step_by(COLUMNS) {
            let end = (start + COLUMNS).min(width);
            for (c, planes) in (0..channels).step_by(SIDE).zip(planes.chunks_mut(SIDE)) {
                let mut x = start;
                while planes.len() == SIDE && x + SIDE <= end {
                    let square = turned(|i| &pixels[(x + i) * channels + c..]);
                    for (row, plane) in square.iter().zip(planes.iter_mut()) {
                        plane[at + x..][..SIDE].copy_from_slice(row);
                    }
                    x += SIDE;
                }
                for x in x..end {
                    let pixel = &pixels[x * channels + c..];
                    planes.iter_mut().zip(pixel).for_each(|(plane, value)| plane[at + x] = *value);
                }
            }
        }
    }
}

/// Copies and transposes a square of values. Plain loops: closures of arrays are not compiled for the instruction
/// set.
#[inline(always)]
pub(super) fn turned<'a>(row: impl Fn(usize) -> &'a [f32]) -> [[f32; SIDE]; SIDE] {
    let (mut square, mut turned) = ([[0.0; SIDE]; SIDE], [[0.0; SIDE]; SIDE]);
    for (i, values) in square.iter_mut().enumerate() {
        values.copy_from_slice(&row(i)[..SIDE]);
    }
    for (i, values) in turned.iter_mut().enumerate() {
        for (value, row) in values.iter_mut().zip(&square) {
            *value = row[i];
        }
    }
    turned
}
