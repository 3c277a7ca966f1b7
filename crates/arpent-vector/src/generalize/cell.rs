//! Borders of a cell of the lattice, with fewer vertices.
//!
//! A border between two junctions is one arc, whichever of its two regions looks at it. A vertex goes when every
//! vertex that its arc once had between the neighbors stays within the tolerance of the new line, the least change
//! first. It stays when the triangle it spans with its neighbors holds a vertex of any arc: then no line comes to cross
//! another. Arcs end where they meet the cell's rim, so what is found depends on the cell's own pixels alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use arpent_raster::LABEL_NODATA;

use crate::polygonize::Vertex;
use crate::triangle::{bounds, columns_in_band, is_inside, turn};

const NONE: u32 = u32::MAX;

/// A closed arc is not brought below this number of vertices.
const MIN_VERTICES: usize = 4;

/// Side of the squares that vertices are looked up by, pixels, as a power of two.
const SQUARE: i64 = 4;

/// Directions in which borders leave a vertex; the opposite one is two further.
const NORTH: usize = 0;
const EAST: usize = 1;
const SOUTH: usize = 2;
const WEST: usize = 3;

/// The pixels of a cell, clipped to the extent: at most `LATTICE` x `LATTICE`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    /// Labels from the cell's first pixel on.
    pub(super) labels: &'a [u8],
    /// Labels from a row to the next.
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// A vertex where a border turns, forks or reaches the rim.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: Vertex,
    /// The next point in each direction.
    links: [u32; 4],
    /// Whether arcs end here.
    is_end: bool,
    is_alive: bool,
}

/// Room for the work on one cell, kept between cells.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    points: Vec<Point>,
    /// Of each column, the last point from which a border goes south.
    open: Vec<u32>,
    /// Points of all arcs, one arc behind another.
    path: Vec<u32>,
    /// For each place on a path, the ones before and after it that are left; `NONE` at an arc's ends.
    before: Vec<u32>,
    after: Vec<u32>,
    /// For each place, the number of its arc.
    arc: Vec<u32>,
    /// For each arc, the places left on it and whether it ends where it began.
    left: Vec<usize>,
    is_closed: Vec<bool>,
    /// Arcs of one line, by their ends.
    lines: HashSet<(u32, u32)>,
    squares: Squares,
    heap: BinaryHeap<Reverse<Candidate>>,
}

/// A vertex that may go, and its neighbors when that was found. Ordered by how far the border moves, then by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Bits of a positive f64, which are ordered as it is.
    deviation: u64,
    place: u32,
    before: u32,
    after: u32,
}

impl Cell<'_> {
    /// Calls `gone` with the column and row, from the cell's corner, of each vertex that goes. `limit` is the square of
    /// the tolerance, pixels.
    pub(super) fn generalize(&self, limit: f64, work: &mut Workspace, mut gone: impl FnMut(usize, usize)) {
        self.find_points(work);
        work.trace();
        work.decimate(limit, [self.width, self.height].map(|n| i64::try_from(n).unwrap_or(i64::MAX)));
        for point in work.points.iter().filter(|point| !point.is_alive) {
            let [x, y] = point.at.map(|v| usize::try_from(v).unwrap_or(0));
            gone(x, y);
        }
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.labels[y * self.stride..][..self.width]
    }

    fn find_points(&self, work: &mut Workspace) {
        work.points.clear();
        work.open.clear();
        work.open.resize(self.width + 1, NONE);
        let sides = |y: usize, north: bool| {
            let row = self.row(y);
            let at = if north { 0 } else { self.height };
            (1..self.width).filter(move |x| row[x - 1] != row[*x]).map(move |x| (x, at))
        };
        for (x, y) in sides(0, true) {
            work.add([x, y], [false, false, true, false], true);
        }
        for y in 1..self.height {
            let (up, down) = (self.row(y - 1), self.row(y));
            if up[0] != down[0] {
                work.add([0, y], [false, true, false, false], true);
            }
            for x in 1..self.width {
                let [nw, ne, sw, se] = [up[x - 1], up[x], down[x - 1], down[x]];
                if nw == ne && sw == se && nw == sw {
                    continue;
                }
                let cracks = [nw != ne, ne != se, sw != se, nw != sw];
                let straight = cracks[NORTH] == cracks[SOUTH] && cracks[EAST] == cracks[WEST];
                let forks = cracks.iter().filter(|c| **c).count() > 2;
                if straight && !forks {
                    continue;
                }
                work.add([x, y], cracks, forks || [nw, ne, sw, se].contains(&LABEL_NODATA));
            }
            if up[self.width - 1] != down[self.width - 1] {
                work.add([self.width, y], [false, false, false, true], true);
            }
        }
        for (x, y) in sides(self.height - 1, false) {
            work.add([x, y], [true, false, false, false], true);
        }
    }
}

impl Workspace {
    /// Adds a point, east of those of its row and south of those before it, from which borders go as `cracks` says.
    fn add(&mut self, [x, y]: [usize; 2], cracks: [bool; 4], is_end: bool) {
        let index = u32::try_from(self.points.len()).unwrap_or(NONE);
        let mut links = [NONE; 4];
        if cracks[WEST] {
            // The last point of the row, which is the last one added.
            links[WEST] = index.wrapping_sub(1);
            if let Some(last) = self.points.last_mut() {
                last.links[EAST] = index;
            }
        }
        if cracks[NORTH] {
            links[NORTH] = self.open[x];
            if let Some(above) = self.points.get_mut(self.open[x] as usize) {
                above.links[SOUTH] = index;
            }
        }
        if cracks[SOUTH] {
            self.open[x] = index;
        }
        let at = [x, y].map(|v| i64::try_from(v).unwrap_or(i64::MAX));
        self.points.push(Point { at, links, is_end, is_alive: true });
    }

    /// Follows every arc from end to end.
    fn trace(&mut self) {
        for list in [&mut self.path, &mut self.before, &mut self.after, &mut self.arc] {
            list.clear();
        }
        self.left.clear();
        self.is_closed.clear();
        self.lines.clear();
        let mut seen = vec![[false; 4]; self.points.len()];
        for ends in [true, false] {
            for index in 0..self.points.len() {
                // Of the arcs without an end, one begins at its northernmost, then westernmost point.
                if self.points[index].is_end != ends {
                    continue;
                }
                for direction in 0..4 {
                    if self.points[index].links[direction] != NONE && !seen[index][direction] {
                        self.follow(index, direction, &mut seen);
                    }
                }
            }
        }
    }

    fn follow(&mut self, start: usize, mut direction: usize, seen: &mut [[bool; 4]]) {
        let first = self.path.len();
        let mut at = start;
        loop {
            self.path.push(u32::try_from(at).unwrap_or(NONE));
            seen[at][direction] = true;
            let next = self.points[at].links[direction] as usize;
            let from = (direction + 2) % 4;
            seen[next][from] = true;
            if next == start || self.points[next].is_end {
                self.path.push(u32::try_from(next).unwrap_or(NONE));
                break;
            }
            let onward = (0..4).find(|d| *d != from && self.points[next].links[*d] != NONE);
            (at, direction) = (next, onward.unwrap_or(from));
        }
        let (arc, end) = (u32::try_from(self.left.len()).unwrap_or(NONE), self.path.len());
        for place in first..end {
            let number = |place: usize| u32::try_from(place).unwrap_or(NONE);
            self.before.push(if place == first { NONE } else { number(place - 1) });
            self.after.push(if place + 1 == end { NONE } else { number(place + 1) });
            self.arc.push(arc);
        }
        self.left.push(end - first);
        self.is_closed.push(self.path[first] == self.path[end - 1]);
        if end - first == 2 {
            self.lines.insert(ends(self.path[first], self.path[first + 1]));
        }
    }

    fn decimate(&mut self, limit: f64, size: [i64; 2]) {
        self.squares.fill(&self.points, size);
        self.heap.clear();
        for place in 0..self.path.len() {
            self.propose(place, limit);
        }
        while let Some(Reverse(candidate)) = self.heap.pop() {
            let Candidate { place, before, after, .. } = candidate;
            let at = place as usize;
            let is_current = self.before[at] == before && self.after[at] == after;
            if !is_current || !self.may_remove(at, size) {
                continue;
            }
            self.remove(at);
            self.propose(before as usize, limit);
            self.propose(after as usize, limit);
        }
    }

    fn at(&self, place: usize) -> Vertex {
        self.points[self.path[place] as usize].at
    }

    /// Makes a place between two others a candidate, if the border would not move too far.
    fn propose(&mut self, place: usize, limit: f64) {
        let (before, after) = (self.before[place], self.after[place]);
        if before == NONE || after == NONE {
            return;
        }
        let (a, c) = (self.at(before as usize), self.at(after as usize));
        let mut deviation = 0.0f64;
        for between in before + 1..after {
            deviation = deviation.max(distance_squared(self.at(between as usize), a, c));
            if deviation > limit {
                return;
            }
        }
        let place = u32::try_from(place).unwrap_or(NONE);
        self.heap.push(Reverse(Candidate { deviation: deviation.to_bits(), place, before, after }));
    }

    fn may_remove(&self, place: usize, [width, height]: [i64; 2]) -> bool {
        let (before, after) = (self.before[place] as usize, self.after[place] as usize);
        let arc = self.arc[place] as usize;
        // A closed arc has its first point twice.
        if self.is_closed[arc] && self.left[arc] <= MIN_VERTICES + 1 {
            return false;
        }
        let (a, b, c) = (self.at(before), self.at(place), self.at(after));
        // The neighbor cell may want the same line.
        let on_rim = |axis: usize, end: i64| a[axis] == c[axis] && (a[axis] == 0 || a[axis] == end);
        if on_rim(0, width) || on_rim(1, height) {
            return false;
        }
        let becomes_line = self.before[before] == NONE && self.after[after] == NONE;
        if becomes_line && self.lines.contains(&ends(self.path[before], self.path[after])) {
            return false;
        }
        let own = [before, place, after].map(|p| self.path[p]);
        !self.squares.any(&self.points, [a, b, c], own)
    }

    fn remove(&mut self, place: usize) {
        let (before, after) = (self.before[place], self.after[place]);
        self.after[before as usize] = after;
        self.before[after as usize] = before;
        self.before[place] = NONE;
        self.after[place] = NONE;
        self.points[self.path[place] as usize].is_alive = false;
        self.left[self.arc[place] as usize] -= 1;
        if self.before[before as usize] == NONE && self.after[after as usize] == NONE {
            self.lines.insert(ends(self.path[before as usize], self.path[after as usize]));
        }
    }
}

fn ends(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

/// Square of the distance of a point from the line between two others, pixels. Exact but for one division.
#[allow(clippy::cast_precision_loss, reason = "numbers of a cell stay far below 2^52")]
fn distance_squared(p: Vertex, a: Vertex, c: Vertex) -> f64 {
    let along = [c[0] - a[0], c[1] - a[1]];
    let [from_a, from_c] = [a, c].map(|end| [p[0] - end[0], p[1] - end[1]]);
    let dot = |u: [i64; 2], v: [i64; 2]| u[0] * v[0] + u[1] * v[1];
    let length = dot(along, along);
    if dot(from_a, along) <= 0 {
        return dot(from_a, from_a) as f64;
    }
    if dot(from_c, along) >= 0 {
        return dot(from_c, from_c) as f64;
    }
    let cross = turn(a, c, p);
    (cross * cross) as f64 / length as f64
}

/// Points by the square that they lie in.
#[derive(Debug, Default)]
struct Squares {
    across: i64,
    /// For each square, where its points begin in `points`; one more at the end.
    starts: Vec<u32>,
    points: Vec<u32>,
}

impl Squares {
    fn fill(&mut self, points: &[Point], [width, height]: [i64; 2]) {
        self.across = (width >> SQUARE) + 1;
        let count = usize::try_from(self.across * ((height >> SQUARE) + 1)).unwrap_or(0);
        self.starts.clear();
        self.starts.resize(count + 1, 0);
        let square = |point: &Point| self.across * (point.at[1] >> SQUARE) + (point.at[0] >> SQUARE);
        let of = |point: &Point| usize::try_from(square(point)).unwrap_or(0);
        for point in points {
            self.starts[of(point) + 1] += 1;
        }
        (0..count).for_each(|i| self.starts[i + 1] += self.starts[i]);
        self.points.clear();
        self.points.resize(points.len(), NONE);
        let mut next: Vec<u32> = self.starts.clone();
        for (index, point) in points.iter().enumerate() {
            let slot = &mut next[of(point)];
            self.points[*slot as usize] = u32::try_from(index).unwrap_or(NONE);
            *slot += 1;
        }
    }

    /// Whether a triangle, its rim included, holds any point that is left but its own.
    fn any(&self, points: &[Point], triangle: [Vertex; 3], own: [u32; 3]) -> bool {
        let (row0, row1) = bounds(triangle.map(|p| p[1]));
        (row0 >> SQUARE..=row1 >> SQUARE).any(|row| {
            let (col0, col1) = columns_in_band(triangle, row << SQUARE, (row + 1) << SQUARE);
            let (first, last) = ((col0 >> SQUARE).max(0), (col1 >> SQUARE).min(self.across - 1));
            let [start, end] = [row * self.across + first, row * self.across + last + 1]
                .map(|i| self.starts[usize::try_from(i).unwrap_or(0)] as usize);
            self.points[start..end].iter().any(|i| {
                let point = &points[*i as usize];
                point.is_alive && !own.contains(i) && is_inside(point.at, triangle)
            })
        })
    }
}
