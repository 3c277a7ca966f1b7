//! Command-line options of a training.

use std::path::{Path, PathBuf};

use arpent_base::{Count, Result, Threads};
use arpent_model::DeviceChoice;

use crate::config::{Config, Overrides};
use crate::drawn::{Budget, Derived, DrawnArgs, derive};
use crate::gate::GateArgs;

/// Options that override the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct FitArgs {
    /// The training's TOML file.
    #[arg(required_unless_present = "labels")]
    config: Option<PathBuf>,
    /// Resume an interrupted training, to the same weights.
    #[arg(long)]
    pub(super) resume: bool,
    /// Start again, and discard an unfinished training.
    #[arg(long, conflicts_with = "resume")]
    pub(super) restart: bool,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the model package, instead of `output`.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Fine-tune: begin with all weights of this package, instead of `init.path`.
    #[arg(long, value_name = "PACKAGE", conflicts_with = "labels")]
    from: Option<PathBuf>,
    /// Seed of all random numbers, instead of `fit.seed`.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of epochs, instead of `fit.epochs`.
    #[arg(long)]
    epochs: Option<Count>,
    /// Number of threads, instead of `fit.threads`.
    #[arg(long)]
    threads: Option<Threads>,
    /// Where to compute, instead of `fit.device` [auto, cpu, vulkan, cuda].
    #[arg(long)]
    device: Option<DeviceChoice>,
    #[command(flatten)]
    pub(super) gate: GateArgs,
    #[command(flatten)]
    drawn: DrawnArgs,
}

impl FitArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            data: self.data.clone(),
            output: self.output.clone(),
            from: self.from.clone(),
            seed: self.seed,
            epochs: self.epochs,
            threads: self.threads,
            device: self.device,
        }
    }

    /// The requested training, and the files to write if no configuration was given.
    pub(super) fn training(&self) -> Result<(Config, Option<Derived>)> {
        if let (Some(_), Some(output)) = (&self.drawn.labels, &self.output) {
            let Self { seed, epochs, threads, .. } = *self;
            let derived = derive(&self.drawn, Budget { seed, epochs, threads }, output)?;
            let mut config = derived.config()?;
            config.fit.device = self.device.unwrap_or(config.fit.device);
            return Ok((config, Some(derived)));
        }
        let config = self.config.as_deref().unwrap_or(Path::new("train.toml"));
        Ok((Config::read(config, &self.overrides())?, None))
    }
}
