//! Values of label rasters that have a meaning of their own.

/// Class of open ground and of everything that is not a tree.
pub const GROUND: u8 = 0;

/// Class of live trees.
pub const LIVE: u8 = 1;

/// Class of standing dead trees.
pub const DEAD: u8 = 2;

/// Label of pixels that say nothing.
pub const IGNORE: u8 = 255;
