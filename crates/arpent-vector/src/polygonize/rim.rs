//! Cuts boundaries off at the sides that a tile shares with others.

use arpent_base::number::fitted;
use arpent_raster::Window;

use super::chains::{GONE, TOUCH};
use super::paths::{EAST, Kind, NORTH, Passed, PathHead, Paths, SOUTH, WEST};
use super::side::{Segment, Side};
use super::span::Span;
use super::totals::Totals;
use crate::region::Vertex;
use crate::square::Point;

/// The part of a region in a tile.
#[derive(Debug)]
pub(super) struct Fragment {
    pub(super) class_id: u8,
    pub(super) totals: Totals,
    pub(super) bbox: Window,
    /// Pieces of its boundary within the tile, counted from the corner of the extent.
    pub(super) paths: Paths,
    /// Where it reaches other tiles: the side and, along it, the first and the end column or row of the extent. In any
    /// order; they may touch each other.
    pub(super) reaches: Vec<(u8, u32, u32)>,
    /// Its closed boundaries that are drawn square, by their first vertex, on the grid.
    pub(super) squares: Vec<(Vertex, Vec<Point>)>,
}

impl Fragment {
    pub(super) fn new(class_id: u8, totals: Totals, bbox: Window) -> Self {
        Self { class_id, totals, bbox, paths: Paths::default(), reaches: Vec::new(), squares: Vec::new() }
    }
}

/// The sides of a tile.
#[derive(Debug, Clone)]
pub(crate) struct Rim {
    /// Columns and rows.
    size: [u32; 2],
    /// Column and row of its corner, counted from the extent's.
    corner: [u32; 2],
    /// Whether there are other tiles beyond each side, by direction.
    is_shared: [bool; 4],
}

impl Rim {
    /// The sides of a tile of an extent.
    pub(crate) fn new(tile: &Window, extent: &Window) -> Self {
        let (col, row) = extent.offset_of(tile).unwrap_or_default();
        let mut is_shared = [false; 4];
        is_shared[usize::from(NORTH)] = row > 0;
        is_shared[usize::from(WEST)] = col > 0;
        is_shared[usize::from(SOUTH)] = row + tile.height < extent.height;
        is_shared[usize::from(EAST)] = col + tile.width < extent.width;
        Self { size: [tile.width, tile.height].map(fitted), corner: [col, row].map(fitted), is_shared }
    }

    /// Whether there are other tiles beyond a side.
    pub(crate) fn is_shared(&self, side: u8) -> bool {
        self.is_shared[usize::from(side)]
    }

    /// The sides beyond which there are other tiles.
    pub(crate) fn shared_sides(&self) -> impl Iterator<Item = Side> {
        [NORTH, EAST, SOUTH, WEST].into_iter().filter(|side| self.is_shared(*side)).map(|direction| {
            let axis = usize::from(direction == NORTH || direction == SOUTH);
            let is_after = direction == NORTH || direction == WEST;
            let line = self.corner[axis] + if is_after { 0 } else { self.size[axis] };
            let [start, end] = self.ends(direction);
            Side { direction, first: Segment { axis, line, start }, end, is_after }
        })
    }

    /// Columns and rows of the tile.
    pub(crate) fn size(&self) -> [u32; 2] {
        self.size
    }

    /// Column and row of its corner, counted from the extent's.
    pub(crate) fn corner(&self) -> [u32; 2] {
        self.corner
    }

    /// The first and the end column or row along a side, counted from the corner of the extent.
    pub(crate) fn ends(&self, side: u8) -> [u32; 2] {
        let along = usize::from(side == EAST || side == WEST);
        [self.corner[along], self.corner[along] + self.size[along]]
    }

    /// Whether a run of pixels of a row reaches another tile.
    pub(crate) fn is_reached(&self, cols: (u32, u32), row: u32) -> bool {
        self.is_touched(&Span { cols, rows: (row, row + 1) })
    }

    /// Whether a span of the tile reaches another tile.
    pub(super) fn is_touched(&self, span: &Span) -> bool {
        self.is_shared(WEST) && span.cols.0 == 0
            || self.is_shared(NORTH) && span.rows.0 == 0
            || self.is_shared(EAST) && span.cols.1 == self.size[0]
            || self.is_shared(SOUTH) && span.rows.1 == self.size[1]
    }

    /// The shared side along which a boundary goes from a vertex to the next, if any.
    fn side_of(&self, from: [u32; 2], direction: u8) -> Option<u8> {
        // The region is on the left.
        let (side, is_on) = match direction {
            SOUTH => (WEST, from[0] == 0),
            EAST => (SOUTH, from[1] == self.size[1]),
            NORTH => (EAST, from[0] == self.size[0]),
            _ => (NORTH, from[1] == 0),
        };
        (is_on && self.is_shared(side)).then_some(side)
    }

    /// Adds a boundary of a region in the tile to its fragment: what lies along a shared side is where it reaches
    /// another tile, the rest are paths. `boundary` holds the vertices at which it turns, and more.
    pub(super) fn cut_off(&self, boundary: &[Passed], fragment: &mut Fragment) {
        let n = boundary.len();
        let sides: Vec<(u8, Option<u8>)> = (0..n)
            .map(|i| {
                let (from, to) = (boundary[i].at, boundary[(i + 1) % n].at);
                let direction = direction(from, to);
                (direction, self.side_of(from, direction))
            })
            .collect();
        let placed = |passed: &Passed, marks: u32| {
            let at = [passed.at[0] + self.corner[0], passed.at[1] + self.corner[1]];
            Passed { at, marks: passed.marks & marks }
        };
        let Some(first) = sides.iter().position(|(_, side)| side.is_some()) else {
            let head = PathHead { kind: Kind::Closed, leaves: NORTH, arrives: NORTH };
            let kept: Vec<Passed> =
                boundary.iter().filter(|passed| passed.marks & GONE == 0).map(|p| placed(p, !0)).collect();
            fragment.paths.push(head, &kept);
            return;
        };
        let mut path: Vec<Passed> = Vec::new();
        let (mut leaves, mut arrives) = (NORTH, NORTH);
        for i in (first..n).chain(0..=first) {
            let (direction, side) = sides[i];
            let from = &boundary[i];
            if side.is_some() && !path.is_empty() {
                // The joiner finds out where a region touches itself on a line.
                path.push(placed(from, !TOUCH));
                fragment.paths.push(PathHead { kind: Kind::Open, leaves, arrives }, &path);
                path.clear();
            } else if side.is_none() && path.is_empty() {
                leaves = direction;
                path.push(placed(from, !TOUCH));
            } else if side.is_none() && from.marks & GONE == 0 {
                path.push(placed(from, !0));
            }
            arrives = direction;
        }
        for (i, (_, side)) in sides.iter().enumerate() {
            let Some(side) = side else { continue };
            let axis = usize::from(*side == WEST || *side == EAST);
            let [a, b] = [i, (i + 1) % n].map(|i| boundary[i].at[axis] + self.corner[axis]);
            fragment.reaches.push((*side, a.min(b), a.max(b)));
        }
    }
}

/// The direction from one vertex to another in its column or row.
fn direction(from: [u32; 2], to: [u32; 2]) -> u8 {
    match (from[0].cmp(&to[0]), from[1].cmp(&to[1])) {
        (std::cmp::Ordering::Less, _) => EAST,
        (std::cmp::Ordering::Greater, _) => WEST,
        (_, std::cmp::Ordering::Less) => SOUTH,
        _ => NORTH,
    }
}
