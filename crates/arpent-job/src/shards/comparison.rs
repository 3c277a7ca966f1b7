//! The stored plan of a comparison of two dates.

use std::collections::BTreeMap;

use arpent_change::evidence::{ChangeVectors, Mad};
use arpent_raster::Window;
use serde::{Deserialize, Serialize};

use super::divided::{Divided, Part};
use super::document::Document;
use crate::config::ChangeConfig;

/// Format of the plans of comparisons that this version writes and reads.
pub const CHANGE_PLAN_FORMAT: &str = "arpent-change-plan/1";

/// A comparison divided into shards. It is written once and never changed; the same comparison gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePlan {
    /// [`CHANGE_PLAN_FORMAT`].
    pub format: String,
    /// The first 16 hexadecimal digits of the SHA-256 of all the rest, with an empty id.
    pub id: String,
    /// Versions of the program and of the libraries that results depend on.
    pub software: BTreeMap<String, String>,
    /// The configuration.
    pub config: ChangeConfig,
    /// Whether an existing output is replaced.
    pub overwrite: bool,
    /// The first 16 hexadecimal digits of the SHA-256 of all inputs of its pixels: its pieces are stored below it.
    pub comparison: String,
    /// What the inputs contained when the plan was made, by name.
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// Its grid.
    pub grid: String,
    /// Its pixels.
    pub extent: Window,
    /// Rows of a piece; pieces begin at multiples of it, counted from the origin of the CRS.
    pub piece_rows: u32,
    /// Pixels of each piece, from the north.
    pub pieces: Vec<u64>,
    /// How the images are scored, if both dates have images.
    pub scoring: Option<Scoring>,
    /// The shift that is corrected, if one is.
    pub correction: Option<Correction>,
    /// Number of shards.
    pub shards: usize,
}

/// A shift that is corrected: that of the images as they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Median shift of the later date to the east and the south, pixels of the comparison.
    pub shift_px: [f64; 2],
    /// Good cells that it is the median of.
    pub cells: usize,
    /// Median of their distances from it, pixels.
    pub spread_px: f64,
}

/// How the images of two dates are scored: measured once for all of a comparison, before its pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scoring {
    /// What makes a score of two pixels.
    pub scorer: Scorer,
    /// Score from which pixels differ: Otsu's threshold, or, of IR-MAD, what unchanged pixels show where that is more.
    pub threshold: f64,
    /// Otsu's threshold.
    pub otsu: f64,
    /// What one in a thousand unchanged pixels exceeds, if half of all are unchanged and bands are independent.
    pub noise: Option<f64>,
    /// Number of pixels that it was measured on, if not all.
    pub sampled_px: Option<u64>,
}

/// What makes a score of two pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scorer {
    /// IR-MAD.
    Irmad(Box<Mad>),
    /// Change vectors.
    Cva(ChangeVectors),
}

impl Divided for ChangePlan {
    fn id(&self) -> &str {
        &self.id
    }

    fn shards(&self) -> usize {
        self.shards
    }

    fn parts(&self) -> Vec<Part<'_>> {
        vec![Part { id: &self.comparison, pieces: &self.pieces, output: self.config.output.clone() }]
    }
}

impl Document for ChangePlan {
    const FORMAT: &'static str = CHANGE_PLAN_FORMAT;

    fn id_mut(&mut self) -> &mut String {
        &mut self.id
    }

    fn names(&self) -> Vec<&str> {
        vec![&self.comparison]
    }
}

impl ChangePlan {
    /// The same plan with the id of its content.
    ///
    /// # Errors
    /// When the configuration contains a value that JSON cannot represent.
    pub(crate) fn with_id(mut self) -> serde_json::Result<Self> {
        self.id = self.content_id()?;
        Ok(self)
    }
}
