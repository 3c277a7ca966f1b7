//! The only crate that links GDAL: scenes, mosaics, COG and OGR output, CRS transforms.
//!
//! No GDAL type leaves it. Inputs are named ([`resolve_scenes`]), opened ([`open_scene`]), grouped by grid
//! ([`group_scenes`]), brought to another grid ([`resampled`]) and read window by window ([`MosaicReader`], or [`DatesReader`] for several dates, one per
//! thread; those of remote scenes may take fetched blocks from each other: [`SharedBlocks`]). Outputs are written by
//! [`StripWriter`] (COG) and [`LayerWriter`] (GeoPackage, FlatGeobuf). Layers of others are read feature by feature
//! ([`read_features`]). Labels for training come through
//! [`read_labels`], [`read_picture`] and [`read_polygons`].

mod aoi;
mod bands;
mod block;
mod buffer;
mod collar;
mod coverage;
mod crs;
mod dates;
mod error;
mod ffi;
mod fingerprint;
mod flatgeobuf;
mod guard;
mod hint;
mod item;
mod jpeg2000;
mod layer_in;
mod layer_out;
mod layers;
mod look;
mod memory;
mod mosaic;
mod nodata;
mod picture;
mod polygonize;
mod polygons;
mod published;
mod raster_out;
mod reader;
mod reference;
mod resample;
mod sample;
mod scaling;
mod scene;
mod setup;
mod shared;
mod side_files;
mod source;
mod stac;
mod style;
mod subject;
mod transient;
mod uri;
mod vrt_layout;
mod wkb;

pub use aoi::{Aoi, Outside, read_aoi};
pub use bands::common_name;
pub use buffer::buffer_lines;
pub use crs::{Transformer, describe_crs};
pub use dates::DatesReader;
pub use error::GdalError;
pub use fingerprint::{Fingerprint, fingerprint, fingerprint_file, fingerprint_layer, stamp};
pub use guard::allow_in_vrt;
pub use layer_in::{
    InvalidGeometries, LayerCounts, LayerFeature, LayerGeometry, LayerShapes, LayerSource, Line, Rings,
    Value, layer_fields, read_features,
};
pub use layer_out::{FieldDef, FieldType, FieldValue, LayerFormat, LayerOptions, LayerShape, LayerWriter};
pub use layers::{layer_file, same_text};
pub use look::{CollarColor, CollarFound, Look, look};
pub use mosaic::{Mosaic, group_scenes, mosaic_in_order, unite_grids};
pub use picture::{LabelFacts, Misplaced, count_bands, label_facts, misplaced, read_labels, read_picture};
pub use polygonize::{ReferencePolygon, polygonize_reference};
pub use polygons::{FieldPolygon, FieldPolygons, PolygonSource, read_polygons};
pub use published::PublishedRaster;
pub use raster_out::{RasterKind, StripWriter};
pub use reader::{BandSelection, MosaicReader};
pub use reference::{LineWidth, Reference, ReferenceFeature, ReferenceIndex, ReferenceKind};
pub use resample::resampled;
pub use sample::{BandSample, SAMPLED_SIDE, Sample, sample};
pub use scaling::ItemScaling;
pub use scene::open_scene;
pub use setup::{InitOptions, init};
pub use shared::SharedBlocks;
pub use source::{SceneProjection, SceneSource, resolve_scenes};
pub use style::qgis_style;
pub use subject::Subject;
pub use uri::{file_name, gdal_path, is_remote_uri, is_web};

/// Version of the GDAL library that runs, for instance `3.6.2`.
pub fn version() -> String {
    gdal::version::VersionInfo::release_name()
}

/// What fuzz targets see of the inside: parsers, fed with bytes. Not for anybody else.
#[doc(hidden)]
pub mod inside {
    pub use crate::aoi::area_of_wkb;
    pub use crate::guard::{Reference, references};
    pub use crate::stac::parse as parse_stac;
}

/// GDAL's own words of a failed call.
fn failure(error: &gdal::errors::GdalError) -> String {
    use gdal::errors::GdalError as E;
    match error {
        E::CplError { msg, .. } | E::NullPointer { msg, .. } if !msg.is_empty() => msg.clone(),
        E::InvalidCoordinateRange { msg, .. } => msg.clone().unwrap_or_default(),
        other => {
            let message = ffi::last_message();
            if message.is_empty() { other.to_string() } else { message }
        }
    }
}
