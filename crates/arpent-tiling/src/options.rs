//! What the user may set, what the model needs, what can go wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a job is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TilingOptions {
    /// Side of a window's core, pixels, rounded up to a multiple of the network's stride; 0 for one that suits
    /// the network. Changes memory and speed, never the result.
    #[schemars(range(min = 0, max = 16384))]
    pub window_px: usize,
}

impl Default for TilingOptions {
    fn default() -> Self {
        Self { window_px: AUTO }
    }
}

/// Stands for the size that suits the network ([`Needs::window_px`]).
pub(crate) const AUTO: usize = 0;

/// What a network needs of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Pixels to read beyond the core in the west and in the east.
    pub overlap_cols: usize,
    /// Pixels to read beyond the core in the north and in the south.
    pub overlap_rows: usize,
    /// Total stride of the network: corners of windows are multiples of it.
    pub stride_px: usize,
    /// Side of a core that suits it, pixels: large enough that the overlap is cheap, small enough for the memory.
    pub window_px: usize,
}

/// A plan or a stitching that cannot be done.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TilingError {
    /// The window size is out of range.
    #[error("tiling.window_px = {window_px} is out of range")]
    WindowSize {
        /// What was asked for.
        window_px: usize,
    },
    /// A prediction that is not of the plan, or came twice.
    #[error("a prediction for {core} is not expected")]
    Unexpected {
        /// Its core, printed.
        core: String,
    },
}

impl arpent_base::Diagnostic for TilingError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::WindowSize { .. } => {
                Some("choose 32 to 16384 pixels, or 0 for a size that suits the network".to_owned())
            }
            Self::Unexpected { .. } => None,
        }
    }
}
