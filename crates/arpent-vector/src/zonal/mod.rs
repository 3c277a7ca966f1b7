//! What a map says of the areas of others: parcels, stands, communes, sections of roads.
//!
//! [`ZoneRows`] tells which part of each pixel lies inside a zone, exactly and row by row; [`ZoneStatistics`] adds up
//! what the map holds there. Weights are areas, so parts of a zone add up to the zone.

mod rows;
mod statistics;
#[cfg(test)]
mod tests;

pub use rows::{ZoneRow, ZoneRows};
pub use statistics::{ClassResult, ZoneResult, ZoneStatistics};
