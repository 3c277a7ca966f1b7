//! Masks of clouds and shadows: what is below them was not observed.
//!
//! A mask applies to answers, by place, when the pieces of a map are put together: pieces, shards and windows do not show it, and a
//! network sees what it always sees. Masks are opened with the job (`source`, `classes`, `layers`), vector layers are copied into an
//! index before the work begins, and rows and boxes are looked up in them (`masks`, `raster`).

mod classes;
mod error;
mod layers;
mod masks;
mod raster;
mod source;

pub(crate) use classes::OBSERVED;
pub use error::MaskError;
pub use layers::MaskFacts;
pub(crate) use layers::MaskLayers;
pub(crate) use masks::Masks;
pub(crate) use raster::RasterMask;
pub(crate) use source::{MadeOf, kind_of, model_of, open_raster};
