//! Shipped and importable models: how fast each predicts, on windows as a job cuts them.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use arpent_base::SplitMix64;
use arpent_base::number::exact;
use arpent_model::{
    DeviceChoice, ImportOptions, ModelPackage, Predictor, Preset, Weights, flop_per_pixel, import, initial,
    preset_names,
};
use arpent_raster::{Chip, Window};
use rayon::prelude::*;
use serde::Serialize;

use crate::measure::median;

/// A model and its speed.
#[derive(Debug, Serialize)]
pub struct Speed {
    /// Name of the preset, or id of the package.
    pub name: String,
    /// Side of the core, whose answers are kept, pixels.
    pub core_px: usize,
    /// Cost of the core, as a multiple of its cost in an infinite picture.
    pub overlap_cost: f64,
    /// Millions of weights.
    pub parameters_m: f64,
    /// Thousands of floating-point operations for each pixel of an infinite picture.
    pub kflop_px: f64,
    /// Millions of pixels of the map each second: median of the runs.
    pub mpx_s: f64,
    /// The least and the most of the runs.
    pub mpx_s_range: [f64; 2],
    /// Memory of the prediction by this plan, MB.
    pub memory_mb: f64,
}

/// What to measure.
#[derive(Debug)]
pub struct Published {
    /// Folder with the packages that are shipped.
    pub packages: PathBuf,
    /// Only models whose name contains this.
    pub only: Option<String>,
    /// Threads.
    pub threads: usize,
    /// Measured runs of each.
    pub runs: usize,
}

impl Published {
    /// Measures the presets, with random weights of their networks, and the shipped packages, with their own.
    ///
    /// # Errors
    /// A package that cannot be read, or a network that cannot be run.
    pub fn measure(&self, mut each: impl FnMut(&Speed) -> Result<()>) -> Result<()> {
        let is_wanted = |name: &str| self.only.as_deref().is_none_or(|part| name.contains(part));
        for name in preset_names().filter(|name| is_wanted(name)) {
            let (package, weights) = of_preset(name)?;
            each(&self.speed(name, &package, &weights)?)?;
        }
        let mut folders: Vec<PathBuf> = std::fs::read_dir(&self.packages)
            .with_context(|| format!("cannot read {}", self.packages.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        folders.sort();
        for folder in folders.iter().filter(|folder| folder.join("model.json").exists()) {
            let (package, weights) = ModelPackage::load(folder)?;
            if is_wanted(&package.id) {
                each(&self.speed(&package.id, &package, &weights)?)?;
            }
        }
        Ok(())
    }

    fn speed(&self, name: &str, package: &ModelPackage, weights: &Weights) -> Result<Speed> {
        let predictor = Predictor::load(package, weights, DeviceChoice::Cpu)?;
        let side = predictor.window_px();
        let core = Window::new(0, 0, side, side);
        let window = predictor.chip_of(&core);
        let chip = chip(window, package);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build()?;
        // As in a job: as many windows at the same time as memory allows, the threads that are left help.
        let at_once = predictor.side_by_side(&window, &core, self.threads)?;
        let round = || -> Result<()> {
            let all: Result<Vec<_>, _> =
                (0..at_once).into_par_iter().map(|_| predictor.predict(&chip, &core)).collect();
            all?;
            Ok(())
        };
        pool.install(round)?;
        let mut figures = Vec::with_capacity(self.runs);
        for _ in 0..self.runs {
            let began = Instant::now();
            pool.install(round)?;
            figures.push(exact(at_once * core.width * core.height) / 1e6 / began.elapsed().as_secs_f64());
        }
        let range =
            figures.iter().fold([f64::INFINITY, 0.0], |[low, high]: [f64; 2], v| [low.min(*v), high.max(*v)]);
        Ok(Speed {
            name: name.to_owned(),
            core_px: side,
            overlap_cost: rounded(predictor.overlap_cost(&window, &core)),
            parameters_m: rounded(exact(weights.parameters()) / 1e6),
            kflop_px: rounded(flop_per_pixel(&package.architecture) / 1e3),
            mpx_s: rounded(median(figures)),
            mpx_s_range: range.map(rounded),
            memory_mb: rounded(exact(predictor.bytes(&window, &core, at_once)?) / 1e6),
        })
    }
}

/// A figure with three significant digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().expect("a number that was just written")
}

/// A package of a preset's network, with random weights.
fn of_preset(name: &str) -> Result<(ModelPackage, Weights)> {
    let preset = Preset::named(name)?;
    let network = preset.network();
    let state = initial(&network, |layer| {
        let mut random = SplitMix64::new(layer);
        // Twelve uniform numbers: close enough to a normal distribution for weights that nobody looks at.
        move || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
    });
    let options = ImportOptions {
        id: name.to_owned(),
        architecture: None,
        classes: None,
        bands: None,
        like: Some(name.to_owned()),
        // Accepted as stated: these weights are nobody's.
        license: Some(preset.license.clone()),
        overlap: None,
        window: None,
        stored_scale: None,
        values: None,
    };
    let (package, weights, _) = import(&state, &options)?;
    Ok((package, weights))
}

/// A valid chip whose values differ from pixel to pixel, in the value range of the package.
fn chip(window: Window, package: &ModelPackage) -> Chip {
    let (bands, pixels) = (package.bands.len(), window.width * window.height);
    let [low, high] = package.value_range;
    let mut random = SplitMix64::new(7);
    let value = |_| low + (high - low) * arpent_base::number::narrow(random.unit());
    Chip { window, bands, data: (0..bands * pixels).map(value).collect(), valid: vec![true; pixels] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        let figures = [0.0, 12_345.0, 0.012_345, 1.0].map(rounded);
        for (figure, expected) in figures.iter().zip([0.0, 12_300.0, 0.0123, 1.0]) {
            assert!((figure - expected).abs() < 1e-9, "{figure} {expected}");
        }
    }
}
