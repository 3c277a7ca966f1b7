//! Options of the user, needs of the model, errors.

use arpent_base::{OutOfRange, WindowSide};
use arpent_raster::Window;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a job is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TilingOptions {
    /// Side of a window's core, pixels, rounded up to a multiple of the network's stride; 0 for the default of
    /// the network. Changes memory and speed, never the result. Networks whose window is part of the model (`window` in
    /// `model.json`) have one side only.
    pub window_px: WindowSide,
}

impl Default for TilingOptions {
    fn default() -> Self {
        Self { window_px: WindowSide::AUTO }
    }
}

impl TilingOptions {
    /// Windows with a core of this side, pixels.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn of_side(window_px: usize) -> Result<Self, OutOfRange> {
        Ok(Self { window_px: WindowSide::new(window_px)? })
    }
}

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
    /// Whether the window is part of the model: cores have `window_px` pixels and no other side, and each window has
    /// the pixels of a whole core with its overlap, even where an extent cuts the core.
    pub fixed: bool,
}

/// Errors of planning and stitching.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TilingError {
    /// No multiple of the network's stride is a side of windows.
    #[error("no window is a multiple of {stride_px} pixels, the stride of the network")]
    Stride {
        /// The stride.
        stride_px: usize,
    },
    /// Another side than that of the model is asked for.
    #[error("tiling.window_px is {asked}; the window is part of this model, whose cores have {core_px} px")]
    Fixed {
        /// The option.
        asked: usize,
        /// Side of the model's cores.
        core_px: usize,
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
            Self::Stride { .. } => Some("use another model package: the graph of this one is damaged".to_owned()),
            Self::ExtentTooLarge { .. } => {
                Some("check the CRS of the scenes; set a smaller area of interest (`[aoi]`), or run distant scenes separately".to_owned())
            }
            Self::Fixed { .. } => Some("leave out tiling.window_px and --window".to_owned()),
            Self::Unexpected { .. } => None,
        }
    }
}
