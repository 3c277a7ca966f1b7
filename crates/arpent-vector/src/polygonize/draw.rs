//! Draws rings.
//!
//! While a region is assembled, its vertices keep their marks in the lowest bits of the column: that preserves the
//! order of vertices, so rings begin and are sorted as without marks.

use arpent_base::number::exact;

use super::chains::{CUT, Corner, SQUARE, place};
use super::counts::doubled_area;
use crate::drawing::Drawing;
use crate::region::Vertex;
use crate::square::{Point, square};

/// The marks used here, as the lowest bits of a number.
const LOWEST: u32 = SQUARE.trailing_zeros();
const IS_SQUARE: i64 = (SQUARE >> LOWEST) as i64;
const IS_CUT: i64 = (CUT >> LOWEST) as i64;
const BITS: u32 = 2;

/// A vertex with its marks.
pub(super) fn with_marks([col, row]: Vertex, marks: u32) -> Vertex {
    [col << BITS | i64::from((marks & (CUT | SQUARE)) >> LOWEST), row]
}

fn without_marks([col, row]: Vertex) -> Vertex {
    [col >> BITS, row]
}

/// Draws the rings of a region that are not drawn along their vertices.
#[derive(Debug, Default)]
pub(super) struct Drawer {
    /// How rings are drawn.
    drawing: Option<Drawing>,
    /// The rings of the current region that are drawn square, each by its first vertex.
    squares: Vec<(Vertex, Vec<Point>)>,
}

impl Drawer {
    pub(super) fn new(drawing: Option<Drawing>) -> Self {
        Self { drawing, squares: Vec::new() }
    }

    /// Whether some rings are not drawn along their vertices, so that they carry the marks of their vertices.
    pub(super) fn is_on(&self) -> bool {
        self.drawing.is_some()
    }

    /// Twice the area that a ring adds whose vertices may have marks.
    pub(super) fn doubled_area(&self, ring: &[Vertex]) -> i64 {
        let place = |v: &Vertex| if self.is_on() { without_marks(*v) } else { *v };
        doubled_area(ring.iter().map(place))
    }

    pub(super) fn take_squares(&mut self) -> Vec<(Vertex, Vec<Point>)> {
        std::mem::take(&mut self.squares)
    }

    pub(super) fn add_squares(&mut self, squares: Vec<(Vertex, Vec<Point>)>) {
        self.squares.extend(squares);
    }

    /// Draws a boundary square.
    pub(super) fn draw_square(&mut self, corners: &[Corner], [col0, row0]: Vertex) {
        let Some(drawing) = &self.drawing else { return };
        let vertex = |col: u32, row: u32| [col0 + i64::from(place(col)), row0 + i64::from(place(row))];
        let ends =
            |(edge, next): (&Corner, &Corner)| [vertex(edge.col, edge.row), vertex(next.col, edge.row)];
        let following = corners.iter().cycle().skip(1);
        // All corners of pixels, including removed vertices.
        let mut pixels: Vec<Vertex> = corners.iter().zip(following).flat_map(ends).collect();
        pixels.dedup();
        if pixels.len() > 1 && pixels.first() == pixels.last() {
            pixels.pop();
        }
        let first = pixels.iter().enumerate().min_by_key(|(_, v)| (v[1], v[0])).map_or(0, |(i, _)| i);
        pixels.rotate_left(first);
        // Both sides of the border draw it beginning in the same direction: to the east.
        let is_turned = pixels.len() > 1 && pixels[1][1] != pixels[0][1];
        if is_turned {
            pixels[1..].reverse();
        }
        // There is one: the cell has checked it.
        let Some(mut square) = square(&pixels, drawing.min_step_px()) else { return };
        if is_turned {
            square.reverse();
        }
        self.squares.push((pixels[0], square.iter().map(|p| moved(*p, pixels[0])).collect()));
    }

    /// Removes the marks from the rings of a region; returns how it is drawn, if not along the vertices.
    pub(super) fn draw(&mut self, rings: &mut [Vec<Vertex>]) -> Option<Vec<Vec<Point>>> {
        self.drawing.as_ref()?;
        let is_drawn = rings.iter().flatten().any(|v| v[0] & (IS_CUT | IS_SQUARE) != 0);
        let drawn = is_drawn.then(|| rings.iter().map(|ring| self.drawn(ring)).collect());
        for vertex in rings.iter_mut().flatten() {
            *vertex = without_marks(*vertex);
        }
        self.squares.clear();
        drawn
    }

    /// A ring whose vertices have marks, as drawn.
    fn drawn(&self, ring: &[Vertex]) -> Vec<Point> {
        let n = ring.len();
        if ring[0][0] & IS_SQUARE != 0 {
            let first = without_marks(ring[0]);
            if let Some((_, square)) = self.squares.iter().find(|(vertex, _)| *vertex == first) {
                return square.clone();
            }
        }
        let smoothing = self.drawing.as_ref().and_then(|drawing| drawing.smoothing);
        let mut drawn = Vec::with_capacity(2 * n);
        for (i, marked) in ring.iter().enumerate() {
            let vertex = without_marks(*marked);
            match smoothing.filter(|_| marked[0] & IS_CUT != 0) {
                Some(smoothing) => drawn.extend(
                    [(i + n - 1) % n, (i + 1) % n].map(|j| smoothing.point(vertex, without_marks(ring[j]))),
                ),
                None => drawn.push(moved([0.0, 0.0], vertex)),
            }
        }
        drawn
    }
}

/// A place relative to a vertex, on the grid.
fn moved([col, row]: Point, [col0, row0]: Vertex) -> Point {
    [exact(col0) + col, exact(row0) + row]
}
