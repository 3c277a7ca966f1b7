//! Labels and detections to clean, attributed features.
//!
//! Two producers, one record. The [`Polygonizer`] takes the rows of a label raster from north to south and hands
//! out a [`Region`] for each 4-connected group of pixels of one class as soon as its last row has passed. The
//! [`DetectionMerger`] takes the boxes that a network found window by window, suppresses duplicates and hands out
//! the boxes that stay. A [`Vectorizer`] makes a [`Feature`] of either.
//!
//! What is said of a region or a box (rings, area, score, id) depends on its own pixels only: not on the file,
//! the extent or the order in which it was found. Nothing here opens a file or starts a thread.

mod detections;
mod error;
mod feature;
mod polygonize;
mod simplify;
mod vectorize;
mod wkb;

pub use detections::{Detection, DetectionMerger};
pub use error::VectorError;
pub use feature::Feature;
pub use polygonize::{Polygonizer, Region, Vertex};
pub use vectorize::{VectorOptions, Vectorizer, kept_classes};
pub use wkb::to_wkb;
