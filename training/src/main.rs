//! `arpent-train`: from labels to a model package.
//!
//! stdout is data (JSON lines, one per epoch and one for the result), stderr is talk.

mod audit;
mod calibrate;
mod config;
mod data;
mod drawn;
mod error;
mod evaluate;
mod fit;
mod job;
mod network;
#[cfg(test)]
mod overfit;
mod package;
mod progress;
mod quantize;
mod report;
mod simulate;
#[cfg(test)]
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use arpent_base::said::{document, of_usage, wants_json};
use arpent_datasets::DatasetError;
use arpent_model::{DeviceChoice, ModelError, ModelPackage};
use arpent_raster::ReadAs;
use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{Config, Overrides};
use crate::drawn::{Budget, Derived, DrawnArgs};
use crate::error::{EXIT_NOT_STARTED, TrainError};

/// Train networks and package them.
#[derive(Debug, Parser)]
#[command(name = "arpent-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How errors are told on standard error. Standard output holds JSON in any case.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How errors are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Plain words.
    Human,
    /// One JSON document, the last line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fit a network and write its model package.
    Fit(Box<FitArgs>),
    /// Score a model package on a split of data sets.
    Evaluate(evaluate::EvaluateArgs),
    /// Fit the temperature of a package's confidence on the validation split.
    Calibrate(calibrate::CalibrateArgs),
    /// Make the variant of a package whose network is computed in 8 bits, and measure what that costs.
    Quantize(quantize::QuantizeArgs),
    /// Look for what is wrong with data sets: duplicates across splits, unknown labels, shifted labels.
    Audit(audit::AuditArgs),
    /// Write the page (HTML, one file) that tells of a recorded training.
    Report(report::ReportArgs),
    /// Make a data set of changes, or of stress on crops, from labeled pictures of one date.
    Simulate(simulate::SimulateArgs),
    /// Copy a package to give it away, where its training data allow that.
    Export(package::ExportArgs),
}

/// What the command line may change of a configuration.
#[derive(Debug, clap::Args)]
struct FitArgs {
    /// The training's TOML file.
    #[arg(required_unless_present = "labels")]
    config: Option<PathBuf>,
    /// Go on with an interrupted training, to the same weights.
    #[arg(long)]
    resume: bool,
    /// Begin again, and forget an unfinished training.
    #[arg(long, conflicts_with = "resume")]
    restart: bool,
    /// Folder of the data sets, instead of `data`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of unpacked packages, instead of `crowns.packages`.
    #[arg(long)]
    packages: Option<PathBuf>,
    /// Folder of the model package, instead of `output`.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Seed of all random numbers, instead of `fit.seed`.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of epochs, instead of `fit.epochs`.
    #[arg(long)]
    epochs: Option<usize>,
    /// Number of threads, instead of `fit.threads`.
    #[arg(long)]
    threads: Option<usize>,
    /// Where to compute, instead of `fit.device` [auto, cpu, vulkan, cuda].
    #[arg(long)]
    device: Option<DeviceChoice>,
    #[command(flatten)]
    drawn: DrawnArgs,
}

impl FitArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            data: self.data.clone(),
            packages: self.packages.clone(),
            output: self.output.clone(),
            seed: self.seed,
            epochs: self.epochs,
            threads: self.threads,
            device: self.device,
        }
    }

    /// The training that is asked for, and the files that tell it where none was given.
    fn training(&self) -> Result<(Config, Option<Derived>)> {
        if let (Some(_), Some(output)) = (&self.drawn.labels, &self.output) {
            let Self { seed, epochs, threads, .. } = *self;
            let derived = drawn::derive(&self.drawn, Budget { seed, epochs, threads }, output)?;
            let mut config = derived.config()?;
            config.fit.device = self.device.unwrap_or(config.fit.device);
            return Ok((config, Some(derived)));
        }
        let config = self.config.as_deref().unwrap_or(Path::new("train.toml"));
        Ok((Config::read(config, &self.overrides())?, None))
    }
}

/// A package and a configuration speak of the same classes, in the same order, and of values of the same kind.
fn same_model(package: &ModelPackage, config: &Config) -> Result<(), TrainError> {
    let hint = "give the configuration that the package was trained with";
    let units = package.bands.iter().filter_map(|b| b.unit.as_deref());
    if let Some(unit) = units.into_iter().find(|unit| ReadAs::of_unit(unit) != config.model.values()) {
        let unit_of_config = config.model.unit();
        let problem = format!(
            "package `{}` is of values in `{unit}`, the configuration of `{unit_of_config}` (model.unit)",
            package.id
        );
        return Err(TrainError::refused(problem, hint));
    }
    let names = |classes: &[arpent_raster::Class]| classes.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let (of_package, of_config) = (names(package.classes.classes()), names(&config.classes));
    if of_package == of_config {
        return Ok(());
    }
    let problem = format!(
        "package `{}` has the classes {}, the configuration {}",
        package.id,
        of_package.join(", "),
        of_config.join(", ")
    );
    Err(TrainError::refused(problem, hint))
}

#[allow(clippy::print_stderr, reason = "the one place where an error is told")]
fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors: they go to stdout.
        Err(error) if error.use_stderr() => {
            let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            let (words, as_json) = (error.render().to_string(), wants_json(typed));
            eprintln!("{}", of_usage(&words, as_json, EXIT_NOT_STARTED));
            return ExitCode::from(EXIT_NOT_STARTED);
        }
        Err(error) => error.exit(),
    };
    let done = match cli.command {
        Command::Fit(args) => job::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Quantize(args) => quantize::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Export(args) => package::export(&args),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    let code = error.chain().find_map(|e| e.downcast_ref::<TrainError>()).map(TrainError::exit_code);
    let (code, hint) = (code.unwrap_or(EXIT_NOT_STARTED), error.chain().find_map(hint));
    if cli.format == Format::Json {
        eprintln!("{}", document(&format!("{error:#}"), hint.as_deref(), code));
        return ExitCode::from(code);
    }
    eprintln!("error: {error:#}");
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(code)
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let of_data = error.downcast_ref::<DatasetError>().and_then(DatasetError::hint);
    let of_data = of_data.or_else(|| error.downcast_ref::<TrainError>().and_then(TrainError::hint));
    of_data.or_else(|| error.downcast_ref::<ModelError>().and_then(ModelError::hint))
}
