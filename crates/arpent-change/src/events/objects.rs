//! Objects of two dates and the events that they are part of, row by row.

use std::collections::{BTreeMap, BTreeSet};

use arpent_raster::{LABEL_NODATA, Window};
use arpent_vector::fixed_point;

use super::check::{LATTICE, check_extent, check_row};
use super::error::EventError;
use super::event::{ObjectKey, Outcome, PixelRun};
use super::measure::{Measured, Squares};
use super::rules::{Evidence, Rules};
use super::runs::{NONE, Run, changed_runs, class_runs, pairs};
use super::settle::{Group, Overlap, Settlement, Side};
use super::slab::Slab;

/// Objects that have more than this many runs, with those that they are connected with over time, end at the next row
/// whose number is a multiple of 512, as regions do when they are polygonized.
const CUT_RUNS: u64 = 100_000;

/// Finds the objects of two dates, links those that are the same, and emits what became of them.
///
/// An object is a 4-connected region of one class (of those that [`Rules::groups`] has). Objects of two dates and of
/// one group are linked if their common ground exceeds [`Rules::min_overlap`] of the smaller one; those linked with each
/// other, directly or through others, are a group: none and one is an appeared object, one and none a disappeared one,
/// one and one grown, shrunk, moved or the same, one and several split, several and one merged, several and several
/// reorganized. An object that disappears where one of another class appears, each with at least half of its ground
/// there, is reclassified.
///
/// **Every changed pixel is counted in one event**: in that of the smaller of the two groups that lost and gained it
/// (ground has no group). An object whose changes are all counted in those of smaller ones has no event of its own,
/// unless it appeared, disappeared, or was split, merged or reorganized.
///
/// Groups are emitted when all they depend on has passed, in no particular order; none depends on the order of work.
/// Memory grows with the width and with what is open at a row, which is cut on the lattice (rows that are multiples of
/// 512) when it has more than 100,000 runs.
#[derive(Debug)]
pub struct Objects {
    extent: Window,
    rules: Rules,
    is_object: [bool; 256],
    cut_runs: u64,
    taken: u32,
    nodes: Slab<Node>,
    clusters: Slab<Cluster>,
    areas: Slab<Area>,
    above: Rows,
    squares: Squares,
    settlement: Settlement,
}

/// Runs of a row: of the objects before and after, and of the changed areas.
#[derive(Debug, Default)]
struct Rows {
    before: Vec<Run>,
    after: Vec<Run>,
    changed: Vec<Run>,
}

/// An object of one date.
#[derive(Debug, Clone)]
struct Node {
    is_after: bool,
    class_id: u8,
    /// Ground that was observed at both dates.
    area_q64: u128,
    pixels: u64,
    first: (u32, u32),
    last_row: u32,
    cluster: u32,
    is_open: bool,
}

/// Objects that are connected over time, so far.
#[derive(Debug, Default)]
struct Cluster {
    nodes: Vec<u32>,
    overlaps: Vec<(u32, u32, Overlap)>,
    compact_at: usize,
    areas: Vec<u32>,
    open: usize,
    runs: u64,
    is_cut: bool,
}

/// A changed area.
#[derive(Debug)]
struct Area {
    sides: [Side; 2],
    from: u8,
    to: u8,
    measured: Measured,
    runs: Vec<PixelRun>,
    last_row: u32,
    is_open: bool,
    /// Numbers of the areas that became part of it.
    parts: Vec<u32>,
}

impl Objects {
    /// For the rows of `extent`.
    ///
    /// # Errors
    /// [`EventError::ExtentTooLarge`], [`EventError::BadOption`].
    pub fn new(extent: Window, rules: Rules) -> Result<Self, EventError> {
        check_extent(extent)?;
        rules.check()?;
        Ok(Self {
            extent,
            is_object: rules.is_object(),
            settlement: Settlement::default(),
            rules,
            cut_runs: CUT_RUNS,
            taken: 0,
            nodes: Slab::default(),
            clusters: Slab::default(),
            areas: Slab::default(),
            above: Rows::default(),
            squares: Squares::new(extent.width),
        })
    }

    /// Cuts objects of more runs than this.
    #[cfg(test)]
    pub(super) fn cut_beyond(mut self, runs: u64) -> Self {
        self.cut_runs = runs;
        self
    }

    /// Takes the next row, as [`super::Sieve`] gives it; outcomes go to `sink`.
    ///
    /// # Errors
    /// [`EventError::RowLength`], [`EventError::TooManyRows`], [`EventError::PixelArea`].
    pub fn push_row(
        &mut self,
        before: &[u8],
        after: &[u8],
        evidence: Evidence<'_>,
        pixel_area_m2: f64,
        sink: &mut impl FnMut(Outcome),
    ) -> Result<(), EventError> {
        let number = self.extent.row + i64::from(self.taken);
        let lengths = [before.len(), after.len()].into_iter().chain(evidence.lengths());
        check_row(self.extent, number, lengths, pixel_area_m2)?;
        let mut rows = Rows::default();
        class_runs(before, &self.is_object, &mut rows.before);
        class_runs(after, &self.is_object, &mut rows.after);
        changed_runs(before, after, &mut rows.changed);
        let unit = fixed_point(pixel_area_m2);
        self.mark_cuts(number);
        let above = std::mem::take(&mut self.above);
        self.connect_nodes(&above.before, &mut rows.before, after, unit, false);
        self.connect_nodes(&above.after, &mut rows.after, before, unit, true);
        self.connect_dates(&mut rows, unit);
        self.connect_areas(&above.changed, &mut rows, number);
        self.measure(&rows.changed, evidence, unit);
        self.close(&above, sink);
        self.above = rows;
        self.taken += 1;
        Ok(())
    }

    /// Ends the objects that are still open.
    pub fn finish(mut self, sink: &mut impl FnMut(Outcome)) {
        let above = std::mem::take(&mut self.above);
        self.close(&above, sink);
        debug_assert_eq!((self.nodes.live(), self.areas.live(), self.settlement.live()), (0, 0, 0));
    }

    /// Number of objects and areas held now.
    pub fn live(&self) -> usize {
        self.nodes.live() + self.areas.live() + self.settlement.live()
    }

    /// First row, counted from the CRS origin, of what is not emitted yet.
    pub fn first_open_row(&mut self) -> i64 {
        let Self { above, nodes, .. } = self;
        let runs = above.before.iter().chain(&above.after);
        let first = |run: &Run| {
            let root = nodes.find(run.id);
            nodes.get(root).first.0
        };
        let open = runs.map(first).min().unwrap_or(self.taken);
        self.extent.row + i64::from(open.min(self.settlement.first_row().unwrap_or(u32::MAX)))
    }

    /// On rows where cuts are allowed, decides which objects have grown too large and end here.
    fn mark_cuts(&mut self, number: i64) {
        if number % LATTICE != 0 {
            return;
        }
        for run in self.above.before.iter().chain(&self.above.after) {
            let node = self.nodes.find(run.id);
            let cluster = self.clusters.find(self.nodes.get(node).cluster);
            let cluster = self.clusters.at(cluster);
            cluster.is_cut = cluster.runs > self.cut_runs;
        }
    }

    /// Gives the runs of a date their objects. `other` is the row of the other date.
    fn connect_nodes(&mut self, above: &[Run], below: &mut [Run], other: &[u8], unit: u128, is_after: bool) {
        for (i, j) in pairs(above, below) {
            if above[i].before != below[j].before {
                continue;
            }
            let node = self.nodes.find(above[i].id);
            let cluster = self.clusters.find(self.nodes.get(node).cluster);
            if self.clusters.get(cluster).is_cut {
                continue;
            }
            below[j].id = if below[j].id == NONE { node } else { self.unite_nodes(below[j].id, node) };
        }
        for run in below.iter_mut() {
            if run.id == NONE {
                let cluster = self.clusters.add(Cluster { open: 1, compact_at: 64, ..Cluster::default() });
                run.id = self.nodes.add(Node {
                    is_after,
                    class_id: run.before,
                    area_q64: 0,
                    pixels: 0,
                    first: (self.taken, run.start),
                    last_row: self.taken,
                    cluster,
                    is_open: true,
                });
                self.clusters.at(cluster).nodes.push(run.id);
            }
            run.id = self.nodes.find(run.id);
            let observed = other[run.columns()].iter().filter(|class| **class != LABEL_NODATA).count();
            let node = self.nodes.at(run.id);
            node.last_row = self.taken;
            node.pixels += observed as u64;
            node.area_q64 += unit * observed as u128;
            let cluster = self.clusters.find(node.cluster);
            self.clusters.at(cluster).runs += 1;
        }
    }

    fn unite_nodes(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.nodes.find(a), self.nodes.find(b));
        if a == b {
            return a;
        }
        let other = self.nodes.get(b).clone();
        self.unite_clusters(self.nodes.get(a).cluster, other.cluster);
        self.nodes.unite(a, b);
        let node = self.nodes.at(a);
        node.area_q64 += other.area_q64;
        node.pixels += other.pixels;
        node.first = node.first.min(other.first);
        node.last_row = node.last_row.max(other.last_row);
        let cluster = self.clusters.find(self.nodes.get(a).cluster);
        self.clusters.at(cluster).open -= 1;
        a
    }

    fn unite_clusters(&mut self, a: u32, b: u32) {
        let (a, b) = (self.clusters.find(a), self.clusters.find(b));
        if a == b {
            return;
        }
        let size = |cluster: &Cluster| cluster.nodes.len() + cluster.overlaps.len() + cluster.areas.len();
        let (root, child) =
            if size(self.clusters.get(a)) < size(self.clusters.get(b)) { (b, a) } else { (a, b) };
        let [cluster, other] = self.clusters.pair(root, child);
        cluster.nodes.append(&mut other.nodes);
        cluster.overlaps.append(&mut other.overlaps);
        cluster.areas.append(&mut other.areas);
        cluster.open += other.open;
        cluster.runs += other.runs;
        self.clusters.unite(root, child);
    }

    /// Connects the objects of the two dates that share pixels and a group.
    fn connect_dates(&mut self, rows: &mut Rows, unit: u128) {
        let (before, after) = (&rows.before, &rows.after);
        for (i, j) in pairs(before, after) {
            let (b, a) = (before[i], after[j]);
            if self.rules.groups[usize::from(b.before)] != self.rules.groups[usize::from(a.before)] {
                continue;
            }
            let shared = b.shared(&a);
            self.unite_clusters(self.nodes.get(b.id).cluster, self.nodes.get(a.id).cluster);
            let cluster = self.clusters.find(self.nodes.get(b.id).cluster);
            let overlap = Overlap { pixels: u64::from(shared), area_q64: unit * u128::from(shared) };
            let overlaps = &mut self.clusters.at(cluster).overlaps;
            match overlaps.last_mut() {
                Some((from, to, last)) if (*from, *to) == (b.id, a.id) => last.add(&overlap),
                _ => overlaps.push((b.id, a.id, overlap)),
            }
            if overlaps.len() > self.clusters.get(cluster).compact_at {
                self.compact(cluster);
            }
        }
    }

    /// Adds up the overlaps of a cluster, and forgets numbers of objects that became part of others.
    fn compact(&mut self, cluster: u32) {
        let overlaps = std::mem::take(&mut self.clusters.at(cluster).overlaps);
        let overlaps = self.summed(overlaps);
        let cluster = self.clusters.at(cluster);
        cluster.compact_at = 64.max(2 * overlaps.len());
        cluster.overlaps = overlaps.into_iter().map(|((from, to), overlap)| (from, to, overlap)).collect();
    }

    fn summed(&mut self, overlaps: Vec<(u32, u32, Overlap)>) -> BTreeMap<(u32, u32), Overlap> {
        let mut sums = BTreeMap::<_, Overlap>::new();
        for (from, to, overlap) in overlaps {
            let pair = (self.nodes.find(from), self.nodes.find(to));
            sums.entry(pair).or_default().add(&overlap);
        }
        sums
    }

    /// Gives the changed runs of a row their areas.
    fn connect_areas(&mut self, above: &[Run], rows: &mut Rows, number: i64) {
        let sides = |runs: &[Run], changed: &[Run]| {
            let mut found = vec![NONE; changed.len()];
            for (i, j) in pairs(runs, changed) {
                found[j] = runs[i].id;
            }
            found
        };
        let before = sides(&rows.before, &rows.changed);
        let after = sides(&rows.after, &rows.changed);
        let below = &mut rows.changed;
        let is_lattice = number % LATTICE == 0;
        let mut is_large = |run: &Run| {
            let root = self.areas.find(run.id);
            is_lattice && self.areas.get(root).runs.len() as u64 > self.cut_runs
        };
        let is_large: Vec<bool> = above.iter().map(&mut is_large).collect();
        for (i, j) in pairs(above, below) {
            if !above[i].is_same_pair(&below[j]) {
                continue;
            }
            let area = self.areas.find(above[i].id);
            let is_same = |nodes: &mut Slab<Node>, side: Side, now: u32| match side {
                Side::Node(node) => now != NONE && nodes.find(node) == nodes.find(now),
                _ => now == NONE,
            };
            let [b, a] = self.areas.get(area).sides;
            let is_ground = before[j] == NONE && after[j] == NONE;
            if is_ground && is_large[i]
                || !is_same(&mut self.nodes, b, before[j])
                || !is_same(&mut self.nodes, a, after[j])
            {
                continue;
            }
            below[j].id = if below[j].id == NONE { area } else { self.unite_areas(below[j].id, area) };
        }
        for (j, run) in below.iter_mut().enumerate() {
            if run.id == NONE {
                let side = |node: u32| if node == NONE { Side::Ground } else { Side::Node(node) };
                run.id = self.areas.add(Area {
                    sides: [side(before[j]), side(after[j])],
                    from: run.before,
                    to: run.after,
                    measured: Measured::default(),
                    runs: Vec::new(),
                    last_row: self.taken,
                    is_open: true,
                    parts: Vec::new(),
                });
                for node in [before[j], after[j]].into_iter().filter(|node| *node != NONE) {
                    let cluster = self.clusters.find(self.nodes.get(node).cluster);
                    self.clusters.at(cluster).areas.push(run.id);
                }
            }
            run.id = self.areas.find(run.id);
            let area = self.areas.at(run.id);
            area.last_row = self.taken;
            let col = self.extent.col;
            area.runs.push(PixelRun {
                row: number,
                start: col + i64::from(run.start),
                end: col + i64::from(run.end),
            });
        }
    }

    fn unite_areas(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.areas.find(a), self.areas.find(b));
        if a == b {
            return a;
        }
        let (root, child) =
            if self.areas.get(a).runs.len() < self.areas.get(b).runs.len() { (b, a) } else { (a, b) };
        let [area, other] = self.areas.pair(root, child);
        area.measured.add(&other.measured);
        area.runs.append(&mut other.runs);
        area.last_row = area.last_row.max(other.last_row);
        other.is_open = false;
        area.parts.append(&mut other.parts);
        area.parts.push(child);
        self.areas.unite(root, child);
        root
    }

    fn measure(&mut self, runs: &[Run], evidence: Evidence<'_>, unit: u128) {
        let areas = &mut self.areas;
        let widths = self.squares.push(runs, |above, below| areas.find(above.id) == areas.find(below.id));
        for (run, width_px) in runs.iter().zip(widths) {
            let pixels = u64::from(run.len());
            let mut measured =
                Measured { pixels, area_q64: unit * u128::from(pixels), width_px, ..Measured::default() };
            self.rules.add_evidence(evidence, run, &mut measured);
            let root = self.areas.find(run.id);
            self.areas.at(root).measured.add(&measured);
        }
    }

    /// Ends what does not continue from the row above, and emits the groups that are settled.
    fn close(&mut self, above: &Rows, sink: &mut impl FnMut(Outcome)) {
        let taken = self.taken;
        for run in &above.changed {
            let root = self.areas.find(run.id);
            let area = self.areas.at(root);
            if !area.is_open || area.last_row >= taken {
                continue;
            }
            area.is_open = false;
            if area.sides == [Side::Ground; 2] {
                let runs = std::mem::take(&mut area.runs);
                sink(Outcome::Event(super::settle::ground(area.from, area.to, area.measured, runs)));
                self.remove_area(root);
            }
        }
        for run in above.before.iter().chain(&above.after) {
            let root = self.nodes.find(run.id);
            let node = self.nodes.get(root);
            if !node.is_open || node.last_row >= taken {
                continue;
            }
            let cluster = self.clusters.find(node.cluster);
            self.nodes.at(root).is_open = false;
            let cluster_at = self.clusters.at(cluster);
            cluster_at.open -= 1;
            if cluster_at.open == 0 {
                self.close_cluster(cluster, sink);
            }
        }
    }

    fn close_cluster(&mut self, cluster: u32, sink: &mut impl FnMut(Outcome)) {
        let Cluster { nodes, overlaps, areas, .. } = std::mem::take(self.clusters.at(cluster));
        let overlaps = self.summed(overlaps);
        let roots: BTreeSet<u32> = nodes.iter().map(|node| self.nodes.find(*node)).collect();
        let objects: BTreeMap<u32, super::settle::Object> = roots
            .into_iter()
            .map(|root| {
                let node = self.nodes.get(root);
                let key = ObjectKey {
                    row: self.extent.row + i64::from(node.first.0),
                    col: self.extent.col + i64::from(node.first.1),
                    class_id: node.class_id,
                };
                let object = super::settle::Object {
                    key,
                    is_after: node.is_after,
                    pixels: node.pixels,
                    area_q64: node.area_q64,
                    first_row: node.first.0,
                };
                (root, object)
            })
            .collect();
        let groups = Group::of(&objects, &overlaps, self.rules.min_overlap);
        let numbers = self.settlement.add(groups);
        let mut changed: Vec<u32> = areas.iter().map(|area| self.areas.find(*area)).collect();
        changed.sort_unstable();
        changed.dedup();
        for root in changed {
            let area = self.areas.at(root);
            for side in &mut area.sides {
                if let Side::Node(node) = *side {
                    let node = self.nodes.find(node);
                    if let Some(group) = numbers.get(&node) {
                        *side = Side::Group(*group);
                        self.settlement.expect(*group);
                    }
                }
            }
            if area.sides.iter().all(|side| !matches!(side, Side::Node(_))) {
                let (sides, from, to, measured) = (area.sides, area.from, area.to, area.measured);
                let runs = std::mem::take(&mut area.runs);
                self.settlement.take(sides, super::event::Patch { from, to, measured, runs });
                self.remove_area(root);
            }
        }
        for group in numbers.into_values() {
            self.settlement.complete(group);
        }
        self.settlement.emit(sink);
        for node in nodes {
            // Every object began a cluster.
            self.clusters.remove(self.nodes.get(node).cluster);
            self.nodes.remove(node);
        }
    }

    fn remove_area(&mut self, root: u32) {
        for part in std::mem::take(&mut self.areas.at(root).parts) {
            self.areas.remove(part);
        }
        self.areas.remove(root);
    }
}
