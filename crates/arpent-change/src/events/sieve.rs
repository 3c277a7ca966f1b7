//! Areas of change that may be real, row by row.

use std::collections::VecDeque;

use arpent_raster::Window;
use arpent_vector::{find_root, fixed_point, square_meters};

use super::check::{LATTICE, check_extent, check_row};
use super::error::EventError;
use super::measure::{Measured, Squares};
use super::rules::{Doubt, Evidence, Rules};
use super::runs::{NONE, Run, changed_runs, pairs};

/// Areas that are not needed any more are removed when there are more than this, and more than four times those still
/// needed.
const FORGET_BEYOND: usize = 4096;

/// The classes of a row at both dates, where only changes that may be real are left.
#[derive(Debug)]
pub struct SievedRow<'a> {
    /// Its number on the grid.
    pub row: i64,
    /// Classes of the earlier date.
    pub before: &'a [u8],
    /// Classes of the later date; those of the earlier date where a change was not kept.
    pub after: &'a [u8],
    /// What else is known of its pixels.
    pub evidence: Evidence<'a>,
    /// Ground area of its pixels, square meters.
    pub pixel_area_m2: f64,
}

/// What became of the areas whose classes differ: number of areas, pixels and ground area.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SieveCount {
    /// Areas.
    pub areas: u64,
    /// Pixels.
    pub pixels: u64,
    /// Ground area, square meters.
    pub area_m2: f64,
}

/// Results of a [`Sieve`].
#[derive(Debug, Clone, PartialEq)]
pub struct SieveCounts {
    /// Areas that were kept.
    pub kept: SieveCount,
    /// Areas that were not, by the first reason that applies.
    pub dropped: [(Doubt, SieveCount); 4],
}

/// Keeps the areas of change that are wide and large enough and, if there are images, where the images differ too; on
/// request only those with a mean confidence of both maps.
///
/// An area is a 4-connected group of pixels with the same class before and the same, other, class after. Everywhere
/// else the later class is replaced by the earlier one, so that the earlier date is the geometry where nothing changed.
///
/// An area that is higher than 512 rows is cut at the next row whose number, counted from the origin of the CRS, is a
/// multiple of 512, and decided by the rows above; what continues below a part that is kept is kept. So memory grows
/// with the width of the extent, not with its height, and the result does not depend on how the rows were cut.
#[derive(Debug)]
pub struct Sieve {
    extent: Window,
    rules: Rules,
    rows: VecDeque<Row>,
    taken: u32,
    given: u32,
    squares: Squares,
    areas: Vec<Area>,
    parents: Vec<u32>,
    forget_at: usize,
    counts: [(u64, u64, u128); 5],
}

#[derive(Debug)]
struct Row {
    before: Vec<u8>,
    after: Vec<u8>,
    image: Option<Vec<u8>>,
    earlier: Option<Vec<u8>>,
    confidence: [Option<Vec<u8>>; 2],
    pixel_area_m2: f64,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Area {
    measured: Measured,
    first_row: u32,
    last_row: u32,
    is_open: bool,
    is_kept: bool,
    /// A part above it was kept.
    continues_kept: bool,
}

impl Sieve {
    /// For the rows of `extent`.
    ///
    /// # Errors
    /// [`EventError::ExtentTooLarge`].
    pub fn new(extent: Window, rules: Rules) -> Result<Self, EventError> {
        check_extent(extent)?;
        Ok(Self {
            extent,
            rules,
            rows: VecDeque::new(),
            taken: 0,
            given: 0,
            squares: Squares::new(extent.width),
            areas: Vec::new(),
            parents: Vec::new(),
            forget_at: FORGET_BEYOND,
            counts: [(0, 0, 0); 5],
        })
    }

    /// Takes the next row: the classes of both dates (255 where a date was not observed), what else is known, and the
    /// ground area of a pixel. Rows that are settled go to `sink`, from north to south.
    ///
    /// # Errors
    /// [`EventError::RowLength`], [`EventError::TooManyRows`], [`EventError::PixelArea`]; and errors of `sink`.
    pub fn push_row<E: From<EventError>>(
        &mut self,
        before: &[u8],
        after: &[u8],
        evidence: Evidence<'_>,
        pixel_area_m2: f64,
        sink: &mut impl FnMut(SievedRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let number = self.extent.row + i64::from(self.taken);
        let lengths = [before.len(), after.len()].into_iter().chain(evidence.lengths());
        check_row(self.extent, number, lengths, pixel_area_m2)?;
        let mut runs = Vec::new();
        changed_runs(before, after, &mut runs);
        self.connect(&mut runs, number);
        self.measure(&runs, evidence, pixel_area_m2);
        self.close();
        self.rows.push_back(Row {
            before: before.to_vec(),
            after: after.to_vec(),
            image: evidence.image.map(<[u8]>::to_vec),
            earlier: evidence.earlier.map(<[u8]>::to_vec),
            confidence: evidence.confidence.map(|values| values.map(<[u8]>::to_vec)),
            pixel_area_m2,
            runs,
        });
        self.taken += 1;
        self.give(1, sink)
    }

    /// Gives the remaining rows to `sink`.
    ///
    /// # Errors
    /// Errors of `sink`.
    pub fn finish<E>(
        mut self,
        sink: &mut impl FnMut(SievedRow<'_>) -> Result<(), E>,
    ) -> Result<SieveCounts, E> {
        for id in 0..self.areas.len() {
            self.settle(id);
        }
        self.give(0, sink)?;
        let count = |(areas, pixels, area_q64): (u64, u64, u128)| SieveCount {
            areas,
            pixels,
            area_m2: square_meters(area_q64),
        };
        let [kept, narrow, small, image, low] = self.counts.map(count);
        let dropped = [
            (Doubt::Narrow, narrow),
            (Doubt::Small, small),
            (Doubt::ImagesAgree, image),
            (Doubt::LowConfidence, low),
        ];
        Ok(SieveCounts { kept, dropped })
    }

    fn find(&mut self, id: u32) -> u32 {
        find_root(&mut self.parents, id)
    }

    /// Gives the runs of the next row their areas.
    fn connect(&mut self, runs: &mut [Run], number: i64) {
        let mut above = self.rows.back_mut().map(|row| std::mem::take(&mut row.runs)).unwrap_or_default();
        let is_lattice = number % LATTICE == 0;
        let mut continued = vec![false; runs.len()];
        for (i, j) in pairs(&above, runs) {
            if !above[i].is_same_pair(&runs[j]) {
                continue;
            }
            let root = self.find(above[i].id);
            if is_lattice && i64::from(self.taken - self.areas[root as usize].first_row) >= LATTICE {
                if self.settle(root as usize) {
                    continued[j] = true;
                }
                continue;
            }
            runs[j].id = if runs[j].id == NONE { root } else { self.unite(runs[j].id, root) };
        }
        for (run, continued) in runs.iter_mut().zip(continued) {
            if run.id == NONE {
                run.id = arpent_base::number::fitted(self.areas.len());
                self.parents.push(run.id);
                self.areas.push(Area {
                    measured: Measured::default(),
                    first_row: self.taken,
                    last_row: self.taken,
                    is_open: true,
                    is_kept: false,
                    continues_kept: false,
                });
            }
            run.id = self.find(run.id);
            let area = &mut self.areas[run.id as usize];
            area.last_row = self.taken;
            area.continues_kept |= continued;
        }
        if let Some(row) = self.rows.back_mut() {
            std::mem::swap(&mut row.runs, &mut above);
        }
    }

    fn unite(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return a;
        }
        let (root, child) = (a.min(b), a.max(b));
        let other = self.areas[child as usize];
        let area = &mut self.areas[root as usize];
        area.measured.add(&other.measured);
        area.first_row = area.first_row.min(other.first_row);
        area.last_row = area.last_row.max(other.last_row);
        area.continues_kept |= other.continues_kept;
        self.areas[child as usize].is_open = false;
        self.parents[child as usize] = root;
        root
    }

    fn measure(&mut self, runs: &[Run], evidence: Evidence<'_>, pixel_area_m2: f64) {
        let Self { squares, parents, areas, rules, .. } = self;
        let mut root = |id: u32| find_root(parents, id);
        let widths =
            squares.push(runs, |above, below| above.is_same_pair(below) && root(above.id) == root(below.id));
        let unit = fixed_point(pixel_area_m2);
        for (run, width_px) in runs.iter().zip(widths) {
            let mut measured = Measured {
                pixels: u64::from(run.len()),
                area_q64: unit * u128::from(run.len()),
                width_px,
                ..Measured::default()
            };
            rules.add_evidence(evidence, run, &mut measured);
            areas[root(run.id) as usize].measured.add(&measured);
        }
    }

    /// Settles the areas that end above the row that was just connected.
    fn close(&mut self) {
        let Some(row) = self.rows.back() else { return };
        let ids: Vec<u32> = row.runs.iter().map(|run| run.id).collect();
        for id in ids {
            let root = self.find(id);
            let area = &self.areas[root as usize];
            if area.is_open && area.last_row < self.taken {
                self.settle(root as usize);
            }
        }
    }

    /// Decides on an area, once; whether it is kept.
    fn settle(&mut self, root: usize) -> bool {
        let area = &mut self.areas[root];
        if !area.is_open || self.parents[root] as usize != root {
            return area.is_kept;
        }
        area.is_open = false;
        let doubt = if area.continues_kept { None } else { self.rules.doubt(&area.measured) };
        area.is_kept = doubt.is_none();
        let count = &mut self.counts[doubt.map_or(0, |doubt| doubt as usize + 1)];
        count.0 += 1;
        count.1 += area.measured.pixels;
        count.2 += area.measured.area_q64;
        area.is_kept
    }

    fn give<E>(
        &mut self,
        kept: usize,
        sink: &mut impl FnMut(SievedRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.rows.len() > kept {
            let runs = self.rows.front_mut().map(|row| std::mem::take(&mut row.runs)).unwrap_or_default();
            let roots: Vec<usize> = runs.iter().map(|run| self.find(run.id) as usize).collect();
            let Some(row) = self.rows.front_mut() else { break };
            if roots.iter().any(|root| self.areas[*root].is_open) {
                row.runs = runs;
                break;
            }
            for (run, root) in runs.iter().zip(roots) {
                if !self.areas[root].is_kept {
                    row.after[run.columns()].fill(run.before);
                }
            }
            let number = self.extent.row + i64::from(self.given);
            sink(SievedRow {
                row: number,
                before: &row.before,
                after: &row.after,
                evidence: Evidence {
                    image: row.image.as_deref(),
                    earlier: row.earlier.as_deref(),
                    confidence: row.confidence.each_ref().map(Option::as_deref),
                },
                pixel_area_m2: row.pixel_area_m2,
            })?;
            self.rows.pop_front();
            self.given += 1;
        }
        self.forget();
        Ok(())
    }

    /// Removes the areas that no row refers to.
    fn forget(&mut self) {
        if self.areas.len() <= self.forget_at {
            return;
        }
        let mut renamed = vec![NONE; self.areas.len()];
        let (mut areas, mut rows) = (Vec::new(), std::mem::take(&mut self.rows));
        for run in rows.iter_mut().flat_map(|row| &mut row.runs) {
            let root = self.find(run.id) as usize;
            if renamed[root] == NONE {
                renamed[root] = arpent_base::number::fitted(areas.len());
                areas.push(self.areas[root]);
            }
            run.id = renamed[root];
        }
        self.squares.rename(|id| renamed[find_root(&mut self.parents, id) as usize]);
        self.rows = rows;
        self.parents = (0..arpent_base::number::fitted(areas.len())).collect();
        self.areas = areas;
        self.forget_at = FORGET_BEYOND.max(4 * self.areas.len());
    }

    /// Rows held now.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.rows.len()
    }
}
