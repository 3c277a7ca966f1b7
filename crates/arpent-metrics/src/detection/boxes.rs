//! Boxes that are there, and boxes that were found.

use serde::{Deserialize, Serialize};

/// A box that is there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TruthBox {
    /// The class.
    pub class_id: u8,
    /// West, north, east, south; grid pixels and fractions of them, rows growing southward.
    pub bbox: [f64; 4],
}

/// A box that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScoredBox {
    /// The class.
    pub class_id: u8,
    /// How sure: only the order matters.
    pub score: f32,
    /// West, north, east, south; grid pixels and fractions of them, rows growing southward.
    pub bbox: [f64; 4],
}
