//! A page that describes a program's command line.

use std::fmt::Write as _;

use clap::builder::{Str, StyledStr};
use clap::{Arg, Command};

use crate::table::{cell, table};

/// The page of a program: what all its commands share, and each command.
pub(crate) fn page(program: &Command) -> String {
    let name = program.get_name();
    let mut text = format!("# {name}\n\nGenerated from the program; `{name} --help` prints the same.\n\n");
    text += &about(program);
    let shared: Vec<&Arg> = program.get_arguments().filter(|arg| shown(arg) && arg.is_global_set()).collect();
    text += "Options of every command:\n\n";
    text += &options(&shared);
    let commands: Vec<(String, &Command)> = visible(program, name);
    text += "\n| command | what it does |\n|---|---|\n";
    for (path, command) in &commands {
        let _ = writeln!(
            text,
            "| [`{path}`](#{}) | {} |",
            path.replace(' ', "-"),
            cell(&plain(command.get_about()))
        );
    }
    for (path, command) in &commands {
        text += &section(path, command);
    }
    text
}

/// The commands that do something, each with its path.
fn visible<'a>(command: &'a Command, path: &str) -> Vec<(String, &'a Command)> {
    let below = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    let below = below.flat_map(|c| {
        let path = format!("{path} {}", c.get_name());
        if c.has_subcommands() { visible(c, &path) } else { vec![(path, c)] }
    });
    below.collect()
}

fn section(path: &str, command: &Command) -> String {
    let usage = command.clone().render_usage().to_string().replace("Usage: ", "");
    let mut text = format!("\n## `{path}`\n\n{}```text\n{usage}\n```\n", about(command));
    let (given, chosen): (Vec<&Arg>, Vec<&Arg>) = command
        .get_arguments()
        .filter(|arg| shown(arg) && !arg.is_global_set())
        .partition(|arg| arg.is_positional());
    if !given.is_empty() {
        let rows: Vec<Vec<String>> =
            given.iter().map(|arg| vec![format!("`{}`", named(arg)), meaning(arg)]).collect();
        let _ = write!(text, "\n{}", table(&["argument", "meaning"], &rows));
    }
    let mut headings: Vec<Option<&str>> = chosen.iter().map(|arg| arg.get_help_heading()).collect();
    headings.dedup();
    for heading in headings {
        let group: Vec<&Arg> =
            chosen.iter().copied().filter(|arg| arg.get_help_heading() == heading).collect();
        let _ = match heading {
            Some(heading) => write!(text, "\n{heading}:\n\n{}", options(&group)),
            None => write!(text, "\n{}", options(&group)),
        };
    }
    if let Some(after) = command.get_after_help().map(StyledStr::to_string) {
        let examples =
            after.strip_prefix("EXAMPLES\n").unwrap_or_else(|| panic!("{path}: help that is no example"));
        let lines: Vec<&str> = examples.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
        let _ = write!(text, "\n```sh\n{}\n```\n", lines.join("\n"));
    }
    text
}

/// Help, version and hidden arguments are left out.
fn shown(arg: &Arg) -> bool {
    !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
}

fn options(args: &[&Arg]) -> String {
    let rows: Vec<Vec<String>> = args
        .iter()
        .map(|arg| {
            let long = arg.get_long().map(|long| format!("--{long}"));
            let names: Vec<String> =
                arg.get_short().map(|short| format!("-{short}")).into_iter().chain(long).collect();
            let takes = arg.get_action().takes_values();
            let value = if takes { format!(" <{}>{}", values(arg), more(arg)) } else { String::new() };
            vec![format!("`{}{value}`", names.join(", ")), default(arg), meaning(arg)]
        })
        .collect();
    table(&["option", "default", "meaning"], &rows)
}

fn values(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(Str::as_str).collect::<Vec<_>>().join("> <").replace('|', "\\|")
}

fn more(arg: &Arg) -> &'static str {
    if arg.get_num_args().is_some_and(|range| range.max_values() > 1) { "..." } else { "" }
}

fn named(arg: &Arg) -> String {
    let name = values(arg);
    if arg.is_required_set() { format!("<{name}>{}", more(arg)) } else { format!("[{name}]{}", more(arg)) }
}

fn default(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values = arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy()));
    let values: Vec<String> = values.collect();
    if values.is_empty() && arg.is_required_set() { "required".into() } else { values.join(", ") }
}

/// The help of an argument, and of each of its values.
fn meaning(arg: &Arg) -> String {
    let mut text = cell(&plain(arg.get_long_help().or(arg.get_help())));
    for value in
        arg.get_possible_values().iter().filter(|v| arg.get_action().takes_values() && !v.is_hide_set())
    {
        let help = value.get_help().map(|help| format!(": {}", cell(&help.to_string()))).unwrap_or_default();
        let _ = write!(text, "<br>`{}`{help}", value.get_name());
    }
    text
}

fn about(command: &Command) -> String {
    let text = plain(command.get_long_about().or(command.get_about()));
    let lines: Vec<String> = text.lines().map(cell).collect();
    lines.join("\n") + "\n\n"
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(StyledStr::to_string).unwrap_or_default()
}

#[test]
fn hidden_commands_and_options_are_left_out() {
    let mut program = Command::new("p")
        .about("About.")
        .arg(Arg::new("all").long("all").global(true).help("Of all."))
        .subcommand(
            Command::new("seen")
                .about("Seen.")
                .after_help("EXAMPLES\n  p seen a")
                .arg(Arg::new("x").long("x").value_name("A|B").default_value("1").help("An x.")),
        )
        .subcommand(Command::new("unseen").hide(true));
    program.build();
    let page = page(&program);
    assert!(page.contains("| [`p seen`](#p-seen) | Seen. |"), "{page}");
    assert!(page.contains("| `--x <A\\|B>` | `1` | An x. |"), "{page}");
    assert!(page.contains("```sh\np seen a\n```"), "{page}");
    assert!(!page.contains("unseen") && page.matches("--all").count() == 1, "{page}");
}
