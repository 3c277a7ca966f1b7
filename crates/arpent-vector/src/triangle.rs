//! Triangles of vertices, in integers.

use crate::region::Vertex;

/// Twice the signed area of a triangle. Sides of an extent are below 2^30, so it fits.
pub(crate) fn turn(a: Vertex, b: Vertex, c: Vertex) -> i64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
}

/// The smallest and the largest of three.
pub(crate) fn bounds(values: [i64; 3]) -> (i64, i64) {
    values.into_iter().fold((i64::MAX, i64::MIN), |(low, high), v| (low.min(v), high.max(v)))
}

/// Whether a point of the triangle's bounding box lies in the triangle or on its boundary.
pub(crate) fn is_inside(p: Vertex, triangle: [Vertex; 3]) -> bool {
    let [a, b, c] = triangle;
    let (cols, rows) = (bounds(triangle.map(|v| v[0])), bounds(triangle.map(|v| v[1])));
    let turns = [turn(a, b, p), turn(b, c, p), turn(c, a, p)];
    (cols.0..=cols.1).contains(&p[0])
        && (rows.0..=rows.1).contains(&p[1])
        && (turns.iter().all(|t| *t >= 0) || turns.iter().all(|t| *t <= 0))
}

/// Columns that a triangle may cover between two rows, both included: never too few.
pub(crate) fn columns_in_band(triangle: [Vertex; 3], row0: i64, row1: i64) -> (i64, i64) {
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for (a, b) in [(0, 1), (1, 2), (2, 0)].map(|(i, j)| (triangle[i], triangle[j])) {
        let (a, b) = if a[1] <= b[1] { (a, b) } else { (b, a) };
        if b[1] < row0 || a[1] > row1 {
            continue;
        }
        for col in [col_at(a, b, a[1].max(row0)), col_at(a, b, b[1].min(row1))].into_iter().chain(flat(a, b))
        {
            low = low.min(col - 1);
            high = high.max(col + 1);
        }
    }
    (low, high)
}

/// Both columns of a horizontal side.
fn flat(a: Vertex, b: Vertex) -> impl Iterator<Item = i64> {
    [a[0], b[0]].into_iter().filter(move |_| a[1] == b[1])
}

/// Column, rounded down, in which the side from `a` to `b` passes a row.
fn col_at(a: Vertex, b: Vertex, row: i64) -> i64 {
    let rise = b[1] - a[1];
    if rise == 0 { a[0] } else { a[0] + ((b[0] - a[0]) * (row - a[1])).div_euclid(rise) }
}
