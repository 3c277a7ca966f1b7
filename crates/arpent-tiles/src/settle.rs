//! Drawn areas become true areas: vertices of borders move by less than is visible.
//!
//! What elimination and generalization took from a class, its borders get back, a step at a time, where the other side
//! has too much. A move is made only if the two triangles that the border passes over are empty and the new edges meet
//! no other.

use arpent_base::number::{approximate, exact, truncate};

use crate::graph::{Graph, in_triangle};
use crate::mesh::{Cells, Edge, NONE, Pt, Rect, area2, areas2, at, at_side, number};

/// Rounds over all vertices at most.
const ROUNDS: i32 = 24;

/// How often edges are divided at most.
const DIVISIONS: usize = 5;

/// Moves vertices until no class of the tile is further from its true area than `goal` of it, or `slack2` (twice an
/// area), and returns the edges. `truth`: twice the true area of each class; `classes`: class of each label. `reach`: the
/// farthest move, steps.
pub(crate) fn settle(
    edges: Vec<Edge>,
    side: i32,
    classes: &[usize],
    truth: &[f64],
    (goal, slack2): (f64, f64),
    reach: i32,
) -> Vec<Edge> {
    let mut owed = truth.to_vec();
    for (class, area) in classes.iter().zip(areas2(&edges, classes.len())).skip(1) {
        owed[*class] -= exact(area);
    }
    let done = |owed: &[f64]| owed.iter().zip(truth).all(|(o, t)| o.abs() <= (goal * t).max(slack2));
    if done(&owed) {
        return edges;
    }
    let mut graph = Graph::new(&edges, side);
    push_all(&mut graph, classes, truth, &mut owed, &done, reach);
    for _ in 0..DIVISIONS {
        if done(&owed) {
            break;
        }
        // Straight borders have nothing to move: they get a vertex within.
        graph = Graph::new(&divided(&graph.edges(), classes), side);
        push_all(&mut graph, classes, truth, &mut owed, &done, reach);
    }
    graph.edges()
}

/// Moves vertices in rounds.
fn push_all(
    graph: &mut Graph,
    classes: &[usize],
    truth: &[f64],
    owed: &mut [f64],
    done: &dyn Fn(&[f64]) -> bool,
    reach: i32,
) {
    let mut order: Vec<u32> =
        (0..number(graph.points.len())).filter(|v| graph.between(*v).is_some()).collect();
    order.sort_unstable_by_key(|v| (shuffled(graph.points[at(*v)]), *v));
    let mut near = Near::new(graph);
    let start = graph.points.clone();
    for round in 0..ROUNDS {
        let mut moved = false;
        for v in &order {
            let allowed = allowed(round, reach);
            moved |= push(graph, &mut near, *v, start[at(*v)], classes, truth, owed, allowed);
        }
        if done(owed) || (!moved && allowed(round, reach) == reach) {
            return;
        }
    }
}

/// Edges between two classes divided at a place of the grid in their middle, if there is one: they stay straight.
fn divided(edges: &[Edge], classes: &[usize]) -> Vec<Edge> {
    let mut parts = Vec::with_capacity(edges.len() * 2);
    for edge in edges {
        let inner =
            edge.left != NONE && edge.right != NONE && classes[at(edge.left)] != classes[at(edge.right)];
        let (dx, dy) = (edge.b.x - edge.a.x, edge.b.y - edge.a.y);
        let common = common_divisor(dx.abs(), dy.abs());
        if !inner || common < 2 {
            parts.push(*edge);
            continue;
        }
        let half = common / 2;
        let middle = Pt::new(edge.a.x + dx / common * half, edge.a.y + dy / common * half);
        parts.extend([Edge { b: middle, ..*edge }, Edge { a: middle, ..*edge }]);
    }
    parts
}

fn common_divisor(a: i32, b: i32) -> i32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// How far vertices may be from where they were in a round: little first, so that many move a little.
fn allowed(round: i32, reach: i32) -> i32 {
    let share = i64::from(reach) * i64::from(round + 1) / i64::from(ROUNDS);
    arpent_base::number::fitted::<i32>(share).clamp(1, reach.max(1))
}

/// Moves one vertex, if that brings the classes beside it nearer to their true areas.
#[allow(clippy::too_many_arguments, reason = "one call, in a loop")]
fn push(
    graph: &mut Graph,
    near: &mut Near,
    v: u32,
    start: Pt,
    classes: &[usize],
    truth: &[f64],
    owed: &mut [f64],
    allowed: i32,
) -> bool {
    let Some((a, c)) = graph.between(v) else { return false };
    let (left, right) = {
        let edge = graph.edges_at(v)[0];
        // Along a -> v -> c.
        let (l, r) = graph.sides_from(edge, v);
        if graph.other(edge, v) == a { (r, l) } else { (l, r) }
    };
    if left == NONE || right == NONE || classes[at(left)] == classes[at(right)] {
        return false;
    }
    let (l, r) = (classes[at(left)], classes[at(right)]);
    let (tl, tr) = (truth[l].max(1.0), truth[r].max(1.0));
    let wanted = (owed[l] / tl - owed[r] / tr) / (1.0 / tl + 1.0 / tr);
    let (pa, p, pc) = (graph.points[at(a)], graph.points[at(v)], graph.points[at(c)]);
    let (dx, dy) = (i64::from(pc.x) - i64::from(pa.x), i64::from(pc.y) - i64::from(pa.y));
    // The right of a -> c, where the left side grows to; left is from x towards y.
    let towards = if wanted > 0.0 { 1 } else { -1 };
    let (nx, ny) = (octant(dy, dx) * towards, -octant(dx, dy) * towards);
    let gain = (i64::from(nx) * dy - i64::from(ny) * dx).abs();
    // Beyond what is wanted it would swing back.
    let steps: i64 = if gain == 0 { 0 } else { truncate(wanted.abs() / approximate(gain) + 0.5) };
    let steps = arpent_base::number::fitted::<i32>(steps.clamp(0, i64::from(allowed)));
    for steps in (1..=steps).rev().take(2) {
        let to = Pt::new(p.x + nx * steps, p.y + ny * steps);
        let far = (to.x - start.x).abs().max((to.y - start.y).abs());
        let inside = to.x > 0 && to.y > 0 && to.x < graph.side && to.y < graph.side;
        if far > allowed || !inside || at_side(p, graph.side) || !near.is_free(graph, v, (a, c), to) {
            continue;
        }
        // The left side gains what the right side loses.
        let gained = exact(area2(pa, to, pc) - area2(pa, p, pc));
        owed[l] -= gained;
        owed[r] += gained;
        graph.points[at(v)] = to;
        near.moved(graph, v);
        return true;
    }
    false
}

/// -1, 0 or 1 as a direction: 0 where the other axis is far longer.
fn octant(along: i64, across: i64) -> i32 {
    match (2 * along.abs() >= across.abs(), along > 0) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => i32::from(along == 0) - 1,
    }
}

/// An order of places that has nothing to do with where they are (the finalizer of SplitMix64).
fn shuffled(p: Pt) -> u64 {
    let both = (i64::from(p.x) << 32) ^ i64::from(p.y);
    let mut z = both.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The edges near a place.
struct Near {
    cells: Cells,
    /// Edges that came into a cell by a move.
    later: Vec<Vec<u32>>,
}

impl Near {
    fn new(graph: &Graph) -> Self {
        let rects: Vec<_> = graph
            .ends
            .iter()
            .map(|[a, b]| Rect::around(graph.points[at(*a)], graph.points[at(*b)]))
            .collect();
        let cells = Cells::new(graph.side, &rects);
        let later = vec![Vec::new(); cells.count()];
        Self { cells, later }
    }

    fn moved(&mut self, graph: &Graph, v: u32) {
        for edge in graph.edges_at(v) {
            let [a, b] = graph.ends[at(*edge)];
            self.cells.each(Rect::around(graph.points[at(a)], graph.points[at(b)]), |cell| {
                self.later[cell].push(*edge);
            });
        }
    }

    /// Whether the border a - v - c may pass over to a - `to` - c.
    fn is_free(&self, graph: &Graph, v: u32, (a, c): (u32, u32), to: Pt) -> bool {
        let (pa, p, pc) = (graph.points[at(a)], graph.points[at(v)], graph.points[at(c)]);
        let rect = Rect::around(pa, p).with(pc).with(to);
        let meets = |edge: u32| {
            let [e, f] = graph.ends[at(edge)];
            if e == f || e == v || f == v {
                return false;
            }
            let ends = [e, f].map(|end| (end, graph.points[at(end)]));
            if !rect.meets(&Rect::around(ends[0].1, ends[1].1)) {
                return false;
            }
            // A corner that an edge has in common with the border does not count, all else in the triangles does.
            let within = |(end, q): (u32, Pt)| {
                end != a && end != c && (in_triangle(q, pa, p, to) || in_triangle(q, pc, p, to))
            };
            ends.into_iter().any(within) || cuts((a, pa), to, ends) || cuts((c, pc), to, ends)
        };
        let mut free = true;
        self.cells.each(rect, |cell| {
            free = free
                && !self.cells.items(cell).iter().any(|edge| meets(*edge))
                && !self.later[cell].iter().any(|edge| meets(*edge));
        });
        // A triangle without area would be a border that lies on itself; an edge a - c must not be passed over.
        let (before, after) = (area2(pa, p, pc).signum(), area2(pa, to, pc).signum());
        free && after != 0 && (before == after || !graph.joined(a, c))
    }
}

/// Whether an edge meets the new edge from a neighbor to `to`, other than at that neighbor.
fn cuts((from, p): (u32, Pt), to: Pt, [(e, pe), (f, pf)]: [(u32, Pt); 2]) -> bool {
    let (se, sf) = (area2(p, to, pe).signum(), area2(p, to, pf).signum());
    if e == from || f == from {
        // Both begin at the neighbor: they meet only if they have one direction.
        let (other, sign) = if e == from { (pf, sf) } else { (pe, se) };
        let dot = (i64::from(to.x) - i64::from(p.x)) * (i64::from(other.x) - i64::from(p.x))
            + (i64::from(to.y) - i64::from(p.y)) * (i64::from(other.y) - i64::from(p.y));
        return sign == 0 && dot > 0;
    }
    let (sa, sb) = (area2(pe, pf, p).signum(), area2(pe, pf, to).signum());
    if se == 0 && sf == 0 {
        return Rect::around(p, to).meets(&Rect::around(pe, pf));
    }
    se * sf <= 0 && sa * sb <= 0
}
