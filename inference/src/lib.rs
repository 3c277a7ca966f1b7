//! `arpent`: from a scene to published features.
//!
//! A job is resolved ([`job`]), its windows run through the stages ([`pipeline`]) into temporary files, and what
//! came out is published with its manifest last ([`run`]). Nothing is visible before that. What a published map holds
//! inside parcels or sections of road is told by [`zonal`].

mod artifacts;
pub mod cli;
pub mod config;
pub mod coverage;
pub mod declared;
pub mod error;
pub mod gc;
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
pub mod shards;
mod stac;
mod stores;
pub mod submit;
pub mod train;
pub mod verify;
pub mod zonal;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, ModelCommand};

/// Exit code of a run in which some scenes failed, or of a damaged output.
pub const EXIT_PARTIAL: u8 = 1;

/// Exit code of what could not start.
pub const EXIT_NOT_STARTED: u8 = 2;

/// How a command ended: its exit code when it is not an error.
pub type Ended = anyhow::Result<u8>;

/// Runs the command line and says what went wrong, once.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // What these do can be done again by whoever started them: they are told whether that may help.
    let is_shard_work = matches!(cli.command, Command::Worker(_) | Command::Merge(_));
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
        Command::Train { arguments } => train::main(&arguments),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say_error(&error);
            let again = is_shard_work && shards::is_transient(&error);
            ExitCode::from(if again { shards::EXIT_TRY_AGAIN } else { run::exit_code(&error) })
        }
    }
}

fn say_error(error: &anyhow::Error) {
    progress::say(&format!("error: {}", error::message_of(error)));
    if let Some(hint) = error::hint_of(error) {
        progress::say(&format!("hint: {hint}"));
    }
}
