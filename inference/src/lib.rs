//! `arpent`: from a scene to published features. The commands; `arpent_job` implements them.

mod commands;
mod report;

use std::process::ExitCode;

use arpent_shell::print::Format;
use arpent_shell::usage::wants_json;
use arpent_shell::{exit, log, message};
use clap::CommandFactory as _;

use crate::commands::{
    catalog, change, check, doctor, explain, gc, inspect, merge, model, plan, probe,
    report as report_command, review, run, schema, status, submit, train, view, worker, zonal,
};
use arpent_cli::{Cli, Command, ModelCommand};

/// Runs the command line and reports its error, once.
pub fn main() -> ExitCode {
    let cli = match exit::parse::<Cli>() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if cli.format == Format::Html && !matches!(cli.command, Command::Report { .. } | Command::Explain { .. })
    {
        let error = "`--format html` is only for `arpent report` and `arpent explain`";
        Cli::command().error(clap::error::ErrorKind::InvalidValue, error).exit();
    }
    log::start(cli.log);
    // Another machine can repeat the work of these commands.
    let is_shard_work = matches!(cli.command, Command::Worker(_) | Command::Merge(_));
    let format = match &cli.command {
        // `--format json` among the arguments of `arpent-train`.
        Command::Train { arguments } if wants_json(arguments.iter().cloned()) => Format::Json,
        _ => cli.format,
    };
    let ended = match cli.command {
        Command::Plan(args) => plan::main(&args, cli.format),
        Command::Run(args) => run::main(&args, cli.format),
        Command::Worker(args) => worker::main(&args, cli.format),
        Command::Merge(args) => merge::main(&args, cli.format),
        Command::Status { url } => status::main(&url, cli.format),
        Command::Gc(args) => gc::main(&args, cli.format),
        Command::Submit(args) => submit::main(&args, cli.format),
        Command::Zonal(args) => zonal::main(&args, cli.format),
        Command::Change(args) => change::main(&args, cli.format),
        Command::Review(args) => review::main(&args, cli.format),
        Command::Inspect { target } => inspect::main(&target, cli.format),
        Command::Doctor(args) => doctor::main(&args, cli.format),
        Command::Catalog(args) => catalog::main(&args, cli.format),
        Command::Report { url, output, boamps: true, country } => {
            report_command::boamps(&url, output.as_deref(), country, cli.format)
        }
        Command::Report { url, output, .. } => report_command::main(&url, output.as_deref(), cli.format),
        Command::Explain { url, feature, output } => {
            explain::main(&url, &feature, output.as_deref(), cli.format)
        }
        Command::Check { url } => check::main(&url, cli.format),
        Command::View { url, port } => view::main(&url, port, cli.format),
        Command::Schema { of } => schema::main(of),
        Command::Model { command: ModelCommand::Import(args) } => model::import(&args, cli.format),
        Command::Model { command: ModelCommand::List(args) } => model::list(&args, cli.format),
        Command::Model { command: ModelCommand::Probe(args) } => probe::main(&args, cli.format),
        Command::Model { command: ModelCommand::Item(args) } => model::item(&args, cli.format),
        Command::Train { arguments } => train::main(&arguments, cli.format),
        Command::Install(install) => install.run(Cli::command()),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = exit::code(&error, is_shard_work);
            message::report_error(&error, code, format == Format::Json);
            ExitCode::from(code)
        }
    }
}
