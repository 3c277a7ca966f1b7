//! Whether labels are displaced from their objects.

use arpent_base::number::{exact, signed};
use arpent_raster::{Chip, Raster};

use crate::IGNORE;

/// Pixels that labels are moved by at most, each way.
pub(super) const REACH: usize = 8;

/// Places tried along an axis.
const STEPS: usize = 2 * REACH + 1;

/// Maximum number of label border pixels per picture: more do not change the estimate.
const MAX_BORDERS: usize = 20_000;

/// How much the picture changes under the borders of its labels, for each shift of the labels, row by row from
/// (-8, -8) columns and rows; in units of the picture's mean change, summed over the borders.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    sums: Vec<f64>,
    borders: usize,
}

impl Default for Fit {
    fn default() -> Self {
        Self { sums: vec![0.0; STEPS * STEPS], borders: 0 }
    }
}

impl Fit {
    /// Correlates the borders of labels with the picture's gradient across them. A border counts where all shifts
    /// stay in the picture.
    pub(super) fn of(chip: &Chip, labels: &Raster<u8>) -> Self {
        let mut fit = Self::default();
        let (width, height) = (chip.window.width, chip.window.height);
        if width <= 2 * REACH + 1 || height <= 2 * REACH + 1 {
            return fit;
        }
        let gray = gray(chip);
        for step in [1, width] {
            let change = change(&gray, step);
            let mean = mean(&change);
            if mean > 0.0 {
                fit.add(&change, &borders(labels.data(), width, height, step), width, mean);
            }
        }
        fit
    }

    fn add(&mut self, change: &[f32], borders: &[usize], width: usize, mean: f64) {
        self.borders += borders.len();
        for (place, sum) in self.sums.iter_mut().enumerate() {
            // From REACH columns and rows before to as many beyond: never negative, as borders keep away.
            let (col, row) = (place % STEPS, place / STEPS);
            let from = REACH * width + REACH;
            let found: f64 = borders.iter().map(|at| f64::from(change[at - from + row * width + col])).sum();
            *sum += found / mean;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.borders += other.borders;
        self.sums.iter_mut().zip(&other.sums).for_each(|(a, b)| *a += b);
    }

    /// Number of examined borders.
    pub(super) fn borders(&self) -> usize {
        self.borders
    }

    /// Columns and rows by which the labels fit best when moved, and by what share they then fit better.
    pub(super) fn best(&self) -> ([i64; 2], f64) {
        let here = self.sums[REACH * STEPS + REACH];
        let mut best = (REACH * STEPS + REACH, here);
        for (place, sum) in self.sums.iter().enumerate() {
            if *sum > best.1 {
                best = (place, *sum);
            }
        }
        let along = |v: usize| signed(v) - signed(REACH);
        let gain = if here > 0.0 { best.1 / here - 1.0 } else { 0.0 };
        ([along(best.0 % STEPS), along(best.0 / STEPS)], gain)
    }
}

/// Mean of the bands.
fn gray(chip: &Chip) -> Vec<f32> {
    let mut gray = vec![0.0; chip.window.width * chip.window.height];
    for band in 0..chip.bands {
        gray.iter_mut().zip(chip.band(band)).for_each(|(all, v)| *all += v);
    }
    gray
}

/// How much each pixel differs from the one `step` further.
fn change(gray: &[f32], step: usize) -> Vec<f32> {
    gray.iter().zip(gray.iter().skip(step)).map(|(a, b)| (a - b).abs()).chain(vec![0.0; step]).collect()
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum::<f64>() / exact(values.len().max(1))
}

/// Places at which a label differs from the one `step` further, far enough from the picture's border.
fn borders(labels: &[u8], width: usize, height: usize, step: usize) -> Vec<usize> {
    let inside = REACH..height - REACH - 1;
    let places = inside.flat_map(|y| (REACH..width - REACH - 1).map(move |x| y * width + x));
    let known = |at: usize| labels[at] != IGNORE && labels[at + step] != IGNORE;
    let all: Vec<usize> = places.filter(|at| labels[*at] != labels[at + step] && known(*at)).collect();
    let every = all.len().div_ceil(MAX_BORDERS).max(1);
    all.into_iter().step_by(every).collect()
}
