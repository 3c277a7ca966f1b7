//! True boxes and detected boxes.

use serde::{Deserialize, Serialize};

/// A true box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TruthBox {
    /// The class.
    pub class_id: u8,
    /// West, north, east, south; grid pixels and fractions of them, rows growing southward.
    pub bbox: [f64; 4],
}

/// A detected box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoredBox {
    /// The class.
    pub class_id: u8,
    /// Confidence: only the order matters.
    pub score: f32,
    /// West, north, east, south; grid pixels and fractions of them, rows growing southward.
    pub bbox: [f64; 4],
}
