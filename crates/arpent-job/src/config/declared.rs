//! Declarations about the pixels of scenes, for files whose own are missing or wrong.

use arpent_base::Factor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of the factor by which the sides of pixels may change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "is not a valid factor, expected a number from 1 to 100, or a table of `coarser` and `finer` with such numbers"
)]
pub enum ResampleFactor {
    /// The same for coarser and finer pixels.
    Both(Factor),
    /// One for coarser, one for finer pixels.
    Each(ResampleFactors),
}

/// Limits of the factor by which the sides of pixels may become longer and shorter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResampleFactors {
    /// Factor by which they may become longer.
    pub coarser: Factor,
    /// Factor by which they may become shorter: finer pixels add no detail.
    pub finer: Factor,
}

impl Default for ResampleFactors {
    fn default() -> Self {
        Self { coarser: Factor::TWO, finer: Factor::TWO }
    }
}

impl Default for ResampleFactor {
    fn default() -> Self {
        Self::Both(Factor::TWO)
    }
}

impl ResampleFactor {
    /// The factors for coarser and for finer pixels.
    pub const fn each(&self) -> ResampleFactors {
        match self {
            Self::Both(factor) => ResampleFactors { coarser: *factor, finer: *factor },
            Self::Each(factors) => *factors,
        }
    }
}

/// Nodata values of scenes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a number, \"none\", \"nan\", \"inf\" or \"-inf\", or a list of these with one for each band"
)]
pub enum NodataOption {
    /// One for all bands.
    All(NodataValue),
    /// One for each band of the file.
    Bands(Vec<NodataValue>),
}

impl NodataOption {
    /// All of them.
    pub fn values(&self) -> &[NodataValue] {
        match self {
            Self::All(value) => std::slice::from_ref(value),
            Self::Bands(values) => values,
        }
    }
}

/// A nodata value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NodataValue {
    /// A finite number.
    Number(f64),
    /// A word: `none`, or a value that is not finite, for which JSON has no number.
    Word(NodataWord),
}

/// Nodata values that are not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NodataWord {
    /// Every value is data.
    #[serde(rename = "none")]
    None,
    /// Not a number.
    #[serde(rename = "nan", alias = "NaN")]
    Nan,
    /// Infinite.
    #[serde(rename = "inf")]
    Infinite,
    /// Infinite, negative.
    #[serde(rename = "-inf")]
    NegativeInfinite,
}

impl NodataValue {
    /// The value; `None` where every value is data.
    pub const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Word(NodataWord::None) => None,
            Self::Word(NodataWord::Nan) => Some(f64::NAN),
            Self::Word(NodataWord::Infinite) => Some(f64::INFINITY),
            Self::Word(NodataWord::NegativeInfinite) => Some(f64::NEG_INFINITY),
        }
    }
}

/// Use of an alpha band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"mask\", \"data\" or the number of a band")]
pub enum AlphaOption {
    /// Use of bands that files flag as alpha.
    Role(AlphaRole),
    /// Number of the alpha band, from 1; flags of files are ignored.
    Band(usize),
}

/// Use of bands that files flag as alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlphaRole {
    /// They mask pixels without data.
    Mask,
    /// They are ordinary bands.
    Data,
}

/// Treatment of a collar: black or white pixels connected with the border of their scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
pub enum CollarOption {
    /// It is mapped, with a warning.
    #[default]
    Tell,
    /// It is masked, with the artifacts of lossy compression along its edge.
    LeaveOut,
    /// It is mapped, and no search is made.
    Keep,
}

impl CollarOption {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(crate) fn is_tell(&self) -> bool {
        *self == Self::Tell
    }
}
