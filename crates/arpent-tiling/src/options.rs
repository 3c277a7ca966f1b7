//! Options of the user, needs of the model, errors.

use arpent_raster::Window;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a job is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TilingOptions {
    /// Side of a window's core, pixels, rounded up to a multiple of the network's stride; 0 for the default of
    /// the network. Changes memory and speed, never the result.
    #[schemars(range(min = 0, max = 16384))]
    pub window_px: usize,
}

impl Default for TilingOptions {
    fn default() -> Self {
        Self { window_px: AUTO }
    }
}

/// Selects the default of the network ([`Needs::window_px`]).
pub(crate) const AUTO: usize = 0;

/// Requirements of a network for its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Pixels to read beyond the core in the west and in the east.
    pub overlap_cols: usize,
    /// Pixels to read beyond the core in the north and in the south.
    pub overlap_rows: usize,
    /// Total stride of the network: corners of windows are multiples of it.
    pub stride_px: usize,
    /// Default side of a core, pixels: large enough that the overlap is cheap, small enough for the memory.
    pub window_px: usize,
}

/// Errors of planning and stitching.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TilingError {
    /// The window size is out of range.
    #[error("tiling.window_px = {window_px} is out of range")]
    WindowSize {
        /// The value given.
        window_px: usize,
    },
    /// The extent is larger than a raster file can be, or off the Earth.
    #[error(
        "cannot tile {extent}: a side has more than {} pixels, or a corner lies {} pixels or more from the origin of the CRS",
        i32::MAX,
        Window::FARTHEST_PX
    )]
    ExtentTooLarge {
        /// The extent.
        extent: Window,
    },
    /// A prediction that is not in the plan, was added twice, or does not have the pixels of its core.
    #[error("unexpected prediction for {core}")]
    Unexpected {
        /// Its core, printed.
        core: String,
    },
}

impl arpent_base::Diagnostic for TilingError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::WindowSize { .. } => {
                Some("choose 32 to 16384 pixels, or 0 for the default of the network".to_owned())
            }
            Self::ExtentTooLarge { .. } => {
                Some("check the CRS of the scenes; set a smaller area of interest (`[aoi]`), or run distant scenes separately".to_owned())
            }
            Self::Unexpected { .. } => None,
        }
    }
}
