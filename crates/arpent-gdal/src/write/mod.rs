//! Output: label and confidence rasters (COG), layers (GeoPackage, FlatGeobuf), QGIS styles,
//! pictures (WebP).

mod cog;
mod file;
mod flatgeobuf;
mod layer;
mod qgis_style;
mod titles;
mod webp;

pub use cog::{RasterKind, StripWriter};
pub(crate) use file::text;
pub use layer::{LayerFormat, LayerOptions, LayerShape, LayerWriter};
pub use qgis_style::qgis_style;
pub use webp::{encode_webp, writes_webp};
