//! The window that is part of a model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest side of a window that is part of a model, pixels: beyond it no machine holds a network's layers.
const MOST_WINDOW_PX: usize = 8192;

/// The window of a network whose answers depend on the whole window (ADR 0022).
///
/// Cores have `side_px - 2 * margin_px` pixels and begin at multiples of that number on the lattice of the CRS; the
/// answer at a pixel is the network's answer on the one window whose core holds the pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelWindow {
    /// Side of the window, pixels: a multiple of the network's stride.
    pub side_px: usize,
    /// Pixels on each side of the window whose answers are not used.
    pub margin_px: usize,
}

impl ModelWindow {
    /// Side of the core, pixels; 0 if the margins leave nothing.
    pub fn core_px(self) -> usize {
        self.side_px.saturating_sub(self.margin_px.saturating_mul(2))
    }

    /// Distance in pixels beyond which nothing changes an answer: from a corner of the core to the opposite corner of
    /// the window, along one axis.
    pub fn reach_px(self) -> usize {
        self.side_px.saturating_sub(self.margin_px.saturating_add(1))
    }

    /// What is wrong with it for a network of a stride, as the end of a message.
    pub(super) fn problem(self, stride: usize) -> Option<String> {
        let Self { side_px, margin_px } = self;
        let core = self.core_px();
        if side_px > MOST_WINDOW_PX || side_px == 0 || !side_px.is_multiple_of(stride) {
            return Some(format!(
                "has a side of {side_px} px, expected a multiple of {stride} px (the network's stride) up to {MOST_WINDOW_PX}"
            ));
        }
        (core == 0 || !core.is_multiple_of(stride)).then(|| {
            format!(
                "has a core of {core} px ({side_px} - 2 x {margin_px}), expected a multiple of {stride} px, the network's stride"
            )
        })
    }
}
