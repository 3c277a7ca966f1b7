//! What a scene says of itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Grid, Native, Window};

/// Sample types that a scene may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SampleType {
    /// 8-bit unsigned integers.
    Uint8,
    /// 8-bit signed integers.
    Int8,
    /// 16-bit unsigned integers.
    Uint16,
    /// 16-bit signed integers.
    Int16,
    /// 32-bit unsigned integers.
    Uint32,
    /// 32-bit signed integers.
    Int32,
    /// 32-bit floats.
    Float32,
    /// 64-bit floats.
    Float64,
}

impl SampleType {
    /// Size of a sample, bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 => 2,
            Self::Uint32 | Self::Int32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }
}

/// One band of a scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandInfo {
    /// Number in the file, from 1.
    pub index: usize,
    /// Common name as in STAC's `eo:bands` (`red`, `green`, `blue`, `nir`, ...), where it can be told.
    pub common_name: Option<String>,
    /// The file's own description of the band.
    pub description: String,
    /// Sample type.
    pub sample_type: SampleType,
    /// Nodata value declared for the band.
    pub nodata: Option<f64>,
    /// Whether it is an alpha band.
    pub is_alpha: bool,
}

/// One scene: where it is, what it holds, when it was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneInfo {
    /// Short id: the STAC item's id, or the file's name without its extension.
    pub id: String,
    /// Where it is read from.
    pub uri: String,
    /// Its grid.
    pub grid: Grid,
    /// The pixels it fills.
    pub window: Window,
    /// What its pixels are computed from, where it is resampled while it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Box<Native>>,
    /// Its bands.
    pub bands: Vec<BandInfo>,
    /// Acquisition date or date and time, RFC 3339, where known.
    pub acquired: Option<String>,
    /// GSD on the ground at the centre of the scene, metres.
    pub gsd_m: f64,
    /// Size of a storage block (columns, rows).
    pub block: (usize, usize),
}
