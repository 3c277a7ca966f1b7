//! True boxes and detected boxes.

use arpent_raster::OrientedBox;
use serde::{Deserialize, Serialize};

/// A true box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TruthBox {
    /// The class.
    pub class_id: u8,
    /// West, north, east, south; grid pixels and fractions of them, rows growing southward.
    pub bbox: [f64; 4],
    /// The rectangle, if it has a direction; [`TruthBox::bbox`] is the box around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oriented: Option<OrientedBox>,
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
    /// The rectangle, if it has a direction; [`ScoredBox::bbox`] is the box around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oriented: Option<OrientedBox>,
}
