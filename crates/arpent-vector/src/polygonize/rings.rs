//! Converts closed boundaries to simple rings in canonical order.

use super::chains::{CUT, Chains, Corner, GONE, SQUARE, TOUCH, place};
use super::draw::{Drawer, with_marks};
use super::paths::Passed;
use crate::drawing::Drawing;
use crate::region::Vertex;
use crate::square::Point;

/// Buffers for a boundary, reused between calls.
#[derive(Debug, Default)]
pub(super) struct RingBuilder {
    corners: Vec<Corner>,
    boundary: Vec<Passed>,
    walk: Vec<Vertex>,
    /// Positions in the walk of the vertices that it may pass twice.
    touches: Vec<usize>,
    /// Whether the walk begins at a vertex other than its northernmost, then westernmost one.
    is_turned: bool,
    drawer: Drawer,
}

impl RingBuilder {
    /// Sets how rings are drawn if not along their vertices.
    pub(super) fn set_drawing(&mut self, drawing: Option<&Drawing>) {
        self.drawer = Drawer::new(drawing.filter(|drawing| drawing.is_on()).cloned());
    }

    /// Twice the area that a ring adds, pixels: negative for a hole.
    pub(super) fn doubled_area(&self, ring: &[Vertex]) -> i64 {
        self.drawer.doubled_area(ring)
    }

    /// Whether rings may be drawn otherwise than along their vertices.
    pub(super) fn is_drawing(&self) -> bool {
        self.drawer.is_on()
    }

    /// Removes the marks from the rings of a region; returns how it is drawn, if not along the vertices.
    pub(super) fn draw(&mut self, rings: &mut [Vec<Vertex>]) -> Option<Vec<Vec<[f64; 2]>>> {
        self.drawer.draw(rings)
    }

    /// Takes a closed boundary out of `chains` and adds its simple rings to `rings`: those that it encloses as holes
    /// first, the one with its northernmost vertex last. `origin` is the corner of the extent; with `are_corners`,
    /// edges begin and end at corners of the region only.
    ///
    /// A boundary passes a vertex twice where two pixels of the region, and two that are not, meet
    /// diagonally. Cutting it there leaves simple rings; as the boundary never crosses itself, the cuts nest
    /// like parentheses.
    pub(super) fn take(
        &mut self,
        chains: &mut Chains,
        ring: u32,
        origin: Vertex,
        are_corners: bool,
        rings: &mut Vec<Vec<Vertex>>,
    ) {
        self.corners.clear();
        let mut marks = 0;
        chains.take_ring(ring, |corner| {
            marks |= corner.col | corner.row;
            self.corners.push(corner);
        });
        if are_corners && marks & (TOUCH | GONE) == 0 {
            rings.push(self.plain(origin));
            return;
        }
        self.lay_out(origin);
        if marks & SQUARE != 0 {
            self.drawer.draw_square(&self.corners, origin);
        }
        if self.touches.len() < 2 {
            rings.push(if self.is_turned { canonical(&self.walk) } else { self.walk.clone() });
        } else {
            self.cut(rings);
        }
    }

    /// Takes all closed boundaries of an 8-connected region out of `chains` and adds its rings to `rings`, in any order.
    pub(super) fn take_joined(
        &mut self,
        chains: &mut Chains,
        boundaries: &[u32],
        origin: Vertex,
        rings: &mut Vec<Vec<Vertex>>,
    ) {
        let mut joint = Joint::default();
        for boundary in boundaries {
            self.corners.clear();
            chains.take_ring(*boundary, |corner| self.corners.push(corner));
            self.lay_out(origin);
            joint.add(&self.walk, &self.touches, rings);
        }
        joint.add_rings(rings);
    }

    /// Takes a closed boundary out of `chains`: all vertices that it passes, with their marks, are kept in
    /// [`RingBuilder::boundary`].
    pub(super) fn take_boundary(&mut self, chains: &mut Chains, ring: u32, origin: Vertex) {
        self.corners.clear();
        let mut marks = 0;
        chains.take_ring(ring, |corner| {
            marks |= corner.col | corner.row;
            self.corners.push(corner);
        });
        if marks & SQUARE != 0 {
            self.drawer.draw_square(&self.corners, origin);
        }
        self.boundary.clear();
        let marks = |marked: u32| marked & (TOUCH | GONE | CUT | SQUARE);
        let following = self.corners.iter().cycle().skip(1);
        for (edge, next) in self.corners.iter().zip(following) {
            let row = place(edge.row);
            for passed in [
                Passed { at: [place(edge.col), row], marks: marks(edge.col) },
                Passed { at: [place(next.col), row], marks: marks(edge.row) },
            ] {
                if self.boundary.last().is_none_or(|last| last.at != passed.at) {
                    self.boundary.push(passed);
                }
            }
        }
        if self.boundary.len() > 1
            && self.boundary.first().map(|p| p.at) == self.boundary.last().map(|p| p.at)
        {
            self.boundary.pop();
        }
    }

    /// The vertices of the boundary that was taken last.
    pub(super) fn boundary(&self) -> &[Passed] {
        &self.boundary
    }

    /// The boundaries taken since the last call that are drawn square, by their first vertex.
    pub(super) fn take_squares(&mut self) -> Vec<(Vertex, Vec<Point>)> {
        self.drawer.take_squares()
    }

    /// How the next region's boundaries are drawn that are drawn square.
    pub(super) fn add_squares(&mut self, squares: Vec<(Vertex, Vec<Point>)>) {
        self.drawer.add_squares(squares);
    }

    /// Adds the simple rings of a closed boundary to `rings`, in any order. Its vertices are those that remain.
    pub(super) fn add_boundary(&mut self, boundary: &[Passed], origin: Vertex, rings: &mut Vec<Vec<Vertex>>) {
        self.walk_along(boundary, origin);
        if self.touches.len() < 2 {
            rings.push(canonical(&self.walk));
        } else {
            self.cut(rings);
        }
    }

    /// Adds a closed boundary of an 8-connected region to others.
    pub(super) fn add_joined(
        &mut self,
        boundary: &[Passed],
        origin: Vertex,
        joint: &mut Joint,
        rings: &mut Vec<Vec<Vertex>>,
    ) {
        self.walk_along(boundary, origin);
        joint.add(&self.walk, &self.touches, rings);
    }

    fn walk_along(&mut self, boundary: &[Passed], origin: Vertex) {
        self.walk.clear();
        self.touches.clear();
        for Passed { at, marks } in boundary {
            self.pass(at[0], *marks, at[1], origin);
        }
        // It may begin anywhere.
        self.is_turned = true;
    }

    /// The only ring of a boundary whose edges begin and end at its vertices.
    fn plain(&self, [col0, row0]: Vertex) -> Vec<Vertex> {
        let first = first_vertex(&self.corners);
        let ends_first = first % 2 == 1;
        let vertex = |col: u32, row: u32| [col0 + i64::from(col), row0 + i64::from(row)];
        let mut ring = Vec::with_capacity(2 * self.corners.len());
        let (before, from) = self.corners.split_at(first / 2);
        let mut edge = from[0];
        for next in from[1..].iter().chain(before).chain(&from[..1]) {
            ring.extend(if ends_first {
                [vertex(next.col, edge.row), vertex(next.col, next.row)]
            } else {
                [vertex(edge.col, edge.row), vertex(next.col, edge.row)]
            });
            edge = *next;
        }
        ring
    }

    /// Expands edges to vertices, beginning at the first vertex of the canonical ring.
    fn lay_out(&mut self, origin: Vertex) {
        self.walk.clear();
        self.touches.clear();
        self.is_turned = false;
        let first = first_vertex(&self.corners);
        self.corners.rotate_left(first / 2);
        let ends_first = first % 2 == 1;
        let n = self.corners.len();
        for i in 0..n {
            let (edge, next) = (self.corners[i], self.corners[if i + 1 == n { 0 } else { i + 1 }]);
            // A canonical ring that begins at the end of an edge returns to the edge's start last.
            if i > 0 || !ends_first {
                self.pass(edge.col, edge.col, edge.row, origin);
            }
            self.pass(next.col, edge.row, edge.row, origin);
        }
        if ends_first {
            let edge = self.corners[0];
            self.pass(edge.col, edge.col, edge.row, origin);
        }
        // An edge of length 0 ends where it starts.
        if self.walk.len() > 1 && self.walk.first() == self.walk.last() {
            self.walk.pop();
            self.touches.pop_if(|i| *i == self.walk.len());
        }
    }

    /// Adds a vertex to the walk, unless it is repeated or removed; `marks` contains its marks.
    #[inline]
    fn pass(&mut self, col: u32, marks: u32, row: u32, [col0, row0]: Vertex) {
        if marks & GONE != 0 {
            self.is_turned |= self.walk.is_empty();
            return;
        }
        let mut vertex = [col0 + i64::from(place(col)), row0 + i64::from(place(row))];
        if self.drawer.is_on() {
            vertex = with_marks(vertex, marks);
        }
        if self.walk.last() == Some(&vertex) {
            return;
        }
        if marks & TOUCH != 0 {
            self.touches.push(self.walk.len());
        }
        self.walk.push(vertex);
    }

    /// Cuts the walk where it touches itself.
    fn cut(&self, rings: &mut Vec<Vec<Vertex>>) {
        let mut rest: Vec<Vertex> = Vec::with_capacity(self.walk.len());
        let mut open = Vec::new();
        let mut done = 0;
        for (position, again) in self.passes() {
            rest.extend_from_slice(&self.walk[done..position]);
            done = position;
            if !again {
                open.push(rest.len());
            } else if let Some(start) = open.pop() {
                rings.push(canonical(&rest[start..]));
                rest.truncate(start);
            }
        }
        rest.extend_from_slice(&self.walk[done..]);
        rings.push(if self.is_turned { canonical(&rest) } else { rest });
    }

    /// Positions of the vertices that the walk passes twice, in order, and whether it is the second time. (A vertex
    /// that touches another region of the class is passed once.)
    fn passes(&self) -> Vec<(usize, bool)> {
        let mut sorted: Vec<(Vertex, usize)> = self.touches.iter().map(|&i| (self.walk[i], i)).collect();
        sorted.sort_unstable();
        let twice = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        let mut passes: Vec<_> = twice.flat_map(|pair| [(pair[0].1, false), (pair[1].1, true)]).collect();
        passes.sort_unstable();
        passes
    }
}

/// The closed boundaries of an 8-connected region.
///
/// A boundary turns left where two pixels of the region, and two others, meet diagonally. If it turns right instead,
/// it continues along the pixel across: boundaries that meet there become one ring, and one that passes twice becomes
/// two.
#[derive(Debug, Default)]
pub(super) struct Joint {
    all: Vec<Vertex>,
    next: Vec<usize>,
    touches: Vec<(Vertex, usize)>,
}

impl Joint {
    /// Adds a boundary: to `rings` at once if it does not touch any.
    fn add(&mut self, walk: &[Vertex], touches: &[usize], rings: &mut Vec<Vec<Vertex>>) {
        if touches.is_empty() {
            rings.push(canonical(walk));
            return;
        }
        let start = self.all.len();
        self.touches.extend(touches.iter().map(|i| (walk[*i], start + i)));
        self.all.extend_from_slice(walk);
        self.next.extend(start + 1..self.all.len());
        self.next.push(start);
    }

    /// Adds the rings of all boundaries that touch some to `rings`, in any order.
    pub(super) fn add_rings(self, rings: &mut Vec<Vec<Vertex>>) {
        let Self { all, mut next, mut touches } = self;
        touches.sort_unstable();
        for pair in touches.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            next.swap(pair[0].1, pair[1].1);
        }
        let mut seen = vec![false; all.len()];
        for start in 0..all.len() {
            let (mut ring, mut at) = (Vec::new(), start);
            while !std::mem::replace(&mut seen[at], true) {
                ring.push(all[at]);
                at = next[at];
            }
            if !ring.is_empty() {
                rings.push(canonical(&ring));
            }
        }
    }
}

/// Which vertex of a boundary is northernmost, then westernmost: twice the number of its edge, plus one for the
/// edge's end.
fn first_vertex(corners: &[Corner]) -> usize {
    let mut best = (u64::MAX, 0);
    let Some(mut edge) = corners.last().copied() else { return 0 };
    // The last edge is checked first, as number -1.
    let mut number = 2 * (corners.len() - 1);
    for (i, next) in corners.iter().enumerate() {
        let row = u64::from(place(edge.row)) << 32;
        if row <= best.0 {
            let at = |col: u32| row | u64::from(place(col));
            best = best.min((at(edge.col), number)).min((at(next.col), number + 1));
        }
        (edge, number) = (*next, 2 * i);
    }
    best.1
}

/// A ring turned to begin at its northernmost, then westernmost vertex.
fn canonical(ring: &[Vertex]) -> Vec<Vertex> {
    let first = ring.iter().enumerate().min_by_key(|(_, v)| (v[1], v[0])).map_or(0, |(i, _)| i);
    [&ring[first..], &ring[..first]].concat()
}
