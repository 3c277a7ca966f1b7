//! What is open: parts of regions that reach beyond the pixels that were traced, and where.

use std::collections::BTreeMap;

use arpent_base::number::fitted;

use super::layout::{Connectivity, Layout};
use super::paths::{NORTH, Paths, SOUTH, WEST};
use super::rim::{Fragment, Rim};
use super::side::{Half, Run, Segment};
use super::totals::Totals;
use super::traced::Traced;
use crate::forest::find_root;
use crate::region::Vertex;
use crate::square::Point;

/// No part.
pub(super) const NONE: u32 = u32::MAX;

/// A part of a region: what is connected within the lines along which large regions are cut.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Part {
    pub(super) class_id: u8,
    pub(super) totals: Totals,
    /// First column and row, end column and row of the extent.
    pub(super) bbox: [u32; 4],
    pub(super) paths: Paths,
    pub(super) squares: Vec<(Vertex, Vec<Point>)>,
    /// Its region.
    pub(super) region: u32,
    /// Runs and corners of it whose other side was not seen yet.
    pub(super) waits: u64,
}

impl Part {
    /// Adds what another part has, but for its boundary, which is returned.
    pub(super) fn add(&mut self, other: Self) -> Paths {
        self.totals.add(&other.totals);
        let (one, two) = (self.bbox, other.bbox);
        self.bbox = [one[0].min(two[0]), one[1].min(two[1]), one[2].max(two[2]), one[3].max(two[3])];
        self.squares.extend(other.squares);
        other.paths
    }
}

/// A region so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Whole {
    /// Runs of all its parts, including those that were emitted.
    pub(super) runs: u64,
    pub(super) waits: u64,
    /// Its parts; some may have become part of another one of them.
    pub(super) parts: Vec<u32>,
}

/// The pixels around a vertex that lies on lines of the lattice in both directions: north-west, north-east,
/// south-east, south-west.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Around {
    /// A bit for each pixel that was traced.
    pub(super) traced: u8,
    /// Its part, if it is of a region.
    pub(super) parts: [u32; 4],
}

impl Default for Around {
    fn default() -> Self {
        Self { traced: 0, parts: [NONE; 4] }
    }
}

/// Parts that are open.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Open {
    pub(super) parts: Vec<Part>,
    /// For each part the one that it was merged into, else itself; the same for regions.
    pub(super) part_of: Vec<u32>,
    pub(super) regions: Vec<Whole>,
    pub(super) region_of: Vec<u32>,
    /// Sides of segments whose other side was not seen yet.
    pub(super) halves: BTreeMap<Segment, Half>,
    /// Corners of which some pixels were not traced yet; only of 8-connected regions.
    pub(super) corners: BTreeMap<[u32; 2], Around>,
    /// The windows that were traced.
    pub(super) traced: Traced,
}

impl Open {
    /// What is open of a tile.
    pub(super) fn of_tile(layout: &Layout, rim: &Rim, fragments: Vec<Fragment>) -> Self {
        let mut open = Self::default();
        let mut sides: [Vec<Run>; 4] = Default::default();
        for fragment in fragments {
            open.add_fragment(layout, fragment, &mut sides);
        }
        for side in rim.shared_sides() {
            let runs = &mut sides[usize::from(side.direction)];
            runs.sort_unstable_by_key(|run| run.start);
            runs.dedup_by(|next, run| {
                let is_same = next.of == run.of && next.start == run.end;
                if is_same {
                    run.end = next.end;
                }
                is_same
            });
            for (segment, half) in side.halves(layout, runs) {
                half.runs.iter().for_each(|run| open.wait(run.of));
                open.halves.insert(segment, half);
            }
        }
        if layout.connectivity == Connectivity::Eight {
            open.add_corners(layout, rim, &sides);
        }
        open
    }

    fn add_fragment(&mut self, layout: &Layout, fragment: Fragment, sides: &mut [Vec<Run>; 4]) {
        let part: u32 = fitted(self.parts.len());
        for (side, start, end) in fragment.reaches {
            sides[usize::from(side)].push(Run { start, end, of: part });
        }
        let bbox = &fragment.bbox;
        let (col, row) = layout.extent.offset_of(bbox).unwrap_or_default();
        let bbox = [col, row, col + bbox.width, row + bbox.height].map(fitted);
        let Fragment { class_id, totals, paths, squares, .. } = fragment;
        self.add_part(Part { class_id, totals, bbox, paths, squares, region: part, waits: 0 });
        self.regions.push(Whole { runs: totals.runs, waits: 0, parts: vec![part] });
        self.region_of.push(part);
    }

    pub(super) fn add_part(&mut self, part: Part) {
        self.part_of.push(fitted(self.parts.len()));
        self.parts.push(part);
    }

    /// Adds the pixels around the vertices of the lattice on the shared sides of a tile.
    fn add_corners(&mut self, layout: &Layout, rim: &Rim, sides: &[Vec<Run>; 4]) {
        let size = layout.size();
        for side in rim.shared_sides() {
            let Segment { axis, line, start } = side.first;
            let (along, end) = (1 - axis, side.end);
            // Numbers of the pixels before and after a vertex of this side.
            let [before, after] = match side.direction {
                NORTH => [3, 2],
                SOUTH => [0, 1],
                WEST => [1, 2],
                _ => [0, 3],
            };
            let mut at = start;
            loop {
                if at > 0 && at < size[along] {
                    let vertex = if along == 0 { [at, line] } else { [line, at] };
                    for (number, pixel) in [(before, at.wrapping_sub(1)), (after, at)] {
                        if pixel >= start && pixel < end {
                            let part = part_at(&sides[usize::from(side.direction)], pixel);
                            self.add_pixel(vertex, number, part);
                        }
                    }
                }
                if at == end {
                    break;
                }
                at = layout.next_line(along, at).min(end);
            }
        }
    }

    fn add_pixel(&mut self, vertex: [u32; 2], number: usize, part: u32) {
        let around = self.corners.entry(vertex).or_default();
        if around.traced >> number & 1 == 1 {
            return;
        }
        around.traced |= 1 << number;
        around.parts[number] = part;
        if part != NONE {
            self.wait(part);
        }
    }

    /// A run or corner of a part waits for its other side.
    pub(super) fn wait(&mut self, part: u32) {
        let root = self.part(part);
        self.parts[root as usize].waits += 1;
        let region = self.region(self.parts[root as usize].region);
        self.regions[region as usize].waits += 1;
    }

    /// A run or corner of a part has met its other side. Returns its region.
    pub(super) fn meet(&mut self, part: u32) -> u32 {
        let root = self.part(part);
        self.parts[root as usize].waits -= 1;
        let region = self.region(self.parts[root as usize].region);
        self.regions[region as usize].waits -= 1;
        region
    }

    /// The part that a number stands for by now.
    pub(super) fn part(&mut self, number: u32) -> u32 {
        find_root(&mut self.part_of, number)
    }

    /// The region that a number stands for by now.
    pub(super) fn region(&mut self, number: u32) -> u32 {
        find_root(&mut self.region_of, number)
    }

    /// Makes one region of those of two parts.
    pub(super) fn unite_regions(&mut self, a: u32, b: u32) {
        let [a, b] = [a, b].map(|part| {
            let root = self.part(part);
            self.region(self.parts[root as usize].region)
        });
        if a == b {
            return;
        }
        let is_first = self.regions[a as usize].parts.len() >= self.regions[b as usize].parts.len();
        let (kept, absorbed) = if is_first { (a, b) } else { (b, a) };
        let other = std::mem::take(&mut self.regions[absorbed as usize]);
        self.region_of[absorbed as usize] = kept;
        let region = &mut self.regions[kept as usize];
        region.runs = region.runs.saturating_add(other.runs);
        region.waits += other.waits;
        region.parts.extend(other.parts);
    }

    /// Makes one part of two.
    pub(super) fn unite_parts(&mut self, a: u32, b: u32) {
        let (a, b) = (self.part(a), self.part(b));
        if a == b {
            return;
        }
        self.unite_regions(a, b);
        let other = std::mem::take(&mut self.parts[b as usize]);
        self.part_of[b as usize] = a;
        let part = &mut self.parts[a as usize];
        part.waits += other.waits;
        let paths = part.add(other);
        part.paths.append(paths);
    }

    /// Adds what is open elsewhere, but for its halves and corners. Returns how much its numbers of parts grow.
    pub(super) fn absorb(&mut self, other: &mut Self) -> u32 {
        let (parts, regions): (u32, u32) = (fitted(self.parts.len()), fitted(self.regions.len()));
        for mut part in other.parts.drain(..) {
            part.region += regions;
            self.add_part(part);
        }
        for mut region in other.regions.drain(..) {
            region.parts.iter_mut().for_each(|part| *part += parts);
            self.region_of.push(fitted(self.regions.len()));
            self.regions.push(region);
        }
        parts
    }

    /// Removes parts and regions that are not needed any more, and numbers the others anew.
    pub(super) fn compact(&mut self) {
        let roots =
            |of: &[u32]| -> Vec<u32> { (0..).zip(of).filter(|(i, of)| i == *of).map(|(i, _)| i).collect() };
        // A region without parts has been emitted, and a part that no region lists, too.
        let mut numbers = vec![NONE; self.parts.len()];
        let (mut parts, mut regions) = (Vec::new(), Vec::new());
        for region in roots(&self.region_of) {
            let whole = std::mem::take(&mut self.regions[region as usize]);
            let mut own = Vec::new();
            for part in whole.parts {
                let root = self.part(part);
                if numbers[root as usize] == NONE {
                    numbers[root as usize] = fitted(parts.len());
                    own.push(numbers[root as usize]);
                    let part = std::mem::take(&mut self.parts[root as usize]);
                    parts.push(Part { region: fitted(regions.len()), ..part });
                }
            }
            if own.is_empty() {
                continue;
            }
            regions.push(Whole { runs: whole.runs, waits: whole.waits, parts: own });
        }
        let mut halves = std::mem::take(&mut self.halves);
        for run in halves.values_mut().flat_map(|half| &mut half.runs) {
            run.of = numbers[self.part(run.of) as usize];
        }
        let mut corners = std::mem::take(&mut self.corners);
        for part in corners.values_mut().flat_map(|around| &mut around.parts).filter(|part| **part != NONE) {
            *part = numbers[self.part(*part) as usize];
        }
        let traced = std::mem::take(&mut self.traced);
        let (part_of, region_of) = ((0..fitted(parts.len())).collect(), (0..fitted(regions.len())).collect());
        *self = Self { parts, part_of, regions, region_of, halves, corners, traced };
    }
}

/// The part of a pixel along a side.
fn part_at(runs: &[Run], pixel: u32) -> u32 {
    let next = runs.partition_point(|run| run.end <= pixel);
    runs.get(next).filter(|run| run.start <= pixel).map_or(NONE, |run| run.of)
}
