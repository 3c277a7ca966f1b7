//! Values of label rasters that have a meaning of their own.

/// Label of pixels of unknown class.
pub const IGNORE: u8 = 255;
