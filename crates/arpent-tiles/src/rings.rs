//! From edges to polygons: exteriors with their holes.

use std::collections::HashMap;

use crate::mesh::{Edge, Label, NONE, Pt, at, cross, number, on_side};

/// A polygon: its exterior, then its holes. Not closed; exteriors have a positive area with y to the south, as tiles
/// want it.
pub(crate) type Polygon = Vec<Vec<Pt>>;

/// A hole that lies in no exterior: an outline that crosses itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inverted(pub(crate) Label);

/// The polygons of each of `count` labels, the first is [`NONE`].
///
/// # Errors
/// If an outline runs around nothing.
pub(crate) fn polygons(edges: &[Edge], count: usize) -> Result<Vec<Vec<Polygon>>, Inverted> {
    let mut own: Vec<Vec<(Pt, Pt)>> = vec![Vec::new(); count];
    for edge in edges {
        if edge.left != NONE {
            own[at(edge.left)].push((edge.a, edge.b));
        }
        if edge.right != NONE {
            own[at(edge.right)].push((edge.b, edge.a));
        }
    }
    own.into_iter().enumerate().map(|(label, edges)| of_one(edges).ok_or(Inverted(number(label)))).collect()
}

/// The polygons of one region, from its directed edges.
fn of_one(mut edges: Vec<(Pt, Pt)>) -> Option<Vec<Polygon>> {
    edges.sort_unstable();
    let mut used = vec![false; edges.len()];
    let mut rings = Vec::new();
    for start in 0..edges.len() {
        if !used[start] {
            rings.extend(simple(walk(&edges, &mut used, start)));
        }
    }
    let (exteriors, holes): (Vec<_>, Vec<_>) = rings.into_iter().partition(|ring| twice(ring) > 0);
    let mut polygons: Vec<Polygon> = exteriors.into_iter().map(|ring| vec![ring]).collect();
    for hole in holes {
        let many = polygons.len();
        let around = polygons.iter_mut().filter(|polygon| many == 1 || surrounds(&polygon[0], &hole));
        // Of exteriors in each other's holes the smallest.
        around.min_by_key(|polygon| twice(&polygon[0]))?.push(hole);
    }
    Some(polygons)
}

/// The closed walk along edges with the region on the left, so that it stays on one connected part.
fn walk(edges: &[(Pt, Pt)], used: &mut [bool], start: usize) -> Vec<Pt> {
    let mut points = Vec::new();
    let mut current = start;
    loop {
        used[current] = true;
        let (from, to) = edges[current];
        points.push(from);
        let first = edges.partition_point(|edge| edge.0 < to);
        let outgoing = (first..edges.len()).take_while(|i| edges[*i].0 == to).filter(|i| !used[*i]);
        let Some(next) = outgoing.min_by(|i, j| turn_order(from, to, edges[*i].1, edges[*j].1)) else {
            return points;
        };
        if to == edges[start].0 {
            // The walk is back; it goes on only where it would pass the start on the way.
            let again = turn_order(from, to, edges[start].1, edges[next].1).is_lt();
            if again {
                return points;
            }
        }
        current = next;
    }
}

/// Which of two ways on from an edge is the first, from the way back around the region's side.
fn turn_order(from: Pt, at: Pt, one: Pt, other: Pt) -> std::cmp::Ordering {
    let half = |to: Pt| {
        let turn = crate::mesh::area2(at, from, to);
        let ahead = dot(at, from, to);
        // From the way back, against the direction from x to y: first half turn, straight on, second half turn.
        match turn.signum() {
            -1 => 1,
            0 if ahead < 0 => 2,
            1 => 3,
            _ => 4,
        }
    };
    half(one).cmp(&half(other)).then_with(|| crate::mesh::area2(at, one, other).cmp(&0))
}

fn dot(at: Pt, a: Pt, b: Pt) -> i64 {
    (i64::from(a.x) - i64::from(at.x)) * (i64::from(b.x) - i64::from(at.x))
        + (i64::from(a.y) - i64::from(at.y)) * (i64::from(b.y) - i64::from(at.y))
}

/// A closed walk as rings that pass no place twice.
fn simple(walk: Vec<Pt>) -> Vec<Vec<Pt>> {
    let mut rings = Vec::new();
    let mut stack: Vec<Pt> = Vec::new();
    let mut places: HashMap<Pt, usize> = HashMap::new();
    for p in walk {
        if let Some(&from) = places.get(&p) {
            let ring: Vec<Pt> = stack.drain(from..).collect();
            for q in &ring {
                places.remove(q);
            }
            rings.push(ring);
        }
        places.insert(p, stack.len());
        stack.push(p);
    }
    rings.push(stack);
    rings
}

/// Twice the signed area of a ring.
pub(crate) fn twice(ring: &[Pt]) -> i64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| cross(*a, *b)).sum()
}

/// Whether a ring surrounds another that may touch it at vertices.
fn surrounds(ring: &[Pt], other: &[Pt]) -> bool {
    // The middle of an edge, doubled: it lies on no other edge.
    let (a, b) = (other[0], other[1 % other.len()]);
    let (x, y) = (i64::from(a.x) + i64::from(b.x), i64::from(a.y) + i64::from(b.y));
    let mut inside = false;
    for (p, q) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let [px, py, qx, qy] = [p.x, p.y, q.x, q.y].map(|v| 2 * i64::from(v));
        if (py > y) != (qy > y) {
            let side = (qx - px) * (y - py) - (x - px) * (qy - py);
            if (side > 0) == (qy > py) {
                inside = !inside;
            }
        }
    }
    inside
}

/// A ring with its part on the tile's side moved out by `buffer` steps, so that no outline is drawn along tiles.
///
/// Borders that reach the side go straight on; what lies beyond is not drawn by maps. Inside of the tile nothing moves.
pub(crate) fn buffered(ring: &[Pt], side: i32, buffer: i32) -> Vec<Pt> {
    let shift = |a: Pt, b: Pt| -> (i32, i32) {
        if !on_side(a, b, side) {
            return (0, 0);
        }
        let out = |v: i32, w: i32| {
            if v != w {
                0
            } else if v == 0 {
                -buffer
            } else if v == side {
                buffer
            } else {
                0
            }
        };
        (out(a.x, b.x), out(a.y, b.y))
    };
    let n = ring.len();
    let mut out = Vec::with_capacity(n + 4);
    for i in 0..n {
        let (before, p, after) = (ring[(i + n - 1) % n], ring[i], ring[(i + 1) % n]);
        let (s, t) = (shift(before, p), shift(p, after));
        let moved = |(dx, dy): (i32, i32)| Pt::new(p.x + dx, p.y + dy);
        if s == t {
            out.push(moved(s));
        } else if s == (0, 0) || t == (0, 0) {
            out.extend([moved(s), moved(t)]);
        } else {
            out.push(moved((s.0 + t.0, s.1 + t.1)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{Bit, net};

    fn ring(points: &[(i32, i32)], label: Label) -> Vec<Bit> {
        let p: Vec<Pt> = points.iter().map(|(x, y)| Pt::new(*x, *y)).collect();
        (0..p.len()).map(|i| Bit::new(p[i], p[(i + 1) % p.len()], label)).collect()
    }

    fn all(bits: Vec<Bit>) -> Vec<Vec<Polygon>> {
        polygons(&net(bits).unwrap(), 3).unwrap()
    }

    #[test]
    fn a_hole_belongs_to_the_exterior_around_it() {
        let big = ring(&[(0, 0), (9, 0), (9, 9), (0, 9)], 1);
        let hole = ring(&[(1, 1), (1, 8), (8, 8), (8, 1)], 1);
        let island = ring(&[(2, 2), (7, 2), (7, 7), (2, 7)], 1);
        let eye = ring(&[(3, 3), (3, 4), (4, 4), (4, 3)], 1);
        let found = &all([big, hole, island, eye].concat())[1];
        let mut areas: Vec<Vec<i64>> = found.iter().map(|p| p.iter().map(|r| twice(r)).collect()).collect();
        areas.sort();
        assert_eq!(areas, [vec![50, -2], vec![162, -98]]);
    }

    #[test]
    fn regions_that_touch_themselves_become_simple_rings() {
        // Two squares that touch at a corner, and a hole that touches the exterior.
        let squares =
            [ring(&[(0, 0), (2, 0), (2, 2), (0, 2)], 1), ring(&[(2, 2), (4, 2), (4, 4), (2, 4)], 1)].concat();
        assert_eq!(all(squares)[1].len(), 2);
        let holed =
            [ring(&[(0, 0), (4, 0), (8, 0), (8, 8), (0, 8)], 1), ring(&[(4, 0), (3, 4), (5, 4)], 1)].concat();
        let found = &all(holed)[1];
        assert_eq!((found.len(), found[0].len()), (1, 2));
        assert_eq!(found[0].iter().map(|r| twice(r)).collect::<Vec<_>>(), [128, -8]);
    }

    #[test]
    fn an_outline_around_nothing_is_found() {
        let edges = net(ring(&[(0, 0), (0, 2), (2, 2), (2, 0)], 1)).unwrap();
        assert_eq!(polygons(&edges, 2), Err(Inverted(1)));
    }

    #[test]
    fn the_buffer_keeps_what_is_inside() {
        let p = |x, y| Pt::new(x, y);
        assert_eq!(
            buffered(&[p(0, 0), p(8, 0), p(8, 8), p(0, 8)], 8, 1),
            [p(-1, -1), p(9, -1), p(9, 9), p(-1, 9)]
        );
        assert_eq!(
            buffered(&[p(0, 2), p(4, 3), p(0, 5)], 8, 1),
            [p(-1, 2), p(0, 2), p(4, 3), p(0, 5), p(-1, 5)]
        );
    }
}
