//! The fraction of each pixel that a polygon covers.

use arpent_base::number::{ceil, exact, floor, truncate};
use arpent_raster::Window;

use crate::VectorError;

/// Fractions of a pixel smaller than this are rounding errors of the sums over edges on both sides of it.
const ROUNDING: f64 = 1e-11;

/// Rows of the tallest zone: 2,600 km at a centimeter.
const TALLEST_PX: usize = 1 << 28;

/// The pixels of a zone, row by row from north to south, with the fraction of each that lies inside: 0 to 1, exact
/// except for rounding.
///
/// For every edge of the polygons, the area between it and the right side of its pixel is added to the pixel, and its
/// height to all pixels right of it, with the sign of its direction; what enters through a left edge leaves through a
/// right one. (The accumulation of font rasterizers: signed areas and covers, as in FreeType's `ftgrays.c`.) Memory
/// grows with the number of edges and the width of the zone inside the map, not with its height.
#[derive(Debug)]
pub struct ZoneRows {
    /// By their upper ends.
    edges: Vec<Edge>,
    /// Edges before this one have begun.
    begun: usize,
    /// Edges that reach into the row, in the order of `edges`.
    active: Vec<usize>,
    /// Next row.
    row: i64,
    /// One past the last row.
    end: i64,
    /// The smallest window that contains the polygons.
    window: Window,
    within: Window,
    /// Sums of the row: the difference from pixel to pixel, then the fractions.
    sums: Vec<f64>,
}

/// One row of a zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZoneRow<'a> {
    /// The row, counted from the origin of the CRS.
    pub row: i64,
    /// Number of pixels of the row that are inside, as the sum of fractions, including those outside of the requested
    /// columns.
    pub pixels: f64,
    /// Column of the first of `parts`.
    pub first_col: i64,
    /// The fraction of each pixel that is inside, 0 to 1, for the requested columns and rows; empty if the zone has
    /// none there.
    pub parts: &'a [f64],
}

/// An edge in grid pixels, upper end first.
#[derive(Debug, Clone, Copy)]
struct Edge {
    top: [f64; 2],
    bottom: [f64; 2],
    /// 1 if the area right of it is inside, -1 if it is outside.
    sign: f64,
}

impl ZoneRows {
    /// The rows of polygons that do not overlap: for each its exterior ring and its holes, closed, in fractional
    /// columns and rows of a grid, in any direction. Fractions are returned for the pixels of `within` (the map).
    ///
    /// # Errors
    /// [`VectorError::ZoneNotFinite`] if a coordinate is not a number, or is not on the Earth.
    pub fn new(polygons: &[Vec<Vec<[f64; 2]>>], within: &Window) -> Result<Self, VectorError> {
        let mut edges = Vec::new();
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for rings in polygons {
            for (i, ring) in rings.iter().enumerate() {
                for point in ring {
                    if !point.iter().all(|v| v.abs() < real(Window::FARTHEST_PX)) {
                        return Err(VectorError::ZoneNotFinite { col: point[0], row: point[1] });
                    }
                    for axis in 0..2 {
                        low[axis] = low[axis].min(point[axis]);
                        high[axis] = high[axis].max(point[axis]);
                    }
                }
                // Rows grow southward: a clockwise ring has a positive area, and its right edges go down.
                let sign = if (area(ring) > 0.0) == (i == 0) { -1.0 } else { 1.0 };
                edges.extend(ring.windows(2).filter_map(|ends| Edge::new(ends[0], ends[1], sign)));
            }
        }
        edges.sort_by(|a, b| a.top[1].total_cmp(&b.top[1]));
        let window = if edges.is_empty() { Window::new(0, 0, 0, 0) } else { around(low, high) };
        if window.height > TALLEST_PX {
            return Err(VectorError::ZoneNotFinite { col: high[0], row: high[1] });
        }
        let width = window.intersect(within).map_or(0, |common| common.width);
        Ok(Self {
            edges,
            begun: 0,
            active: Vec::new(),
            row: window.row,
            end: window.row_end(),
            window,
            within: *within,
            sums: vec![0.0; width + 1],
        })
    }

    /// The smallest window that contains the zone, also beyond the map; empty for a zone without area.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The next row of the zone; `None` after the last one.
    pub fn next_row(&mut self) -> Option<ZoneRow<'_>> {
        if self.row >= self.end {
            return None;
        }
        let row = self.row;
        self.row += 1;
        let (top, bottom) = (real(row), real(row + 1));
        while self.begun < self.edges.len() && self.edges[self.begun].top[1] < bottom {
            self.active.push(self.begun);
            self.begun += 1;
        }
        self.active.retain(|at| self.edges[*at].bottom[1] > top);
        let common = self.window.intersect(&self.within).filter(|c| (c.row..c.row_end()).contains(&row));
        let (left, right) = (real(common.map_or(0, |c| c.col)), real(self.window.col_end()));
        let width = common.map_or(0, |c| c.width);
        self.sums[..=width].fill(0.0);
        let mut pixels = 0.0;
        for at in &self.active {
            let (x0, x1, height) = self.edges[*at].within_row(top, bottom);
            pixels += height * (right - 0.5 * (x0 + x1));
            if width > 0 {
                spread(&mut self.sums[..=width], x0 - left, x1 - left, height);
            }
        }
        let mut sum = 0.0;
        for part in &mut self.sums[..width] {
            sum += *part;
            *part = clean(sum);
        }
        let first_col = common.map_or(self.window.col, |c| c.col);
        Some(ZoneRow { row, pixels: pixels.max(0.0), first_col, parts: &self.sums[..width] })
    }
}

impl Edge {
    /// `None` for a horizontal edge: it has no height. Ends are ordered, so that the same edge of an adjacent polygon
    /// gives the same numbers.
    fn new(a: [f64; 2], b: [f64; 2], sign: f64) -> Option<Self> {
        if a[1] < b[1] {
            Some(Self { top: a, bottom: b, sign })
        } else if b[1] < a[1] {
            Some(Self { top: b, bottom: a, sign: -sign })
        } else {
            None
        }
    }

    /// Columns at which the edge enters and leaves a row, and its height in the row with its sign.
    fn within_row(&self, top: f64, bottom: f64) -> (f64, f64, f64) {
        let (y0, y1) = (self.top[1].max(top), self.bottom[1].min(bottom));
        (self.at(y0), self.at(y1), self.sign * (y1 - y0))
    }

    /// Column at which the edge is at a height.
    fn at(&self, y: f64) -> f64 {
        let along = (y - self.top[1]) / (self.bottom[1] - self.top[1]);
        self.top[0] + along * (self.bottom[0] - self.top[0])
    }
}

/// Adds a piece of an edge to the sums of a row: columns relative to the first of the sums, height with its sign. The
/// last of the sums is for the rest beyond the pixels.
fn spread(sums: &mut [f64], x0: f64, x1: f64, height: f64) {
    let width = sums.len() - 1;
    let (mut left, right) = (x0.min(x1), x0.max(x1));
    if right <= 0.0 {
        sums[0] += height;
        return;
    }
    if left >= real_len(width) {
        return;
    }
    let run = right - left;
    if left < 0.0 {
        // An edge left of the pixels covers all of them.
        sums[0] += height * (-left / run);
        left = 0.0;
    }
    let last = ceil::<usize>(right).min(width);
    let first = truncate::<usize>(left);
    for col in first..last.max(first + 1) {
        let (from, to) = (left.max(real_len(col)), right.min(real_len(col + 1)));
        let part = if run > 0.0 { height * ((to - from) / run) } else { height };
        let middle = 0.5 * (from + to) - real_len(col);
        sums[col] += part * (1.0 - middle);
        sums[col + 1] += part * middle;
    }
}

/// A fraction without the rounding errors of sums.
fn clean(part: f64) -> f64 {
    if part < ROUNDING {
        0.0
    } else if part > 1.0 - ROUNDING {
        1.0
    } else {
        part
    }
}

/// Twice the signed area of a ring, for its sign; relative to the first point, to preserve digits of large
/// coordinates.
fn area(ring: &[[f64; 2]]) -> f64 {
    let Some(origin) = ring.first() else { return 0.0 };
    let from = |p: &[f64; 2]| [p[0] - origin[0], p[1] - origin[1]];
    ring.windows(2).map(|p| (from(&p[0]), from(&p[1]))).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum()
}

fn around(low: [f64; 2], high: [f64; 2]) -> Window {
    let [col0, row0] = low.map(floor::<i64>);
    let [col1, row1] = high.map(ceil::<i64>);
    Window::between(col0, row0, col1, row1)
}

fn real(value: i64) -> f64 {
    exact(value)
}

fn real_len(value: usize) -> f64 {
    exact(value)
}
