//! Making a map of its pieces, writing its files and publishing it, the manifest last.

mod artifact;
mod artifacts;
mod file;
mod make;
pub mod mlm;
mod output;
mod stac;

pub(crate) use artifact::run_of;
pub(crate) use artifacts::TIMESTAMP;
pub use file::{PublishedFile, may_be_a_layer, published_file};
pub use make::PublishedMap;
pub(crate) use make::{Maker, MapFailure, published_already};
pub(crate) use output::check_output;
