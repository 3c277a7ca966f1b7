//! What the user may set, what the model needs, what can go wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a job is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TilingOptions {
    /// Side of a window's core, pixels. Rounded up to a multiple of the network's stride. Changes memory and
    /// speed, never the result.
    #[schemars(range(min = 32, max = 16384))]
    pub window_px: usize,
}

impl Default for TilingOptions {
    fn default() -> Self {
        Self { window_px: 1024 }
    }
}

/// What a network needs of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Pixels to read beyond each side of the core.
    pub overlap_px: usize,
    /// Total stride of the network: corners of windows are multiples of it.
    pub stride_px: usize,
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

impl TilingError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::WindowSize { .. } => Some("choose 32 to 16384 pixels; 1024 is the default".to_owned()),
            Self::Unexpected { .. } => None,
        }
    }
}
