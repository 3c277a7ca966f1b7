//! Counts of measured values.

use serde::{Deserialize, Serialize};

/// The measured values of a map: a band of its raster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MeasuredCounts {
    /// Name.
    pub name: String,
    /// Name in French.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_fr: Option<String>,
    /// Unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Pixels with a value.
    pub pixels: u64,
    /// Valid pixels whose output was no finite number: they have no value.
    pub not_finite: u64,
    /// Lowest value; none without a pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Greatest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// Lowest and greatest value of the color ramp.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<[f64; 2]>,
}
