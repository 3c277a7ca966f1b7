//! What a block leaves for others.

use arpent_base::number::wide;

use super::counts::DrawnCounts;
use super::layout::Layout;
use super::open::Open;
use crate::drawing::Drawing;

/// The parts of regions that reach beyond a block, or beyond the blocks that were joined.
///
/// Their size grows with the borders of the block and with the regions that cross them, not with its pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Fragments {
    pub(super) layout: Layout,
    /// How borders are drawn, as numbers.
    pub(super) drawing: Vec<u64>,
    pub(super) open: Open,
    /// Of regions that were emitted before.
    pub(super) drawn: DrawnCounts,
}

/// Numbers that are equal if borders are drawn in the same way.
pub(super) fn drawing_numbers(drawing: Option<&Drawing>) -> Vec<u64> {
    let Some(drawing) = drawing else { return Vec::new() };
    let mut numbers = vec![drawing.tolerance_px.to_bits()];
    numbers.extend(drawing.smoothing.map_or([0; 2], |smoothing| smoothing.numbers()));
    let squared = drawing.square.iter().flat_map(|square| (0..square.len()).filter(|id| square[*id]));
    numbers.extend(squared.map(wide));
    numbers
}
