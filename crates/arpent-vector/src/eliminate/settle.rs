//! Settles what the blocks of an extent could not settle alone.

use std::collections::BTreeMap;

use arpent_raster::Window;

use super::borders::{Beside, BorderRun, Borders, Unsettled};
use super::regions::{Region, Regions};
use super::rules::MappingUnits;
use super::settled::{Known, Settled, Settlement};
use crate::VectorError;
use crate::polygonize::{Connectivity, EAST, Layout, NORTH, Rim, SOUTH, Segment, Traced, WEST, check_extent};

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
    /// Sides of segments whose other side was not added yet: whether its pixels are those after the line, and runs
    /// of regions.
    halves: BTreeMap<Segment, (bool, Vec<Run>)>,
    traced: Traced,
}

/// Pixels of a region along a line: first, end, and the region's number.
type Run = (u32, u32, u32);

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
        let rim = Rim::new(&borders.block, &extent);
        let ([west, north], [width, height]) = (rim.corner(), rim.size());
        let sides = [
            (NORTH, 1, north, [west, west + width]),
            (EAST, 0, west + width, [north, north + height]),
            (SOUTH, 1, north + height, [west, west + width]),
            (WEST, 0, west, [north, north + height]),
        ];
        for (side, axis, line, ends) in sides.into_iter().filter(|(side, ..)| rim.is_shared(*side)) {
            let runs = borders.runs.iter().filter(|run| run.side == side);
            let runs: Vec<Run> =
                runs.map(|BorderRun { start, end, region, .. }| (*start, *end, number(*region))).collect();
            let is_after = side == NORTH || side == WEST;
            self.add_side(Segment { axis, line, start: ends[0] }, ends[1], is_after, &runs)?;
        }
        Ok(())
    }

    /// Adds the runs along a side, cut at lines of the lattice, and compares those whose other side is there.
    fn add_side(
        &mut self,
        first: Segment,
        end: u32,
        is_after: bool,
        runs: &[Run],
    ) -> Result<(), VectorError> {
        let mut segment = first;
        let mut rest = runs;
        while segment.start < end {
            let stop = self.layout.next_line(1 - segment.axis, segment.start).min(end);
            let count = rest.iter().take_while(|run| run.0 < stop).count();
            let part: Vec<Run> =
                rest[..count].iter().map(|run| (run.0.max(segment.start), run.1.min(stop), run.2)).collect();
            // The last one may continue.
            let is_through = count > 0 && rest[count - 1].1 > stop;
            rest = &rest[count - usize::from(is_through)..];
            match self.halves.remove(&segment) {
                None => {
                    self.halves.insert(segment, (is_after, part));
                }
                Some((other, _)) if other == is_after => {
                    return Err(VectorError::BlockTwice { block: self.layout.extent });
                }
                Some((_, other)) => self.meet(&other, &part),
            }
            segment.start = stop;
        }
        Ok(())
    }

    /// Joins the regions on either side of a line.
    fn meet(&mut self, one: &[Run], other: &[Run]) {
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
            let (start, end) = (a.0.max(b.0), a.1.min(b.1));
            if start < end {
                self.regions.meet(a.2, b.2, end - start);
            }
            if a.1 <= b.1 {
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
