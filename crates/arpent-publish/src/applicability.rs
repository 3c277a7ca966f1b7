//! How much of a map is unlike the training of its model.

use serde::{Deserialize, Serialize};

/// The part of a map outside of the area of applicability of its model (Meyer, Pebesma, 2021): blocks of 64 pixels whose
/// dissimilarity index to the samples of the training is above the threshold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicabilityCounts {
    /// Threshold of the index.
    pub threshold: f64,
    /// Pixels of the map in blocks that were compared.
    pub pixels: u64,
    /// Those of them in blocks outside.
    pub pixels_outside: u64,
    /// Their share, 0 to 1.
    pub share_outside: f64,
    /// Pixels of the map in blocks of which less than half is valid.
    pub pixels_unknown: u64,
    /// Index that half of the pixels do not exceed, as a multiple of the threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// Index that 95 % of the pixels do not exceed, as a multiple of the threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// Features with more than half of their pixels outside.
    pub features_outside: u64,
}
