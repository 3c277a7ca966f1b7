//! Values of label rasters that have a meaning of their own.

/// Label of pixels that say nothing.
pub const IGNORE: u8 = 255;
