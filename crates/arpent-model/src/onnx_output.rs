//! What an ONNX graph answers with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the first output of an ONNX graph holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnnxOutput {
    /// Scores before the softmax, or the sigmoid of a single channel: batch, channel, row, column.
    Logits,
    /// Probabilities, in the same order.
    Probabilities,
    /// Measured values: batch, value, row, column.
    Values,
    /// Boxes (YOLO v5, v7): batch, box, then center, width and height in pixels, a score and one of each class.
    BoxRows,
    /// Boxes (YOLO v8 and later): batch, then center, width and height in pixels and a score of each class, box.
    BoxColumns,
}

impl OnnxOutput {
    /// Whether it holds boxes.
    pub const fn is_boxes(self) -> bool {
        matches!(self, Self::BoxRows | Self::BoxColumns)
    }

    /// Numbers of a box.
    pub(crate) const fn box_values(self, classes: usize) -> usize {
        match self {
            Self::BoxRows => 5 + classes,
            _ => 4 + classes,
        }
    }
}
