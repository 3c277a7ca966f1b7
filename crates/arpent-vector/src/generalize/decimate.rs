//! Removes vertices of arcs.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use arpent_base::number::{exact, fitted, truncate};

use super::arcs::Arcs;
use super::cell::Place;
use super::left::Left;
use super::queue::{LAST_STEP, Queue, STEPS};

const NONE: u32 = u32::MAX;

/// A closed arc keeps at least this number of vertices.
const MIN_VERTICES: u32 = 4;

/// The remaining places of a cell's arcs.
#[derive(Debug, Default)]
pub(super) struct Decimation {
    pub(super) places: Vec<Place>,
    /// For each place, the remaining ones before and after it; `NONE` at an arc's ends.
    pub(super) beside: Vec<[u32; 2]>,
    /// For each place, the number of its arc.
    arc: Vec<u32>,
    /// For each closed arc, the number of remaining places; `NONE` for others.
    round: Vec<u32>,
    /// Arcs of one line, by their ends.
    lines: HashSet<u64, BuildHasherDefault<Mix>>,
    queue: Queue,
    pub(super) left: Left,
    /// Column and row of the cell's last vertex.
    last: Place,
    /// Square of the tolerance, pixels, and the number of steps in it.
    limit: f64,
    steps: f64,
}

impl Decimation {
    /// Decimates arcs of a cell whose last vertex is `last`. `limit` is the square of the tolerance, pixels.
    pub(super) fn run(&mut self, arcs: &mut Arcs, last: Place, limit: f64) {
        let steps = exact(STEPS) / limit;
        (self.last, self.limit, self.steps) = (last, limit, steps);
        self.lay_out(arcs);
        if limit <= 0.0 {
            return;
        }
        for place in 0..self.places.len() {
            self.propose(number(place));
        }
        while let Some(place) = self.queue.pop() {
            if self.may_remove(place) {
                let [before, after] = self.remove(place);
                self.propose(before);
                self.propose(after);
            }
        }
    }

    /// Remaining places of the arc that begins at a place, in order; the first vertex of a closed arc is repeated at
    /// the end.
    pub(super) fn left_of(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(Some(first), |place| {
            Some(self.beside[*place as usize][1]).filter(|next| *next != NONE)
        })
    }

    fn lay_out(&mut self, arcs: &mut Arcs) {
        std::mem::swap(&mut self.places, &mut arcs.places);
        self.beside.clear();
        self.arc.clear();
        self.round.clear();
        self.lines.clear();
        for (arc, ends) in arcs.starts.windows(2).enumerate() {
            let (first, end) = (ends[0], ends[1]);
            self.beside.extend((first..end).map(|place| [place.wrapping_sub(1), place + 1]));
            self.beside[first as usize][0] = NONE;
            self.beside[end as usize - 1][1] = NONE;
            self.arc.resize(end as usize, number(arc));
            let [a, b] = [first, end - 1].map(|place| self.places[place as usize]);
            self.round.push(if a == b { end - first } else { NONE });
            if end - first == 2 {
                self.lines.insert(ends_of(a, b));
            }
        }
        self.queue.clear(self.places.len());
        self.left.fill(&arcs.vertices, arcs.words);
    }

    /// Queues a place between two others for removal, if the border would not move too far.
    fn propose(&mut self, place: u32) {
        let [before, after] = self.beside[place as usize];
        if before != NONE && after != NONE {
            let step = self.step(before as usize, after as usize);
            self.queue.put(place, step);
        }
    }

    /// The largest distance of the places between two from the line between these, in steps; `None` beyond the
    /// tolerance.
    fn step(&self, before: usize, after: usize) -> Option<u8> {
        let [a, c] = [before, after].map(|place| self.places[place].map(i32::from));
        let along = [c[0] - a[0], c[1] - a[1]];
        let length = along[0] * along[0] + along[1] * along[1];
        // Next to the line, the area of a parallelogram; beyond its ends, the square of the distance.
        let (mut beside, mut beyond) = (0, 0);
        for place in &self.places[before + 1..after] {
            let from_a = [i32::from(place[0]) - a[0], i32::from(place[1]) - a[1]];
            let dot = from_a[0] * along[0] + from_a[1] * along[1];
            if dot <= 0 || dot >= length {
                let end = if dot <= 0 { a } else { c };
                let from = [i32::from(place[0]) - end[0], i32::from(place[1]) - end[1]];
                beyond = beyond.max(from[0] * from[0] + from[1] * from[1]);
            } else {
                let cross = along[0] * from_a[1] - along[1] * from_a[0];
                beside = beside.max(cross.abs());
            }
        }
        let beside = f64::from(beside);
        let distance = (beside * beside / f64::from(length.max(1))).max(f64::from(beyond));
        (distance <= self.limit).then(|| truncate::<u8>(distance * self.steps).min(LAST_STEP))
    }

    fn may_remove(&mut self, place: u32) -> bool {
        let [before, after] = self.beside[place as usize];
        // A closed arc contains its first point twice.
        if self.round[self.arc[place as usize] as usize] <= MIN_VERTICES + 1 {
            return false;
        }
        let [a, b, c] = [before, place, after].map(|place| self.places[place as usize]);
        // The neighboring cell may need the same line.
        let on_rim = |axis: usize| a[axis] == c[axis] && (a[axis] == 0 || a[axis] == self.last[axis]);
        if on_rim(0) || on_rim(1) {
            return false;
        }
        let becomes_line = self.beside[before as usize][0] == NONE && self.beside[after as usize][1] == NONE;
        if becomes_line && self.lines.contains(&ends_of(a, c)) {
            return false;
        }
        self.left.is_free([a, b, c])
    }

    /// Removes a place from its arc; returns its former neighbors.
    fn remove(&mut self, place: u32) -> [u32; 2] {
        let [before, after] = self.beside[place as usize];
        self.beside[before as usize][1] = after;
        self.beside[after as usize][0] = before;
        self.left.flip(self.places[place as usize]);
        let round = &mut self.round[self.arc[place as usize] as usize];
        *round -= u32::from(*round != NONE);
        if self.beside[before as usize][0] == NONE && self.beside[after as usize][1] == NONE {
            self.lines.insert(ends_of(self.places[before as usize], self.places[after as usize]));
        }
        [before, after]
    }
}

fn number(index: usize) -> u32 {
    fitted(index)
}

/// Two vertices in any order, as a number.
fn ends_of(a: Place, b: Place) -> u64 {
    let number = |[x, y]: Place| u64::from(x) << 16 | u64::from(y);
    let (a, b) = (number(a), number(b));
    a.min(b) << 32 | a.max(b)
}

/// Hashes one number: two places of a cell. The iteration order of the set is not used.
#[derive(Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
