//! The parts of a tile as edges, each with the region on either side.
//!
//! A region's outline is a chain: every directed edge has the region on its left. Where two regions meet, they have the
//! same edge, so nothing can lie between them. Sums of chains do everything that tiles need: what two outlines share in
//! opposite directions cancels, when regions are united, when tiles are joined and when vertices fall together.

use arpent_base::number::{index, offset, wide};

/// A place in the grid of a tile. x goes east, y south.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pt {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

impl Pt {
    pub(crate) const fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }
}

/// Twice the area of the triangle from the origin to an edge, positive if it turns from x to y.
pub(crate) fn cross(a: Pt, b: Pt) -> i64 {
    i64::from(a.x) * i64::from(b.y) - i64::from(a.y) * i64::from(b.x)
}

/// Twice the signed area of a triangle.
pub(crate) fn area2(a: Pt, b: Pt, c: Pt) -> i64 {
    let (abx, aby) = (i64::from(b.x) - i64::from(a.x), i64::from(b.y) - i64::from(a.y));
    let (acx, acy) = (i64::from(c.x) - i64::from(a.x), i64::from(c.y) - i64::from(a.y));
    abx * acy - aby * acx
}

/// A label of a region in a tile; [`NONE`] where there is none.
pub(crate) type Label = u32;

/// Beside an edge: no region, or outside of the tile.
pub(crate) const NONE: Label = 0;

/// An edge from the lesser to the greater of its ends. "Left" is the side to which x turns towards y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) a: Pt,
    pub(crate) b: Pt,
    pub(crate) left: Label,
    pub(crate) right: Label,
}

/// A part of a region's outline: an edge, and how often the region is on its left (negative: on its right).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bit {
    a: Pt,
    b: Pt,
    label: Label,
    times: i32,
}

impl Bit {
    pub(crate) fn ends(&self) -> (Pt, Pt) {
        (self.a, self.b)
    }

    pub(crate) fn label(&self) -> Label {
        self.label
    }

    /// How often the label is on the left, seen from the lesser end.
    pub(crate) fn times(&self) -> i32 {
        self.times
    }

    /// The edge with its region, as if no other were there.
    pub(crate) fn edge(&self) -> Edge {
        let (left, right) = if self.times > 0 { (self.label, NONE) } else { (NONE, self.label) };
        Edge { a: self.a, b: self.b, left, right }
    }

    /// An edge in the direction that has the region on its left.
    pub(crate) fn new(from: Pt, to: Pt, label: Label) -> Self {
        if from < to {
            Self { a: from, b: to, label, times: 1 }
        } else {
            Self { a: to, b: from, label, times: -1 }
        }
    }
}

impl Edge {
    /// Its parts of outlines, along another line from its first to its second end.
    pub(crate) fn bits(&self, from: Pt, to: Pt, into: &mut Vec<Bit>) {
        if from == to {
            return;
        }
        if self.left != NONE {
            into.push(Bit::new(from, to, self.left));
        }
        if self.right != NONE {
            into.push(Bit::new(to, from, self.right));
        }
    }
}

/// Two regions that are on the same side of an edge, or one that is there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clash(pub(crate) Label, pub(crate) Label);

/// Adds chains up: edges with what is left on both sides, sorted.
///
/// # Errors
/// If regions overlap.
pub(crate) fn net(mut bits: Vec<Bit>) -> Result<Vec<Edge>, Clash> {
    bits.sort_unstable();
    let mut edges = Vec::with_capacity(bits.len() / 2);
    let mut rest = &bits[..];
    while let Some(first) = rest.first() {
        let many = rest.iter().take_while(|bit| bit.a == first.a && bit.b == first.b).count();
        let (same, others) = rest.split_at(many);
        rest = others;
        let mut edge = Edge { a: first.a, b: first.b, left: NONE, right: NONE };
        for group in same.chunk_by(|one, other| one.label == other.label) {
            let label = group[0].label;
            let side = match group.iter().map(|bit| bit.times).sum::<i32>() {
                0 => continue,
                1 => &mut edge.left,
                -1 => &mut edge.right,
                _ => return Err(Clash(label, label)),
            };
            if *side != NONE {
                return Err(Clash(*side, label));
            }
            *side = label;
        }
        if edge.left != edge.right {
            edges.push(edge);
        }
    }
    Ok(edges)
}

/// The edges with other labels: what is between one label is gone.
pub(crate) fn relabel(edges: &mut Vec<Edge>, labels: &[Label]) {
    for edge in edges.iter_mut() {
        edge.left = labels[at(edge.left)];
        edge.right = labels[at(edge.right)];
    }
    edges.retain(|edge| edge.left != edge.right);
}

/// Twice the area of each of `count` labels, the first is [`NONE`].
pub(crate) fn areas2(edges: &[Edge], count: usize) -> Vec<i64> {
    let mut areas = vec![0; count];
    for edge in edges {
        let part = cross(edge.a, edge.b);
        areas[at(edge.left)] += part;
        areas[at(edge.right)] -= part;
    }
    areas
}

/// Whether an edge lies on a side of a tile that has `side` steps.
pub(crate) fn on_side(a: Pt, b: Pt, side: i32) -> bool {
    (a.x == b.x && (a.x == 0 || a.x == side)) || (a.y == b.y && (a.y == 0 || a.y == side))
}

/// Whether a place lies on a side of a tile.
pub(crate) fn at_side(p: Pt, side: i32) -> bool {
    p.x == 0 || p.x == side || p.y == 0 || p.y == side
}

/// A number of 32 bits as an index.
pub(crate) fn at(n: u32) -> usize {
    index(u64::from(n))
}

/// An index as a number of 32 bits.
pub(crate) fn number(n: usize) -> u32 {
    arpent_base::number::fitted(n)
}

/// Places or edges of a tile by square cells.
#[derive(Debug)]
pub(crate) struct Cells {
    shift: u32,
    per_row: usize,
    first: Vec<u32>,
    items: Vec<u32>,
}

/// A rectangle, its sides belong to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rect {
    pub(crate) low: Pt,
    pub(crate) high: Pt,
}

impl Rect {
    pub(crate) fn around(a: Pt, b: Pt) -> Self {
        Self { low: Pt::new(a.x.min(b.x), a.y.min(b.y)), high: Pt::new(a.x.max(b.x), a.y.max(b.y)) }
    }

    pub(crate) fn with(self, p: Pt) -> Self {
        Self {
            low: Pt::new(self.low.x.min(p.x), self.low.y.min(p.y)),
            high: Pt::new(self.high.x.max(p.x), self.high.y.max(p.y)),
        }
    }

    pub(crate) fn has(&self, p: Pt) -> bool {
        self.low.x <= p.x && p.x <= self.high.x && self.low.y <= p.y && p.y <= self.high.y
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.low.x <= other.high.x
            && other.low.x <= self.high.x
            && self.low.y <= other.high.y
            && other.low.y <= self.high.y
    }
}

impl Cells {
    /// Cells over a tile with `side` steps that hold about one of `rects` each.
    pub(crate) fn new(side: i32, rects: &[Rect]) -> Self {
        let wanted = wide(rects.len()).max(1).isqrt().max(1);
        let mut shift = 0;
        while (offset64(side) >> shift) > wanted {
            shift += 1;
        }
        let per_row = index(offset64(side) >> shift) + 1;
        let mut cells = Self { shift, per_row, first: vec![0; per_row * per_row + 1], items: Vec::new() };
        for rect in rects {
            let mut first = std::mem::take(&mut cells.first);
            cells.each(*rect, |cell| first[cell + 1] += 1);
            cells.first = first;
        }
        for i in 1..cells.first.len() {
            cells.first[i] += cells.first[i - 1];
        }
        let mut items = vec![0; cells.first.last().map_or(0, |n| at(*n))];
        let mut next = cells.first.clone();
        for (i, rect) in rects.iter().enumerate() {
            cells.each(*rect, |cell| {
                items[at(next[cell])] = number(i);
                next[cell] += 1;
            });
        }
        cells.items = items;
        cells
    }

    /// Number of cells.
    pub(crate) fn count(&self) -> usize {
        self.first.len() - 1
    }

    /// The items of a cell.
    pub(crate) fn items(&self, cell: usize) -> &[u32] {
        &self.items[at(self.first[cell])..at(self.first[cell + 1])]
    }

    /// Visits the cells of a rectangle.
    pub(crate) fn each(&self, rect: Rect, mut visit: impl FnMut(usize)) {
        let clamp = |v: i32| (offset(i64::from(v.max(0))) >> self.shift).min(self.per_row - 1);
        for row in clamp(rect.low.y)..=clamp(rect.high.y) {
            for col in clamp(rect.low.x)..=clamp(rect.high.x) {
                visit(row * self.per_row + col);
            }
        }
    }

    /// Whether `found` is true for an item in the cells of a rectangle.
    pub(crate) fn any(&self, rect: Rect, mut found: impl FnMut(u32) -> bool) -> bool {
        let clamp = |v: i32| (offset(i64::from(v.max(0))) >> self.shift).min(self.per_row - 1);
        for row in clamp(rect.low.y)..=clamp(rect.high.y) {
            for col in clamp(rect.low.x)..=clamp(rect.high.x) {
                if self.items(row * self.per_row + col).iter().any(|item| found(*item)) {
                    return true;
                }
            }
        }
        false
    }
}

fn offset64(n: i32) -> u64 {
    wide(offset(i64::from(n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: i32, y: i32, side: i32, label: Label) -> Vec<Bit> {
        let corners =
            [Pt::new(x, y), Pt::new(x + side, y), Pt::new(x + side, y + side), Pt::new(x, y + side)];
        (0..4).map(|i| Bit::new(corners[i], corners[(i + 1) % 4], label)).collect()
    }

    #[test]
    fn a_shared_side_has_both_labels() {
        let edges = net([square(0, 0, 2, 1), square(2, 0, 2, 2)].concat()).unwrap();
        assert_eq!(edges.len(), 7);
        let shared = edges.iter().find(|e| e.left != NONE && e.right != NONE).unwrap();
        assert_eq!((shared.a, shared.b), (Pt::new(2, 0), Pt::new(2, 2)));
        // The edge goes south; its left (from x towards y) is the west.
        assert_eq!((shared.left, shared.right), (1, 2));
        assert_eq!(areas2(&edges, 3), [-16, 8, 8]);
    }

    #[test]
    fn united_regions_lose_what_was_between_them() {
        let mut edges = net([square(0, 0, 2, 1), square(2, 0, 2, 2)].concat()).unwrap();
        relabel(&mut edges, &[0, 1, 1]);
        assert_eq!((edges.len(), areas2(&edges, 3)[1]), (6, 16));
    }

    #[test]
    fn overlaps_are_found() {
        assert_eq!(net([square(0, 0, 2, 1), square(0, 0, 2, 2)].concat()), Err(Clash(1, 2)));
        assert_eq!(net([square(0, 0, 2, 1), square(0, 0, 2, 1)].concat()), Err(Clash(1, 1)));
    }

    #[test]
    fn cells_hold_what_touches_them() {
        let rects: Vec<_> = (0..100).map(|i| Rect::around(Pt::new(i, i), Pt::new(i + 5, i + 1))).collect();
        let cells = Cells::new(128, &rects);
        for (i, rect) in rects.iter().enumerate() {
            assert!(cells.any(*rect, |item| at(item) == i));
        }
        assert!(!cells.any(Rect::around(Pt::new(120, 0), Pt::new(128, 4)), |_| true));
    }
}
