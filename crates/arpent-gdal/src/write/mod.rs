//! What is written: label and confidence rasters (COG), layers (GeoPackage, FlatGeobuf), styles of QGIS.

mod cog;
mod file;
mod flatgeobuf;
mod layer;
mod qgis_style;

pub use cog::{RasterKind, StripWriter};
pub(crate) use file::text;
pub use layer::{LayerFormat, LayerOptions, LayerShape, LayerWriter};
pub use qgis_style::qgis_style;
