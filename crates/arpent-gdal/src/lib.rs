//! The only crate that links GDAL: scenes, mosaics, COG and OGR output, CRS transforms.
//!
//! Its interface has no GDAL types. Inputs are resolved ([`resolve_scenes`]), opened ([`open_scene`]), grouped by grid
//! ([`group_scenes`]), resampled to another grid ([`resampled`]) and read in windows ([`MosaicReader`], or
//! [`DatesReader`] for several dates, one per thread; those of remote scenes may share fetched blocks:
//! [`SharedBlocks`]). Outputs are written by [`StripWriter`] (COG) and [`LayerWriter`] (GeoPackage, FlatGeobuf).
//! Reference layers are read feature by feature ([`read_features`]), labels for training with [`read_labels`],
//! [`read_picture`] and [`read_polygons`].

mod crs;
mod error;
mod ffi;
mod fingerprint;
mod guard;
mod network;
mod scene;
mod setup;
mod text;
mod uri;
mod vector;
mod write;

pub use crs::{Transformer, describe_crs};
pub use error::GdalError;
pub use fingerprint::{Fingerprint, fingerprint, fingerprint_layer, stamp};
pub use guard::{DriverFacts, allow_in_vrt, drivers};
pub use network::{NetworkUse, network_use};
pub use scene::{
    BandSample, CollarColor, CollarFound, Convert, DatesReader, ItemScaling, LabelFacts, Look, Misplaced,
    Mosaic, MosaicReader, PublishedRaster, PublishedValues, Sample, SceneProjection, SceneSource,
    SharedBlocks, ValueOverview, common_name, count_bands, group_scenes, label_facts, look, misplaced,
    mosaic_in_order, open_scene, read_labels, read_picture, resampled, resolve_scenes, sample, unite_grids,
};
pub use setup::{InitOptions, init};
pub use text::{plain_text, same_text, value_key};
pub use uri::{file_name, gdal_path, is_remote_uri, is_web};
pub use vector::{
    Aoi, FieldPolygon, FieldPolygons, InvalidGeometries, LayerCounts, LayerFacts, LayerFeature,
    LayerGeometry, LayerShapes, LayerSource, Line, LineWidth, Outside, PolygonSource, Reference,
    ReferenceFeature, ReferenceIndex, ReferenceKind, Rings, Subject, area_of_wkb, buffer_lines, layer_facts,
    layer_fields, layer_file, polygon_wkb, read_aoi, read_features, read_polygons,
};
pub use write::{
    BandStatistics, GeoPackage, LayerFormat, LayerOptions, LayerShape, LayerWriter, RasterKind, StoredCell,
    StoredStyle, StripWriter, ValueBand, encode_webp, sql_text, store_project, stored_styles, writes_webp,
};

/// Version of the GDAL library in use, for instance `3.6.2`.
pub fn version() -> String {
    gdal::version::VersionInfo::release_name()
}

/// Internal parsers for fuzz targets only.
#[doc(hidden)]
pub mod inside {
    pub use crate::guard::{Reference, references};
    pub use crate::scene::parse_stac;
    pub use crate::vector::area_of_wkb;
}
