//! The order of features in files: along a Hilbert curve anchored to the CRS.

use arpent_base::number::truncate;
use arpent_raster::Grid;

/// Position of a bbox's center along the Hilbert curve over all 2^32 x 2^32 pixels of a grid.
///
/// The curve is laid over the pixel numbers of the [`Grid`], which count from the origin of the CRS, so the
/// order of two features never depends on the extent of a run. Positions beyond 2^31 pixels from the origin
/// share the cells of the border.
pub(crate) fn hilbert_key(grid: &Grid, bbox: [f64; 4]) -> u64 {
    let (col, row) = grid.pixel(f64::midpoint(bbox[0], bbox[2]), f64::midpoint(bbox[1], bbox[3]));
    distance(cell(col), cell(row))
}

/// Number of a cell, unsigned. Outlines run along pixel edges, so centers fall on whole and half pixels:
/// the quarter keeps both away from the step, where the last bit of a coordinate would decide.
fn cell(pixel: f64) -> u32 {
    truncate::<u32>((pixel + 0.25).floor() + 2_147_483_648.0)
}

/// Distance along the Hilbert curve of order 32 (the iteration of Warren, *Hacker's Delight*, 16-2, with
/// rotation by swapping).
fn distance(x: u32, y: u32) -> u64 {
    let (mut x, mut y, mut d) = (x, y, 0u64);
    for bit in (0..32).rev() {
        let side = 1u32 << bit;
        let (rx, ry) = (x & side != 0, y & side != 0);
        let quadrant = match (rx, ry) {
            (false, false) => 0,
            (false, true) => 1,
            (true, true) => 2,
            (true, false) => 3,
        };
        d = (d << 2) | quadrant;
        if !ry {
            if rx {
                (x, y) = (!x, !y);
            }
            (x, y) = (y, x);
        }
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_curve_visits_every_cell_of_a_block_once_and_steps_by_one() {
        // Any aligned block of 2^k cells is visited in one go.
        let (x0, y0) = (0x8000_0000u32, 0x7fff_ffe0u32);
        let mut cells: Vec<_> =
            (0..32u32).flat_map(|x| (0..32u32).map(move |y| (distance(x0 + x, y0 + y), x, y))).collect();
        cells.sort_unstable();
        assert_eq!(cells[1023].0 - cells[0].0, 1023);
        for pair in cells.windows(2) {
            let ((d0, xa, ya), (d1, xb, yb)) = (pair[0], pair[1]);
            assert_eq!(d1, d0 + 1);
            assert_eq!(xa.abs_diff(xb) + ya.abs_diff(yb), 1);
        }
    }

    proptest! {
        #[test]
        fn cells_are_never_confused(a in any::<(u32, u32)>(), b in any::<(u32, u32)>()) {
            prop_assert_eq!(a == b, distance(a.0, a.1) == distance(b.0, b.1));
        }
    }

    #[test]
    fn far_places_saturate() {
        assert_eq!(cell(-1e12), 0);
        assert_eq!(cell(1e12), u32::MAX);
        assert_eq!(cell(-1e-9), cell(1e-9));
    }
}
