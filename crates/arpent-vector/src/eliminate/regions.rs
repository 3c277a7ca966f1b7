//! Open regions, and regions that wait to be eliminated.

use std::cmp::Reverse;

use super::row::{NONE, PixelRun};
use super::rules::MappingUnits;
use super::settled::Known;
use crate::forest::find_root;
use crate::polygonize::{Rim, fixed_point};

/// Regions that are not needed any more are removed when there are more than this, and more than four times those
/// still needed.
const FORGET_BEYOND: usize = 4096;

/// A region. Once it is settled, only its class is used.
#[derive(Debug, Clone, Default)]
pub(super) struct Region {
    pub(super) class_id: u8,
    /// A bit for each stratum that it intersects.
    pub(super) strata: u8,
    pub(super) area_q64: u128,
    /// Row and column of its first pixel.
    pub(super) first: (u32, u32),
    last_row: u32,
    /// Whether it may continue in another block.
    is_open: bool,
    /// The class that it will have, if that was settled elsewhere.
    known: Option<u8>,
    /// Neighbors and numbers of shared pixel sides, in parts; empty once it is settled.
    borders: Vec<(u32, u32)>,
    /// Length of `borders` when they were last summed.
    summed: usize,
    /// Regions to check again when this one changes.
    waiters: Vec<u32>,
}

impl Region {
    /// A region without borders.
    pub(super) fn new(class_id: u8, strata: u8, area_q64: u128, first: (u32, u32)) -> Self {
        Self { class_id, strata, area_q64, first, ..Self::default() }
    }
}

#[derive(Debug)]
pub(super) struct Regions {
    units: MappingUnits,
    all: Vec<Region>,
    /// For each region the region that it was merged into, else itself.
    parents: Vec<u32>,
    /// For each region whether its class is final: it is large enough, or has no neighbor.
    settled: Vec<bool>,
    /// Runs of two rows that share sides, with their lengths.
    pairs: Vec<(u32, u32)>,
    /// Regions to check.
    queue: Vec<u32>,
    /// Shared sides by class, all 0 between calls.
    lengths: [u64; 256],
    forget_at: usize,
    eliminated: u64,
    islands: u64,
    /// The sides of the block.
    rim: Rim,
    known: Known,
}

impl Regions {
    /// Regions of a block with these sides, of which some classes are known.
    pub(super) fn new(units: MappingUnits, rim: Rim, known: Known) -> Self {
        Self {
            units,
            rim,
            known,
            all: Vec::new(),
            parents: Vec::new(),
            settled: Vec::new(),
            pairs: Vec::new(),
            queue: Vec::new(),
            lengths: [0; 256],
            forget_at: FORGET_BEYOND,
            eliminated: 0,
            islands: 0,
        }
    }

    /// Numbers of regions that took another class, and of islands that are too small.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.eliminated, self.islands)
    }

    /// Number of regions held, including merged ones.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.all.len()
    }

    /// The class that a region has in the end, if that is certain.
    pub(super) fn final_class(&mut self, region: u32) -> Option<u8> {
        let root = self.find(region);
        let region = &self.all[root as usize];
        if self.settled[root as usize] { Some(region.class_id) } else { region.known }
    }

    /// The class that a region has now.
    pub(super) fn class_of(&mut self, region: u32) -> u8 {
        let root = self.find(region);
        self.at(root).class_id
    }

    pub(super) fn is_settled(&mut self, region: u32) -> bool {
        let root = self.find(region);
        self.settled[root as usize]
    }

    /// Whether all classes that are known are those of regions that were found.
    pub(super) fn are_known_found(&self) -> bool {
        self.known.are_found()
    }

    /// An unsettled region, and its neighbors with the numbers of shared sides.
    pub(super) fn unsettled(&mut self, region: u32) -> (&Region, Vec<(u32, u32)>) {
        let root = self.find(region);
        self.sum_borders(root);
        let region = &self.all[root as usize];
        (region, region.borders.clone())
    }

    fn at(&mut self, root: u32) -> &mut Region {
        &mut self.all[root as usize]
    }

    pub(super) fn find(&mut self, region: u32) -> u32 {
        find_root(&mut self.parents, region)
    }

    /// Assigns regions to the runs of a row, and adds their areas and borders.
    pub(super) fn connect(
        &mut self,
        above: &[PixelRun],
        below: &mut [PixelRun],
        strata: Option<&[u8]>,
        row: u32,
        pixel_area_m2: f64,
    ) {
        self.unite_runs(above, below);
        let pixel_area_q64 = fixed_point(pixel_area_m2);
        for run in below.iter_mut() {
            run.region = if run.region == NONE { self.open(*run, row) } else { self.find(run.region) };
            if self.settled[run.region as usize] {
                continue;
            }
            let (start, end) = (run.start as usize, run.end as usize);
            let bits =
                |strata: &[u8]| strata[start..end].iter().fold(0, |bits, stratum| bits | 1 << (stratum & 7));
            let bits = strata.map_or(1, bits);
            let is_open = self.rim.is_reached((run.start, run.end), row);
            let region = self.at(run.region);
            region.is_open |= is_open;
            region.strata |= bits;
            region.area_q64 = region
                .area_q64
                .saturating_add(pixel_area_q64.saturating_mul(u128::from(run.end - run.start)));
            region.last_row = row;
            region.first = region.first.min((row, run.start));
            self.settle_if_large(run.region);
        }
        let pairs = std::mem::take(&mut self.pairs);
        for &(i, j) in &pairs {
            let (above, below) = (above[i as usize], below[j as usize]);
            let shared = above.end.min(below.end) - above.start.max(below.start);
            self.touch(above.region, below.region, shared);
        }
        self.pairs = pairs;
        for pair in below.windows(2).filter(|pair| pair[0].end == pair[1].start) {
            self.touch(pair[0].region, pair[1].region, 1);
        }
    }

    /// Assigns the runs of a row the regions of the runs above of their class, and finds the pairs of runs of
    /// different classes.
    fn unite_runs(&mut self, above: &[PixelRun], below: &mut [PixelRun]) {
        self.pairs.clear();
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (above.get(i as usize), below.get_mut(j as usize)) {
            if a.start < b.end && b.start < a.end {
                if a.class_id != b.class_id {
                    self.pairs.push((i, j));
                } else if b.region == NONE {
                    b.region = self.find(a.region);
                } else {
                    b.region = self.unite(b.region, a.region);
                }
            }
            if a.end <= b.end {
                i += 1;
            } else {
                j += 1;
            }
        }
    }

    /// Checks the regions of the runs of a row that do not continue in the row `row` after it.
    pub(super) fn close(&mut self, above: &[PixelRun], row: u32) {
        for run in above {
            let root = self.find(run.region);
            if self.settled[root as usize] {
                continue;
            }
            let region = self.at(root);
            if region.last_row < row {
                let waiters = std::mem::take(&mut region.waiters);
                self.queue.push(root);
                self.queue.extend(waiters);
            }
        }
        while let Some(region) = self.queue.pop() {
            self.consider(region, row);
        }
    }

    fn open(&mut self, run: PixelRun, row: u32) -> u32 {
        let known = self.known.find((row, run.start));
        let region = Region {
            class_id: run.class_id,
            first: (row, run.start),
            last_row: row,
            known,
            ..Region::default()
        };
        self.add(region)
    }

    /// Adds a region.
    pub(super) fn add(&mut self, region: Region) -> u32 {
        let number = u32::try_from(self.all.len()).unwrap_or(NONE);
        self.parents.push(number);
        self.settled.push(false);
        self.all.push(region);
        number
    }

    /// Number of regions held, including merged ones.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(NONE)
    }

    /// Adds a region that stays as it is: all that counts of it is its class.
    pub(super) fn add_settled(&mut self, class_id: u8) -> u32 {
        let number = self.add(Region { class_id, ..Region::default() });
        self.settled[number as usize] = true;
        number
    }

    /// Adds borders of a region that is not settled.
    pub(super) fn add_borders(&mut self, region: u32, borders: impl Iterator<Item = (u32, u32)>) {
        self.at(region).borders.extend(borders);
    }

    /// Two regions share sides across a line between blocks: they become one if they are of one class.
    pub(super) fn meet(&mut self, a: u32, b: u32, sides: u32) {
        if self.class_of(a) == self.class_of(b) {
            let whole = self.unite(a, b);
            self.settle_if_large(whole);
        } else {
            self.touch(a, b, sides);
        }
    }

    /// Settles all regions: none continues elsewhere.
    pub(super) fn settle_all(&mut self) {
        for region in 0..self.all.len() {
            self.all[region].is_open = false;
        }
        self.queue.extend((0..).take(self.all.len()));
        while let Some(region) = self.queue.pop() {
            self.consider(region, NONE);
        }
    }

    /// Records a border between two regions.
    fn touch(&mut self, a: u32, b: u32, sides: u32) {
        let (a, b) = (self.find(a), self.find(b));
        for (one, other) in [(a, b), (b, a)] {
            if self.settled[one as usize] {
                continue;
            }
            let region = self.at(one);
            match region.borders.last_mut() {
                Some((known, sum)) if *known == other => *sum = sum.saturating_add(sides),
                _ => region.borders.push((other, sides)),
            }
            if region.borders.len() > 2 * region.summed + 16 {
                self.sum_borders(one);
            }
        }
    }

    /// Merges the borders of a region to one entry for each neighbor.
    fn sum_borders(&mut self, root: u32) {
        let mut borders = std::mem::take(&mut self.at(root).borders);
        for (neighbor, _) in &mut borders {
            *neighbor = self.find(*neighbor);
        }
        borders.retain(|(neighbor, _)| *neighbor != root);
        borders.sort_unstable();
        borders.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        let region = self.at(root);
        region.summed = borders.len();
        region.borders = borders;
    }

    /// Merges two regions of the same class.
    fn unite(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return a;
        }
        let long = self.all[a as usize].borders.len() >= self.all[b as usize].borders.len();
        let (kept, absorbed) = if long { (a, b) } else { (b, a) };
        let other = std::mem::take(self.at(absorbed));
        self.parents[absorbed as usize] = kept;
        let region = self.at(kept);
        region.strata |= other.strata;
        region.area_q64 = region.area_q64.saturating_add(other.area_q64);
        region.first = region.first.min(other.first);
        region.last_row = region.last_row.max(other.last_row);
        region.is_open |= other.is_open;
        region.known = region.known.or(other.known);
        region.borders.extend(other.borders);
        region.waiters.extend(other.waiters);
        if self.settled[kept as usize] || self.settled[absorbed as usize] {
            self.settle(kept);
        }
        kept
    }

    fn settle_if_large(&mut self, root: u32) {
        let region = &self.all[root as usize];
        if !self.settled[root as usize] && region.area_q64 >= self.units.unit(region.strata, region.class_id)
        {
            self.settle(root);
        }
    }

    fn settle(&mut self, root: u32) {
        self.settled[root as usize] = true;
        let region = self.at(root);
        region.borders = Vec::new();
        let waiters = std::mem::take(&mut region.waiters);
        self.queue.extend(waiters);
    }

    /// Eliminates a region if it is too small and has no smaller neighbor to wait for; else it is checked again when
    /// that neighbor changes.
    fn consider(&mut self, region: u32, row: u32) {
        let root = self.find(region);
        if self.settled[root as usize] || self.at(root).last_row >= row || self.at(root).is_open {
            return;
        }
        self.sum_borders(root);
        let key = |region: &Region| (region.area_q64, region.first);
        let (own, from) = (key(&self.all[root as usize]), self.at(root).class_id);
        let borders = std::mem::take(&mut self.at(root).borders);
        let smaller = |(n, _): &&(u32, u32)| !self.settled[*n as usize] && key(&self.all[*n as usize]) < own;
        if let Some((neighbor, _)) = borders.iter().find(smaller).copied() {
            // A region with several runs in its last row is checked once for each.
            let waiters = &mut self.at(neighbor).waiters;
            if waiters.last() != Some(&root) {
                waiters.push(root);
            }
            self.at(root).borders = borders;
            return;
        }
        let Some(class_id) = self.best(from, &borders) else {
            self.islands += 1;
            self.settle(root);
            return;
        };
        self.eliminated += 1;
        self.at(root).class_id = class_id;
        let mut whole = root;
        self.at(root).borders.clone_from(&borders);
        for (neighbor, _) in borders {
            if self.at(neighbor).class_id == class_id {
                whole = self.unite(whole, neighbor);
            }
        }
        self.settle_if_large(whole);
        let waiters = std::mem::take(&mut self.at(whole).waiters);
        self.queue.push(whole);
        self.queue.extend(waiters);
    }

    /// The class with the longest border; on ties, the lowest.
    fn best(&mut self, from: u8, borders: &[(u32, u32)]) -> Option<u8> {
        let Self { all, units, lengths, .. } = self;
        let class_of = |neighbor: &u32| all[*neighbor as usize].class_id;
        for (neighbor, sides) in borders {
            let to = class_of(neighbor);
            lengths[usize::from(to)] += u64::from(*sides) * units.weight(from, to);
        }
        let classes = || borders.iter().map(|(neighbor, _)| class_of(neighbor));
        let best = classes().max_by_key(|class| (lengths[usize::from(*class)], Reverse(*class)));
        classes().for_each(|class| lengths[usize::from(class)] = 0);
        best
    }

    /// If there are many regions, removes those that neither runs nor regions still to be settled need.
    pub(super) fn forget_others<'a>(&mut self, runs: impl Iterator<Item = &'a mut PixelRun>) {
        if self.all.len() < self.forget_at {
            return;
        }
        let mut numbers = vec![NONE; self.all.len()];
        let mut kept: Vec<u32> = Vec::new();
        let mut keep = |root: u32, kept: &mut Vec<u32>| {
            let number = &mut numbers[root as usize];
            if *number == NONE {
                *number = u32::try_from(kept.len()).unwrap_or(NONE);
                kept.push(root);
            }
            *number
        };
        for run in runs {
            let root = self.find(run.region);
            run.region = keep(root, &mut kept);
        }
        // Neighbors of regions to be settled; those of settled regions were removed before.
        let mut next = 0;
        while next < kept.len() {
            let mut borders = std::mem::take(&mut self.at(kept[next]).borders);
            for (neighbor, _) in &mut borders {
                *neighbor = keep(self.find(*neighbor), &mut kept);
            }
            self.at(kept[next]).borders = borders;
            next += 1;
        }
        let mut all = Vec::with_capacity(kept.len());
        for root in &kept {
            let mut waiters = std::mem::take(&mut self.at(*root).waiters);
            for waiter in &mut waiters {
                *waiter = numbers[self.find(*waiter) as usize];
            }
            waiters.retain(|waiter| *waiter != NONE);
            waiters.sort_unstable();
            waiters.dedup();
            all.push(Region { waiters, ..std::mem::take(self.at(*root)) });
        }
        self.all = all;
        self.settled = kept.iter().map(|root| self.settled[*root as usize]).collect();
        self.parents = (0..).take(kept.len()).collect();
        self.forget_at = (4 * self.all.len()).max(FORGET_BEYOND);
    }
}
