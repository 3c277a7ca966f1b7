//! Ground that two outlines claim goes to the first of them.
//!
//! Coverages have no such ground, but for slivers below a step where outlines without common vertices are cut.

use std::collections::BTreeMap;

use crate::mesh::{Bit, Edge, Label, NONE, Pt, cross};

/// Outlines without overlaps: on each side of an edge the lowest label that is there. Returns also twice the area that
/// more than one claimed.
pub(crate) fn resolve(mut bits: Vec<Bit>, side: i32) -> (Vec<Edge>, i64) {
    bits.sort_unstable();
    let lines: Vec<&[Bit]> = bits.chunk_by(|one, other| one.ends() == other.ends()).collect();
    let rows = Rows::new(&lines, side);
    let mut edges = Vec::with_capacity(lines.len());
    for line in &lines {
        let (a, b) = line[0].ends();
        let before = rows.beside(&lines, a, b);
        // West is on the left of an edge to the south; north is on the right of an edge to the east.
        let (mut left, mut right) = (before.clone(), before);
        let (across, sign) = if b.y > a.y { (&mut right, -1) } else { (&mut left, 1) };
        for bit in *line {
            *across.entry(bit.label()).or_default() += sign * bit.times();
        }
        let lowest = |labels: &BTreeMap<Label, i32>| {
            labels.iter().find(|(_, times)| **times != 0).map_or(NONE, |(label, _)| *label)
        };
        let (left, right) = (lowest(&left), lowest(&right));
        if left != right {
            edges.push(Edge { a, b, left, right });
        }
    }
    let claimed: i64 =
        bits.iter().map(|bit| cross(bit.ends().0, bit.ends().1) * i64::from(bit.times())).sum();
    let sides = |e: &Edge| i64::from(e.left != NONE) - i64::from(e.right != NONE);
    let drawn: i64 = edges.iter().map(|e| cross(e.a, e.b) * sides(e)).sum();
    (edges, (claimed - drawn).abs())
}

/// Edges by the rows and columns that they pass.
struct Rows {
    shift: u32,
    across: Vec<Vec<usize>>,
    down: Vec<Vec<usize>>,
}

impl Rows {
    fn new(lines: &[&[Bit]], side: i32) -> Self {
        let mut shift = 0;
        while (side >> shift) > 1024 {
            shift += 1;
        }
        let count = arpent_base::number::offset(i64::from(side >> shift)) + 1;
        let mut found = Self { shift, across: vec![Vec::new(); count], down: vec![Vec::new(); count] };
        for (i, line) in lines.iter().enumerate() {
            let (a, b) = line[0].ends();
            for row in found.place(a.y.min(b.y))..=found.place(a.y.max(b.y)) {
                found.across[row].push(i);
            }
            for col in found.place(a.x.min(b.x))..=found.place(a.x.max(b.x)) {
                found.down[col].push(i);
            }
        }
        found
    }

    fn place(&self, v: i32) -> usize {
        arpent_base::number::offset(i64::from(v >> self.shift))
    }

    /// What is west of the middle of an edge, or north of one that runs along a row: how often each label.
    fn beside(&self, lines: &[&[Bit]], a: Pt, b: Pt) -> BTreeMap<Label, i32> {
        let along = a.y == b.y;
        // Doubled, and turned so that the ray always goes to lower x.
        let turn =
            |p: Pt| if along { (i64::from(p.y), i64::from(p.x)) } else { (i64::from(p.x), i64::from(p.y)) };
        let ((ax, ay), (bx, by)) = (turn(a), turn(b));
        let (x, y) = (ax + bx, ay + by);
        let here = arpent_base::number::fitted::<i32>(y.div_euclid(2));
        let near = if along { &self.down[self.place(here)] } else { &self.across[self.place(here)] };
        let mut labels = BTreeMap::new();
        for i in near {
            let (p, q) = lines[*i][0].ends();
            if (p, q) == (a, b) {
                continue;
            }
            let ((px, py), (qx, qy)) = (turn(p), turn(q));
            if (2 * py > y) == (2 * qy > y) {
                continue;
            }
            // Where the edge meets the ray's line: west of the middle?
            let turned = (qx - px) * (y - 2 * py) - (x - 2 * px) * (qy - py);
            if (turned < 0) == (qy > py) && turned != 0 {
                // What is on the left of an edge to the south ends there on the way to the east.
                let sign = if (qy > py) == along { 1 } else { -1 };
                for bit in lines[*i] {
                    *labels.entry(bit.label()).or_default() += sign * bit.times();
                }
            }
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mesh::{areas2, net};
    use crate::round::snap;

    fn ring(points: &[(i32, i32)], label: Label) -> Vec<Edge> {
        let p: Vec<Pt> = points.iter().map(|(x, y)| Pt::new(16 * x, 16 * y)).collect();
        net((0..p.len()).map(|i| Bit::new(p[i], p[(i + 1) % p.len()], label)).collect()).unwrap()
    }

    #[test]
    fn the_first_region_keeps_what_two_claim() {
        let diamond = ring(&[(0, 50), (50, 0), (100, 50), (50, 100)], 1);
        let square = ring(&[(50, 0), (100, 0), (100, 100), (50, 100)], 2);
        let (edges, twice) = resolve(snap(&[diamond, square].concat(), 16, 100, true), 100);
        assert_eq!((&areas2(&edges, 3)[1..], twice), (&[10_000, 5_000][..], 5_000));
        let (inner, outer) =
            (ring(&[(2, 2), (4, 2), (4, 4), (2, 4)], 1), ring(&[(0, 0), (8, 0), (8, 8), (0, 8)], 2));
        let (edges, twice) = resolve(snap(&[inner, outer].concat(), 16, 100, true), 100);
        assert_eq!((&areas2(&edges, 3)[1..], twice), (&[8, 120][..], 8));
    }
}
