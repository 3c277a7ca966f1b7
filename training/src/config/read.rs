//! Reading a configuration.

use std::path::Path;

use arpent_base::{DoingWhat as _, Result};

use super::training::{Config, Overrides};
use super::{check, identity, parse};

impl Config {
    /// Reads and checks a configuration.
    pub(crate) fn read(path: &Path, overrides: &Overrides) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(path, &parse::text(path, bytes)?, overrides)
    }

    /// The configuration in a text; `path` says where relative paths start.
    pub(crate) fn parse(path: &Path, text: &str, overrides: &Overrides) -> Result<Self> {
        let mut config = parse::parse(path, text)?;
        config.apply(overrides);
        config.identity = identity::identity(text, &config.fit);
        check::check(&config)?;
        Ok(config)
    }
}
