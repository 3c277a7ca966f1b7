//! Outcomes of detected boxes.

/// The outcome of a detected box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) score: f32,
    /// Bit by bit, whether it matches a true box at each IoU threshold.
    pub(super) matched: u32,
}

/// Detected boxes and number of true boxes of one class.
#[derive(Debug, Clone, Default)]
pub(super) struct ClassOutcomes {
    pub(super) truths: u64,
    pub(super) outcomes: Vec<Outcome>,
}
