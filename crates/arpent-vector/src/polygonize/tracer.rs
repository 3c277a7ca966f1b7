//! Traces the regions of one rectangle of pixels, row by row.

use arpent_base::number::fitted;
use arpent_raster::Window;

use super::area::fixed_point;
use super::components::{Component, Components};
use super::edges::Edges;
use super::lattice::Lattice;
use super::layout::Connectivity;
use super::rim::{Fragment, Rim};
use super::rings::RingBuilder;
use super::row::{NONE, PixelRun, Row};
use super::span::Span;
use super::sums::Sums;
use super::vertices::Marks;
use crate::drawing::Drawing;
use crate::region::Region;
/// What is known of a region when its last row has passed.
#[derive(Debug)]
pub(super) enum Found {
    /// All of it.
    Region(Region),
    /// The part of it in the tile; it may continue beyond.
    Fragment(Fragment),
}

/// Finds the regions of a tile, a rectangle of pixels, and the fragments of those that may continue beyond it.
#[derive(Debug)]
pub(super) struct Tracer {
    tile: Window,
    rim: Rim,
    connectivity: Connectivity,
    lattice: Lattice,
    /// Column of the tile, counted from a line of the lattice.
    col_of_line: u32,
    /// The current rows.
    edges: Edges,
    components: Components,
    builder: RingBuilder,
    sums: Sums,
    /// Regions, by their component and class, of which an exterior was closed in the current row; 8-connected ones
    /// only.
    closing: Vec<(u32, u8)>,
}

impl Tracer {
    /// For the rows of a tile.
    pub(super) fn new(tile: Window, rim: Rim, connectivity: Connectivity, lattice: Lattice) -> Self {
        Self {
            tile,
            rim,
            connectivity,
            lattice,
            col_of_line: fitted(lattice.beyond_line(tile.col)),
            edges: Edges::new(tile.width),
            components: Components::default(),
            builder: RingBuilder::default(),
            sums: Sums::default(),
            closing: Vec::new(),
        }
    }

    /// The same, with regions that are not drawn along their vertices where the marks of rows of a coverage require
    /// it.
    pub(super) fn drawn(mut self, drawing: Option<&Drawing>) -> Self {
        self.builder.set_drawing(drawing);
        self
    }

    /// The tile.
    pub(super) fn tile(&self) -> Window {
        self.tile
    }

    /// Number of regions and boundary edges held now.
    pub(super) fn live(&self) -> usize {
        self.components.live() + self.edges.chains.live()
    }

    /// Number of boundary edges held now.
    pub(super) fn live_edges(&self) -> usize {
        self.edges.chains.live()
    }

    /// Number of slots for boundary edges and regions, used and free.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.edges.chains.capacity(), self.components.capacity())
    }

    /// Processes the next row, with the marks of the vertices on its northern side if it is one of a coverage.
    pub(super) fn push_row(
        &mut self,
        labels: &[u8],
        confidence: &[u8],
        pixel_area_m2: f64,
        is_kept: &[bool; 256],
        marks: Option<Marks<'_>>,
        sink: &mut impl FnMut(Found),
    ) {
        self.edges.below.fill(labels, is_kept);
        self.find_vertices(marks);
        self.link_rows(sink);
        self.settle_runs_below(confidence, fixed_point(pixel_area_m2));
        if self.connectivity == Connectivity::Eight {
            self.join_corners();
            self.hand_out_closed(sink);
        }
        self.components.recycle_merged();
        std::mem::swap(&mut self.edges.above, &mut self.edges.below);
        self.edges.rows += 1;
    }

    /// Hands out the regions that are still open. Rows of the tile that were not pushed count as nodata.
    pub(super) fn finish(mut self, is_coverage: bool, sink: &mut impl FnMut(Found)) {
        self.edges.below = Row::new(self.tile.width);
        self.find_vertices(is_coverage.then(Marks::default));
        self.link_rows(sink);
        self.hand_out_closed(sink);
    }

    fn find_vertices(&mut self, marks: Option<Marks<'_>>) {
        let Edges { above, below, vertices, rows, .. } = &mut self.edges;
        vertices.find(above, below);
        if let Some(marks) = marks {
            let origin = [self.tile.col, self.tile.row + i64::from(*rows)];
            vertices.find_nodes(above, below, origin, self.lattice, marks);
        }
    }

    /// Visits the pairs of runs, one of each row, that share a side, from west to east, and the runs above that no
    /// run below continues.
    fn link_rows(&mut self, sink: &mut impl FnMut(Found)) {
        let (mut i, mut j) = (0, 0);
        while let Some(above) = self.edges.above.runs.get(i) {
            if let Some(below) = self.edges.below.runs.get(j).filter(|below| below.start < above.end) {
                let above_ends_first = above.end <= below.end;
                if above.start < below.end && above.class_id == below.class_id {
                    self.link(i, j);
                }
                if !above_ends_first {
                    j += 1;
                    continue;
                }
            }
            self.close(i, sink);
            i += 1;
        }
    }

    /// Extends the western boundary of the runs `i` above and `j` below, which are of the same region.
    fn link(&mut self, i: usize, j: usize) {
        let (above, below) = (self.edges.above.runs[i], self.edges.below.runs[j]);
        if above.link != NONE {
            self.split(above.link as usize, j);
        } else if below.link != NONE {
            self.merge(below.link as usize, i, j);
        } else if above.start == below.start && !self.edges.vertices.is_node(below.start) {
            self.edges.below.runs[j].west = above.west;
        } else {
            self.edges.below.runs[j].west =
                self.edges.append(above.class_id, above.west, (above.start, below.start));
        }
        if below.link == NONE {
            self.edges.below.runs[j].component = self.components.find(above.component);
        }
        self.edges.above.runs[i].link = fitted(j);
        self.edges.below.runs[j].link = fitted(i);
    }

    /// Two runs below the same run above: a gap opens between them.
    fn split(&mut self, west: usize, east: usize) {
        let (w, e) = (self.edges.below.runs[west], self.edges.below.runs[east]);
        let (first, last) = self.edges.open(w.class_id, w.end, e.start);
        self.edges.below.runs[west].east = first;
        self.edges.below.runs[east].west = last;
    }

    /// Two runs above the same run `j` below: the gap between them ends.
    fn merge(&mut self, west: usize, east: usize, j: usize) {
        let (w, e) = (self.edges.above.runs[west], self.edges.above.runs[east]);
        let closed = self.edges.join(w.class_id, e.west, w.east, (e.start, w.end));
        let root = self.components.unite(self.edges.below.runs[j].component, e.component);
        self.edges.below.runs[j].component = root;
        let component = self.components.get_mut(root);
        match closed {
            Some(hole) => component.rings.push(hole),
            // Boundaries that do not enclose a hole are two parts.
            None => component.parts -= 1,
        }
    }

    /// Closes the boundary under the run `i` above if no run below continues it; a ring closed here is an exterior.
    fn close(&mut self, i: usize, sink: &mut impl FnMut(Found)) {
        let run = self.edges.above.runs[i];
        if run.link != NONE {
            return;
        }
        let Some(exterior) = self.edges.join(run.class_id, run.west, run.east, (run.start, run.end)) else {
            return;
        };
        let root = self.components.find(run.component);
        if self.connectivity == Connectivity::Four {
            let component = self.components.take(root);
            sink(self.traced(run.class_id, component, Some(exterior)));
            return;
        }
        // Other parts may still meet it at a corner.
        let component = self.components.get_mut(root);
        component.parts -= 1;
        component.rings.push(exterior);
        self.closing.push((root, run.class_id));
    }

    /// Opens boundaries for runs that continue no run above, extends the eastern ones, and counts pixels.
    fn settle_runs_below(&mut self, confidence: &[u8], pixel_area_q64: u128) {
        let rows = (self.edges.rows, self.edges.rows + 1);
        self.sums.fill(confidence);
        // A product of 96 bits does not overflow.
        let area_of = |pixels: u32| match pixel_area_q64 >> 96 {
            0 => pixel_area_q64 * u128::from(pixels),
            _ => pixel_area_q64.saturating_mul(u128::from(pixels)),
        };
        let mut runs = std::mem::take(&mut self.edges.below.runs);
        for (j, run) in (0..).zip(&mut runs) {
            if run.link == NONE {
                run.component = self.components.open();
                (run.east, run.west) = self.edges.open(run.class_id, run.end, run.start);
            } else {
                run.component = self.components.find(run.component);
                self.settle_east(j, run);
                run.link = NONE; // from here on it is about the next row
            }
            let pixels = run.end - run.start;
            let runs = self.lattice.cells_between(self.col_of_line + run.start, self.col_of_line + run.end);
            let scored = self.sums.between(run.start as usize, run.end as usize, confidence);
            let span = Span { cols: (run.start, run.end), rows };
            let component = self.components.get_mut(run.component);
            component.add_run(runs, pixels, scored, area_of(pixels), &span);
        }
        self.edges.below.runs = runs;
    }

    /// Extends the eastern boundary of the run `j` below from the run above that it is linked to.
    fn settle_east(&mut self, j: u32, run: &mut PixelRun) {
        let above = self.edges.above.runs[run.link as usize];
        if above.link != j {
            return; // `split` has set it
        }
        run.east = if above.end == run.end && !self.edges.vertices.is_node(run.end) {
            above.east
        } else {
            self.edges.prepend(run.class_id, above.east, (run.end, above.end))
        };
    }

    /// Merges the regions that meet at a corner between the two rows.
    fn join_corners(&mut self) {
        let mut runs = std::mem::take(&mut self.edges.below.runs);
        let mut first = 0;
        for above in &self.edges.above.runs {
            first += runs[first..].iter().take_while(|below| below.end < above.start).count();
            for below in runs[first..].iter().take_while(|below| below.start <= above.end) {
                let meet = below.end == above.start || below.start == above.end;
                if meet && below.class_id == above.class_id {
                    self.components.unite(above.component, below.component);
                }
            }
        }
        for run in &mut runs {
            run.component = self.components.find(run.component);
        }
        self.edges.below.runs = runs;
    }

    /// Emits the regions that were closing and have no open part any more to `sink`.
    fn hand_out_closed(&mut self, sink: &mut impl FnMut(Found)) {
        for (component, class_id) in std::mem::take(&mut self.closing) {
            let root = self.components.find(component);
            let component = self.components.get_mut(root);
            // A region is listed once for each of its parts that closed here.
            if component.parts == 0 && !component.rings.is_empty() {
                let component = self.components.take(root);
                sink(self.traced(class_id, component, None));
            }
        }
    }

    /// A region or a fragment of one. The exterior is one of the component's rings if none is given.
    fn traced(&mut self, class_id: u8, component: Component, exterior: Option<u32>) -> Found {
        if self.rim.is_touched(&component.span) {
            return Found::Fragment(self.fragment(class_id, component, exterior));
        }
        Found::Region(self.region(class_id, component, exterior))
    }

    fn fragment(&mut self, class_id: u8, component: Component, exterior: Option<u32>) -> Fragment {
        let Self { tile, rim, edges: Edges { chains, .. }, builder, .. } = self;
        let mut fragment = Fragment::new(class_id, component.totals, component.span.window(tile));
        for boundary in exterior.into_iter().chain(component.rings) {
            builder.take_boundary(chains, boundary, [tile.col, tile.row]);
            rim.cut_off(builder.boundary(), &mut fragment);
        }
        fragment.squares = builder.take_squares();
        fragment
    }

    fn region(&mut self, class_id: u8, component: Component, exterior: Option<u32>) -> Region {
        let Self { tile, edges: Edges { vertices, chains, .. }, builder, .. } = self;
        let origin = [tile.col, tile.row];
        let mut rings = Vec::with_capacity(1 + component.rings.len());
        if let Some(exterior) = exterior {
            let are_corners = !vertices.has_nodes();
            builder.take(chains, exterior, origin, are_corners, &mut rings);
            // The builder puts the exterior after the holes it touches.
            let last = rings.len() - 1;
            rings.swap(0, last);
            for hole in component.rings {
                builder.take(chains, hole, origin, are_corners, &mut rings);
            }
            rings[1..].sort_unstable_by_key(|ring| (ring[0][1], ring[0][0]));
        } else {
            builder.take_joined(chains, &component.rings, origin, &mut rings);
            // North of every hole there are pixels of the region.
            rings.sort_unstable_by_key(|ring| (ring[0][1], ring[0][0]));
        }
        let drawn = builder.draw(&mut rings);
        component.totals.region(class_id, rings, drawn, component.span.window(tile))
    }
}
