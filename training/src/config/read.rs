//! Reading a configuration.

use std::path::Path;

use arpent_base::config::Document;
use arpent_base::{DoingWhat as _, Result};

use super::training::{Config, Overrides};
use super::{check, identity, parse};

impl Config {
    /// Reads and checks a configuration.
    pub(crate) fn read(path: &Path, overrides: &Overrides) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::of(path, parse::document(path, bytes)?, overrides)
    }

    /// The configuration in a text; relative paths start at the folder of `path`.
    pub(crate) fn parse(path: &Path, text: &str, overrides: &Overrides) -> Result<Self> {
        Self::of(path, text.to_owned().into(), overrides)
    }

    fn of(path: &Path, document: Document, overrides: &Overrides) -> Result<Self> {
        let mut config = parse::parse(path, document)?;
        config.apply(overrides);
        config.identity = identity::identity(config.document.text(), &config.fit, overrides.from.as_deref());
        check::check(&config)?;
        Ok(config)
    }
}
