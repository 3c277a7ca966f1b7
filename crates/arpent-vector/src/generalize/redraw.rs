//! Outlines of buildings that are drawn with right angles.

use arpent_base::number::{ceil, exact, floor, truncate};

use super::arcs::Arcs;
use super::cell::{Cell, Place};
use super::decimate::Decimation;
use super::left::Left;
use super::near::Lines;
use crate::drawing::Drawing;
use crate::region::Vertex;
use crate::square::{Point, are_near, area, is_within, sides, square, squared_distance};

/// Smallest distance between lines of different borders, pixels, squared.
const GAP_SQUARED: f64 = 1.0 / 256.0;

/// Slightly more than this distance, not squared.
const GAP: f64 = 0.07;

/// Largest change of the area, as a fraction of it.
const AREA_SHARE: f64 = 0.1;

/// Largest number of corners of an outline.
const MAX_CORNERS: usize = 64;

/// The outlines of a cell that are drawn with right angles.
///
/// A closed arc without any junction is checked if the region inside is of a class that is made square; one after
/// another, from north to south. The new outline is used if
///
/// - it has at most 64 corners, does not come near itself, and stays inside the cell;
/// - every pixel corner is within the tolerance plus one pixel of it, and each of its corners within twice that
///   distance of the pixels;
/// - its area differs from that of the pixels by at most a tenth;
/// - no line of another arc, and no outline used before, is nearer to it than a 16th of a pixel;
/// - no vertex of another arc, and no outline used before, lies between the old and the new outline. Anything
///   connected that meets neither of them is on the same side of both, then.
#[derive(Debug, Default)]
pub(super) struct Redraw {
    taken: Vec<Taken>,
    lines: Lines,
}

#[derive(Debug)]
struct Taken {
    corners: Vec<Point>,
    bounds: Bounds,
}

/// Smallest column and row, largest column and row.
type Bounds = [f64; 4];

impl Redraw {
    pub(super) fn clear(&mut self) {
        self.taken.clear();
    }

    /// Calls `take` with the first vertex of each arc that is drawn with right angles.
    pub(super) fn find(
        &mut self,
        cell: &Cell,
        arcs: &Arcs,
        decimation: &mut Decimation,
        drawing: &Drawing,
        mut take: impl FnMut(Place),
    ) {
        self.clear();
        let Some(classes) = &drawing.square else { return };
        let mut has_lines = false;
        for ends in arcs.starts.windows(2).skip(arcs.first_round) {
            let (first, end) = (ends[0], ends[1]);
            let start = decimation.places[first as usize];
            // The first vertex is the north-western corner of a pixel inside.
            if !classes[usize::from(cell.row(usize::from(start[1]))[usize::from(start[0])])] {
                continue;
            }
            let Some(corners) = redrawn(cell, &decimation.places[first as usize..end as usize - 1], drawing)
            else {
                continue;
            };
            if !has_lines {
                self.lines.fill(arcs, decimation);
                has_lines = true;
            }
            let taken = Taken { bounds: bounds(&corners), corners };
            if self.is_free(&taken, decimation, (first, end)) {
                take(start);
                self.taken.push(taken);
            }
        }
    }

    /// Whether nothing else is near an outline, or between it and the outline of its arc.
    fn is_free(&self, new: &Taken, decimation: &mut Decimation, (first, end): (u32, u32)) -> bool {
        let own = first..end;
        let [west, north, east, south] = new.bounds;
        let meets = |line: (u32, u32)| {
            let ends = [line.0, line.1].map(|place| decimation.places[place as usize].map(f64::from));
            !own.contains(&line.0)
                && sides(&new.corners).any(|side| are_near(side, (ends[0], ends[1]), GAP_SQUARED))
        };
        if self.lines.any([west - GAP, north - GAP, east + GAP, south + GAP], meets) {
            return false;
        }
        let old: Vec<Point> =
            decimation.left_of(first).map(|place| decimation.places[place as usize].map(f64::from)).collect();
        // The first vertex is repeated at the end.
        let old = &old[..old.len() - 1];
        let is_between = |p: Point| is_within(p, &new.corners) != is_within(p, old);
        let is_near =
            |taken: &&Taken| are_together(&taken.bounds, &new.bounds) || is_between(taken.corners[0]);
        let is_alone = self.taken.iter().filter(is_near).all(|taken| {
            !is_between(taken.corners[0])
                && !sides(&taken.corners).any(|a| sides(&new.corners).any(|b| are_near(a, b, GAP_SQUARED)))
        });
        is_alone && holds_none(new, old, decimation, is_between)
    }

    /// Whether the triangle of a corner and the midpoints of its sides comes near an outline used before.
    pub(super) fn is_met(&self, [a, b, c]: [Place; 3]) -> bool {
        if self.taken.is_empty() {
            return false;
        }
        let [a, b, c] = [a, b, c].map(|place| place.map(f64::from));
        let middle = |p: Point, q: Point| [p[0].midpoint(q[0]), p[1].midpoint(q[1])];
        let triangle = [middle(a, b), b, middle(b, c)];
        let around = bounds(&triangle);
        self.taken.iter().filter(|taken| are_together(&taken.bounds, &around)).any(|taken| {
            is_within(taken.corners[0], &triangle)
                || sides(&taken.corners)
                    .any(|side| sides(&triangle).any(|other| are_near(side, other, GAP_SQUARED)))
        })
    }
}

/// The outline of an arc with right angles, if it is near enough to the pixels.
fn redrawn(cell: &Cell, places: &[Place], drawing: &Drawing) -> Option<Vec<Point>> {
    let pixels: Vec<Vertex> = places.iter().map(|place| place.map(i64::from)).collect();
    let mut corners = square(&pixels, drawing.min_step_px())?;
    let [col, row] = places[0].map(f64::from);
    for corner in &mut corners {
        *corner = [corner[0] + col, corner[1] + row];
    }
    let [west, north, east, south] = bounds(&corners);
    let [width, height] = [exact(cell.width), exact(cell.height)];
    let is_inside = west > GAP && north > GAP && east < width - GAP && south < height - GAP;
    if corners.len() > MAX_CORNERS || !is_inside || !is_simple(&corners) {
        return None;
    }
    let pixels: Vec<Point> = places.iter().map(|place| place.map(f64::from)).collect();
    let is_as_large = (area(&corners) - area(&pixels)).abs() <= AREA_SHARE * area(&pixels);
    (is_as_large && is_close(&corners, &pixels, drawing.reach_px())).then_some(corners)
}

/// Whether no vertex of another arc lies between two outlines; the old one has the remaining vertices only.
fn holds_none(
    new: &Taken,
    old: &[Point],
    decimation: &mut Decimation,
    is_between: impl Fn(Point) -> bool,
) -> bool {
    let of_old = bounds(old);
    let low = [0, 1].map(|i| floor::<i64>(new.bounds[i].min(of_old[i])));
    let high = [2, 3].map(|i| ceil::<i64>(new.bounds[i].max(of_old[i])));
    let left = &mut decimation.left;
    let flip_own = |left: &mut Left| {
        for vertex in old {
            left.flip(vertex.map(truncate::<u16>));
        }
    };
    flip_own(left);
    let any = (low[1]..=high[1])
        .any(|row| left.ones_in_row(row, low[0], high[0]).any(|col| is_between([exact(col), exact(row)])));
    flip_own(left);
    !any
}

/// Whether sides that are not adjacent keep their distance.
fn is_simple(corners: &[Point]) -> bool {
    let n = corners.len();
    let side = |i: usize| (corners[i], corners[(i + 1) % n]);
    (0..n).all(|i| (i + 2..n).filter(|j| (j + 1) % n != i).all(|j| !are_near(side(i), side(j), GAP_SQUARED)))
}

/// Whether pixels are within `reach_px` of an outline, and its corners within twice that of the pixels.
fn is_close(corners: &[Point], pixels: &[Point], reach_px: f64) -> bool {
    let within = |points: &[Point], outline: &[Point], limit: f64| {
        points.iter().all(|p| sides(outline).any(|side| squared_distance(*p, side) <= limit * limit))
    };
    within(pixels, corners, reach_px) && within(corners, pixels, 2.0 * reach_px)
}

fn bounds(points: &[Point]) -> Bounds {
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    points.iter().fold(start, |b, p| [b[0].min(p[0]), b[1].min(p[1]), b[2].max(p[0]), b[3].max(p[1])])
}

/// Whether two bounds come near each other.
fn are_together(a: &Bounds, b: &Bounds) -> bool {
    (0..2).all(|axis| a[axis] <= b[axis + 2] + GAP && b[axis] <= a[axis + 2] + GAP)
}
