//! `arpent zonal`: what a published map holds per parcel, stand, commune or section of road.
//!
//! Zones are read one by one, in the order of their layer. The rows of the map below a zone are read some at a time and
//! added up by exact parts of pixels (of the raster that the features are made of, unless the prediction is asked for); results go to a file, since a rank needs them all, and from there to the formats
//! asked for. Memory holds one zone, 4 million pixels of each raster (a row, where that is more) and GDAL's block cache; what
//! ranks and repeated ids need of all zones is sorted on disk.

mod columns;
mod counts;
mod error;
mod make;
mod numbers;
mod objects;
mod plan;
mod ranks;
mod source;
mod spool;
mod write;

pub use error::ZonalError;
pub use make::{ZonalReport, zonal};
