//! What a block cannot settle alone.

use arpent_raster::Window;

/// The regions of a block that it cannot settle alone, what is next to them, and the classes along its sides.
///
/// Its size grows with the borders of the block and with the mapping unit, not with the block's pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Borders {
    pub(super) extent: Window,
    pub(super) block: Window,
    /// Which mapping units these are of.
    pub(super) rules: u64,
    pub(super) regions: Vec<Unsettled>,
    /// The runs of labels along the sides that are those of other blocks, too: by side, then along it.
    pub(super) runs: Vec<BorderRun>,
}

/// A region that is not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsettled {
    pub(super) class_id: u8,
    pub(super) strata: u8,
    pub(super) area_q64: u128,
    /// Row and column of its first pixel, counted from the corner of the extent.
    pub(super) first: (u32, u32),
    /// What is next to it, and the number of sides of pixels that they share.
    pub(super) beside: Vec<(Beside, u32)>,
}

/// A region, or any region of a class that is settled: only its class counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Beside {
    /// The number of a region of the block that is not settled.
    Unsettled(u32),
    /// A class.
    Settled(u8),
}

/// Pixels of one region along a side of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BorderRun {
    /// The side, by direction.
    pub(super) side: u8,
    /// The first and the end column or row, counted from the corner of the extent.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) region: Beside,
}

impl Borders {
    /// The extent of the map.
    pub fn extent(&self) -> Window {
        self.extent
    }

    /// The block.
    pub fn block(&self) -> Window {
        self.block
    }

    /// Number of regions that are not settled.
    pub fn regions(&self) -> usize {
        self.regions.len()
    }
}
