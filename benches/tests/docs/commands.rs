//! Commands that the documentation quotes.

use std::path::Path;

use clap::error::ErrorKind;

use crate::markdown::{self, Page};
use crate::{check, programs, read, root};

/// Commands that run the rest of their line.
const WRAPPERS: [&str; 7] = ["env", "exec", "nice", "nohup", "srun", "sudo", "time"];

/// Number of a line, and its words.
type Line = (usize, Vec<String>);

/// The commands of a block, each with its line and as words. Comments are left out, and lines that end with `\` go on.
fn commands(text: &str) -> Result<Vec<Line>, (usize, String)> {
    let (mut found, mut joined, mut start) = (Vec::new(), String::new(), 0);
    for (number, line) in text.lines().enumerate() {
        if joined.is_empty() {
            start = number;
        }
        joined.push_str(line);
        if joined.ends_with('\\') {
            joined.pop();
            continue;
        }
        let line = std::mem::take(&mut joined);
        let words = shlex::split(&line).ok_or_else(|| (start, format!("a shell cannot read `{line}`")))?;
        let parts = words.split(|word| ["|", "||", "&&", ";", "&"].contains(&word.as_str()));
        found.extend(parts.filter(|part| !part.is_empty()).map(|part| (start, part.to_vec())));
    }
    Ok(found)
}

/// The words from the program on, without what goes before it and without redirections.
fn of_program(words: &[String]) -> Vec<String> {
    let is_setting = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains(['-', '/']))
    };
    let skipped = words.iter().take_while(|w| is_setting(w) || WRAPPERS.contains(&w.as_str())).count();
    let until = words.iter().position(|w| [">", ">>", "<", "2>", "2>&1"].contains(&w.as_str()));
    words[skipped.min(words.len())..until.unwrap_or(words.len()).max(skipped)].to_vec()
}

/// Why the programs would refuse these words, if they would. `None` also for other programs.
fn refused(words: &[String]) -> Option<String> {
    let program = Path::new(words.first()?).file_name()?.to_str()?;
    let [arpent, train] = programs();
    let command = match program {
        "arpent" => arpent,
        "arpent-train" => train,
        _ => return None,
    };
    let matches = match command.try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return None;
        }
        Err(error) => return Some(error.to_string().lines().next().unwrap_or_default().to_owned()),
    };
    // What `arpent train` hands on.
    let (_, handed) = matches.subcommand().filter(|(name, _)| program == "arpent" && *name == "train")?;
    let rest = handed.get_many::<String>("arguments").into_iter().flatten().cloned();
    refused(&std::iter::once("arpent-train".to_owned()).chain(rest).collect::<Vec<_>>())
}

/// What a span of code names that is not there: a command of the programs, or an option of it. Words in capitals stand for others.
fn unknown(span: &str) -> Option<String> {
    let mut words = span.split_whitespace();
    let [arpent, train] = programs();
    let mut command = match words.next()? {
        "arpent" => &arpent,
        "arpent-train" => &train,
        _ => return None,
    };
    let mut plain = true;
    for word in words {
        if word == "train" && command.get_name() == "arpent" {
            command = &train;
        } else if let Some(option) =
            word.trim_end_matches(['.', ',']).strip_prefix("--").filter(|o| !o.is_empty())
        {
            let name = option.split('=').next().unwrap_or_default();
            let known = command.get_arguments().any(|a| a.get_long() == Some(name));
            if !known && !["help", "version"].contains(&name) {
                return Some(format!("`{}` has no --{name}", command.get_name()));
            }
            plain = false;
        } else if plain && command.has_subcommands() && word.starts_with(|c: char| c.is_ascii_lowercase()) {
            match command.find_subcommand(word) {
                Some(found) => command = found,
                None => return Some(format!("`{}` has no command `{word}`", command.get_name())),
            }
        } else {
            plain = false;
        }
    }
    None
}

#[test]
fn commands_of_blocks_are_understood_by_the_programs() {
    let (mut offenders, mut seen) = (Vec::new(), 0);
    for file in pages() {
        for block in Page::parse(&read(&root().join(&file))).blocks {
            if !matches!(block.info.split_whitespace().next(), Some("sh" | "bash")) {
                continue;
            }
            let mut refuse = |line: usize, why: &str| {
                offenders.push(format!("{}:{}: {why}", file.display(), block.line + line));
            };
            match commands(&block.text) {
                Err((line, why)) => refuse(line, &why),
                Ok(commands) => {
                    for (line, words) in commands {
                        seen += usize::from(words.iter().any(|w| w == "arpent" || w == "arpent-train"));
                        if let Some(why) = refused(&of_program(&words)) {
                            refuse(line, &format!("{}: {why}", words.join(" ")));
                        }
                    }
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} commands");
    check::none(&offenders, "commands that the programs do not understand");
}

#[test]
fn commands_and_options_of_code_spans_are_there() {
    let (mut offenders, mut seen) = (Vec::new(), 0);
    for file in pages() {
        for (line, span) in Page::parse(&read(&root().join(&file))).spans {
            seen += usize::from(span.starts_with("arpent"));
            if let Some(why) = unknown(&span) {
                offenders.push(format!("{}:{line}: `{span}`: {why}", file.display()));
            }
        }
    }
    assert!(seen > 20, "only {seen} spans");
    check::none(&offenders, "commands and options that are not there");
}

/// Pages for users. Decisions, run files and the changelog describe the state at their date.
fn pages() -> Vec<std::path::PathBuf> {
    let of_users = |path: &Path| {
        let is_past = path.starts_with("docs/adr") || path == Path::new("CHANGELOG.md");
        !is_past && (path.starts_with("docs") || path.parent() == Some(Path::new("")))
    };
    markdown::files().into_iter().filter(|path| of_users(path)).collect()
}

#[test]
fn commands_are_found_in_blocks() {
    let text = "# nothing\nA=b arpent plan c.toml \\\n  --scene 'd e.tif'  # why\ncat x | arpent-train audit y > z\n";
    let found: Vec<_> =
        commands(text).expect("words").into_iter().map(|(l, w)| (l, of_program(&w))).collect();
    let words = |text: &str| text.split('+').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            (1, words("arpent+plan+c.toml+--scene+d e.tif")),
            (3, words("cat+x")),
            (3, words("arpent-train+audit+y"))
        ]
    );
    assert_eq!(commands("arpent 'x\n").map_err(|(line, _)| line), Err(0));
}

#[test]
fn a_command_with_an_option_that_is_not_there_is_seen() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for fine in
        ["arpent verify out", "target/release/arpent run --help", "arpent train audit x", "ls --nothing"]
    {
        assert_eq!(refused(&words(fine)), None, "{fine}");
    }
    for bad in [
        "arpent verify out --nothing",
        "arpent nothing",
        "arpent train audit x --nothing",
        "arpent-train fit --epochs x",
    ] {
        assert!(refused(&words(bad)).is_some(), "{bad}");
    }
    for fine in [
        "arpent plan --shards",
        "arpent model import X",
        "arpent train fit --resume",
        "arpent X",
        "arpent-job",
    ] {
        assert_eq!(unknown(fine), None, "{fine}");
    }
    for bad in ["arpent plan --nothing", "arpent nothing", "arpent train fit --nothing"] {
        assert!(unknown(bad).is_some(), "{bad}");
    }
}
