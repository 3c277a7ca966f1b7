//! Snap rounding: edges onto a coarser grid, so that they do not cross.
//!
//! The square around each place of the coarse grid that an end of an edge, or a crossing, is rounded to is hot. Every
//! edge goes through the centers of all hot squares that it touches, in order. Edges that did not cross then touch at
//! most at vertices (Guibas and Marimont 1998; Hobby 1999): they may fall together, and then cancel, but never get on
//! each other's other side. All numbers are integers, so the proof holds for the program.

use arpent_base::number::fitted;

use crate::mesh::{Bit, Cells, Edge, Pt, Rect, area2, at};

/// Rounds edges of a tile to a grid that is `scale` times coarser, an even number, and has `side` steps.
///
/// `crossings`: whether edges may cross each other; if so, crossings become vertices.
pub(crate) fn snap(edges: &[Edge], scale: i32, side: i32, crossings: bool) -> Vec<Bit> {
    let mut hot: Vec<Pt> = edges.iter().flat_map(|e| [rounded(e.a, scale), rounded(e.b, scale)]).collect();
    if crossings {
        hot.extend(crossed(edges, scale, side * scale));
    }
    hot.sort_unstable();
    hot.dedup();
    let rects: Vec<_> = hot.iter().map(|p| Rect::around(*p, *p)).collect();
    let cells = Cells::new(side, &rects);
    let mut bits = Vec::with_capacity(edges.len() * 2);
    let mut way = Vec::new();
    for edge in edges {
        let (from, to) = (rounded(edge.a, scale), rounded(edge.b, scale));
        let rect = Rect::around(from, to);
        way.clear();
        cells.each(rect, |cell| {
            let found = cells.items(cell).iter().map(|item| hot[at(*item)]);
            way.extend(
                found.filter(|p| {
                    *p == from || *p == to || (rect.has(*p) && touches(edge.a, edge.b, *p, scale))
                }),
            );
        });
        let (east, south) = ((edge.b.x - edge.a.x).signum(), (edge.b.y - edge.a.y).signum());
        way.sort_unstable_by_key(|p| {
            (p.x * if east < 0 { -1 } else { 1 }, p.y * if south < 0 { -1 } else { 1 })
        });
        for pair in way.windows(2) {
            edge.bits(pair[0], pair[1], &mut bits);
        }
    }
    bits
}

/// Edges with the ends of others that lie beside them, `reach` steps away at most: where one outline has a vertex within
/// an edge of another, both then have it.
pub(crate) fn weld(edges: &[Edge], side: i32, reach: i32) -> Vec<Bit> {
    let mut points: Vec<Pt> = edges.iter().flat_map(|e| [e.a, e.b]).collect();
    points.sort_unstable();
    points.dedup();
    let rects: Vec<_> = points.iter().map(|p| Rect::around(*p, *p)).collect();
    let cells = Cells::new(side, &rects);
    let mut bits = Vec::with_capacity(edges.len() * 2);
    let mut way = Vec::new();
    for edge in edges {
        let around = Rect::around(edge.a, edge.b);
        let around = Rect {
            low: Pt::new(around.low.x - reach, around.low.y - reach),
            high: Pt::new(around.high.x + reach, around.high.y + reach),
        };
        way.clear();
        cells.each(around, |cell| {
            let found = cells.items(cell).iter().map(|item| points[at(*item)]);
            way.extend(found.filter_map(|p| Some((beside(edge, p, reach)?, p))));
        });
        way.sort_unstable();
        let mut last = edge.a;
        for (_, p) in &way {
            edge.bits(last, *p, &mut bits);
            last = *p;
        }
        edge.bits(last, edge.b, &mut bits);
    }
    bits
}

/// How far along an edge a place lies, if it lies beside its inside.
fn beside(edge: &Edge, p: Pt, reach: i32) -> Option<i64> {
    let (dx, dy) = (i64::from(edge.b.x) - i64::from(edge.a.x), i64::from(edge.b.y) - i64::from(edge.a.y));
    let along = dx * (i64::from(p.x) - i64::from(edge.a.x)) + dy * (i64::from(p.y) - i64::from(edge.a.y));
    let length2 = dx * dx + dy * dy;
    if along <= 0 || along >= length2 || p == edge.a || p == edge.b {
        return None;
    }
    let away = i128::from(area2(edge.a, edge.b, p));
    (away * away <= i128::from(length2) * i128::from(reach) * i128::from(reach)).then_some(along)
}

/// The place of the coarse grid whose square has a place; each square has its west and north side.
fn rounded(p: Pt, scale: i32) -> Pt {
    Pt::new((p.x + scale / 2).div_euclid(scale), (p.y + scale / 2).div_euclid(scale))
}

/// Whether a segment touches the square of a place of the coarse grid: without its east and south sides.
fn touches(a: Pt, b: Pt, center: Pt, scale: i32) -> bool {
    let half = scale / 2;
    let (x, y) = (center.x * scale, center.y * scale);
    if a.x.max(b.x) < x - half
        || a.x.min(b.x) >= x + half
        || a.y.max(b.y) < y - half
        || a.y.min(b.y) >= y + half
    {
        return false;
    }
    let first = area2(a, b, Pt::new(x - half, y - half)).signum();
    let others = [(half, -half), (half, half), (-half, half)];
    let others = others.map(|(dx, dy)| area2(a, b, Pt::new(x + dx, y + dy)).signum());
    // A line that only touches corners belongs to the square if it touches the north-west one.
    first == 0 || others.iter().any(|s| *s == -first)
}

/// Where edges cross inside both of them, rounded.
fn crossed(edges: &[Edge], scale: i32, side: i32) -> Vec<Pt> {
    let rects: Vec<_> = edges.iter().map(|e| Rect::around(e.a, e.b)).collect();
    let cells = Cells::new(side, &rects);
    let mut found = Vec::new();
    for cell in 0..cells.count() {
        let items = cells.items(cell);
        for (n, one) in items.iter().enumerate() {
            for other in &items[n + 1..] {
                if rects[at(*one)].meets(&rects[at(*other)]) {
                    found.extend(crossing(&edges[at(*one)], &edges[at(*other)], scale));
                }
            }
        }
    }
    found
}

/// Where two edges cross, rounded; `None` unless they cross inside both.
fn crossing(one: &Edge, other: &Edge, scale: i32) -> Option<Pt> {
    let (from, to) = (area2(other.a, other.b, one.a), area2(other.a, other.b, one.b));
    if from.signum() * to.signum() >= 0
        || area2(one.a, one.b, other.a).signum() * area2(one.a, one.b, other.b).signum() >= 0
    {
        return None;
    }
    // The share of the way from `one.a`: from / (from - to).
    let (part, whole) = (i128::from(from.abs()), i128::from((from - to).abs()));
    let on = |a: i32, b: i32| -> i32 {
        let place = i128::from(a) * whole + (i128::from(b) - i128::from(a)) * part;
        let scale = i128::from(scale);
        fitted((place + whole * (scale / 2)).div_euclid(scale * whole))
    };
    Some(Pt::new(on(one.a.x, one.b.x), on(one.a.y, one.b.y)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{areas2, net};
    use proptest::prelude::*;

    /// Whether two edges meet other than at common ends.
    fn conflict(e: &Edge, f: &Edge) -> bool {
        if !Rect::around(e.a, e.b).meets(&Rect::around(f.a, f.b)) {
            return false;
        }
        let inside = |p: Pt, e: &Edge| {
            p != e.a && p != e.b && area2(e.a, e.b, p) == 0 && Rect::around(e.a, e.b).has(p)
        };
        let signs = |e: &Edge, f: &Edge| area2(e.a, e.b, f.a).signum() * area2(e.a, e.b, f.b).signum();
        (signs(e, f) < 0 && signs(f, e) < 0)
            || inside(e.a, f)
            || inside(e.b, f)
            || inside(f.a, e)
            || inside(f.b, e)
    }

    pub(crate) fn planar(edges: &[Edge]) -> bool {
        edges.iter().enumerate().all(|(i, e)| edges[i + 1..].iter().all(|f| !conflict(e, f)))
    }

    proptest! {
        /// Triangles that may overlap are drawn one by one, so each has the edges of one label.
        #[test]
        fn rounded_edges_never_cross(
            points in proptest::collection::vec((0..=320i32, 0..=320i32), 3..40),
            scale in prop_oneof![Just(2), Just(8), Just(16)],
        ) {
            let side = 320 / scale;
            let mut edges = Vec::new();
            for (label, three) in points.chunks_exact(3).enumerate() {
                let p: Vec<_> = three.iter().map(|(x, y)| Pt::new(*x, *y)).collect();
                if area2(p[0], p[1], p[2]) != 0 {
                    let bits = (0..3).map(|i| Bit::new(p[i], p[(i + 1) % 3], fitted(label + 1))).collect();
                    edges.extend(net(bits).unwrap());
                }
            }
            let bits = snap(&edges, scale, side, true);
            let mut lines: Vec<Edge> = Vec::new();
            for label in 1..=fitted(points.len()) {
                let own = bits.iter().copied().filter(|bit| bit.label() == label);
                lines.extend(net(own.collect()).unwrap());
            }
            lines.sort_unstable_by_key(|e| (e.a, e.b));
            lines.dedup_by_key(|e| (e.a, e.b));
            prop_assert!(planar(&lines));
        }
    }

    #[test]
    fn a_vertex_beside_an_edge_becomes_a_part_of_it() {
        // The edge from (0, 0) to (160, 0) passes the vertex (80, 1), which is rounded to (5, 0).
        let edge = |a, b, left, right| Edge { a, b, left, right };
        let edges =
            [edge(Pt::new(0, 0), Pt::new(160, 0), 1, 0), edge(Pt::new(80, 1), Pt::new(80, 160), 2, 1)];
        let bits = snap(&edges, 16, 10, false);
        assert!(bits.contains(&Bit::new(Pt::new(0, 0), Pt::new(5, 0), 1)));
        assert!(bits.contains(&Bit::new(Pt::new(5, 0), Pt::new(10, 0), 1)));
    }

    #[test]
    fn what_falls_together_is_gone() {
        // A sliver between two regions: it vanishes, and they touch.
        let p = |x, y| Pt::new(x, y);
        let ring = |points: &[Pt], label| -> Vec<Bit> {
            (0..points.len()).map(|i| Bit::new(points[i], points[(i + 1) % points.len()], label)).collect()
        };
        let west = ring(&[p(0, 0), p(79, 0), p(79, 160), p(0, 160)], 1);
        let sliver = ring(&[p(79, 0), p(81, 0), p(81, 160), p(79, 160)], 2);
        let east = ring(&[p(81, 0), p(160, 0), p(160, 160), p(81, 160)], 3);
        let edges = net([west, sliver, east].concat()).unwrap();
        let edges = net(snap(&edges, 16, 10, true)).unwrap();
        assert_eq!(areas2(&edges, 4), [-200, 100, 0, 100]);
    }
}
