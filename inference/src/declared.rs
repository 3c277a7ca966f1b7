//! What a configuration declares of the pixels of scenes, where their files do not say it, or say it wrongly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
