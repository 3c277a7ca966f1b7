//! Output: label and confidence rasters (COG), layers (GeoPackage, FlatGeobuf), what QGIS looks for in them, pictures (WebP).

mod cog;
mod file;
mod flatgeobuf;
mod geopackage;
mod layer;
mod qgis;
mod settings;
mod titles;
mod webp;

pub use cog::{BandStatistics, RasterKind, StripWriter, ValueBand};
pub(crate) use file::text;
pub use geopackage::{GeoPackage, StoredCell, sql_text};
pub use layer::{LayerFormat, LayerOptions, LayerShape, LayerWriter};
pub use qgis::{StoredStyle, store_project, stored_styles};
pub use webp::{encode_webp, writes_webp};
