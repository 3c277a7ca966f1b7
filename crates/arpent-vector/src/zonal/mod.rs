//! Zonal statistics of a map: parcels, stands, communes, sections of roads.
//!
//! [`ZoneRows`] computes which fraction of each pixel lies inside a zone, exactly and row by row; [`ZoneStatistics`]
//! adds up the map there: areas of classes, and means of measured values. Weights are areas, so parts of a zone add up to the zone.

mod rows;
mod statistics;
#[cfg(test)]
mod tests;
mod values;

pub use rows::{ZoneRow, ZoneRows};
pub use statistics::{ClassResult, ZoneResult, ZoneStatistics};
pub use values::ValueResult;
