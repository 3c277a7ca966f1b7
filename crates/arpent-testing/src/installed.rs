//! Checks shell completions and manual pages of a program against its help.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::skip;

fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{command:?}: {err}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The commands in the output of `--help`.
fn commands(program: &Path) -> Vec<String> {
    let help = printed(Command::new(program).arg("--help"));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let first_words = names.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    let names: Vec<String> = first_words.filter(|name| *name != "help").map(ToOwned::to_owned).collect();
    assert!(names.len() > 5, "{help}");
    names
}

/// Completes the first word after `$1`, as bash does with the completions that the program prints.
const COMPLETE: &str = r#"
source <("$1" completions bash)
name=${1##*/} COMP_WORDS=("${1##*/}" '') COMP_CWORD=1
function=$(complete -p "$name")
function=${function##*-F }
"${function%% *}" "$name" '' "$name"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Asserts that bash completes each command in the program's help, and that the completions of zsh and fish contain
/// each.
///
/// # Panics
/// If they do not.
pub fn check_completions(program: &Path) {
    let proposed = printed(Command::new("bash").args(["-c", COMPLETE, "bash"]).arg(program));
    let proposed: BTreeSet<&str> = proposed.lines().collect();
    let script = |shell: &str| printed(Command::new(program).args(["completions", shell]));
    let (zsh, fish) = (script("zsh"), script("fish"));
    for command in commands(program) {
        assert!(proposed.contains(command.as_str()), "bash: {command} is not in {proposed:?}");
        assert!(zsh.contains(&format!("'{command}:")), "{command} is not in {zsh}");
        assert!(fish.contains(&format!("-a \"{command}\"")), "{command} is not in {fish}");
    }
}

/// Asserts that the program writes a manual page for itself and for each command in its help, except those in
/// `elsewhere`, which belong to other programs, and that groff prints no warning for any.
///
/// # Panics
/// If it does not.
pub fn check_manual(program: &Path, elsewhere: &[&str]) {
    let name = program.file_name().and_then(|name| name.to_str()).expect("a program");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pages = folder.path().join("new/man1");
    printed(Command::new(program).arg("man").arg(&pages));
    let page = |command: &str| pages.join(format!("{name}-{command}.1"));
    for command in commands(program) {
        assert_eq!(page(&command).is_file(), !elsewhere.contains(&command.as_str()), "{command}");
    }
    assert!(!page("completions").exists() && !page("man").exists() && !page("help").exists());
    assert!(pages.join(format!("{name}.1")).is_file());
    if Command::new("groff").arg("--version").output().is_err() {
        return skip("groff", "manual pages are formatted by groff");
    }
    for entry in std::fs::read_dir(&pages).expect("pages").map(|entry| entry.expect("a page").path()) {
        // Warnings go to stderr.
        let text = printed(Command::new("groff").args(["-man", "-Tutf8", "-ww", "-P-cbou"]).arg(&entry));
        for part in ["NAME", "SYNOPSIS", "OPTIONS"] {
            assert!(text.contains(part), "{}: no {part} in {text}", entry.display());
        }
        assert!(!text.contains("EXTRA"), "{}: {text}", entry.display());
    }
}
