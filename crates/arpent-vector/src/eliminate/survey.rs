//! Finds what a block cannot settle alone.

use std::collections::BTreeMap;

use arpent_base::number::fitted;
use arpent_raster::Window;

use super::borders::{Beside, BorderRun, Borders, Unsettled};
use super::regions::Regions;
use super::row::{PixelRun, find_runs};
use super::rules::MappingUnits;
use super::settled::Known;
use crate::VectorError;
use crate::bits::WORD;
use crate::polygonize::{EAST, NORTH, Rim, SOUTH, WEST, check_block, check_row};

/// Passes the rows of a block through the rule of [`crate::Eliminator`], and keeps what is not settled then.
#[derive(Debug)]
pub(crate) struct Survey {
    extent: Window,
    block: Window,
    rules: u64,
    rim: Rim,
    regions: Regions,
    /// Runs of the last row.
    last: Vec<PixelRun>,
    /// Runs along the sides of the block that are those of other blocks, too, with places along the side; by direction.
    sides: [Vec<PixelRun>; 4],
    rows: u32,
    cracks: Vec<u64>,
}

impl Survey {
    pub(crate) fn new(extent: Window, block: Window, units: MappingUnits) -> Result<Self, VectorError> {
        check_block(extent, block)?;
        Ok(Self::of_any(extent, block, units))
    }

    /// The same for a block whose sides may lie on other lines.
    pub(crate) fn of_any(extent: Window, block: Window, units: MappingUnits) -> Self {
        let rim = Rim::new(&block, &extent);
        Self {
            extent,
            block,
            rules: units.number(),
            regions: Regions::new(units, rim.clone(), Known::default()),
            rim,
            last: Vec::new(),
            sides: Default::default(),
            rows: 0,
            cracks: vec![0; block.width.div_ceil(WORD)],
        }
    }

    /// Processes the next row.
    pub(crate) fn push_row(
        &mut self,
        labels: &[u8],
        strata: Option<&[u8]>,
        pixel_area_m2: f64,
    ) -> Result<(), VectorError> {
        let row = self.block.row + i64::from(self.rows);
        check_row(self.block, row, labels, labels, pixel_area_m2)?;
        if let Some(strata) = strata.filter(|strata| strata.len() != labels.len()) {
            let (expected, labels, confidence) = (self.block.width, labels.len(), strata.len());
            return Err(VectorError::RowLength { row, expected, labels, confidence });
        }
        let mut runs = Vec::with_capacity(self.last.len());
        find_runs(labels, &mut self.cracks, &mut runs);
        self.regions.connect(&self.last, &mut runs, strata, self.rows, pixel_area_m2);
        self.regions.close(&self.last, self.rows);
        self.add_to_sides(&runs);
        self.last = runs;
        self.rows += 1;
        let sides = self.sides.iter_mut().flatten();
        self.regions.forget_others(self.last.iter_mut().chain(sides));
        Ok(())
    }

    /// Number of regions held, including merged ones.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.regions.held()
    }

    fn add_to_sides(&mut self, runs: &[PixelRun]) {
        let [width, height] = self.rim.size();
        let row = self.rows;
        if row == 0 && self.rim.is_shared(NORTH) {
            self.sides[usize::from(NORTH)].extend_from_slice(runs);
        }
        if row + 1 == height && self.rim.is_shared(SOUTH) {
            self.sides[usize::from(SOUTH)].extend_from_slice(runs);
        }
        let ends = [
            (WEST, runs.first().filter(|run| run.start == 0)),
            (EAST, runs.last().filter(|run| run.end == width)),
        ];
        for (side, run) in ends {
            let Some(run) = run.filter(|_| self.rim.is_shared(side)) else { continue };
            let runs = &mut self.sides[usize::from(side)];
            match runs.last_mut() {
                // Pixels of one class that share a side are of one region.
                Some(last) if last.end == row && last.class_id == run.class_id => last.end += 1,
                _ => runs.push(PixelRun { start: row, end: row + 1, ..*run }),
            }
        }
    }

    /// What is not settled. Rows of the block that were not pushed count as nodata.
    pub(crate) fn finish(mut self) -> Borders {
        self.regions.close(&self.last, self.rows);
        let corner = self.rim.corner();
        let mut numbers = Numbers::default();
        let mut runs = Vec::new();
        for (side, of_side) in [NORTH, EAST, SOUTH, WEST].into_iter().zip(&self.sides) {
            let from = corner[usize::from(side == EAST || side == WEST)];
            for run in of_side {
                let region = numbers.beside(&mut self.regions, run.region);
                runs.push(BorderRun { side, start: from + run.start, end: from + run.end, region });
            }
        }
        let mut regions = Vec::new();
        // Whatever waits, waits for a region on a side, through others that are not settled.
        while let Some(root) = numbers.roots.get(regions.len()).copied() {
            let (region, borders) = self.regions.unsettled(root);
            let (class_id, strata, area_q64) = (region.class_id, region.strata, region.area_q64);
            let first = (region.first.0 + corner[1], region.first.1 + corner[0]);
            let mut beside: Vec<(Beside, u32)> = borders
                .into_iter()
                .map(|(neighbor, sides)| (numbers.beside(&mut self.regions, neighbor), sides))
                .collect();
            beside.sort_unstable();
            beside.dedup_by(|next, kept| {
                let is_same = next.0 == kept.0;
                if is_same {
                    kept.1 += next.1;
                }
                is_same
            });
            regions.push(Unsettled { class_id, strata, area_q64, first, beside });
        }
        Borders { extent: self.extent, block: self.block, rules: self.rules, regions, runs }
    }
}

/// Numbers of regions that are not settled.
#[derive(Debug, Default)]
struct Numbers {
    by_root: BTreeMap<u32, u32>,
    roots: Vec<u32>,
}

impl Numbers {
    fn beside(&mut self, regions: &mut Regions, region: u32) -> Beside {
        let root = regions.find(region);
        if regions.is_settled(root) {
            return Beside::Settled(regions.class_of(root));
        }
        let next = fitted(self.roots.len());
        let number = *self.by_root.entry(root).or_insert(next);
        if number == next {
            self.roots.push(root);
        }
        Beside::Unsettled(number)
    }
}
