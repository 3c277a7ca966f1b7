//! The remaining vertices of a cell.

use super::cell::Place;
use crate::bits::{WORD, ones_of};
use crate::region::Vertex;
use crate::triangle::{columns_in_band, is_inside};

/// A bit for each vertex of a cell, set while it remains.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// `words` of them a row, and one more at the end.
    bits: Vec<u64>,
    words: usize,
}

impl Left {
    /// Starts with all vertices of a cell, `words` of bits in a row.
    pub(super) fn fill(&mut self, vertices: &[u64], words: usize) {
        self.bits.clear();
        self.bits.extend_from_slice(vertices);
        self.bits.push(0);
        self.words = words;
    }

    pub(super) fn bits(&self) -> &[u64] {
        &self.bits
    }

    /// Removes a remaining vertex, or restores it.
    pub(super) fn flip(&mut self, [x, y]: Place) {
        self.bits[self.words * usize::from(y) + usize::from(x) / WORD] ^= 1 << (x % 64);
    }

    /// Whether a triangle of three remaining vertices contains no other one, including its boundary.
    pub(super) fn is_free(&mut self, triangle: [Place; 3]) -> bool {
        for own in triangle {
            self.flip(own);
        }
        let is_free = !self.any(triangle);
        for own in triangle {
            self.flip(own);
        }
        is_free
    }

    /// Whether a triangle, including its boundary, contains a remaining vertex.
    fn any(&self, triangle: [Place; 3]) -> bool {
        let [[a, a_row], [b, b_row], [c, c_row]] = triangle;
        let (west, east) = (a.min(b).min(c), a.max(b).max(c));
        let triangle = triangle.map(|place| place.map(i64::from));
        (a_row.min(b_row).min(c_row)..=a_row.max(b_row).max(c_row)).any(|row| {
            if usize::from(east - west) < WORD {
                return self.any_in_row(triangle, row, west, east);
            }
            let (first, last) = columns_in_band(triangle, i64::from(row), i64::from(row));
            let [first, last] = [first, last].map(|col| u16::try_from(col.max(0)).unwrap_or(east));
            self.any_in_row(triangle, row, first.max(west), last.min(east))
        })
    }

    /// Whether a triangle contains a remaining vertex in some columns of a row, both ends included.
    fn any_in_row(&self, triangle: [Vertex; 3], row: u16, mut first: u16, last: u16) -> bool {
        while first <= last {
            let beyond = WORD - 1 - usize::from(last - first).min(WORD - 1);
            let found = self.from(first, row) & u64::MAX >> beyond;
            let vertex = |bit: u32| [i64::from(first) + i64::from(bit), i64::from(row)];
            if ones_of(found).any(|bit| is_inside(vertex(bit), triangle)) {
                return true;
            }
            first += 64;
        }
        false
    }

    /// The bits of a row from a column on; bits beyond the row are undefined.
    pub(super) fn from(&self, column: u16, row: u16) -> u64 {
        let word = self.words * usize::from(row) + usize::from(column) / WORD;
        let bit = column % 64;
        self.bits[word] >> bit | self.bits[word + 1] << 1 << (63 - bit)
    }
}
