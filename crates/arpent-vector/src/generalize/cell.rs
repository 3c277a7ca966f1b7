//! A cell of the lattice.

/// A vertex of a cell: column and row from its corner, both at most 512.
pub(super) type Place = [u16; 2];

/// The pixels of a cell, clipped to the extent: at most `LATTICE` x `LATTICE`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    /// Labels from the cell's first pixel on.
    pub(super) labels: &'a [u8],
    /// Labels from a row to the next.
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Whether any pixel may have no data.
    pub(super) has_nodata: bool,
}

impl Cell<'_> {
    /// Labels of a row of pixels.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.labels[y * self.stride..][..self.width]
    }

    /// Labels on either side of a line along pixels.
    pub(super) fn labels_beside(&self, a: Place, b: Place) -> [u8; 2] {
        let [x, y] = [0, 1].map(|axis| usize::from(a[axis].min(b[axis])));
        let [dx, dy] = if a[0] == b[0] { [1, 0] } else { [0, 1] };
        [self.row(y - dy)[x - dx], self.row(y)[x]]
    }
}
