//! Vector layers: opened in any supported format (`open`, `parquet`, `table`), read feature by feature in a given CRS
//! (`read`), and used as areas of interest, polygons over a scene, and reference layers.

mod aoi;
mod buffer;
mod dateline;
mod decoder;
mod geometry;
mod name;
mod open;
mod parquet;
mod polygons;
mod raw;
mod read;
mod reference;
mod source;
mod subject;
mod table;
mod time;
mod wkb;

pub use aoi::{Aoi, Outside, area_of_wkb, read_aoi};
pub use buffer::buffer_lines;
pub use geometry::{LayerGeometry, Line, Rings};
pub use name::layer_file;
pub(crate) use open::open_vector;
pub(crate) use parquet::is_parquet;
pub use polygons::{FieldPolygon, FieldPolygons, PolygonSource, read_polygons};
pub use read::{LayerCounts, LayerFacts, LayerFeature, layer_facts, layer_fields, read_features};
pub use reference::{LineWidth, Reference, ReferenceFeature, ReferenceIndex, ReferenceKind};
pub use source::{InvalidGeometries, LayerShapes, LayerSource};
pub use subject::Subject;
pub(crate) use table::folder_files;
pub use wkb::polygon_wkb;
