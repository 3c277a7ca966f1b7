//! The pixel grid of a survey, anchored to the origin of its CRS.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Crs, Window};

/// Pixel offsets are rounded to this fraction of a pixel, so that files cut from one survey, whose corners
/// carry the rounding noise of the tool that cut them, fall on one grid.
const PHASE_STEPS: f64 = 10_000.0;

/// A corner is numbered by rounding `x / gsd` with this bias, so that the common half-pixel phase ("pixel is
/// point" products) is not at a tie where rounding noise would number neighbouring files differently.
const ROUNDING_BIAS: f64 = 0.5123;

/// A geotransform cannot be placed on a north-up grid.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum GridError {
    /// The geotransform is rotated, sheared or flipped.
    #[error("the geotransform {geotransform:?} is rotated or not north-up")]
    Rotated {
        /// The six GDAL coefficients.
        geotransform: [f64; 6],
    },
    /// A pixel size is zero or not finite.
    #[error("the geotransform {geotransform:?} has a pixel size that is zero or not finite")]
    Degenerate {
        /// The six GDAL coefficients.
        geotransform: [f64; 6],
    },
}

/// A regular, north-up grid of pixels. Pixel (column 0, row 0) is the one at the origin of the CRS; the corner
/// of pixel (c, r) lies at `x = origin_x + c * gsd_x`, `y = origin_y - r * gsd_y`, where the origin is the
/// survey's sub-pixel phase and lies within about half a pixel of (0, 0).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// The coordinate reference system.
    pub crs: Arc<Crs>,
    /// Easting of the corner of pixel (0, 0), CRS units.
    pub origin_x: f64,
    /// Northing of the corner of pixel (0, 0), CRS units.
    pub origin_y: f64,
    /// Pixel width, CRS units, positive.
    pub gsd_x: f64,
    /// Pixel height, CRS units, positive.
    pub gsd_y: f64,
}

/// What must be equal for two scenes to share a grid: CRS name, GSD and sub-pixel phase, printed.
pub type GridKey = String;

/// Where a raster lies: its grid and the window of that grid that it fills.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The grid.
    pub grid: Grid,
    /// The pixels that the raster fills.
    pub window: Window,
}

impl Grid {
    /// Places a raster of `width` x `height` pixels with a GDAL geotransform on the grid that it implies.
    ///
    /// # Errors
    /// [`GridError`] when the geotransform is rotated, not north-up or degenerate.
    pub fn place(
        crs: Arc<Crs>,
        geotransform: [f64; 6],
        width: usize,
        height: usize,
    ) -> Result<Placement, GridError> {
        let [x0, gsd_x, shear_x, y0, shear_y, gsd_y] = geotransform;
        if geotransform.iter().any(|v| !v.is_finite()) || gsd_x == 0.0 || gsd_y == 0.0 {
            return Err(GridError::Degenerate { geotransform });
        }
        let tolerance = 1e-9 * gsd_x.abs();
        if gsd_x < 0.0 || gsd_y > 0.0 || shear_x.abs() > tolerance || shear_y.abs() > tolerance {
            return Err(GridError::Rotated { geotransform });
        }
        let (gsd_x, gsd_y) = (twelve_digits(gsd_x), twelve_digits(-gsd_y));
        let (col, phase_x) = number(x0 / gsd_x);
        let (row, phase_y) = number(-y0 / gsd_y);
        let grid = Self { crs, origin_x: phase_x * gsd_x, origin_y: -phase_y * gsd_y, gsd_x, gsd_y };
        Ok(Placement { grid, window: Window { col, row, width, height } })
    }

    /// A printable key, equal exactly for grids on which pixels coincide.
    pub fn key(&self) -> GridKey {
        // Adding zero makes a negative zero positive.
        let phase = |origin: f64, gsd: f64| (origin / gsd * PHASE_STEPS).round() / PHASE_STEPS + 0.0;
        format!(
            "{} at {} x {} units per pixel, phase {:+.4} {:+.4}",
            self.crs.name,
            self.gsd_x,
            self.gsd_y,
            phase(self.origin_x, self.gsd_x),
            phase(self.origin_y, self.gsd_y)
        )
    }

    /// Ground coordinates (x, y) of the upper-left corner of pixel (`col`, `row`).
    #[allow(clippy::cast_precision_loss, reason = "pixel numbers stay far below 2^52")]
    pub fn corner(&self, col: i64, row: i64) -> (f64, f64) {
        (self.origin_x + col as f64 * self.gsd_x, self.origin_y - row as f64 * self.gsd_y)
    }

    /// Ground coordinates of a place given in fractional pixels.
    pub fn ground(&self, col: f64, row: f64) -> (f64, f64) {
        (self.origin_x + col * self.gsd_x, self.origin_y - row * self.gsd_y)
    }

    /// Fractional pixel (column, row) of a ground coordinate.
    pub fn pixel(&self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.origin_x) / self.gsd_x, (self.origin_y - y) / self.gsd_y)
    }

    /// The smallest window that holds the ground rectangle [min x, min y, max x, max y].
    #[allow(clippy::cast_possible_truncation, reason = "f64 to i64 casts saturate")]
    pub fn window_of(&self, bbox: [f64; 4]) -> Window {
        let (c0, r0) = self.pixel(bbox[0], bbox[3]);
        let (c1, r1) = self.pixel(bbox[2], bbox[1]);
        let slack = 1e-6;
        Window::between(
            (c0 + slack).floor() as i64,
            (r0 + slack).floor() as i64,
            (c1 - slack).ceil() as i64,
            (r1 - slack).ceil() as i64,
        )
    }

    /// Ground rectangle [min x, min y, max x, max y] of a window, CRS units.
    pub fn bbox(&self, window: &Window) -> [f64; 4] {
        let (x0, y1) = self.corner(window.col, window.row);
        let (x1, y0) = self.corner(window.col_end(), window.row_end());
        [x0, y0, x1, y1]
    }

    /// GDAL geotransform of a window.
    pub fn geotransform(&self, window: &Window) -> [f64; 6] {
        let (x, y) = self.corner(window.col, window.row);
        [x, self.gsd_x, 0.0, y, 0.0, -self.gsd_y]
    }
}

/// Splits a coordinate in pixels into its pixel number and its phase, rounded (see [`PHASE_STEPS`]).
#[allow(clippy::cast_possible_truncation, reason = "f64 to i64 casts saturate")]
fn number(pixels: f64) -> (i64, f64) {
    let whole = (pixels + ROUNDING_BIAS).floor();
    let phase = ((pixels - whole) * PHASE_STEPS).round() / PHASE_STEPS;
    (whole as i64, if phase == 0.0 { 0.0 } else { phase })
}

/// A pixel size to twelve significant digits: what tools that copy a geotransform keep.
fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CrsKind;
    use proptest::prelude::*;

    fn crs() -> Arc<Crs> {
        Arc::new(Crs {
            name: "EPSG:2154".into(),
            epsg: Some(2154),
            wkt: String::new(),
            projjson: String::new(),
            kind: CrsKind::Projected { metres_per_unit: 1.0 },
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_222_101,
        })
    }

    proptest! {
        #[test]
        #[allow(clippy::cast_precision_loss)]
        fn a_crop_lies_on_the_grid_of_the_whole(
            x0 in -1e6f64..1e6, y0 in -8e6f64..8e6, gsd in prop::sample::select(vec![0.05, 0.1, 0.2, 0.5, 10.0, 30.0, 0.298_582_141_647_617]),
            col in 0i64..25_000, row in 0i64..25_000,
        ) {
            let whole = Grid::place(crs(), [x0, gsd, 0.0, y0, 0.0, -gsd], 25_000, 25_000).unwrap();
            // The corner as another tool would compute it, with its own rounding.
            let crop = Grid::place(crs(), [x0 + col as f64 * gsd, gsd, 0.0, y0 - row as f64 * gsd, 0.0, -gsd], 10, 10).unwrap();
            prop_assume!(((x0 / gsd + ROUNDING_BIAS).fract().abs() - 0.5).abs() < 0.499_99);
            prop_assume!(((-y0 / gsd + ROUNDING_BIAS).fract().abs() - 0.5).abs() < 0.499_99);
            let close = |a: f64, b: f64| (a - b).abs() <= 1.01 * gsd / PHASE_STEPS;
            prop_assert!(close(whole.grid.origin_x, crop.grid.origin_x) && close(whole.grid.origin_y, crop.grid.origin_y));
            prop_assert_eq!(crop.window.col - whole.window.col, col);
            prop_assert_eq!(crop.window.row - whole.window.row, row);
        }

        #[test]
        fn pixels_and_ground_are_inverse(c in -1e6f64..1e6, r in -1e6f64..1e6) {
            let g = Grid::place(crs(), [652_000.1, 0.2, 0.0, 6_862_000.3, 0.0, -0.2], 1, 1).unwrap().grid;
            let (x, y) = g.ground(c, r);
            let (c2, r2) = g.pixel(x, y);
            prop_assert!((c - c2).abs() < 1e-6 && (r - r2).abs() < 1e-6);
        }
    }

    #[test]
    fn half_pixel_phases_are_stable() {
        let a = Grid::place(crs(), [15.0, 30.0, 0.0, 4_500_015.0, 0.0, -30.0], 4, 4).unwrap();
        let b = Grid::place(
            crs(),
            [30.0 * 1000.0 + 15.000_000_01, 30.0, 0.0, 4_500_014.999_999_99, 0.0, -30.0],
            4,
            4,
        )
        .unwrap();
        assert_eq!(a.grid.key(), b.grid.key());
        assert_eq!(b.window.col - a.window.col, 1000);
        assert_eq!(b.window.row, a.window.row);
    }

    #[test]
    fn rotated_and_degenerate_geotransforms_are_refused() {
        assert!(matches!(
            Grid::place(crs(), [0.0, 1.0, 0.1, 0.0, 0.0, -1.0], 1, 1),
            Err(GridError::Rotated { .. })
        ));
        assert!(matches!(
            Grid::place(crs(), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 1, 1),
            Err(GridError::Rotated { .. })
        ));
        assert!(matches!(
            Grid::place(crs(), [0.0, 0.0, 0.0, 0.0, 0.0, -1.0], 1, 1),
            Err(GridError::Degenerate { .. })
        ));
    }

    #[test]
    fn the_geotransform_comes_back() {
        let gt = [652_000.1, 0.2, 0.0, 6_862_000.3, 0.0, -0.2];
        let p = Grid::place(crs(), gt, 10, 20).unwrap();
        let back = p.grid.geotransform(&p.window);
        assert!(gt.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-6), "{gt:?} {back:?}");
        assert_eq!(p.grid.window_of(p.grid.bbox(&p.window)), p.window);
    }
}
