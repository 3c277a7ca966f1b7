//! What a configuration declares of the pixels of scenes, where their files do not say it, or say it wrongly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most by which the sides of pixels may become longer or shorter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number, or a table of `coarser` and `finer`")]
pub enum ResampleFactor {
    /// The same both ways.
    Both(#[schemars(range(min = 1.0, max = 100.0))] f64),
    /// Each way its own.
    Each(ResampleFactors),
}

/// The most by which the sides of pixels may become longer or shorter, each way its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResampleFactors {
    /// How many times as long.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub coarser: f64,
    /// How many times as short: finer pixels show nothing that the scene does not hold.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub finer: f64,
}

impl Default for ResampleFactors {
    fn default() -> Self {
        Self { coarser: 2.0, finer: 2.0 }
    }
}

impl Default for ResampleFactor {
    fn default() -> Self {
        Self::Both(2.0)
    }
}

impl ResampleFactor {
    /// Each way.
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
    /// A word: no value, or one that JSON has no number for.
    Word(NodataWord),
}

/// Nodata values that are no finite numbers.
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

/// What an alpha band is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"mask\", \"data\" or the number of a band")]
pub enum AlphaOption {
    /// What bands that files flag as alpha are.
    Role(AlphaRole),
    /// The band that is alpha, from 1, whatever files say.
    Band(usize),
}

/// What bands that files flag as alpha are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlphaRole {
    /// They say where there is data.
    Mask,
    /// They are bands like any other.
    Data,
}

/// What becomes of a collar: what is black or white and connected with the border of its scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "kebab-case")]
pub enum CollarOption {
    /// It is mapped, and a warning tells of it.
    #[default]
    Tell,
    /// It is left out, with what lossy compression made of its edge.
    LeaveOut,
    /// It is mapped, and not looked for.
    Keep,
}

impl CollarOption {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(crate) fn is_tell(&self) -> bool {
        *self == Self::Tell
    }
}
