//! Arcs with fewer vertices, by effective area (Visvalingam and Whyatt 1993), without a change of what lies beside what.
//!
//! A vertex leaves if no other vertex lies in the triangle that it makes with its neighbors, outline included, and if they
//! have no edge yet. No edge can then cross the new one: it would end in the triangle, or cross one of the two edges
//! that leave. An arc is one list of edges with a region on either side, so both sides always lose the same vertex.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::graph::{Graph, in_triangle};
use crate::mesh::{Cells, NONE, Rect, area2, at, number};

/// Removes vertices whose triangle has less than half of a limit as area, the smallest first. Limits are those between two
/// regions, and beside none.
pub(crate) fn simplify(graph: &mut Graph, limits2: [i64; 2]) {
    let cells = graph.cells();
    let mut queue: BinaryHeap<_> =
        (0..number(graph.points.len())).filter_map(|v| Some(Reverse((size(graph, v)?, v)))).collect();
    while let Some(Reverse((area, v))) = queue.pop() {
        if area >= limits2[0] {
            break;
        }
        if !graph.alive[at(v)] || size(graph, v) != Some(area) {
            continue;
        }
        let Some((a, c)) = graph.between(v) else { continue };
        let outer = graph.edges_at(v).iter().any(|e| graph.labels[at(*e)].contains(&NONE));
        if (outer && area >= limits2[1]) || graph.joined(a, c) || !is_free(graph, &cells, v, a, c) {
            continue;
        }
        graph.remove(v, a, c);
        queue.extend([a, c].into_iter().filter_map(|w| Some(Reverse((size(graph, w)?, w)))));
    }
}

/// Twice the area of the triangle of a vertex that may leave.
fn size(graph: &Graph, v: u32) -> Option<i64> {
    let (a, c) = graph.between(v)?;
    Some(area2(graph.points[at(a)], graph.points[at(v)], graph.points[at(c)]).abs())
}

/// Whether no vertex but its corners lies in a triangle.
fn is_free(graph: &Graph, cells: &Cells, v: u32, a: u32, c: u32) -> bool {
    let (pa, pv, pc) = (graph.points[at(a)], graph.points[at(v)], graph.points[at(c)]);
    let rect = Rect::around(pa, pv).with(pc);
    !cells.any(rect, |w| {
        w != v && w != a && w != c && graph.alive[at(w)] && {
            let p = graph.points[at(w)];
            rect.has(p) && in_triangle(p, pa, pv, pc)
        }
    })
}
