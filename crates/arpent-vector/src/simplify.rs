//! Simplifies one polygon and keeps it valid.
//!
//! Visvalingam and Whyatt's method (*The Cartographic Journal* 30, 1993): the vertex with the smallest triangle with
//! its neighbors is removed first. A vertex stays if its triangle contains a vertex of any ring of the polygon, so no
//! ring crosses another one or itself. All arithmetic is on integers, hence exact.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arpent_base::number::truncate;

use crate::region::Vertex;
use crate::triangle::{bounds, columns_in_band, is_inside, turn};

/// Rings keep at least this number of vertices: a building of one pixel stays a square.
const MIN_VERTICES: usize = 4;

/// Side of the cells of the spatial index, pixels.
const CELL: i64 = 16;

/// Removes vertices whose triangle is not larger than `tolerance_px` squared, smallest first. Vertices that rings
/// share stay: each lies in the triangle of the other.
pub(crate) fn simplify(rings: &[Vec<Vertex>], tolerance_px: f64) -> Vec<Vec<Vertex>> {
    let limit = truncate::<i64>(2.0 * tolerance_px * tolerance_px);
    let mut net = Net::new(rings);
    let is_small = |c: &Candidate| c.doubled_area <= limit;
    let mut heap: BinaryHeap<_> =
        (0..net.points.len()).map(|i| net.candidate(i)).filter(is_small).map(Reverse).collect();
    while let Some(Reverse(candidate)) = heap.pop() {
        let Candidate { at, before, after, .. } = candidate;
        if !net.is_current(&candidate) || !net.may_remove(at) {
            continue;
        }
        net.remove(at);
        heap.extend([before, after].map(|i| net.candidate(i)).into_iter().filter(is_small).map(Reverse));
    }
    net.rings()
}

/// A vertex that may be removed, and its neighbors when that was determined. Ordered by area, then by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    doubled_area: i64,
    at: usize,
    before: usize,
    after: usize,
}

/// The vertices of all rings, linked to their neighbors.
struct Net {
    points: Vec<Vertex>,
    ring: Vec<usize>,
    before: Vec<usize>,
    after: Vec<usize>,
    alive: Vec<bool>,
    /// Remaining vertices, by ring.
    left: Vec<usize>,
    /// (cell row, cell column, vertex), sorted.
    cells: Vec<(i64, i64, usize)>,
}

impl Net {
    fn new(rings: &[Vec<Vertex>]) -> Self {
        let points: Vec<Vertex> = rings.iter().flatten().copied().collect();
        let (mut ring, mut before, mut after) = (vec![], vec![], vec![]);
        for (number, vertices) in rings.iter().enumerate() {
            let (start, n) = (before.len(), vertices.len());
            ring.extend(std::iter::repeat_n(number, n));
            before.extend((0..n).map(|i| start + (i + n - 1) % n));
            after.extend((0..n).map(|i| start + (i + 1) % n));
        }
        let cell = |(i, p): (usize, &Vertex)| (p[1].div_euclid(CELL), p[0].div_euclid(CELL), i);
        let mut cells: Vec<_> = points.iter().enumerate().map(cell).collect();
        cells.sort_unstable();
        let left = rings.iter().map(Vec::len).collect();
        let alive = vec![true; points.len()];
        Self { points, ring, before, after, alive, left, cells }
    }

    fn triangle(&self, at: usize) -> [Vertex; 3] {
        [self.points[self.before[at]], self.points[at], self.points[self.after[at]]]
    }

    fn candidate(&self, at: usize) -> Candidate {
        let [a, b, c] = self.triangle(at);
        let doubled_area = turn(a, b, c).abs();
        Candidate { doubled_area, at, before: self.before[at], after: self.after[at] }
    }

    fn is_current(&self, c: &Candidate) -> bool {
        self.alive[c.at] && self.before[c.at] == c.before && self.after[c.at] == c.after
    }

    fn may_remove(&self, at: usize) -> bool {
        self.left[self.ring[at]] > MIN_VERTICES && !self.is_occupied(at)
    }

    /// Whether the triangle of a vertex, including its boundary, contains any other vertex.
    fn is_occupied(&self, at: usize) -> bool {
        let triangle = self.triangle(at);
        let own = [self.before[at], at, self.after[at]];
        let (row0, row1) = bounds(triangle.map(|p| p[1]));
        (row0.div_euclid(CELL)..=row1.div_euclid(CELL)).any(|row| {
            let (col0, col1) = columns_in_band(triangle, row * CELL, (row + 1) * CELL);
            let (first, last) = (col0.div_euclid(CELL), col1.div_euclid(CELL));
            let start = self.cells.partition_point(|(r, c, _)| (*r, *c) < (row, first));
            let near = self.cells[start..].iter().take_while(|(r, c, _)| *r == row && *c <= last);
            near.map(|(_, _, i)| *i)
                .any(|i| self.alive[i] && !own.contains(&i) && is_inside(self.points[i], triangle))
        })
    }

    fn remove(&mut self, at: usize) {
        let (before, after) = (self.before[at], self.after[at]);
        self.after[before] = after;
        self.before[after] = before;
        self.alive[at] = false;
        self.left[self.ring[at]] -= 1;
    }

    fn rings(&self) -> Vec<Vec<Vertex>> {
        let mut rings = vec![Vec::new(); self.left.len()];
        for i in (0..self.points.len()).filter(|i| self.alive[*i]) {
            rings[self.ring[i]].push(self.points[i]);
        }
        rings
    }
}

#[cfg(test)]
mod tests {
    use arpent_base::number::exact;

    use super::*;
    use crate::Polygonizer;
    use arpent_raster::Window;
    use arpent_testing::shapes::label_maps;
    use geo::Validation;
    use geo_types::{LineString, Polygon};
    use proptest::prelude::*;

    fn polygon(rings: &[Vec<Vertex>]) -> Polygon<f64> {
        let line = |r: &Vec<Vertex>| {
            LineString::from(r.iter().map(|v| (exact(v[0]), exact(v[1]))).collect::<Vec<_>>())
        };
        Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect())
    }

    fn shapes(labels: &[u8], width: usize) -> Vec<Vec<Vec<Vertex>>> {
        let (mut shapes, height) = (vec![], labels.len() / width);
        let mut polygonizer = Polygonizer::new(Window::new(-7, 90, width, height), [true; 256]).unwrap();
        for row in labels.chunks_exact(width) {
            polygonizer.push_row(row, &vec![0; width], 1.0, &mut |r| shapes.push(r.rings)).unwrap();
        }
        polygonizer.finish(&mut |r| shapes.push(r.rings));
        shapes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn hard_shapes_stay_valid(map in label_maps(40), tolerance in 0.0f64..30.0) {
            for rings in shapes(&map.labels, map.window.width) {
                let simple = simplify(&rings, tolerance);
                prop_assert_eq!(simple.len(), rings.len());
                for (new, old) in simple.iter().zip(&rings) {
                    prop_assert!(new.len() >= MIN_VERTICES && new.iter().all(|v| old.contains(v)));
                    prop_assert_eq!(doubled_area(new).signum(), doubled_area(old).signum());
                }
                let check = polygon(&simple).check_validation();
                prop_assert!(check.is_ok(), "{check:?}: {rings:?} became {simple:?}");
                // The same wherever the polygon lies.
                let far = Window::FARTHEST_PX - 600;
                let moved = |rings: &[Vec<Vertex>]| -> Vec<Vec<Vertex>> {
                    rings.iter().map(|r| r.iter().map(|v| [v[0] + far, v[1] - far]).collect()).collect()
                };
                prop_assert_eq!(simplify(&moved(&rings), tolerance), moved(&simple));
            }
        }

        #[test]
        fn noise_stays_valid(width in 1usize..24, labels in prop::collection::vec(0u8..2, 24..500), tolerance in 0.6f64..12.0) {
            for rings in shapes(&labels, width) {
                let simple = simplify(&rings, tolerance);
                prop_assert_eq!(simple.len(), rings.len());
                for (new, old) in simple.iter().zip(&rings) {
                    prop_assert!(new.len() >= MIN_VERTICES && new.iter().all(|v| old.contains(v)));
                    prop_assert_eq!(doubled_area(new).signum(), doubled_area(old).signum());
                }
                let check = polygon(&simple).check_validation();
                prop_assert!(check.is_ok(), "{check:?}: {rings:?} became {simple:?}");
            }
        }

        #[test]
        fn blobs_stay_valid(seed in prop::collection::vec(0u8..3, 36), tolerance in 0.6f64..12.0) {
            // A smooth bend of 6 x 6 blocks of 7 pixels.
            let bent = |c: usize, r: usize| seed[((c + r * r / 30) / 7).min(5) + 6 * ((r + c * c / 40) / 7).min(5)];
            let labels: Vec<u8> = (0..42 * 42).map(|i| bent(i % 42, i / 42)).collect();
            for rings in shapes(&labels, 42) {
                let check = polygon(&simplify(&rings, tolerance)).check_validation();
                prop_assert!(check.is_ok(), "{check:?}: {rings:?}");
            }
        }
    }

    fn doubled_area(ring: &[Vertex]) -> i64 {
        (0..ring.len())
            .map(|i| (ring[i], ring[(i + 1) % ring.len()]))
            .map(|(a, b)| a[0] * b[1] - b[0] * a[1])
            .sum()
    }

    #[test]
    fn stairs_become_a_slope() {
        let labels: Vec<u8> = (0..30 * 30).map(|i| u8::from(i % 30 > i / 30)).collect();
        for rings in shapes(&labels, 30) {
            assert!(rings[0].len() > 50);
            assert!(simplify(&rings, 1.0)[0].len() <= 6, "{:?}", simplify(&rings, 1.0));
        }
    }

    #[test]
    fn no_tolerance_no_change() {
        let labels: Vec<u8> = (0..400).map(|i: u32| u8::try_from(i * i / 7 % 2).unwrap()).collect();
        for rings in shapes(&labels, 20) {
            assert_eq!(simplify(&rings, 0.0), rings);
        }
    }

    #[test]
    fn a_vertex_stays_when_another_ring_is_in_its_triangle() {
        // A block with a notch in its north-east; a hole lies close to the corner beside the notch.
        let block = vec![[0, 0], [0, 20], [20, 20], [20, 4], [16, 4], [16, 0]];
        let hole = vec![[17, 5], [17, 7], [19, 7], [19, 5]];
        let free = simplify(std::slice::from_ref(&block), 5.9);
        assert_eq!(free, [[[0, 0], [0, 20], [20, 20], [16, 0]]]);
        let held = simplify(&[block, hole.clone()], 5.9);
        assert_eq!(held, [vec![[0, 0], [0, 20], [20, 20], [20, 4]], hole]);
    }
}
