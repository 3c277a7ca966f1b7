//! Tests whether the corner of a vertex is free.

use arpent_base::number::{fitted, offset};

use super::cell::Place;
use super::left::Left;
use crate::bits::{WORD, ones_of};
use crate::triangle::{bounds, columns_in_band, is_inside};

impl Left {
    /// Whether the triangle of a remaining vertex and the midpoints of its sides to two others contains no other
    /// vertex, including its boundary.
    pub(super) fn is_corner_free(&mut self, [a, b, c]: [Place; 3]) -> bool {
        // Counted in half pixels.
        let sum = |p: Place, q: Place| [0, 1].map(|axis| i64::from(p[axis]) + i64::from(q[axis]));
        let triangle = [sum(a, b), sum(b, b), sum(b, c)];
        let [cols, rows] = [0, 1].map(|axis| bounds(triangle.map(|p| p[axis])));
        let [rows, cols] = [rows, cols].map(|(low, high)| ((low + 1) / 2, high / 2));
        self.flip(b);
        let is_free = (rows.0..=rows.1).all(|row| {
            let (first, last) = columns_in_band(triangle, 2 * row, 2 * row);
            let (first, last) = ((first / 2).max(cols.0), ((last + 1) / 2).min(cols.1));
            !self.ones_in_row(row, first, last).any(|col| is_inside([2 * col, 2 * row], triangle))
        });
        self.flip(b);
        is_free
    }

    /// Columns of the remaining vertices in a part of a row, both ends included.
    pub(super) fn ones_in_row(&self, row: i64, first: i64, last: i64) -> impl Iterator<Item = i64> + '_ {
        (first..=last).step_by(WORD).flat_map(move |start| {
            let beyond = WORD - 1 - offset(last - start).min(WORD - 1);
            let found = self.from(fitted(start), fitted(row)) & u64::MAX >> beyond;
            ones_of(found).map(move |bit| start + i64::from(bit))
        })
    }
}
