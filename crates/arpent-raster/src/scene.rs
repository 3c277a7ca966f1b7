//! What a scene says of itself.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Grid, Window};

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
    /// Whether it is an alpha band: it says where there is data, and is none itself. A band that is asked for as data is not,
    /// whatever its file says.
    pub is_alpha: bool,
    /// What its stored values mean, where that is declared to be something else than themselves.
    #[serde(default)]
    pub scaling: Option<Scaling>,
}

/// What stored values mean: `stored * scale + offset`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Physical units for each unit of what is stored; never 0.
    pub scale: f64,
    /// Physical value of a stored 0.
    pub offset: f64,
    /// Who declares it, in words.
    pub by: String,
    /// What readers make of it.
    pub read_as: ReadAs,
}

/// What readers make of stored values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadAs {
    /// They are taken as they are stored.
    #[default]
    Raw,
    /// Scale and offset are applied.
    Physical,
    /// The offset is taken out, the step of the stored values stays: `stored + offset / scale`. Sentinel-2 from baseline 04.00
    /// then has the numbers that it had before.
    Harmonized,
}

impl Scaling {
    /// The factor and the summand that readers apply, if any.
    pub fn applied(&self) -> Option<(f64, f64)> {
        match self.read_as {
            ReadAs::Raw => None,
            ReadAs::Physical => Some((self.scale, self.offset)),
            ReadAs::Harmonized => Some((1.0, self.offset / self.scale)),
        }
    }
}

/// What decides, beside the values of bands, which pixels of a scene are valid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// Whether the file has a mask band, inside or beside it (`.msk`).
    pub has_mask: bool,
    /// Who declared the bands' nodata values.
    pub nodata_by: Declared,
    /// Files beside the scene that are read with it, such as `a.tif.msk`; overviews left out.
    pub side_files: Vec<String>,
    /// Where the mask of the scene's collar lies, or will lie once it is needed: pixels in it are invalid.
    #[serde(skip)]
    pub collar: Option<PathBuf>,
}

/// Who declared something of a scene.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Declared {
    /// The file, or a file beside it.
    #[default]
    File,
    /// The configuration of the job. It counts whatever the file says.
    Configuration,
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
    /// Its bands.
    pub bands: Vec<BandInfo>,
    /// Acquisition date or date and time, RFC 3339, where known.
    pub acquired: Option<String>,
    /// GSD on the ground at the centre of the scene, metres.
    pub gsd_m: f64,
    /// Size of a storage block (columns, rows).
    pub block: (usize, usize),
    /// What decides which of its pixels are valid.
    #[serde(default)]
    pub validity: Validity,
}

impl SceneInfo {
    /// The alpha band that says where there is data, unless it is one of the bands asked for.
    pub fn alpha(&self, bands: &[usize]) -> Option<usize> {
        self.bands.iter().find(|b| b.is_alpha && !bands.contains(&b.index)).map(|b| b.index)
    }
}
