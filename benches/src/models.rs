//! Stand-in networks, so small that the rest of the pipeline dominates.

use std::path::{Path, PathBuf};

use anyhow::Result;
use arpent_base::number::exact_f32;
use arpent_model::{HandSet, hand_set_linear};

/// Writes a package of one 1 x 1 convolution that assigns each pixel to the nearest of `classes` colors along the
/// brightness axis with alternating tint. Class 0 is the darkest and gives no features.
///
/// # Errors
/// If the folder cannot be written.
pub fn color_bins(dir: &Path, classes: usize) -> Result<PathBuf> {
    let settings = HandSet::segmentation(&["red", "green", "blue"], u8::try_from(classes)?);
    let colors: Vec<[f32; 3]> = (0..classes).map(|i| color(i, classes)).collect();
    // 2 c . x - |c|^2 is largest for the nearest c.
    let weights: Vec<Vec<f32>> = colors.iter().map(|c| c.iter().map(|v| 2.0 * v).collect()).collect();
    let bias: Vec<f32> = colors.iter().map(|c| -c.iter().map(|v| v * v).sum::<f32>()).collect();
    hand_set_linear(&settings, &weights, &bias, dir)?;
    Ok(dir.to_owned())
}

fn color(index: usize, classes: usize) -> [f32; 3] {
    let level = (255.0 * (exact_f32(index) + 0.5) / exact_f32(classes)).round();
    let tint = [[0.0, 0.0, 0.0], [-12.0, 12.0, -12.0], [12.0, 0.0, -12.0]][index % 3];
    tint.map(|t| (level + t).clamp(0.0, 255.0))
}
