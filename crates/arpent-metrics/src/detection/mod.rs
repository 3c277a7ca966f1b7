//! Detected boxes against true boxes.

mod boxes;
mod curve;
mod matching;
mod options;
mod outcomes;
mod scores;

pub use boxes::{ScoredBox, TruthBox};
pub use curve::{AtIou, Interpolation};
pub use options::DetectionOptions;
pub use scores::{ClassDetections, DetectionScores, DetectionSummary};
