//! The written files: their paths, and whether a user edited them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use arpent_base::{DoingWhat as _, Result, short_hash};
use arpent_shell::message::notice;

use crate::config::{Config, Overrides};
use crate::error::TrainError;
use crate::fit::write_at_once;

/// How the first line of a written file begins.
const MARK: &str = "# Written by arpent-train, mark ";

/// Name of the configuration in a package's `run`.
const CONFIG: &str = "train.toml";

/// Name of the card beside it.
pub(super) const CARD: &str = "card.toml";

/// A configuration and its card, with the place where they belong.
#[derive(Debug)]
pub(crate) struct Derived {
    output: PathBuf,
    config: String,
    card: String,
}

impl Derived {
    /// The files of a package's folder, in its `run`.
    pub(super) fn new(output: &Path, config: &str, card: &str) -> Self {
        let marked = |text: &str| format!("{MARK}{}\n{text}", mark(text));
        Self { output: output.to_owned(), config: marked(config), card: marked(card) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.output.join("run").join(name)
    }

    /// The training.
    pub(crate) fn config(&self) -> Result<Config> {
        let overrides = Overrides { output: Some(self.output.clone()), ..Overrides::default() };
        Config::parse(&self.path(CONFIG), &self.config, &overrides)
    }

    /// Writes the files, unless this would overwrite a user's edits; to resume a training, their contents must be
    /// unchanged.
    pub(crate) fn write(&self, resume: bool, restart: bool) -> Result<()> {
        let config = self.path(CONFIG);
        for (name, text) in [(CARD, &self.card), (CONFIG, &self.config)] {
            let path = self.path(name);
            let there = match std::fs::read(&path) {
                // A file that is not text was not written by this program.
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read {}", path.display()));
                }
            };
            if !restart && !there.is_empty() && there != *text && (resume || is_edited(&there)) {
                return Err(refused(&path, &config, resume).into());
            }
        }
        for (name, text) in [(CARD, &self.card), (CONFIG, &self.config)] {
            let path = self.path(name);
            let written = write_at_once(&path, text.as_bytes());
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        notice(&format!("configuration: {0} (edit it, then: arpent-train fit {0})", config.display()));
        Ok(())
    }
}

fn refused(path: &Path, config: &Path, resume: bool) -> TrainError {
    let problem = format!("{} says something else than this command would write into it", path.display());
    let resume = if resume { " --resume" } else { "" };
    let hint = format!(
        "train what is written there: arpent-train fit {}{resume}; or overwrite it: --restart",
        config.display()
    );
    TrainError::refused(problem, hint)
}

/// Checksum by which an edited text is recognized.
fn mark(text: &str) -> String {
    short_hash(text.as_bytes())
}

fn is_edited(text: &str) -> bool {
    let rest = text.strip_prefix(MARK).and_then(|rest| rest.split_once('\n'));
    rest.is_none_or(|(given, rest)| given != mark(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_noticed() {
        let derived = Derived::new(Path::new("x"), "seed = 1\n", "");
        assert!(!is_edited(&derived.config) && !is_edited(&derived.card));
        assert!(is_edited(&derived.config.replace("seed = 1", "seed = 2")) && is_edited("seed = 1\n"));
    }
}
