//! Joins the parts of regions that are open.

use arpent_raster::Window;

use super::counts::DrawnCounts;
use super::fragments::{Fragments, drawing_numbers};
use super::layout::{Connectivity, Layout};
use super::links::Links;
use super::open::{Around, NONE, Open};
use super::paths::{EAST, Kind, NORTH, Passed, PathHead, SOUTH, WEST};
use super::rings::{Joint, RingBuilder};
use super::side::{Half, Run, Segment};
use crate::VectorError;
use crate::drawing::Drawing;
use crate::region::{Region, Vertex};

/// Numbers of parts are made anew when there are more than this, and more than twice those still needed; in tests,
/// whose maps are small, soon.
const COMPACT_BEYOND: usize = if cfg!(test) { 8 } else { 4096 };

/// Puts regions together that reach beyond the blocks they were traced in.
#[derive(Debug)]
pub(super) struct Join {
    layout: Layout,
    drawing: Option<Drawing>,
    open: Open,
    builder: RingBuilder,
    links: Links,
    /// Regions of which a part met something.
    met: Vec<u32>,
    compact_at: usize,
    drawn: DrawnCounts,
}

impl Join {
    pub(super) fn new(layout: Layout, drawing: Option<&Drawing>) -> Self {
        let mut builder = RingBuilder::default();
        builder.set_drawing(drawing);
        Self {
            layout,
            drawing: drawing.cloned(),
            open: Open::default(),
            builder,
            links: Links::default(),
            met: Vec::new(),
            compact_at: COMPACT_BEYOND,
            drawn: DrawnCounts::default(),
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number of parts of regions that are held.
    pub(super) fn live(&self) -> usize {
        self.open.parts.iter().filter(|part| part.totals.pixels > 0).count()
    }

    /// Adds counts of regions that others emitted.
    pub(super) fn count(&mut self, drawn: &DrawnCounts) {
        self.drawn.add(drawn);
    }

    /// Emits a region that is complete.
    pub(super) fn emit(&mut self, region: Region, sink: &mut impl FnMut(Region)) {
        if self.builder.is_drawing() {
            self.drawn.add_region(&region);
        }
        sink(region);
    }

    /// Adds what a block left, and emits the regions that are complete by it.
    pub(super) fn take(
        &mut self,
        fragments: Fragments,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let Fragments { layout, drawing, open, drawn } = fragments;
        if layout != self.layout || drawing != drawing_numbers(self.drawing.as_ref()) {
            return Err(VectorError::OtherBlocks { extent: self.layout.extent, other: layout.extent });
        }
        self.cover(open.traced.windows())?;
        self.drawn.add(&drawn);
        self.take_open(open, sink)
    }

    /// Adds what is open of a tile, which overlaps no other.
    pub(super) fn take_open(
        &mut self,
        mut other: Open,
        sink: &mut impl FnMut(Region),
    ) -> Result<(), VectorError> {
        let parts = self.open.absorb(&mut other);
        for (segment, mut half) in other.halves {
            half.runs.iter_mut().for_each(|run| run.of += parts);
            match self.open.halves.remove(&segment) {
                None => {
                    self.open.halves.insert(segment, half);
                }
                Some(known) if known.is_after == half.is_after => {
                    return Err(self.overlap(segment));
                }
                Some(known) if half.is_after => self.meet(segment, &known, &half),
                Some(known) => self.meet(segment, &half, &known),
            }
        }
        for (vertex, mut around) in other.corners {
            around.parts.iter_mut().filter(|part| **part != NONE).for_each(|part| *part += parts);
            self.meet_corner(vertex, &around)?;
        }
        self.settle(sink)?;
        if self.open.parts.len() > self.compact_at {
            self.open.compact();
            self.compact_at = COMPACT_BEYOND.max(2 * self.open.parts.len());
        }
        Ok(())
    }

    /// What is still open, to be joined elsewhere.
    pub(super) fn leave(mut self) -> Fragments {
        self.open.compact();
        let Self { layout, drawing, open, drawn, .. } = self;
        Fragments { layout, drawing: drawing_numbers(drawing.as_ref()), open, drawn }
    }

    /// Checks that all of the extent was traced.
    pub(super) fn finish(mut self) -> Result<DrawnCounts, VectorError> {
        self.open.compact();
        let Self { layout, open, drawn, .. } = self;
        let pixels = open.traced.pixels();
        if pixels != layout.extent.pixels() || !open.halves.is_empty() || !open.parts.is_empty() {
            return Err(VectorError::BlocksMissing { extent: layout.extent, pixels });
        }
        Ok(drawn)
    }

    fn overlap(&self, segment: Segment) -> VectorError {
        let mut at = [segment.start; 2];
        at[segment.axis] = segment.line;
        VectorError::BlockTwice { block: self.layout.window([at[0], at[1], at[0], at[1]]) }
    }

    /// Records that windows were traced, each once.
    pub(super) fn cover(&mut self, windows: &[Window]) -> Result<(), VectorError> {
        windows.iter().try_for_each(|window| self.open.traced.add(*window))
    }

    /// Compares the two sides of a segment: equal classes are one region, elsewhere there is a boundary.
    fn meet(&mut self, segment: Segment, before: &Half, after: &Half) {
        let is_cut = self.layout.is_cut(segment.axis, segment.line);
        let is_eight = self.layout.connectivity == Connectivity::Eight;
        let end = self.layout.next_line(1 - segment.axis, segment.start);
        let (mut i, mut j, mut at) = (0, 0, segment.start);
        let mut last = [NONE; 2];
        while at < end {
            let (a, b) = (next_run(&before.runs, &mut i, at), next_run(&after.runs, &mut j, at));
            let [a, b] = [a, b].map(|(part, until)| (part, until.min(end)));
            let until = a.1.min(b.1);
            let parts = [a.0, b.0];
            if self.are_one(parts[0], parts[1]) {
                if is_cut {
                    self.open.unite_regions(parts[0], parts[1]);
                    self.add_boundary(segment, [at, until], parts, Kind::Cut);
                } else {
                    self.open.unite_parts(parts[0], parts[1]);
                }
            } else {
                self.add_boundary(segment, [at, until], parts, Kind::Open);
            }
            if is_eight {
                self.join_corner([last[0], parts[1]], is_cut);
                self.join_corner([last[1], parts[0]], is_cut);
            }
            last = parts;
            at = until;
        }
        for run in before.runs.iter().chain(&after.runs) {
            let region = self.open.meet(run.of);
            self.met.push(region);
        }
    }

    /// Whether two pixels are of one class.
    fn are_one(&mut self, a: u32, b: u32) -> bool {
        a != NONE && b != NONE && {
            let (a, b) = (self.open.part(a), self.open.part(b));
            self.open.parts[a as usize].class_id == self.open.parts[b as usize].class_id
        }
    }

    /// Joins two pixels that meet at a corner.
    fn join_corner(&mut self, [a, b]: [u32; 2], is_cut: bool) {
        if self.are_one(a, b) {
            if is_cut {
                self.open.unite_regions(a, b);
            } else {
                self.open.unite_parts(a, b);
            }
        }
    }

    /// Adds a piece of a line to the boundaries of the parts before and after it.
    fn add_boundary(&mut self, segment: Segment, [start, end]: [u32; 2], parts: [u32; 2], kind: Kind) {
        // Each has its own pixels on the left.
        let directions = if segment.axis == 0 { [NORTH, SOUTH] } else { [EAST, WEST] };
        for (part, direction) in parts.into_iter().zip(directions).filter(|(part, _)| *part != NONE) {
            let [from, to] =
                if direction == EAST || direction == SOUTH { [start, end] } else { [end, start] };
            let vertex = |along: u32| {
                let at = if segment.axis == 0 { [segment.line, along] } else { [along, segment.line] };
                Passed { at, marks: 0 }
            };
            let root = self.open.part(part);
            let head = PathHead { kind, leaves: direction, arrives: direction };
            self.open.parts[root as usize].paths.push(head, &[vertex(from), vertex(to)]);
        }
    }

    /// Adds pixels around a vertex; when all are there, those that meet diagonally are joined.
    fn meet_corner(&mut self, vertex: [u32; 2], other: &Around) -> Result<(), VectorError> {
        let mut around = self.open.corners.remove(&vertex).unwrap_or_default();
        if around.traced & other.traced != 0 {
            return Err(VectorError::BlockTwice {
                block: self.layout.window([vertex[0], vertex[1], vertex[0], vertex[1]]),
            });
        }
        around.traced |= other.traced;
        for (known, part) in around.parts.iter_mut().zip(other.parts) {
            if part != NONE {
                *known = part;
            }
        }
        if around.traced != 0b1111 {
            self.open.corners.insert(vertex, around);
            return Ok(());
        }
        let is_cut = self.layout.is_cut(0, vertex[0]) || self.layout.is_cut(1, vertex[1]);
        let [nw, ne, se, sw] = around.parts;
        self.join_corner([nw, se], is_cut);
        self.join_corner([ne, sw], is_cut);
        for part in around.parts.into_iter().filter(|part| *part != NONE) {
            let region = self.open.meet(part);
            self.met.push(region);
        }
        Ok(())
    }

    /// Emits what is complete of the regions that met something.
    fn settle(&mut self, sink: &mut impl FnMut(Region)) -> Result<(), VectorError> {
        let mut met = std::mem::take(&mut self.met);
        for region in &mut met {
            *region = self.open.region(*region);
        }
        met.sort_unstable();
        met.dedup();
        for region in met.drain(..) {
            let whole = &mut self.open.regions[region as usize];
            let (is_cut, is_complete) = (whole.runs > self.layout.cut_runs, whole.waits == 0);
            if !is_cut && !is_complete {
                continue;
            }
            let mut parts = std::mem::take(&mut whole.parts);
            for part in &mut parts {
                *part = self.open.part(*part);
            }
            parts.sort_unstable();
            parts.dedup();
            if is_cut {
                let (complete, rest): (Vec<u32>, Vec<u32>) =
                    parts.into_iter().partition(|part| self.open.parts[*part as usize].waits == 0);
                self.open.regions[region as usize].parts = rest;
                for part in complete {
                    let made = self.region(&[part], true)?;
                    self.emit(made, sink);
                }
            } else {
                let made = self.region(&parts, false)?;
                self.emit(made, sink);
            }
        }
        self.met = met;
        Ok(())
    }

    /// Makes a region of parts.
    fn region(&mut self, parts: &[u32], is_cut: bool) -> Result<Region, VectorError> {
        let damaged = VectorError::DamagedBlock { what: "boundaries of regions do not fit together" };
        let mut whole = std::mem::take(&mut self.open.parts[parts[0] as usize]);
        self.links.clear();
        let mut is_read = self.links.add(&whole.paths, is_cut);
        for part in &parts[1..] {
            let part = std::mem::take(&mut self.open.parts[*part as usize]);
            is_read &= self.links.add(&whole.add(part), is_cut);
        }
        let Self { layout, builder, links, .. } = self;
        let origin = [layout.extent.col, layout.extent.row];
        let (mut rings, mut joint) = (Vec::new(), Joint::default());
        let is_four = layout.connectivity == Connectivity::Four;
        let is_linked = is_read
            && links.follow(layout.is_coverage, &mut |boundary| {
                if is_four {
                    builder.add_boundary(boundary, origin, &mut rings);
                } else {
                    builder.add_joined(boundary, origin, &mut joint, &mut rings);
                }
            });
        joint.add_rings(&mut rings);
        if !is_linked || rings.iter().any(Vec::is_empty) || rings.is_empty() {
            return Err(damaged);
        }
        // Only the exterior turns left.
        let mut rings: Vec<(bool, Vec<Vertex>)> =
            rings.into_iter().map(|ring| (builder.doubled_area(&ring) <= 0, ring)).collect();
        rings.sort_unstable_by(|(is_hole, a), (is_other, b)| {
            (is_hole, a[0][1], a[0][0]).cmp(&(is_other, b[0][1], b[0][0])).then_with(|| a.cmp(b))
        });
        let mut rings: Vec<Vec<Vertex>> = rings.into_iter().map(|(_, ring)| ring).collect();
        builder.add_squares(whole.squares);
        let drawn = builder.draw(&mut rings);
        Ok(whole.totals.region(whole.class_id, rings, drawn, layout.window(whole.bbox)))
    }
}

/// The part of the pixel at `at`, and where what is there ends; `next` is the number of the first run that does not
/// end before.
fn next_run(runs: &[Run], next: &mut usize, at: u32) -> (u32, u32) {
    while runs.get(*next).is_some_and(|run| run.end <= at) {
        *next += 1;
    }
    match runs.get(*next) {
        Some(run) if run.start <= at => (run.of, run.end),
        Some(run) => (NONE, run.start),
        None => (NONE, u32::MAX),
    }
}
