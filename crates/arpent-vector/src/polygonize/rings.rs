//! Converts closed boundaries to simple rings in canonical order.

use super::chains::{Chains, Corner, GONE, SQUARE, TOUCH, place};
use super::draw::{Drawer, with_marks};
use crate::drawing::Drawing;
use crate::region::Vertex;

/// Buffers for a boundary, reused between calls.
#[derive(Debug, Default)]
pub(super) struct RingBuilder {
    corners: Vec<Corner>,
    walk: Vec<Vertex>,
    /// Positions in the walk of the vertices that it may pass twice.
    touches: Vec<usize>,
    /// Whether the walk begins at a vertex other than its northernmost, then westernmost one.
    is_turned: bool,
    drawer: Drawer,
}

impl RingBuilder {
    /// Sets how rings are drawn if not along their vertices.
    pub(super) fn set_drawing(&mut self, drawing: Option<Drawing>) {
        self.drawer = Drawer::new(drawing);
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
    ///
    /// A boundary turns left where two pixels of the region, and two others, meet diagonally. If it turns right
    /// instead, it continues along the pixel across: boundaries that meet there become one ring, and one that passes
    /// twice becomes two.
    pub(super) fn take_joined(
        &mut self,
        chains: &mut Chains,
        boundaries: &[u32],
        origin: Vertex,
        rings: &mut Vec<Vec<Vertex>>,
    ) {
        let (mut all, mut next, mut touches) = (Vec::new(), Vec::new(), Vec::new());
        for boundary in boundaries {
            self.corners.clear();
            chains.take_ring(*boundary, |corner| self.corners.push(corner));
            self.lay_out(origin);
            if self.touches.is_empty() {
                rings.push(self.walk.clone());
                continue;
            }
            let start = all.len();
            touches.extend(self.touches.iter().map(|i| (self.walk[*i], start + i)));
            all.extend_from_slice(&self.walk);
            next.extend(start + 1..all.len());
            next.push(start);
        }
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
