//! Imports networks of other programs: what a checkpoint does not contain comes from a preset or from options.

mod checkpoint;
mod deepness;
mod exported;
mod family;
mod graph;
mod imported;
mod item;
mod prepared;
mod preset;

pub use checkpoint::{ImportOptions, import};
pub use family::architecture_names;
pub use graph::import_file;
pub use imported::Imported;
pub use preset::{Preset, PresetSource, PublishedScore, preset_names};
