//! Answers that a map leaves undecided.

use serde::{Deserialize, Serialize};

/// Answers that a map leaves undecided, because more of them than a stated share are expected to be wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UndecidedCounts {
    /// Name of the class that they have in the map.
    pub class: String,
    /// Its value in `map.tif`.
    pub value: u8,
    /// Largest expected share of errors among the answers of a class that are given.
    pub max_risk: f64,
    /// Territory of the model whose tables apply; those of all territories together if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub territory: Option<String>,
    /// Pixels whose answer is left undecided.
    pub pixels: u64,
    /// Their share of all pixels with an answer, 0 to 1.
    pub share: f64,
    /// Undecided pixels of the published map: reference layers and the minimum mapping unit may change some. In a decided version
    /// of a map, which has no raster, those of the map that was proposed.
    pub pixels_published: u64,
    /// Their area, square meters.
    pub published_m2: f64,
    /// Undecided pixels that a reference layer, or a neighbor by the minimum mapping unit, gave a class.
    pub pixels_given: u64,
    /// Each class of the model.
    pub classes: Vec<UndecidedClass>,
}

/// What is left undecided of a class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UndecidedClass {
    /// The class.
    pub class: String,
    /// Whose validation data decide: `all`, the name of the territory, or `none`: all its answers are undecided then.
    pub table: String,
    /// Lowest confidence of an answer that is given, before it is corrected, 0 to 1; none if no answer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lowest: Option<f64>,
    /// Share of the validation answers of the class that are given.
    pub expected_coverage: f64,
    /// Share of these that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_risk: Option<f64>,
    /// Pixels of the map with this answer.
    pub pixels: u64,
    /// Those of them that are left undecided.
    pub pixels_undecided: u64,
}
