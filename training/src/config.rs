//! `train.toml`: what to fit, on what, and how.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A training, as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data: Data,
    pub(crate) model: Model,
    pub(crate) fit: Fit,
    pub(crate) sampling: Sampling,
    pub(crate) energy: Energy,
}

/// Where data are read and the package is written; relative paths start at the file's folder.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// Folder with `splits.csv`, `tree_health/` and `scenes/`.
    pub(crate) root: PathBuf,
    /// Folder with the unpacked `deepforest/` package.
    pub(crate) packages: PathBuf,
    /// Folder of the model package.
    pub(crate) output: PathBuf,
}

/// What the package says of itself, and the shape of the network.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) licence: String,
    pub(crate) widths: Vec<usize>,
    pub(crate) encoder_convs: Vec<usize>,
}

/// The optimization.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fit {
    pub(crate) seed: u64,
    pub(crate) epochs: usize,
    pub(crate) steps_per_epoch: usize,
    /// Chips per step.
    pub(crate) batch: usize,
    /// Side of a chip, pixels; a multiple of the network's stride.
    pub(crate) chip_px: usize,
    /// Highest learning rate; a cosine takes it to 0.
    pub(crate) learning_rate: f64,
    pub(crate) weight_decay: f32,
    /// Weights of ground, live and dead in the loss.
    pub(crate) class_weights: [f32; 3],
}

/// What chips are made of. Shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sampling {
    /// Chips cut from tiles as they are; the others have crowns pasted on them.
    pub(crate) tile_share: f64,
    /// Of these others, the ones on drawn ground; the rest is on windows of tiles.
    pub(crate) drawn_share: f64,
    /// Crowns pasted on a chip, at most.
    pub(crate) pastes: usize,
    /// Of pasted crowns, the dead ones.
    pub(crate) dead_share: f64,
    /// Largest change of brightness, contrast and gamma, as a share of 1.
    pub(crate) jitter: f64,
}

/// How the energy is estimated where the machine does not measure it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Energy {
    /// Power of one busy core, watts.
    pub(crate) core_w: f64,
}

impl Config {
    /// Reads and checks a configuration.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut config: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        config.check().with_context(|| path.display().to_string())?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for at in [&mut config.data.root, &mut config.data.packages, &mut config.data.output] {
            *at = folder.join(&*at);
        }
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let fit = &self.fit;
        let stride = 1 << self.model.widths.len().saturating_sub(1);
        if fit.epochs == 0 || fit.steps_per_epoch == 0 || fit.batch == 0 {
            bail!("fit.epochs, fit.steps_per_epoch and fit.batch must be above 0");
        }
        if fit.chip_px < 32 || !fit.chip_px.is_multiple_of(stride) {
            bail!("fit.chip_px is {}, want at least 32 and a multiple of {stride}", fit.chip_px);
        }
        if !(fit.learning_rate > 0.0 && fit.learning_rate < 1.0) {
            bail!("fit.learning_rate is {}, want above 0 and below 1", fit.learning_rate);
        }
        if fit.class_weights.iter().any(|w| !w.is_finite() || *w <= 0.0) {
            bail!("fit.class_weights must be above 0");
        }
        let Sampling { tile_share, drawn_share, dead_share, jitter, .. } = self.sampling;
        if [tile_share, drawn_share, dead_share, jitter].iter().any(|s| !(0.0..=1.0).contains(s)) {
            bail!("sampling.tile_share, drawn_share, dead_share and jitter must lie between 0 and 1");
        }
        Ok(())
    }
}
