//! What became of boxes.

/// What became of a box that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) score: f32,
    /// Bit by bit, whether it matches a true box at each IoU threshold.
    pub(super) matched: u32,
}

/// What was found and what is there, of one class.
#[derive(Debug, Clone, Default)]
pub(super) struct ClassOutcomes {
    pub(super) truths: u64,
    pub(super) outcomes: Vec<Outcome>,
}
