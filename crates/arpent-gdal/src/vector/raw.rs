//! A feature before anything is done to it.

use gdal::vector::Geometry;

use crate::fields::Value;

/// A feature as it lies in the file.
pub(super) struct Raw {
    /// Its number in the layer's order, from 1.
    pub(super) number: u64,
    pub(super) geometry: Option<Geometry>,
    /// Values of the columns asked for.
    pub(super) values: Vec<Option<Value>>,
}
