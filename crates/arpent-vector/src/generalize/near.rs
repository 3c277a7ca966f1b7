//! Spatial index of the lines of a cell.

use arpent_base::number::{floor, offset};

use super::arcs::Arcs;
use super::decimate::Decimation;
use crate::polygonize::LATTICE;
use crate::triangle::{bounds, columns_in_band};

/// Side of the squares of the index, pixels.
const SQUARE: i64 = 16;

/// Squares in a row: a cell has one more vertex than pixels.
const SQUARES: i64 = LATTICE.side() / SQUARE + 1;

/// The lines of a cell's arcs after decimation, each by the places of its ends, in every square that it may pass
/// through.
#[derive(Debug, Default)]
pub(super) struct Lines {
    squares: Vec<Vec<(u32, u32)>>,
}

impl Lines {
    pub(super) fn fill(&mut self, arcs: &Arcs, decimation: &Decimation) {
        self.squares.resize_with(offset(SQUARES * SQUARES), Vec::new);
        self.squares.iter_mut().for_each(Vec::clear);
        for first in arcs.starts.iter().take(arcs.starts.len() - 1) {
            let ends = decimation.left_of(*first).zip(decimation.left_of(*first).skip(1));
            for (from, to) in ends {
                let [a, b] = [from, to].map(|place| decimation.places[place as usize].map(i64::from));
                let (low, high) = bounds([a[1], b[1], b[1]]);
                for row in low / SQUARE..=high / SQUARE {
                    let (west, east) = columns_in_band([a, b, b], row * SQUARE, (row + 1) * SQUARE);
                    for col in (west / SQUARE).max(0)..=(east / SQUARE).min(SQUARES - 1) {
                        self.squares[offset(row * SQUARES + col)].push((from, to));
                    }
                }
            }
        }
    }

    /// Whether a predicate holds for any line that may intersect a rectangle: smallest column and row, largest column
    /// and row.
    pub(super) fn any(&self, bounds: [f64; 4], mut is_so: impl FnMut((u32, u32)) -> bool) -> bool {
        let [west, north, east, south] =
            bounds.map(|v| floor::<i64>(v).div_euclid(SQUARE).clamp(0, SQUARES - 1));
        (north..=south).any(|row| {
            (west..=east).any(|col| self.squares[offset(row * SQUARES + col)].iter().any(|line| is_so(*line)))
        })
    }
}
