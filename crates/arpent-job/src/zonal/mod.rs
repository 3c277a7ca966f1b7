//! `arpent zonal`: zonal statistics of a published map per parcel, stand, commune or section of road.
//!
//! Zones are read one by one, in the order of their layer. The rows of the map below a zone are read in blocks and
//! added up by exact parts of pixels (of the published classes, or of the prediction if configured); results go to a
//! file, since a rank needs them all, and from there to the configured formats. Memory holds one zone, 4 million pixels
//! of each raster (a row, where that is more) and GDAL's block cache; the numbers for ranks and repeated ids of all
//! zones are sorted on disk.

mod columns;
mod counts;
mod error;
mod job;
mod make;
mod objects;
mod ranks;
mod source;
mod spool;
mod write;

pub use error::ZonalError;
pub use make::{ZonalReport, zonal};
pub(crate) use objects::holds;
pub(crate) use source::SourceMap;
pub(crate) use write::csv_cell;
