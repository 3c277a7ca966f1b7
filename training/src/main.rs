//! `arpent-train`: from labels to a model package.
//!
//! stdout is data (JSON lines, one per epoch and one for the result), stderr is talk.

mod card;
mod config;
mod energy;
mod evaluate;
mod fit;
mod ground;
mod job;
mod report;
mod rng;
mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use arpent_datasets::DatasetError;
use arpent_model::ModelError;
use clap::{Parser, Subcommand};

/// Train networks and package them.
#[derive(Debug, Parser)]
#[command(name = "arpent-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fit a network from scratch and write its model package.
    Fit(FitArgs),
    /// Write the page (HTML, one file) that tells of a recorded training.
    Report(report::ReportArgs),
}

/// What the command line may change of a configuration.
#[derive(Debug, clap::Args)]
struct FitArgs {
    /// The training's TOML file.
    config: PathBuf,
    /// Folder of the data sets, instead of `data.root`.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of unpacked packages, instead of `data.packages`.
    #[arg(long)]
    packages: Option<PathBuf>,
    /// Folder of the model package, instead of `data.output`.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Seed of all random numbers, instead of `fit.seed`.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of epochs, instead of `fit.epochs`.
    #[arg(long)]
    epochs: Option<usize>,
}

#[allow(clippy::print_stderr, reason = "the one place where an error is told")]
fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Fit(args) => job::run(&args),
        Command::Report(args) => report::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            if let Some(hint) = error.chain().find_map(hint) {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(2)
        }
    }
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let of_data = error.downcast_ref::<DatasetError>().and_then(DatasetError::hint);
    of_data.or_else(|| error.downcast_ref::<ModelError>().and_then(ModelError::hint))
}
