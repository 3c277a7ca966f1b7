//! Selection of a layer, and how to read it.

use arpent_raster::Crs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Handling of geometries that are not valid by OGC rules: rings that cross themselves or each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidGeometries {
    /// Repair it, as `ST_MakeValid` does: every vertex stays, crossings become vertices, and areas enclosed an even
    /// number of times are outside. Overlapping polygons of one feature are united. Repairs are counted.
    #[default]
    Repair,
    /// Refuse the layer, with the number of the feature.
    Refuse,
}

/// The geometry type needed: layers of a file with other types are not considered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LayerShapes {
    /// Polygons or lines.
    #[default]
    Any,
    /// Polygons.
    Areas,
    /// Lines.
    Lines,
}

/// The layer to read, and how.
#[derive(Debug, Clone, Copy)]
pub struct LayerSource<'a> {
    /// File or URL; may be followed by `|layername=NAME`, `|option:ENCODING=NAME` and `|crs=EPSG:CODE`.
    pub uri: &'a str,
    /// Name of the layer; by default the only one with geometries of the type needed.
    pub layer: Option<&'a str>,
    /// Encoding of its text, if the file does not declare it, or declares a wrong one.
    pub encoding: Option<&'a str>,
    /// The geometry type needed.
    pub shapes: LayerShapes,
    /// Fields to read, in this order.
    pub fields: &'a [&'a str],
    /// CRS of the result.
    pub crs: &'a Crs,
    /// The region of use, CRS units (min x, min y, max x, max y). If it exceeds 180 degrees of longitude, so do the
    /// coordinates of the result.
    pub within: Option<[f64; 4]>,
    /// Handling of invalid geometries.
    pub invalid: InvalidGeometries,
    /// A field and its value as text: only features that have it are read, by the format's own filter where it has one. It may count
    /// them from 1.
    pub only: Option<(&'a str, &'a str)>,
}

impl<'a> LayerSource<'a> {
    /// The layer of a file, without fields, in a given CRS.
    pub fn new(uri: &'a str, crs: &'a Crs) -> Self {
        let (layer, encoding, shapes, invalid) = (None, None, LayerShapes::Any, InvalidGeometries::Repair);
        Self { uri, layer, encoding, shapes, fields: &[], crs, within: None, invalid, only: None }
    }
}
