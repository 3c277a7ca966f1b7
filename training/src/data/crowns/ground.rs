//! Drawn ground: textures of many colors with the things that are mistaken for trees on them.
//!
//! The data sets say little about ground (one tile was marked by hand), and a network that has seen little of
//! it takes meadows for crowns. These pictures are not meant to look real; they are meant to say that color
//! alone, fine texture, small shrubs, fallen logs and shadows are not trees.

use arpent_datasets::GROUND;

use super::piece::Piece;
use crate::data::Rng;

/// Colors of ground on leaf-on aerial images: grass, dry grass, sage, soil, sand, road, shadow.
const PALETTE: [[f32; 3]; 10] = [
    [125.0, 150.0, 80.0],
    [95.0, 135.0, 70.0],
    [150.0, 160.0, 100.0],
    [170.0, 170.0, 120.0],
    [190.0, 180.0, 135.0],
    [145.0, 160.0, 135.0],
    [135.0, 115.0, 95.0],
    [205.0, 198.0, 180.0],
    [165.0, 168.0, 165.0],
    [50.0, 65.0, 90.0],
];

const SHADOW: [f32; 3] = [45.0, 60.0, 88.0];
const WOOD: [f32; 3] = [205.0, 203.0, 198.0];
const SHRUB: [f32; 3] = [158.0, 172.0, 158.0];

/// A picture of ground; every pixel is labeled as such.
pub(super) fn draw(side: usize, rng: &mut Rng) -> Piece {
    let color = |rng: &mut Rng| PALETTE[rng.below(PALETTE.len())].map(|v| v * narrow(rng.range(0.9, 1.1)));
    let (first, second) = (color(rng), color(rng));
    let blend = noise(side, &[64, 32, 16], rng);
    let texture = noise(side, &[16, 8, 4, 2], rng);
    let strength = narrow(rng.range(5.0, 45.0));
    let share = narrow(rng.range(0.0, 1.0));
    let grain = rng.range(2.0, 12.0);
    let pixels = (0..side * side).map(|i| {
        let towards = (share + 1.5 * blend[i]).clamp(0.0, 1.0);
        let light = strength * texture[i] + narrow(grain * rng.normal());
        [0, 1, 2].map(|c| first[c] + towards * (second[c] - first[c]) + light)
    });
    let mut sample = Piece { side, pixels: pixels.collect(), labels: vec![GROUND; side * side] };
    if rng.chance(0.5) {
        shrubs(&mut sample, rng);
    }
    if rng.chance(0.5) {
        (0..=rng.below(3)).for_each(|_| shadow(&mut sample, None, rng));
    }
    if rng.chance(0.5) {
        (0..=rng.below(5)).for_each(|_| log(&mut sample, rng));
    }
    sample.pixels.iter_mut().for_each(|p| *p = p.map(|v| v.clamp(0.0, 255.0)));
    sample
}

#[allow(clippy::cast_possible_truncation, reason = "colors and shares")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[allow(clippy::cast_precision_loss, reason = "pixel counts are small")]
fn real(pixels: usize) -> f64 {
    pixels as f64
}

/// Smooth noise: random values on lattices of these steps, interpolated and added; about -0.5 to 0.5.
fn noise(side: usize, steps: &[usize], rng: &mut Rng) -> Vec<f32> {
    let mut sum = vec![0.0; side * side];
    for step in steps {
        let nodes = side / step + 2;
        let values: Vec<f32> = (0..nodes * nodes).map(|_| narrow(rng.range(-1.0, 1.0))).collect();
        let weight = narrow(rng.range(0.3, 1.0)) / narrow(real(steps.len()));
        for (i, sum) in sum.iter_mut().enumerate() {
            let (x, y) = (i % side, i / side);
            let (fx, fy) = (narrow(real(x % step) / real(*step)), narrow(real(y % step) / real(*step)));
            let at = |dx: usize, dy: usize| values[(y / step + dy) * nodes + x / step + dx];
            let top = at(0, 0) + fx * (at(1, 0) - at(0, 0));
            let bottom = at(0, 1) + fx * (at(1, 1) - at(0, 1));
            *sum += weight * (top + fy * (bottom - top));
        }
    }
    sum
}

/// Clumps of low shrubs with a dark side.
fn shrubs(sample: &mut Piece, rng: &mut Rng) {
    let side = sample.side;
    let density = noise(side, &[64, 32], rng);
    let clumps = noise(side, &[8, 4], rng);
    let limit = narrow(rng.range(-0.1, 0.35));
    let tint = narrow(rng.range(0.75, 1.2));
    for i in 0..side * side {
        let over = |i: usize| clumps[i] + 0.7 * density[i] > limit;
        if over(i) {
            let light = tint * (1.0 + clumps[i]) + narrow(0.06 * rng.normal());
            sample.pixels[i] = SHRUB.map(|v| v * light);
        } else if i > 2 * side + 2 && over(i - 2 * side - 2) {
            sample.pixels[i] = sample.pixels[i].map(|v| v * 0.7);
        }
    }
}

/// The shadow of something, with an uneven border: of the tree at `from`, if given, else anywhere.
pub(super) fn shadow(sample: &mut Piece, from: Option<(f64, f64, f64)>, rng: &mut Rng) {
    let size = real(sample.side);
    let (x, y, radius) =
        from.unwrap_or_else(|| (rng.range(0.0, size), rng.range(0.0, size), rng.range(6.0, 28.0)));
    let (sin, cos) = rng.range(0.0, std::f64::consts::TAU).sin_cos();
    let length = radius * rng.range(1.0, 2.5);
    let (x, y) = if from.is_some() { (x + length * cos, y + length * sin) } else { (x, y) };
    let border = noise(sample.side, &[16, 8, 4], rng);
    let depth = narrow(rng.range(0.6, 0.95));
    for (i, pixel) in sample.pixels.iter_mut().enumerate() {
        let (dx, dy) = (real(i % sample.side) - x, real(i / sample.side) - y);
        let (along, across) = ((dx * cos + dy * sin) / length, (dy * cos - dx * sin) / radius);
        if along.hypot(across) + 0.8 * f64::from(border[i]) < 1.0 {
            *pixel = [0, 1, 2].map(|c| pixel[c] + depth * (SHADOW[c] + 0.12 * pixel[c] - pixel[c]));
        }
    }
}

/// A fallen log: a light line with a dark one beside it.
fn log(sample: &mut Piece, rng: &mut Rng) {
    let size = real(sample.side);
    let (x, y) = (rng.range(0.0, size), rng.range(0.0, size));
    let (sin, cos) = rng.range(0.0, std::f64::consts::TAU).sin_cos();
    let (length, half) = (rng.range(10.0, 90.0), rng.range(0.6, 3.0));
    let tint = narrow(rng.range(0.7, 1.15));
    let dark = if rng.chance(0.5) { 1.0 } else { -1.0 };
    for (i, pixel) in sample.pixels.iter_mut().enumerate() {
        let (dx, dy) = (real(i % sample.side) - x, real(i / sample.side) - y);
        let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
        if along.abs() > length / 2.0 {
            continue;
        }
        if across.abs() < half {
            *pixel = WOOD.map(|v| v * tint);
        } else if (across * dark - 1.5 * half).abs() < half {
            *pixel = pixel.map(|v| v * 0.6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_ground_is_varied_and_in_range() {
        let mut means = Vec::new();
        for seed in 0..20 {
            let sample = draw(64, &mut Rng::new(&[seed]));
            assert!(sample.pixels.iter().flatten().all(|v| (0.0..=255.0).contains(v)));
            assert!(sample.labels.iter().all(|l| *l == GROUND));
            means.push(sample.pixels.iter().map(|p| p[1]).sum::<f32>() / 4096.0);
        }
        let spread =
            means.iter().copied().fold(f32::MIN, f32::max) - means.iter().copied().fold(f32::MAX, f32::min);
        assert!(spread > 30.0, "{means:?}");
    }
}
