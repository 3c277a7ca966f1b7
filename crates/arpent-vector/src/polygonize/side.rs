//! Sides of tiles that other tiles have, too, cut at lines of the lattice.

use super::layout::Layout;

/// A piece of a line of the lattice, up to the next line across.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    /// 0 for a line between two columns, 1 for one between two rows.
    pub(crate) axis: usize,
    /// The column or row of the extent after the line.
    pub(crate) line: u32,
    /// The first row or column of the extent along the line.
    pub(crate) start: u32,
}

/// Pixels along a line that are of one part or region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The number of the part or region.
    pub(crate) of: u32,
}

/// One side of a segment. What is in no run is of no region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Half {
    /// Whether the pixels are those after the line.
    pub(crate) is_after: bool,
    pub(crate) runs: Vec<Run>,
}

/// A side of a tile, beyond which there are other tiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub(crate) direction: u8,
    /// Where it begins.
    pub(crate) first: Segment,
    /// Its end column or row along the line.
    pub(crate) end: u32,
    /// Whether the tile lies after the line.
    pub(crate) is_after: bool,
}

impl Side {
    /// Runs along the side, by its segments.
    pub(crate) fn halves(&self, layout: &Layout, runs: &[Run]) -> Vec<(Segment, Half)> {
        let (mut segment, mut at, mut halves) = (self.first, 0, Vec::new());
        while segment.start < self.end {
            let stop = layout.next_line(1 - segment.axis, segment.start).min(self.end);
            let mut half = Half { is_after: self.is_after, runs: Vec::new() };
            while let Some(run) = runs.get(at).filter(|run| run.start < stop) {
                half.runs.push(Run { start: run.start.max(segment.start), end: run.end.min(stop), ..*run });
                if run.end > stop {
                    break;
                }
                at += 1;
            }
            halves.push((segment, half));
            segment.start = stop;
        }
        halves
    }
}
