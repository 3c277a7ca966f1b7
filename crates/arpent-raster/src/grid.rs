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

/// Grids coincide when the corners of a raster agree within this fraction of a pixel.
const SAME_PIXEL: f64 = 0.01;

/// A pixel size is taken for a short number when it differs from it by less than this, relatively: the rounding of a tool that
/// divided an extent by a number of pixels (0.19999999999963 for 0.2), never a pixel size of its own. At 20 cm this moves a corner
/// 10,000 km from the origin of the CRS by 1/200 px.
const SIZE_NOISE: f64 = 1e-10;

/// Significant digits of a short number.
const SHORT_DIGITS: usize = 6;

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
        let (gsd_x, gsd_y) = (pixel_size(gsd_x), pixel_size(-gsd_y));
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

    /// The window of this grid that a window of another one fills, where all of its corners agree within 1/100 px and the CRS is the
    /// same.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "whole numbers far below 2^52"
    )]
    pub fn window_on(&self, other: &Self, window: &Window) -> Option<Window> {
        if self.crs.name != other.crs.name {
            return None;
        }
        let [west, south, east, north] = other.bbox(window);
        let ((c0, r0), (c1, r1)) = (self.pixel(west, north), self.pixel(east, south));
        // The half-pixel phases are no ties here: both grids' own phases are in what is rounded.
        let whole = |v: f64| ((v - v.round()).abs() <= SAME_PIXEL).then_some(v.round());
        let (col, row, col_end, row_end) = (whole(c0)?, whole(r0)?, whole(c1)?, whole(r1)?);
        let same = col_end - col == window.width as f64 && row_end - row == window.height as f64;
        same.then_some(Window { col: col as i64, row: row as i64, ..*window })
    }

    /// What orders grids, so that of several which coincide one is chosen whatever the order of the files: the pixel size with the
    /// fewest digits, then the smallest phase, then the numbers themselves.
    fn roundness(&self) -> (usize, [i64; 2], [u64; 4]) {
        let digits =
            |v: f64| format!("{v:e}").bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
        #[allow(clippy::cast_possible_truncation, reason = "phases are below one pixel")]
        let phase = |origin: f64, gsd: f64| (origin / gsd * PHASE_STEPS).round().abs() as i64;
        (
            digits(self.gsd_x) + digits(self.gsd_y),
            [phase(self.origin_x, self.gsd_x), phase(self.origin_y, self.gsd_y)],
            self.numbers(),
        )
    }

    /// Pixel size and origin, to be compared as they are: adding zero makes a negative zero positive.
    fn numbers(&self) -> [u64; 4] {
        [self.gsd_x, self.gsd_y, self.origin_x + 0.0, self.origin_y + 0.0].map(f64::to_bits)
    }

    /// Puts rasters whose pixels coincide on one grid: the grid with the roundest numbers takes every raster whose corners
    /// agree with it within 1/100 px, then the roundest of the rest, and so on. The result does not depend on the order of the rasters, and
    /// no raster is joined to a grid by way of a third.
    pub fn unite<'a>(rasters: impl IntoIterator<Item = (&'a mut Self, &'a mut Window)>) {
        let mut left: Vec<_> = rasters.into_iter().collect();
        // What is left stays sorted: the first is the roundest.
        left.sort_by_cached_key(|(grid, _)| (grid.crs.name.clone(), grid.roundness()));
        while let Some(grid) = left.first().map(|(grid, _)| (**grid).clone()) {
            let numbers = grid.numbers();
            left.retain_mut(|(own, window)| {
                let is_own = own.numbers() == numbers && own.crs.name == grid.crs.name;
                let on = if is_own { Some(**window) } else { grid.window_on(own, window) };
                if let Some(on) = on {
                    **own = grid.clone();
                    **window = on;
                }
                on.is_none()
            });
        }
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

/// A pixel size without the rounding noise of tools: the short number that it is meant to be, else its twelve significant
/// digits, which tools that copy a geotransform keep.
fn pixel_size(value: f64) -> f64 {
    let rounded = |digits: usize| format!("{value:.*e}", digits - 1).parse().unwrap_or(value);
    let short: f64 = rounded(SHORT_DIGITS);
    if (short - value).abs() <= SIZE_NOISE * value.abs() { short } else { rounded(12) }
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

    fn placed(x0: f64, gsd: f64, y0: f64, size: usize) -> Placement {
        Grid::place(crs(), [x0, gsd, 0.0, y0, 0.0, -gsd], size, size).unwrap()
    }

    #[test]
    fn a_pixel_size_with_rounding_noise_is_the_size_that_was_meant() {
        let exact = placed(652_000.0, 0.2, 6_862_000.0, 5000);
        let noisy = placed(653_000.0, 0.199_999_999_999_63, 6_862_000.0, 5000);
        assert_eq!(exact.grid.key(), noisy.grid.key());
        assert_eq!((noisy.window.col - exact.window.col, noisy.window.row), (5000, exact.window.row));
        // One arc second is no short number, wherever the tile lies.
        let arc = placed(7.0, 1.0 / 3600.0, 45.0, 3601);
        assert_eq!(arc.grid.key(), placed(8.0, 1.0 / 3600.0, 45.0, 3601).grid.key());
        assert!((arc.grid.gsd_x * 3600.0 - 1.0).abs() < 1e-11);
    }

    #[test]
    fn grids_whose_corners_agree_within_a_hundredth_are_one_in_any_order() {
        let exact = placed(652_000.0, 0.2, 6_862_000.0, 5000);
        // 1.6 mm and 0.8 mm off: 1/125 and 1/250 px.
        let near = placed(653_000.001_6, 0.2, 6_862_000.0, 5000);
        let also = placed(651_000.000_8, 0.2, 6_861_999.999_2, 5000);
        // 1/62 px off: near enough to the second, too far from the exact one.
        let far = placed(654_000.003_2, 0.2, 6_862_000.0, 5000);
        let all = [&exact, &near, &also, &far];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
            let mut rasters: Vec<Placement> = order.iter().map(|i| all[*i].clone()).collect();
            Grid::unite(rasters.iter_mut().map(|p| (&mut p.grid, &mut p.window)));
            for (i, raster) in order.iter().zip(&rasters) {
                let expected = if *i == 3 { &far.grid } else { &exact.grid };
                assert_eq!(&raster.grid, expected, "{i} in {order:?}");
            }
            let at = order.iter().position(|i| *i == 1).unwrap();
            assert_eq!(rasters[at].window.col, exact.window.col + 5000);
        }
    }

    #[test]
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    fn thousands_of_rasters_of_different_phases_are_united_at_once() {
        const PHASES: usize = 2_500;
        // Each phase twice, side by side, the second a hair off; phases are 1/50 px apart along either axis.
        let of = |i: usize, off: f64| {
            let (x, y) = ((i % 50) as f64 * 0.02, (i / 50) as f64 * 0.02);
            placed(652_000.0 + x + off, 1.0, 6_862_000.0 + y, 100)
        };
        let mut rasters: Vec<Placement> = (0..PHASES).map(|i| of(i, 0.0)).collect();
        rasters.extend((0..PHASES).rev().map(|i| of(i, 100.001)));
        let before = rasters.clone();
        Grid::unite(rasters.iter_mut().map(|p| (&mut p.grid, &mut p.window)));
        let grids: std::collections::BTreeSet<String> = rasters.iter().map(|p| p.grid.key()).collect();
        assert_eq!(grids.len(), PHASES);
        for i in 0..PHASES {
            let (one, two) = (&rasters[i], &rasters[2 * PHASES - 1 - i]);
            assert_eq!(one.grid, two.grid, "{i}");
            assert_eq!((two.window.col - one.window.col, two.window.row), (100, one.window.row), "{i}");
        }
        // No raster has moved.
        for (raster, before) in rasters.iter().zip(&before) {
            let (now, then) = (raster.grid.bbox(&raster.window), before.grid.bbox(&before.window));
            assert!(now.iter().zip(then).all(|(a, b)| (a - b).abs() <= SAME_PIXEL), "{now:?} {then:?}");
        }
    }

    #[test]
    fn a_pixel_size_of_its_own_stays_apart() {
        // Over 5000 px, 0.20001 m drifts by a quarter of a pixel; over a hundred it does not.
        for (gsd, size, same) in [(0.200_01, 5000, false), (0.2, 5000, true), (0.200_01, 100, true)] {
            let mut a = placed(652_000.0, 0.2, 6_862_000.0, 5000);
            let mut b = placed(653_000.0, gsd, 6_862_000.0, size);
            Grid::unite([(&mut a.grid, &mut a.window), (&mut b.grid, &mut b.window)]);
            assert_eq!(a.grid.key() == b.grid.key(), same, "{gsd}");
        }
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
