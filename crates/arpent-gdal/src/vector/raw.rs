//! Unprocessed features.

use arpent_base::Value;
use gdal::vector::Geometry;

/// A feature as stored in the file.
pub(super) struct Raw {
    /// Its number in the layer's order, from 1.
    pub(super) number: u64,
    pub(super) geometry: Option<Geometry>,
    /// Values of the requested fields.
    pub(super) values: Vec<Option<Value>>,
}
