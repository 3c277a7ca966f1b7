//! Which layer is meant, and how it is to be read.

use arpent_raster::Crs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to do with a geometry that is not valid by OGC rules: rings that cross themselves or each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidGeometries {
    /// Make it valid, as `ST_MakeValid` does: every vertex stays, crossings become vertices, and what a polygon encloses an
    /// even number of times is outside. Polygons of one feature that overlap are one area. Counted.
    #[default]
    Repair,
    /// Refuse the layer, with the number of the feature.
    Refuse,
}

/// What a layer is wanted for: of several layers in a file, those that cannot be it are not meant.
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

/// What to read, and how.
#[derive(Debug, Clone, Copy)]
pub struct LayerSource<'a> {
    /// File or URL; may be followed by `|layername=NAME`, `|option:ENCODING=NAME` and `|crs=EPSG:CODE`.
    pub uri: &'a str,
    /// Name of the layer; without, the only one that has geometries of the kind wanted.
    pub layer: Option<&'a str>,
    /// Encoding of its text, where the file does not say it, or says it wrongly.
    pub encoding: Option<&'a str>,
    /// What it is wanted for.
    pub shapes: LayerShapes,
    /// Fields wanted, in this order.
    pub fields: &'a [&'a str],
    /// CRS in which coordinates are wanted.
    pub crs: &'a Crs,
    /// The place that it is wanted for, CRS units (min x, min y, max x, max y). Where that is beyond 180 degrees of longitude,
    /// coordinates are too.
    pub within: Option<[f64; 4]>,
    /// What to do with geometries that are not valid.
    pub invalid: InvalidGeometries,
}

impl<'a> LayerSource<'a> {
    /// The layer of a file, without fields, its coordinates brought to a CRS.
    pub fn new(uri: &'a str, crs: &'a Crs) -> Self {
        let (layer, encoding, shapes, invalid) = (None, None, LayerShapes::Any, InvalidGeometries::Repair);
        Self { uri, layer, encoding, shapes, fields: &[], crs, within: None, invalid }
    }
}
