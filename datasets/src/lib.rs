//! One adapter per data set, with its card (`cards/<name>.md`: licence, source, bands, GSD, classes, splits).
//!
//! Adapters read files where their owners laid them out, and give pictures with labels. They neither draw
//! samples nor augment: that is training.

mod card;
mod crowns;
mod dataset;
mod error;
mod picture;
mod source;
mod splits;
mod tiles;

pub use card::{Card, CardClass};
pub use crowns::{Crown, Health, neon_crowns};
pub use dataset::{Dataset, Example, Truth, TruthBox};
pub use error::DatasetError;
pub use picture::Picture;
pub use source::Source;
pub use splits::{Split, SplitItem, read_splits};
pub use tiles::{
    LabeledTile, TileBox, neon_osbs_029, neon_sjer, neon_yell_528000_west, neon_yell_541000, read_boxes,
    yell_528000,
};

/// Class of open ground and of everything that is not a tree.
pub const GROUND: u8 = 0;
/// Class of live trees.
pub const LIVE: u8 = 1;
/// Class of standing dead trees.
pub const DEAD: u8 = 2;
/// Label of pixels that say nothing.
pub const IGNORE: u8 = 255;
