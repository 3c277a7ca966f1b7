//! Making a map of its pieces, writing its files and publishing it, the manifest last.

mod artifacts;
mod file;
mod ledger;
pub mod mlm;
mod output;
mod stac;
mod writer;

pub(crate) use artifacts::{FeatureFiles, TIMESTAMP, TileNeeds};
pub use file::{PublishedFile, may_be_a_layer, published_file};
pub(crate) use ledger::pixel_m2;
pub(crate) use output::check_output;
pub(crate) use stac::footprint;
pub use writer::PublishedMap;
pub(crate) use writer::{MapFailure, MapWriter, published_already};
