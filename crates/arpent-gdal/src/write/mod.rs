//! Output: label and confidence rasters (COG), layers (GeoPackage, FlatGeobuf), what QGIS looks for in them.

mod cog;
mod file;
mod flatgeobuf;
mod layer;
mod qgis;
mod settings;
mod titles;

pub use cog::{RasterKind, StripWriter};
pub(crate) use file::text;
pub use layer::{LayerFormat, LayerOptions, LayerShape, LayerWriter};
pub use qgis::{StoredStyle, store_project, stored_styles};
