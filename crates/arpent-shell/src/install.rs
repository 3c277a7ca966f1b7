//! What packages install beside a program, made from its command line: shell completions and manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result};
use clap::{Command, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::print::print_text;

/// Hidden commands for those who build packages.
#[derive(Debug, Clone, Subcommand)]
pub enum InstallCommand {
    /// Print the completions of a shell.
    #[command(hide = true)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a folder.
    #[command(hide = true)]
    Man {
        /// The folder.
        folder: PathBuf,
    },
}

impl InstallCommand {
    /// Runs the command for the program with this command line, and returns its exit code.
    ///
    /// # Errors
    /// When standard output is closed, or the folder cannot be written.
    pub fn run(&self, mut program: Command) -> Result<u8> {
        match self {
            Self::Completions { shell } => {
                let (name, mut script) = (program.get_name().to_owned(), Vec::new());
                clap_complete::generate(*shell, &mut program, name, &mut script);
                print_text(&String::from_utf8_lossy(&script))?;
            }
            Self::Man { folder } => {
                fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
                let source = format!("{} {}", program.get_name(), program.get_version().unwrap_or_default());
                // Prefixes the names of subcommands: `arpent-model-import`.
                let mut program = program.disable_help_subcommand(true);
                program.build();
                write_pages(&program, &source, folder)?;
            }
        }
        Ok(0)
    }
}

/// Writes the page of a command and those of its visible subcommands.
fn write_pages(command: &Command, source: &str, folder: &Path) -> Result<()> {
    // A command without `--help` passes its arguments to another program, which writes the page of that name.
    let own = |sub: &&Command| !sub.is_hide_set() && !sub.is_disable_help_flag_set();
    for sub in command.get_subcommands().filter(own) {
        write_pages(sub, source, folder)?;
    }
    let man = Man::new(command.clone()).source(source).manual("Arpent");
    let path = folder.join(man.get_filename());
    let mut page = Vec::new();
    man.render(&mut page)?;
    // The texts after the options begin with a heading of their own.
    let page = String::from_utf8_lossy(&page).replace(".SH EXTRA\nEXAMPLES\n", ".SH EXAMPLES\n");
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}
