//! `arpent-train`: from labels to a model package.
//!
//! stdout is data (JSON lines, one per epoch and one for the result), stderr is messages.

mod answer_tables;
mod applicability;
mod audit;
mod calibrate;
mod config;
mod data;
mod drawn;
mod error;
mod evaluate;
mod fit;
mod gate;
mod job;
mod network;
#[cfg(test)]
mod overfit;
mod package;
mod progress;
mod quantize;
mod report;
#[cfg(test)]
mod resumed;
mod simulate;
#[cfg(test)]
mod steps;
mod threads;
#[cfg(test)]
mod toy;

use std::process::ExitCode;

use arpent_base::Result;
use arpent_shell::install::InstallCommand;
use arpent_shell::log::LogArgs;
use arpent_shell::print::{Format, print_text};
use arpent_shell::{exit, log, message};
use clap::{CommandFactory as _, Parser, Subcommand};

/// Train networks and package them.
#[derive(Debug, Parser)]
#[command(name = "arpent-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Format of errors on standard error. Standard output is always JSON.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Messages on standard error.
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fit a network and write its model package.
    Fit(Box<job::FitArgs>),
    /// Score a model package on a split of data sets.
    Evaluate(evaluate::EvaluateArgs),
    /// Fit the temperature of a package's confidence on the validation split.
    Calibrate(calibrate::CalibrateArgs),
    /// Add samples of the training imagery to a package, by which maps find places unlike it; polygons of its territories, too.
    Applicability(applicability::ApplicabilityArgs),
    /// Make the variant of a package whose network is computed in 8 bits, and measure the loss of accuracy.
    Quantize(quantize::QuantizeArgs),
    /// Check data sets: duplicates across splits, unknown labels, shifted labels.
    Audit(audit::AuditArgs),
    /// Write the report of a recorded training (HTML, one file).
    Report(report::ReportArgs),
    /// Make a data set of changes, or of stress on crops, from labeled pictures of one date.
    Simulate(simulate::SimulateArgs),
    /// Copy a package for redistribution, where the licenses of its training data allow that.
    Export(package::ExportArgs),
    /// Print the JSON schema of `train.toml`, or of `gate.toml`.
    Schema {
        /// Of which file.
        #[arg(value_enum, default_value_t = SchemaOf::Train)]
        of: SchemaOf,
    },
    /// For those who build packages.
    #[command(flatten)]
    Install(InstallCommand),
}

/// Files with a JSON schema.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SchemaOf {
    /// The configuration of a training, `train.toml`.
    Train,
    /// What a package must fulfil to be written, `gate.toml`.
    Gate,
}

/// The command line, for generated documentation and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Prints the schema of a file.
fn schema(of: SchemaOf) -> Result<()> {
    let schema = match of {
        SchemaOf::Train => serde_json::to_string_pretty(&config::schema())?,
        SchemaOf::Gate => serde_json::to_string_pretty(&gate::schema())?,
    };
    print_text(&(schema + "\n"))
}

/// Runs the command line and reports an error, once.
pub fn main() -> ExitCode {
    let cli = match exit::parse::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    log::start(cli.log);
    let done = match cli.command {
        Command::Fit(args) => job::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Applicability(args) => applicability::run(&args),
        Command::Quantize(args) => quantize::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Export(args) => package::export(&args),
        Command::Schema { of } => schema(of),
        Command::Install(install) => install.run(Cli::command()).map(drop),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    let code = error.exit_code().unwrap_or(exit::NOT_STARTED);
    message::report_error(&error, code, cli.format == Format::Json);
    ExitCode::from(code)
}
