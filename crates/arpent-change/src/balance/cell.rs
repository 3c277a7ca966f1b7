//! The state of a pixel between the steps of the thresholds.

use arpent_raster::LABEL_NODATA;

/// Bits of a pixel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cell(u8);

pub(super) const ARTIFICIAL: u8 = 1;
const OBSERVED: u8 = 2;
const BUILT: u8 = 4;
const EXEMPT: u8 = 8;
/// It was non-artificial in the first step, and is not since.
pub(super) const FILLED: u8 = 16;
/// It was artificial in the second step, and is not since.
pub(super) const DROPPED: u8 = 32;
/// The third step made it artificial again.
pub(super) const KEPT: u8 = 64;
/// In a region whose size or neighbors are not known.
pub(super) const UNDECIDED: u8 = 128;

impl Cell {
    /// Of a pixel: 0, 1 or 255; whether it is a building, and exempt. `None` for other values.
    pub(super) const fn new(artificial: u8, is_built: bool, is_exempt: bool) -> Option<Self> {
        let kind = match artificial {
            0 => OBSERVED,
            1 => OBSERVED | ARTIFICIAL,
            LABEL_NODATA => return Some(Self(0)),
            _ => return None,
        };
        // A building that is not artificial is no building of the thresholds.
        let built = if is_built && artificial == 1 { BUILT } else { 0 };
        Some(Self(kind | built | if is_exempt { EXEMPT } else { 0 }))
    }

    pub(super) const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    pub(super) const fn is_observed(self) -> bool {
        self.has(OBSERVED)
    }

    pub(super) const fn is_built(self) -> bool {
        self.has(BUILT)
    }

    pub(super) const fn is_exempt(self) -> bool {
        self.has(EXEMPT)
    }

    pub(super) const fn with(self, bits: u8) -> Self {
        Self(self.0 | bits)
    }

    pub(super) const fn without(self, bits: u8) -> Self {
        Self(self.0 & !bits)
    }
}
