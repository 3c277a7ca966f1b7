//! Classes that were settled for the regions of a block.

use std::collections::HashMap;

use arpent_raster::Window;

use super::rules::MappingUnits;

/// The classes of the regions of a block that it could not settle alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub(super) extent: Window,
    pub(super) block: Window,
    /// Which mapping units these are of.
    pub(super) rules: u64,
    /// For each region the row and column of its first pixel, counted from the corner of the extent, and its class;
    /// by the former.
    pub(super) classes: Vec<((u32, u32), u8)>,
}

impl Settled {
    /// For an extent that is one block: nothing has to be settled elsewhere.
    pub(crate) fn nothing(extent: Window, units: &MappingUnits) -> Self {
        Self { extent, block: extent, rules: units.number(), classes: Vec::new() }
    }

    /// The extent of the map.
    pub fn extent(&self) -> Window {
        self.extent
    }

    /// The block.
    pub fn block(&self) -> Window {
        self.block
    }

    /// Number of regions.
    pub fn regions(&self) -> usize {
        self.classes.len()
    }
}

/// What was settled for all blocks of an extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Regions that took another class, beyond those that the blocks count themselves.
    pub eliminated: u64,
    /// Regions that are too small but have no neighbor, beyond those that the blocks count themselves.
    pub islands: u64,
    /// What was settled for each block, in the order in which they were added.
    pub blocks: Vec<Settled>,
}

/// Classes by the first pixel of their region, counted from the corner of the block.
#[derive(Debug, Default)]
pub(super) struct Known {
    classes: HashMap<(u32, u32), u8>,
    found: usize,
}

impl Known {
    pub(super) fn new(settled: &Settled) -> Self {
        let corner = settled.extent.offset_of(&settled.block).unwrap_or_default();
        let from = |at: u32, corner: usize| at.wrapping_sub(u32::try_from(corner).unwrap_or(u32::MAX));
        let of_block =
            |((row, col), class): &((u32, u32), u8)| ((from(*row, corner.1), from(*col, corner.0)), *class);
        Self { classes: settled.classes.iter().map(of_block).collect(), found: 0 }
    }

    /// The class of the region whose first pixel this is.
    pub(super) fn find(&mut self, first: (u32, u32)) -> Option<u8> {
        if self.classes.is_empty() {
            return None;
        }
        let class = self.classes.get(&first).copied();
        self.found += usize::from(class.is_some());
        class
    }

    /// Whether all regions were found.
    pub(super) fn are_found(&self) -> bool {
        self.found == self.classes.len()
    }
}
