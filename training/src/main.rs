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
mod threads;

use std::process::ExitCode;

use arpent_base::said::{document, document_of_usage, wants_json};
use arpent_datasets::DatasetError;
use arpent_model::ModelError;
use clap::{Parser, Subcommand, ValueEnum};

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
    Fit(Box<job::FitArgs>),
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

#[allow(clippy::print_stderr, reason = "the one place where an error is told")]
fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors: they go to stdout.
        Err(error) if error.use_stderr() && wants_json(std::env::args()) => {
            eprintln!("{}", document_of_usage(&error.render().to_string(), EXIT_NOT_STARTED));
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
