//! Converts labels and detections to clean, attributed features.
//!
//! A land-cover map is processed by a [`Coverage`]: regions below the minimum mapping unit are merged with a neighbor
//! ([`Eliminator`]), and borders are simplified, identically on both sides ([`Generalizer`]); they may be smoothed,
//! and buildings be made square.
//!
//! Two sources give the same record. The [`Polygonizer`] reads the rows of a label raster from north to south and
//! emits a [`Region`] for each connected group of pixels of one class as soon as its last row has passed. The
//! [`DetectionMerger`] reads the boxes that a network found window by window, suppresses duplicates and emits the
//! remaining boxes, strip by strip or block by block ([`Remaining`]). A [`Vectorizer`] makes a [`Feature`] from either.
//!
//! An [`ObjectMerger`] joins the detections of one object, which is drawn as a box, an oriented box or a footprint
//! ([`Shape`]). [`nearest_on_line`] locates a feature along a reference line, such as a road. [`ZoneRows`] and
//! [`ZoneStatistics`] compute zonal statistics, with exact fractions of pixels.
//!
//! An extent may be cut into blocks that are processed alone, in any order: with [`Polygonizer::of_block`], or for a
//! coverage with a [`BlockSurvey`], a [`Settler`] for all blocks, and [`Coverage::of_block`]. A [`RegionJoiner`] joins
//! what crosses their borders. The result is the same for every cut into blocks.
//!
//! The properties of a region or a box (rings, area, score, id) depend on its own pixels only: not on the file, the
//! extent or the order of processing. This crate opens no file and starts no thread.

mod bits;
#[cfg(test)]
mod blocks;
mod bytes;
mod coverage;
mod detections;
mod drawing;
mod eliminate;
mod error;
mod feature;
mod forest;
mod generalize;
mod ground;
mod objects;
mod polygonize;
mod region;
mod remaining;
#[cfg(test)]
mod shapes;
mod simplify;
mod snap;
mod square;
mod triangle;
mod vectorize;
mod wkb;
mod zonal;

pub use coverage::{BlockSurvey, Coverage, CoverageCounts, CoverageRules};
pub use detections::{Detection, DetectionMerger};
pub use eliminate::{
    Borders, BuiltUp, EliminatedRow, EliminationCounts, Eliminator, MAX_STRATA, MappingUnits, Settled,
    Settlement, Settler, clear_unsaid,
};
pub use error::VectorError;
pub use feature::{Feature, bbox};
pub use forest::find_root;
pub use generalize::Generalizer;
pub use ground::polygons_m2;
pub use objects::shape::Shape;
pub use objects::{Object, ObjectMerger, OpenObjects};
pub use polygonize::{
    Connectivity, DrawnCounts, Fragments, Polygonizer, RegionJoiner, fixed_point, square_meters,
};
pub use region::{Region, Vertex};
pub use remaining::Remaining;
pub use snap::{Snap, nearest_on_line, representative_point};
pub use vectorize::{VectorOptions, Vectorizer, kept_classes};
pub use wkb::{parts_to_wkb, polygons_of_wkb, to_wkb};
pub use zonal::{ClassResult, ValueResult, ZoneResult, ZoneRow, ZoneRows, ZoneStatistics};
