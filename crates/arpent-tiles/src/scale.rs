//! What is visible at a zoom, in steps of its grid.

use arpent_base::number::{approximate, ceil, fitted, floor, truncate};

use crate::grid::WORLD_BITS;

/// Bits of the customary grid of a tile: 4096 steps, 16 a pixel of a tile of 256.
const CUSTOMARY: u8 = 12;

/// The finest grid of a tile: twice its area is still exact in double precision.
const FINEST: u8 = 26;

/// Bits below a step, with which outlines are cut.
pub(crate) const CUT_BITS: u8 = 4;

/// Least visible area: 2 pixels of a tile of 256.
const VISIBLE: f64 = 2.0 * 256.0;

/// Area of a triangle that a vertex may make with its neighbors and leave: what is not visible either.
const FLAT: f64 = VISIBLE;

/// The width of a map's extent has at least so many steps at every zoom: the rounding of its own outline is then below
/// 0.02 % of its area.
const ACROSS: f64 = 8192.0;

/// Of a map's own outline, no vertex leaves whose triangle has more than this share of the map's area.
const OUTLINE: f64 = 1e-5;

/// A map has at least so many regions, if it has them at all, however small it is drawn.
const FEWEST: f64 = 100.0;

/// Scales of all zooms.
#[derive(Debug, Clone)]
pub(crate) struct Scales {
    /// Side of the map's extent (of a square of equal area), as a share of the world's.
    span: f64,
    /// Area of all features, as a share of the world's.
    covered: f64,
}

/// The grid of a zoom, and what is visible in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Steps of a tile's side.
    pub(crate) side: i32,
    /// The least visible area, as a share of the world's.
    pub(crate) visible_share: f64,
    /// Twice the area below which regions are eliminated, square steps.
    pub(crate) least2: i64,
    /// Twice the area of the largest triangle that is left out, square steps: between regions, and at the map's own
    /// outline.
    pub(crate) flat2: [i64; 2],
    /// Small regions that touch a tile's side on a longer line stay, steps.
    pub(crate) contact: i64,
    /// The farthest that a vertex moves to make areas true, steps.
    pub(crate) reach: i32,
}

impl Scales {
    /// `bbox`: west, north, east, south in steps of the world. `covered`: area of all features, square steps of the
    /// world.
    pub(crate) fn new(bbox: [i64; 4], covered: f64) -> Self {
        let world = 2f64.powi(i32::from(WORLD_BITS));
        let side = |low: i64, high: i64| approximate((high - low).max(1)) / world;
        let span = (side(bbox[0], bbox[2]) * side(bbox[1], bbox[3])).sqrt();
        Self { span, covered: covered / world / world }
    }

    /// Bits of a tile's grid at a zoom: more than usual where the map is small in a tile.
    pub(crate) fn bits(&self, z: u8) -> u8 {
        let finer = (ACROSS / (self.span * 2f64.powi(i32::from(z)))).log2();
        let most = FINEST.min(WORLD_BITS - CUT_BITS - z);
        ceil::<u8>(finer).clamp(CUSTOMARY, most)
    }

    /// The scale of a zoom, coarser by a factor of area.
    pub(crate) fn at(&self, z: u8, coarser: f64) -> Scale {
        let bits = self.bits(z);
        let finer = 2f64.powi(i32::from(bits - CUSTOMARY));
        let tiles = 4f64.powi(i32::from(z)) * 4f64.powi(i32::from(bits));
        let visible = VISIBLE * finer * finer;
        let least = (visible * coarser).min((self.covered * tiles / FEWEST).max(4.0));
        let flat = (FLAT * finer * finer * coarser).min(least);
        let reach: i32 = fitted(truncate::<i64>((flat.sqrt() * 2.0).clamp(1.0, 1e6)));
        Scale {
            side: 1 << bits,
            visible_share: visible / tiles,
            least2: floor(2.0 * least),
            flat2: [flat, flat.min(self.covered * tiles * OUTLINE)]
                .map(|area| floor::<i64>(2.0 * area).max(1)),
            contact: floor(16.0 * finer * coarser.sqrt()),
            reach,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_finer_where_a_map_is_small() {
        // A map of a 7000th of the world.
        let side = (1i64 << WORLD_BITS) / 7000;
        let scales = Scales::new([0, 0, side, side], approximate(side) * approximate(side));
        assert_eq!([0, 5, 13, 14, 22].map(|z| scales.bits(z)), [26, 21, 13, 12, 12]);
        for z in 0..22 {
            assert!(scales.bits(z) <= scales.bits(z + 1) + 1);
        }
        // At zoom 0 a visible area is 1.6 steps of 4096 squared: the map's 16th is less.
        let whole = 2f64.powi(52);
        assert!(approximate(scales.at(0, 1.0).least2) < 2.0 * scales.at(0, 1.0).visible_share * whole);
        assert_eq!(scales.at(14, 1.0).least2, 1024);
    }
}
