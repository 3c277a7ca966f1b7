//! Lines that are anchored to the origin of the CRS.

/// Lines at the multiples of a power of two, in columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lattice {
    shift: u32,
}

impl Lattice {
    /// Lines at every multiple of 2 to the power of `shift`, which is below 32.
    pub(crate) const fn new(shift: u32) -> Self {
        Self { shift }
    }

    /// Pixels from a line to the next.
    pub(crate) const fn side(self) -> i64 {
        1 << self.shift
    }

    /// The exponent of that.
    pub(super) const fn shift(self) -> u32 {
        self.shift
    }

    /// Pixels from the last line at or before a column or row.
    pub(crate) const fn beyond_line(self, at: i64) -> i64 {
        at & (self.side() - 1)
    }

    /// The first line after a column or row.
    pub(crate) const fn next_line(self, at: i64) -> i64 {
        at - self.beyond_line(at) + self.side()
    }

    /// Number of cells that a run of pixels touches; both ends are counted from a line.
    pub(super) fn cells_between(self, start: u32, end: u32) -> u64 {
        u64::from(((end - 1) >> self.shift) - (start >> self.shift)) + 1
    }
}
