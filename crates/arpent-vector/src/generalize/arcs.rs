//! Borders between two junctions of a cell.

use arpent_base::number::fitted;
use arpent_raster::LABEL_NODATA;

use super::cell::{Cell, Place};
use crate::bits::{self, WORD, differences, ones_of};

const NONE: u32 = u32::MAX;

/// Directions in which borders leave a vertex; the opposite direction is two further.
const NORTH: u32 = 0;
const EAST: u32 = 1;
const SOUTH: u32 = 2;
const WEST: u32 = 3;

/// A vertex where a border turns, branches or reaches the edge of the cell.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: Place,
    /// The next points in its column, `NONE` if no border leads there. Those in its row are adjacent in the list.
    north: u32,
    south: u32,
    /// A bit for each direction in which a border is not yet traced.
    ways: u8,
    /// Whether arcs end here.
    is_end: bool,
}

/// Properties of a row of vertices: a bit for each column.
#[derive(Debug, Default)]
struct VertexRow {
    /// Whether a border goes north, south and east.
    north: Vec<u64>,
    south: Vec<u64>,
    east: Vec<u64>,
    /// Whether the pixel to the south-east has no data, and whether any pixel around has none.
    is_nodata: Vec<u64>,
    nodata: Vec<u64>,
}

/// The arcs of a cell, one after another.
#[derive(Debug, Default)]
pub(super) struct Arcs {
    /// Their vertices.
    pub(super) places: Vec<Place>,
    /// For each arc, the index of its first place; one more at the end.
    pub(super) starts: Vec<u32>,
    /// The number of the first closed arc without any junction.
    pub(super) first_round: usize,
    /// The bits of all vertices, `words` of them a row.
    pub(super) vertices: Vec<u64>,
    pub(super) words: usize,
    points: Vec<Point>,
    /// For each column, the last point from which a border goes south.
    open: Vec<u32>,
    row: VertexRow,
}

impl Arcs {
    /// Finds the arcs of a cell.
    pub(super) fn find(&mut self, cell: &Cell) {
        self.find_points(cell);
        self.places.clear();
        self.starts.clear();
        self.starts.push(0);
        for ends in [true, false] {
            if !ends {
                self.first_round = self.starts.len() - 1;
            }
            for index in 0..self.points.len() {
                // A closed arc begins at its northernmost, then westernmost point.
                while self.points[index].is_end == ends && self.points[index].ways != 0 {
                    self.follow(index);
                }
            }
        }
    }

    fn find_points(&mut self, cell: &Cell) {
        self.points.clear();
        self.vertices.clear();
        self.open.clear();
        self.open.resize(cell.width + 1, NONE);
        let columns = cell.width + 1;
        self.words = columns.div_ceil(WORD);
        self.row.clear(columns);
        for y in 0..=cell.height {
            self.row.fill(cell, y);
            self.add_row(y);
        }
    }

    /// Adds the points of a row of vertices.
    fn add_row(&mut self, y: usize) {
        let Self { points, open, row, vertices, .. } = self;
        let mut carry = 0;
        for (i, (north, south)) in row.north.iter().zip(&row.south).enumerate() {
            let east = row.east[i];
            let west = east << 1 | carry;
            carry = east >> (WORD - 1);
            // Where a border turns, ends or meets another.
            let found = (north ^ south) | (east ^ west) | (north & east);
            vertices.push(found);
            if found == 0 {
                continue;
            }
            let forks = north & south & (east | west) | east & west & (north | south);
            let turns = (north ^ south) & (east ^ west);
            let ends = forks | !turns | row.nodata[i];
            for bit in ones_of(found) {
                let x = WORD * i + bit as usize;
                let way = |bits: u64, direction: u32| ((bits >> bit & 1) as u8) << direction;
                let ways = way(*north, NORTH) | way(east, EAST) | way(*south, SOUTH) | way(west, WEST);
                let index = number(points.len());
                let mut above = NONE;
                if ways & 1 << NORTH != 0 {
                    above = open[x];
                    if let Some(above) = points.get_mut(above as usize) {
                        above.south = index;
                    }
                }
                if ways & 1 << SOUTH != 0 {
                    open[x] = index;
                }
                let at = [x, y].map(fitted);
                points.push(Point { at, north: above, south: NONE, ways, is_end: ends >> bit & 1 == 1 });
            }
        }
    }

    /// Traces an arc from its first point to its end.
    fn follow(&mut self, start: usize) {
        let mut at = start;
        loop {
            let point = &mut self.points[at];
            let direction = point.ways.trailing_zeros();
            point.ways &= !(1 << direction);
            self.places.push(point.at);
            let next = match direction {
                NORTH => point.north as usize,
                EAST => at + 1,
                SOUTH => point.south as usize,
                _ => at - 1,
            };
            let point = &mut self.points[next];
            point.ways &= !(1 << ((direction + 2) % 4));
            if next == start || point.is_end {
                self.places.push(point.at);
                break;
            }
            at = next;
        }
        self.starts.push(number(self.places.len()));
    }
}

impl VertexRow {
    fn clear(&mut self, columns: usize) {
        for bits in [&mut self.north, &mut self.south, &mut self.east, &mut self.is_nodata, &mut self.nodata]
        {
            bits::clear(bits, columns);
        }
    }

    /// Moves on to the next row of vertices, `y`.
    fn fill(&mut self, cell: &Cell, y: usize) {
        std::mem::swap(&mut self.north, &mut self.south);
        self.south.fill(0);
        self.east.fill(0);
        let width = cell.width;
        if y < cell.height && width > 1 {
            let row = cell.row(y);
            differences(&row[..width - 1], &row[1..], &mut self.south);
            // From the western pixel of each pair to the vertex between them.
            shift(&mut self.south);
        }
        if y > 0 && y < cell.height {
            differences(cell.row(y - 1), cell.row(y), &mut self.east);
        }
        if cell.has_nodata {
            self.find_nodata(cell, y);
        }
    }

    fn find_nodata(&mut self, cell: &Cell, y: usize) {
        std::mem::swap(&mut self.nodata, &mut self.is_nodata);
        self.is_nodata.fill(0);
        if y < cell.height {
            for (x, _) in cell.row(y).iter().enumerate().filter(|(_, label)| **label == LABEL_NODATA) {
                self.is_nodata[x / WORD] |= 1 << (x % WORD);
            }
        }
        let mut carry = 0;
        for (word, below) in self.nodata.iter_mut().zip(&self.is_nodata) {
            let pixels = *word | below;
            *word = pixels | pixels << 1 | carry;
            carry = pixels >> (WORD - 1);
        }
    }
}

/// Moves every bit of a row one column to the east.
fn shift(bits: &mut [u64]) {
    let mut carry = 0;
    for word in bits {
        (*word, carry) = (*word << 1 | carry, *word >> (WORD - 1));
    }
}

fn number(index: usize) -> u32 {
    fitted(index)
}
