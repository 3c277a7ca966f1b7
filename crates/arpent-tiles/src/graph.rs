//! The edges of a tile as a graph whose vertices can be removed and moved.

use crate::mesh::{Cells, Edge, Label, Pt, Rect, area2, at, at_side, number, on_side};

/// Vertices and edges of a tile. The number of edges at a vertex never changes.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) points: Vec<Pt>,
    pub(crate) alive: Vec<bool>,
    /// Vertices of each edge; equal if the edge is gone.
    pub(crate) ends: Vec<[u32; 2]>,
    /// Left and right, from the first to the second end.
    pub(crate) labels: Vec<[Label; 2]>,
    first: Vec<u32>,
    incident: Vec<u32>,
    pub(crate) side: i32,
}

impl Graph {
    /// The graph of a tile with `side` steps.
    pub(crate) fn new(edges: &[Edge], side: i32) -> Self {
        let mut points: Vec<Pt> = edges.iter().flat_map(|e| [e.a, e.b]).collect();
        points.sort_unstable();
        points.dedup();
        let id = |p: Pt| number(points.partition_point(|q| *q < p));
        let ends: Vec<[u32; 2]> = edges.iter().map(|e| [id(e.a), id(e.b)]).collect();
        let labels = edges.iter().map(|e| [e.left, e.right]).collect();
        let mut first = vec![0u32; points.len() + 1];
        for end in ends.iter().flatten() {
            first[at(*end) + 1] += 1;
        }
        for i in 1..first.len() {
            first[i] += first[i - 1];
        }
        let mut next = first.clone();
        let mut incident = vec![0; ends.len() * 2];
        for (e, both) in ends.iter().enumerate() {
            for end in both {
                incident[at(next[at(*end)])] = number(e);
                next[at(*end)] += 1;
            }
        }
        Self { alive: vec![true; points.len()], points, ends, labels, first, incident, side }
    }

    /// The edges at a vertex.
    pub(crate) fn edges_at(&self, v: u32) -> &[u32] {
        &self.incident[at(self.first[at(v)])..at(self.first[at(v) + 1])]
    }

    /// The other end of an edge.
    pub(crate) fn other(&self, edge: u32, v: u32) -> u32 {
        let [a, b] = self.ends[at(edge)];
        if a == v { b } else { a }
    }

    /// The neighbors of a vertex that may leave its place: it has two edges and is not held by the tile's side.
    pub(crate) fn between(&self, v: u32) -> Option<(u32, u32)> {
        let [one, other] = *self.edges_at(v) else { return None };
        let (a, c) = (self.other(one, v), self.other(other, v));
        let (pa, p, pc) = (self.points[at(a)], self.points[at(v)], self.points[at(c)]);
        let held = at_side(p, self.side)
            && !(area2(pa, p, pc) == 0 && on_side(pa, p, self.side) && on_side(p, pc, self.side));
        (!held && a != c).then_some((a, c))
    }

    /// Whether two vertices have an edge between them.
    pub(crate) fn joined(&self, a: u32, c: u32) -> bool {
        self.edges_at(a).iter().any(|e| self.other(*e, a) == c)
    }

    /// Removes a vertex: its neighbors get one edge.
    pub(crate) fn remove(&mut self, v: u32, a: u32, c: u32) {
        let [one, other] = *self.edges_at(v) else { return };
        let (keep, lose) = if self.other(one, v) == a { (one, other) } else { (other, one) };
        let ends = &mut self.ends[at(keep)];
        if ends[0] == v {
            ends[0] = c;
        } else {
            ends[1] = c;
        }
        self.ends[at(lose)] = [v, v];
        let (from, to) = (at(self.first[at(c)]), at(self.first[at(c) + 1]));
        if let Some(slot) = self.incident[from..to].iter_mut().find(|e| **e == lose) {
            *slot = keep;
        }
        self.alive[at(v)] = false;
    }

    /// Left and right of an edge as seen from one of its vertices.
    pub(crate) fn sides_from(&self, edge: u32, v: u32) -> (Label, Label) {
        let [left, right] = self.labels[at(edge)];
        if self.ends[at(edge)][0] == v { (left, right) } else { (right, left) }
    }

    /// The edges that are left, sorted.
    pub(crate) fn edges(&self) -> Vec<Edge> {
        let whole = self.ends.iter().zip(&self.labels).filter(|(ends, _)| ends[0] != ends[1]);
        let mut edges: Vec<Edge> = whole
            .map(|([a, b], [left, right])| {
                let (a, b) = (self.points[at(*a)], self.points[at(*b)]);
                if a < b {
                    Edge { a, b, left: *left, right: *right }
                } else {
                    Edge { a: b, b: a, left: *right, right: *left }
                }
            })
            .collect();
        edges.sort_unstable();
        edges
    }

    /// Cells of the vertices at their present places.
    pub(crate) fn cells(&self) -> Cells {
        let rects: Vec<_> = self.points.iter().map(|p| Rect::around(*p, *p)).collect();
        Cells::new(self.side, &rects)
    }
}

/// Whether every place around every vertex has one region, as it has where outlines neither overlap nor cross: the
/// sides of edges that follow each other around a vertex are the same.
pub(crate) fn is_consistent(edges: &[Edge], side: i32) -> bool {
    let graph = Graph::new(edges, side);
    (0..number(graph.points.len())).all(|v| {
        let center = graph.points[at(v)];
        let mut around: Vec<(Pt, (Label, Label))> = graph
            .edges_at(v)
            .iter()
            .map(|e| (graph.points[at(graph.other(*e, v))], graph.sides_from(*e, v)))
            .collect();
        let half = |p: Pt| (p.y, p.x) < (center.y, center.x);
        around.sort_unstable_by(|(p, _), (q, _)| {
            half(*p).cmp(&half(*q)).then_with(|| 0.cmp(&area2(center, *p, *q)))
        });
        let next = around.iter().cycle().skip(1);
        around.iter().zip(next).all(|((_, one), (_, other))| one.0 == other.1)
    })
}

/// Whether a place lies in a triangle or on its outline.
pub(crate) fn in_triangle(p: Pt, a: Pt, b: Pt, c: Pt) -> bool {
    let signs = [area2(a, b, p), area2(b, c, p), area2(c, a, p)];
    signs.iter().all(|s| *s >= 0) || signs.iter().all(|s| *s <= 0)
}
