//! Settles what the blocks of an extent could not settle alone.

use std::collections::BTreeMap;

use arpent_raster::Window;

use super::borders::{Beside, BorderRun, Borders, Unsettled};
use super::regions::{Region, Regions};
use super::rules::MappingUnits;
use super::settled::{Known, Settled, Settlement};
use crate::VectorError;
use crate::polygonize::{Connectivity, Half, Layout, Rim, Run, Segment, Traced, check_extent};

/// Carries the rule of [`crate::Eliminator`] out where regions cross the borders of blocks.
///
/// The [`Borders`] of all blocks of an extent are added in any order; what comes out is the same for every cut into
/// blocks. Memory grows with what was added, not with the pixels of the blocks.
///
/// ```
/// use arpent_raster::Window;
/// use arpent_vector::{BlockSurvey, CoverageRules, MappingUnits, Settler};
///
/// // Two pixels of class 2 on either side of the line at column 512: large enough together.
/// let extent = Window::new(510, 0, 4, 1);
/// let units = MappingUnits::new(2.0)?;
/// let rules = CoverageRules::new(units.clone(), None, 0.0)?;
/// let mut settler = Settler::new(extent, units)?;
/// for (col, labels) in [(510, [1, 2]), (512, [2, 1])] {
///     let mut survey = BlockSurvey::new(extent, Window::new(col, 0, 2, 1), &rules)?;
///     survey.push_row(&labels, None, 1.0)?;
///     settler.add(&survey.finish()?)?;
/// }
/// let settlement = settler.settle()?;
/// // The western block settles its pixel of class 1 alone; the eastern one has to wait for what is next to its own.
/// assert_eq!((settlement.eliminated, settlement.islands), (1, 0));
/// assert_eq!(settlement.blocks.iter().map(|block| block.regions()).collect::<Vec<_>>(), [0, 2]);
/// # Ok::<(), arpent_vector::VectorError>(())
/// ```
#[derive(Debug)]
pub struct Settler {
    layout: Layout,
    rules: u64,
    /// The first 256 stand for all regions of their class that are settled.
    regions: Regions,
    blocks: Vec<Block>,
    /// Sides of segments whose other side was not added yet.
    halves: BTreeMap<Segment, Half>,
    traced: Traced,
}

#[derive(Debug)]
struct Block {
    window: Window,
    /// The number of its first region.
    first: u32,
    /// The first pixels of its regions.
    firsts: Vec<(u32, u32)>,
}

impl Settler {
    /// For the blocks of an extent that were surveyed with these units.
    ///
    /// # Errors
    /// [`VectorError::ExtentTooLarge`].
    pub fn new(extent: Window, units: MappingUnits) -> Result<Self, VectorError> {
        check_extent(extent)?;
        Ok(Self::of_layout(Layout::new(extent, Connectivity::Four), units))
    }

    pub(crate) fn of_layout(layout: Layout, units: MappingUnits) -> Self {
        let rules = units.number();
        let mut regions = Regions::new(units, Rim::new(&layout.extent, &layout.extent), Known::default());
        for class_id in 0..=u8::MAX {
            regions.add_settled(class_id);
        }
        Self {
            layout,
            rules,
            regions,
            blocks: Vec::new(),
            halves: BTreeMap::new(),
            traced: Traced::default(),
        }
    }

    /// Adds a block.
    ///
    /// # Errors
    /// [`VectorError::OtherBlocks`] if it is of another extent or other units, [`VectorError::BlockTwice`] if it was added before or
    /// overlaps another one.
    pub fn add(&mut self, borders: &Borders) -> Result<(), VectorError> {
        let (extent, other) = (self.layout.extent, borders.extent);
        if extent != other || borders.rules != self.rules {
            return Err(VectorError::OtherBlocks { extent, other });
        }
        if !self.layout.has_block(&borders.block) {
            return Err(VectorError::BadBlock { block: borders.block, extent });
        }
        self.traced.add(borders.block)?;
        let first = self.regions.count();
        let number = |beside: Beside| match beside {
            Beside::Unsettled(number) => first + number,
            Beside::Settled(class_id) => u32::from(class_id),
        };
        for region in &borders.regions {
            let Unsettled { class_id, strata, area_q64, first, .. } = *region;
            self.regions.add(Region::new(class_id, strata, area_q64, first));
        }
        for (i, region) in (first..).zip(&borders.regions) {
            let beside = region.beside.iter().map(|(beside, sides)| (number(*beside), *sides));
            self.regions.add_borders(i, beside);
        }
        let firsts = borders.regions.iter().map(|region| region.first).collect();
        self.blocks.push(Block { window: borders.block, first, firsts });
        for side in Rim::new(&borders.block, &extent).shared_sides() {
            let runs = borders.runs.iter().filter(|run| run.side == side.direction);
            let runs: Vec<Run> = runs
                .map(|BorderRun { start, end, region, .. }| Run {
                    start: *start,
                    end: *end,
                    of: number(*region),
                })
                .collect();
            for (segment, half) in side.halves(&self.layout, &runs) {
                self.add_half(segment, half)?;
            }
        }
        Ok(())
    }

    /// Adds a side of a segment, and compares it with the other one if that is there.
    fn add_half(&mut self, segment: Segment, half: Half) -> Result<(), VectorError> {
        match self.halves.remove(&segment) {
            None => {
                self.halves.insert(segment, half);
            }
            Some(other) if other.is_after == half.is_after => {
                return Err(VectorError::BlockTwice { block: self.layout.extent });
            }
            Some(other) => self.meet(&other.runs, &half.runs),
        }
        Ok(())
    }

    /// Joins the regions on either side of a line.
    fn meet(&mut self, one: &[Run], other: &[Run]) {
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
            let (start, end) = (a.start.max(b.start), a.end.min(b.end));
            if start < end {
                self.regions.meet(a.of, b.of, end - start);
            }
            if a.end <= b.end {
                i += 1;
            } else {
                j += 1;
            }
        }
    }

    /// Settles all regions of the blocks.
    ///
    /// # Errors
    /// [`VectorError::BlocksMissing`] if not all blocks of the extent were added.
    pub fn settle(mut self) -> Result<Settlement, VectorError> {
        let (extent, pixels) = (self.layout.extent, self.traced.pixels());
        if pixels != extent.pixels() || !self.halves.is_empty() {
            return Err(VectorError::BlocksMissing { extent, pixels });
        }
        self.regions.settle_all();
        let (rules, (eliminated, islands)) = (self.rules, self.regions.counts());
        let mut settled_of = |Block { window: block, first, firsts }: Block| {
            let mut classes: Vec<((u32, u32), u8)> =
                (first..).zip(firsts).map(|(region, first)| (first, self.regions.class_of(region))).collect();
            classes.sort_unstable();
            Settled { extent, block, rules, classes }
        };
        let blocks = self.blocks.into_iter().map(&mut settled_of).collect();
        Ok(Settlement { eliminated, islands, blocks })
    }
}
