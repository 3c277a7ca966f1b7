//! `arpent`: from a scene to published features.
//!
//! A job is resolved ([`job`]), its windows run through the stages ([`pipeline`]) into temporary files, and what
//! came out is published with its manifest last ([`run`]). Nothing is visible before that. What a published map holds
//! inside parcels or sections of road is told by [`zonal`].

mod artifact;
mod artifacts;
pub mod cli;
pub mod config;
pub mod coverage;
pub mod declared;
pub mod error;
mod examples;
pub mod gc;
mod hint;
pub mod inspect;
mod interrupt;
pub mod job;
mod make;
mod mlm;
pub mod model;
pub mod objects;
pub mod ocs_ge;
pub mod pipeline;
pub mod plan;
pub mod print;
mod probe;
pub mod progress;
pub mod reference;
pub mod run;
pub mod scratch;
pub mod shards;
mod stac;
mod stores;
pub mod submit;
mod told;
pub mod train;
pub mod verify;
pub mod wanted;
pub mod zonal;

use std::process::ExitCode;

use arpent_base::said::{document, of_usage, wants_json};
use clap::Parser;

use crate::cli::{Cli, Command, Format, ModelCommand};

/// Exit code of a run in which some scenes failed, or of a damaged output.
pub const EXIT_PARTIAL: u8 = 1;

/// Exit code of what could not start.
pub const EXIT_NOT_STARTED: u8 = 2;

/// How a command ended: its exit code when it is not an error.
pub type Ended = anyhow::Result<u8>;

/// Runs the command line and says what went wrong, once.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors: they go to stdout.
        Err(error) if error.use_stderr() => {
            let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            let (words, as_json) = (error.render().to_string(), wants_json(typed));
            progress::say(&of_usage(&words, as_json, EXIT_NOT_STARTED));
            return ExitCode::from(EXIT_NOT_STARTED);
        }
        Err(error) => error.exit(),
    };
    // What these do can be done again by whoever started them, on another machine too.
    let is_shard_work = matches!(cli.command, Command::Worker(_) | Command::Merge(_));
    let format = match &cli.command {
        // The other program's arguments, of which this is one.
        Command::Train { arguments } if wants_json(arguments.iter().cloned()) => Format::Json,
        _ => cli.format,
    };
    let ended = match cli.command {
        Command::Plan(args) => plan::main(&args, cli.format),
        Command::Run(args) => run::main(&args, cli.format),
        Command::Worker(args) => shards::worker::main(&args, cli.format),
        Command::Merge(args) => shards::merge::main(&args, cli.format),
        Command::Status { url } => shards::status::main(&url, cli.format),
        Command::Gc(args) => gc::main(&args, cli.format),
        Command::Submit(args) => submit::main(&args, cli.format),
        Command::Zonal(args) => zonal::main(&args, cli.format),
        Command::Inspect { target } => inspect::main(&target, cli.format),
        Command::Verify { url } => verify::main(&url, cli.format),
        Command::Schema { of } => print::schema(of),
        Command::Model { command: ModelCommand::Import(args) } => model::import(&args, cli.format),
        Command::Train { arguments } => train::main(&arguments, cli.format),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = run::exit_code(&error, is_shard_work);
            say_error(&error, format, code);
            ExitCode::from(code)
        }
    }
}

/// Says an error on stderr: in words, or as a document of one line. Standard output holds results, and nothing when there are none.
fn say_error(error: &anyhow::Error, format: Format, code: u8) {
    let (message, hint) = (error::message_of(error), error::hint_of(error));
    if format == Format::Json {
        return progress::say(&document(&message, hint.as_deref(), code));
    }
    progress::say(&format!("error: {message}"));
    if let Some(hint) = hint {
        progress::say(&format!("hint: {hint}"));
    }
}
