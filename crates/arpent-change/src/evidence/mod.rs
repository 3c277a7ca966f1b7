//! Evidence of change from the pixels of two dates, without training: IR-MAD ([`IrMad`]) and change vectors
//! ([`ChangeVectors`]), with a threshold by Otsu's rule ([`Histogram`]) and a confidence ([`confidence`]).
//!
//! All of it is streamed: rows of both dates ([`PairRow`]) are fed, in any order and in groups of any number, once per
//! pass. A row is a row of the whole area: sums are formed within a row and added exactly, so that neither order nor
//! grouping changes a bit of the result.

mod canonical;
mod error;
mod mad;
mod moments;
mod normalize;
mod row;
mod threshold;
mod vectors;

pub use error::{EvidenceError, PairDate};
pub use mad::{IrMad, Mad, MadOptions, MadStep, MadStop, PixelScore};
pub use normalize::{BandRelation, RobustScales, ScaleStep};
pub use row::PairRow;
pub use threshold::{Histogram, confidence, is_change};
pub use vectors::ChangeVectors;
