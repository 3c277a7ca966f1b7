//! One step of the thresholds: the 4-connected regions of one kind, found in rows of runs as they come.

use std::collections::VecDeque;

use arpent_vector::find_root;

use super::cell::{ARTIFICIAL, Cell, DROPPED, FILLED, KEPT, UNDECIDED};

/// No region.
const NONE: u32 = u32::MAX;
/// Regions that are not needed any more are removed when there are more than this, and more than four times those
/// still needed.
const FORGET_BEYOND: usize = 4096;

/// Adjacent pixels of one cell value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) end: u32,
    pub(super) cell: Cell,
    region: u32,
}

impl Run {
    pub(super) const fn new(end: u32, cell: Cell) -> Self {
        Self { end, cell, region: NONE }
    }
}

/// A row as runs, from column 0 to the width.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) runs: Vec<Run>,
    pub(super) pixel_area_m2: f64,
    pub(super) pixel_area_q64: u128,
}

impl Row {
    /// Adds pixels up to a column.
    pub(super) fn extend(&mut self, end: u32, cell: Cell) {
        match self.runs.last_mut() {
            Some(last) if last.cell == cell => last.end = end,
            _ => self.runs.push(Run::new(end, cell)),
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Non-artificial regions below the threshold become artificial.
    Fill,
    /// Artificial regions below the threshold become non-artificial.
    Drop,
    /// Buildings that the step before dropped become artificial again above the threshold.
    Keep,
}

impl Step {
    /// Whether regions of the step have the cell.
    fn selects(self, cell: Cell) -> bool {
        match self {
            Self::Fill => cell.is_observed() && !cell.has(ARTIFICIAL),
            Self::Drop => cell.is_observed() && cell.has(ARTIFICIAL),
            Self::Keep => cell.has(DROPPED) && cell.is_built(),
        }
    }

    /// Whether a region beside the cell is not known to end there.
    fn is_open_beside(self, cell: Cell) -> bool {
        // What the step before dropped was enclosed, and buildings in it are.
        self != Self::Keep && (!cell.is_observed() || cell.has(UNDECIDED))
    }
}

/// What became of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unchanged,
    Flipped,
    Undecided,
}

#[derive(Debug, Clone, Copy, Default)]
struct Region {
    area_q64: u128,
    pixels: u64,
    last_row: u64,
    /// It touches an edge of the extent or pixels that are not observed or undecided.
    is_open: bool,
    is_closed: bool,
}

/// Regions of one outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) regions: u64,
    pub(super) pixels: u64,
    pub(super) area_q64: u128,
}

/// A step over the rows of an extent. Rows leave in order as soon as the regions in them have ended or have reached
/// the threshold.
#[derive(Debug)]
pub(super) struct Enclaves {
    step: Step,
    threshold_q64: u128,
    regions: Vec<Region>,
    parents: Vec<u32>,
    pending: VecDeque<Row>,
    /// Runs of the first pending row whose regions are settled.
    settled_runs: usize,
    taken: u64,
    forget_at: usize,
    pub(super) flipped: Tally,
    pub(super) undecided: Tally,
}

impl Enclaves {
    pub(super) fn new(step: Step, threshold_q64: u128) -> Self {
        Self {
            step,
            threshold_q64,
            regions: Vec::new(),
            parents: Vec::new(),
            pending: VecDeque::new(),
            settled_runs: 0,
            taken: 0,
            forget_at: FORGET_BEYOND,
            flipped: Tally::default(),
            undecided: Tally::default(),
        }
    }

    /// Rows held.
    pub(super) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Regions held, including merged ones.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.regions.len()
    }

    /// Processes the next row; rows that are final go to `out`.
    pub(super) fn push(&mut self, mut row: Row, out: &mut Vec<Row>) {
        let above = self.pending.pop_back();
        self.connect(above.as_ref().map_or(&[], |row| &row.runs), &mut row);
        if let Some(above) = above {
            for run in above.runs.iter().filter(|run| run.region != NONE) {
                self.close(run.region);
            }
            self.pending.push_back(above);
        }
        self.pending.push_back(row);
        self.taken += 1;
        // The last row is still to be connected with the next one.
        self.give(1, out);
    }

    /// The remaining rows.
    pub(super) fn finish(&mut self, out: &mut Vec<Row>) {
        if let Some(last) = self.pending.pop_back() {
            for run in last.runs.iter().filter(|run| run.region != NONE) {
                let root = self.find(run.region);
                self.regions[root as usize].is_open = true;
            }
            for run in last.runs.iter().filter(|run| run.region != NONE) {
                self.close(run.region);
            }
            self.pending.push_back(last);
        }
        self.give(0, out);
        debug_assert!(self.pending.is_empty(), "every region has ended");
    }

    fn find(&mut self, region: u32) -> u32 {
        find_root(&mut self.parents, region)
    }

    fn unite(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return a;
        }
        let other = self.regions[b as usize];
        self.parents[b as usize] = a;
        let region = &mut self.regions[a as usize];
        region.area_q64 = region.area_q64.saturating_add(other.area_q64);
        region.pixels += other.pixels;
        region.last_row = region.last_row.max(other.last_row);
        region.is_open |= other.is_open;
        a
    }

    fn open(&mut self, region: u32) {
        let root = self.find(region);
        self.regions[root as usize].is_open = true;
    }

    /// Assigns regions to the runs of a row and connects them with those of the row above.
    fn connect(&mut self, above: &[Run], row: &mut Row) {
        let step = self.step;
        let at_edge = self.taken == 0;
        let area_q64 = row.pixel_area_q64;
        let (mut start, mut i, mut before) = (0, 0, None::<Run>);
        let last = row.runs.len().saturating_sub(1);
        for j in 0..row.runs.len() {
            let run = row.runs[j];
            let mut region = NONE;
            if step.selects(run.cell) {
                region = match before.filter(|west| west.region != NONE) {
                    Some(west) => self.find(west.region),
                    None => self.begin(),
                };
                let root = &mut self.regions[region as usize];
                let pixels = u64::from(run.end - start);
                root.pixels += pixels;
                root.area_q64 = root.area_q64.saturating_add(area_q64.saturating_mul(u128::from(pixels)));
                root.last_row = self.taken;
                root.is_open |= at_edge
                    || j == 0
                    || j == last
                    || before.is_some_and(|west| step.is_open_beside(west.cell));
            } else if step.is_open_beside(run.cell)
                && let Some(west) = before.filter(|west| west.region != NONE)
            {
                self.open(west.region);
            }
            // The runs above that share a side with this one.
            while let Some(north) = above.get(i) {
                match (north.region != NONE, region != NONE) {
                    (true, true) => region = self.unite(region, north.region),
                    (true, false) if step.is_open_beside(run.cell) => self.open(north.region),
                    (false, true) if step.is_open_beside(north.cell) => self.open(region),
                    _ => {}
                }
                if north.end > run.end {
                    break;
                }
                i += 1;
                if north.end == run.end {
                    break;
                }
            }
            row.runs[j].region = region;
            before = Some(row.runs[j]);
            start = run.end;
        }
    }

    fn begin(&mut self) -> u32 {
        let region = u32::try_from(self.regions.len()).unwrap_or(NONE);
        self.parents.push(region);
        self.regions.push(Region::default());
        region
    }

    /// Closes the region of a run of the row above if it does not continue.
    fn close(&mut self, region: u32) {
        let root = self.find(region);
        let region = &mut self.regions[root as usize];
        if region.is_closed || region.last_row >= self.taken {
            return;
        }
        region.is_closed = true;
        let region = *region;
        let tally = match self.fate(&region) {
            Fate::Unchanged => return,
            Fate::Flipped => &mut self.flipped,
            Fate::Undecided => &mut self.undecided,
        };
        tally.regions += 1;
        tally.pixels += region.pixels;
        tally.area_q64 = tally.area_q64.saturating_add(region.area_q64);
    }

    /// The fate of a region that is settled.
    fn fate(&self, region: &Region) -> Fate {
        match self.step {
            Step::Keep if region.area_q64 > self.threshold_q64 => Fate::Flipped,
            Step::Keep => Fate::Unchanged,
            _ if region.area_q64 >= self.threshold_q64 => Fate::Unchanged,
            _ if region.is_open => Fate::Undecided,
            _ => Fate::Flipped,
        }
    }

    /// Whether the fate of a region cannot change any more.
    fn is_settled(&mut self, region: u32) -> bool {
        if region == NONE {
            return true;
        }
        let root = self.find(region);
        let region = &self.regions[root as usize];
        let is_large = match self.step {
            Step::Keep => region.area_q64 > self.threshold_q64,
            Step::Fill | Step::Drop => region.area_q64 >= self.threshold_q64,
        };
        is_large || region.is_closed
    }

    /// Hands out the rows that are settled, except for the last `kept` ones.
    fn give(&mut self, kept: usize, out: &mut Vec<Row>) {
        while self.pending.len() > kept {
            let Some(mut row) = self.pending.pop_front() else { break };
            while self.settled_runs < row.runs.len() && self.is_settled(row.runs[self.settled_runs].region) {
                self.settled_runs += 1;
            }
            if self.settled_runs < row.runs.len() {
                self.pending.push_front(row);
                break;
            }
            self.settled_runs = 0;
            let runs = std::mem::take(&mut row.runs);
            row.runs.reserve(runs.len());
            for run in runs {
                let cell = self.result(run);
                row.extend(run.end, cell);
            }
            out.push(row);
        }
        self.forget();
    }

    /// The cell of a run after the step.
    fn result(&mut self, run: Run) -> Cell {
        if run.region == NONE {
            return run.cell;
        }
        let root = self.find(run.region);
        let region = self.regions[root as usize];
        match (self.fate(&region), self.step) {
            (Fate::Unchanged, _) => run.cell,
            (Fate::Undecided, _) => run.cell.with(UNDECIDED),
            (Fate::Flipped, Step::Fill) => run.cell.with(FILLED | ARTIFICIAL),
            (Fate::Flipped, Step::Drop) => run.cell.with(DROPPED).without(ARTIFICIAL),
            (Fate::Flipped, Step::Keep) => run.cell.with(KEPT | ARTIFICIAL),
        }
    }

    /// If there are many regions, removes those that no pending row has.
    fn forget(&mut self) {
        if self.regions.len() < self.forget_at {
            return;
        }
        let mut numbers = vec![NONE; self.regions.len()];
        let mut kept = Vec::new();
        let mut pending = std::mem::take(&mut self.pending);
        for run in pending.iter_mut().flat_map(|row| &mut row.runs).filter(|run| run.region != NONE) {
            let root = self.find(run.region) as usize;
            if numbers[root] == NONE {
                numbers[root] = u32::try_from(kept.len()).unwrap_or(NONE);
                kept.push(self.regions[root]);
            }
            run.region = numbers[root];
        }
        self.pending = pending;
        self.regions = kept;
        self.parents = (0..).take(self.regions.len()).collect();
        self.forget_at = (4 * self.regions.len()).max(FORGET_BEYOND);
    }
}
