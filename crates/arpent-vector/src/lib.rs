//! Labels and detections to clean, attributed features.
//!
//! A map of land cover goes through a [`Coverage`]: regions below the minimum mapping unit become part of a neighbor
//! ([`Dissolver`]), and borders have fewer vertices, the same on both sides ([`Generalizer`]); they may be smoothed, and buildings be made square.
//!
//! Two producers, one record. The [`Polygonizer`] takes the rows of a label raster from north to south and hands
//! out a [`Region`] for each connected group of pixels of one class as soon as its last row has passed. The
//! [`DetectionMerger`] takes the boxes that a network found window by window, suppresses duplicates and hands out
//! the boxes that stay. A [`Vectorizer`] makes a [`Feature`] of either.
//!
//! A thing that a network found in pieces is put together by an [`ObjectMerger`], and drawn as a box, an oriented box or a
//! footprint ([`Shape`]). [`nearest_on_line`] tells where along a line of reference, such as a road, a feature lies.
//! [`ZoneRows`] and [`ZoneStatistics`] add up a map over the areas of others, by exact parts of pixels.
//!
//! What is said of a region or a box (rings, area, score, id) depends on its own pixels only: not on the file,
//! the extent or the order in which it was found. Nothing here opens a file or starts a thread.

mod attribute;
mod bits;
mod coverage;
mod detections;
mod dissolve;
mod drawing;
mod error;
mod feature;
mod generalize;
mod ground;
mod objects;
mod polygonize;
mod region;
#[cfg(test)]
mod shapes;
mod simplify;
mod snap;
mod square;
mod triangle;
mod vectorize;
mod wkb;
mod zonal;

pub use attribute::{Attribute, Column, ColumnKind};
pub use coverage::{BuiltUp, Coverage, CoverageCounts, CoverageRules};
pub use detections::{Detection, DetectionMerger};
pub use dissolve::{DissolveCounts, DissolvedRow, Dissolver, MAX_ZONES, MappingUnits, clear_unsaid};
pub use error::VectorError;
pub use feature::Feature;
pub use generalize::{DrawnCounts, Generalizer};
pub use objects::shape::Shape;
pub use objects::{Object, ObjectMerger};
pub use polygonize::{Connectivity, Polygonizer};
pub use region::{Region, Vertex};
pub use snap::{Snap, nearest_on_line, representative_point};
pub use vectorize::{VectorOptions, Vectorizer, kept_classes};
pub use wkb::to_wkb;
pub use zonal::{ClassResult, ZoneResult, ZoneRow, ZoneRows, ZoneStatistics};
