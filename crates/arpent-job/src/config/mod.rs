//! Configuration files, and the checks that need no data.

mod coverage;
mod dates;
mod declared;
mod objects;
pub(crate) mod ocs_ge;
mod reference;
mod run;
mod toml;
mod zonal;

pub use coverage::*;
pub use declared::*;
pub use objects::ObjectOptions;
pub use ocs_ge::{OcsGe, OcsGeOptions};
pub use reference::*;
pub use run::*;
pub use zonal::*;

pub(crate) use dates::Pattern as DatePattern;
pub use dates::normalized as normalized_date;
pub use toml::ConfigFile;
