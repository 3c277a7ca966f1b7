//! Pixel grids, anchored to the origin of their CRS.

use std::sync::Arc;

use arpent_base::number::{ceil, exact, floor, truncate};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Crs, Window};

/// Pixel offsets are rounded to this fraction of a pixel, so that files cut from one survey, whose corners
/// have rounding errors of the tool that cut them, get one grid.
const PHASE_STEPS: f64 = 10_000.0;

/// A corner is numbered by rounding `x / gsd` with this bias, so that the common half-pixel phase ("pixel is
/// point" products) is not at a tie, where rounding errors would number neighboring files differently.
const ROUNDING_BIAS: f64 = 0.5123;

/// Grids coincide when the corners of a raster agree within this fraction of a pixel.
const SAME_PIXEL: f64 = 0.01;

/// A pixel size is replaced by a short number if their relative difference is below this: a tool that divided an extent
/// by a number of pixels wrote 0.19999999999963 for 0.2; no real pixel sizes are that close. At 20 cm this moves a
/// corner 10,000 km from the origin of the CRS by 1/200 px.
const SIZE_NOISE: f64 = 1e-10;

/// Significant digits of a short number.
const SHORT_DIGITS: usize = 6;

/// A geotransform without a north-up grid.
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
    /// A part of the raster is off the Earth.
    #[error(
        "the geotransform {geotransform:?} places {width} x {height} px at {} pixels or more from the origin of the CRS",
        Window::FARTHEST_PX
    )]
    TooFar {
        /// The six GDAL coefficients.
        geotransform: [f64; 6],
        /// Columns of the raster.
        width: usize,
        /// Rows of the raster.
        height: usize,
    },
}

/// A regular, north-up grid of pixels. Pixel (column 0, row 0) is the one at the origin of the CRS; the corner
/// of pixel (c, r) lies at `x = origin_x + c * gsd_x`, `y = origin_y - r * gsd_y`, where the origin is the
/// survey's sub-pixel phase and lies within about half a pixel of (0, 0).
///
/// Two adjacent files of one survey have one grid, and the same number for every pixel:
///
/// ```
/// use std::sync::Arc;
///
/// use arpent_raster::{Crs, CrsKind, Grid};
///
/// let crs = Arc::new(Crs {
///     name: "EPSG:2154".into(),
///     epsg: Some(2154),
///     wkt: String::new(),
///     projjson: String::new(),
///     kind: CrsKind::Projected { meters_per_unit: 1.0 },
///     semi_major_m: 6_378_137.0,
///     inverse_flattening: 298.257_222_101,
/// });
/// let west = Grid::place(crs.clone(), [652_000.0, 0.2, 0.0, 6_862_000.0, 0.0, -0.2], 5000, 5000)?;
/// let east = Grid::place(crs, [653_000.0, 0.2, 0.0, 6_862_000.0, 0.0, -0.2], 5000, 5000)?;
/// assert_eq!(west.grid.key(), east.grid.key());
/// assert_eq!((east.window.col, east.window.row), (west.window.col_end(), west.window.row));
///
/// let bbox = west.grid.bbox(&west.window);
/// assert_eq!(west.grid.window_of(bbox), west.window);
/// # Ok::<(), arpent_raster::GridError>(())
/// ```
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

/// Key of a grid, equal for all scenes that share it: CRS name, GSD and sub-pixel phase, as text.
pub type GridKey = String;

/// The position of a raster: its grid, and its window in that grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The grid.
    pub grid: Grid,
    /// The pixels that the raster fills.
    pub window: Window,
}

impl Grid {
    /// The grid and window of a raster of `width` x `height` pixels with a GDAL geotransform.
    ///
    /// # Errors
    /// [`GridError`] when the geotransform is rotated, not north-up or degenerate, or a part of the raster lies farther
    /// from the origin than [`Window::FARTHEST_PX`].
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
        let window = Window { col, row, width, height };
        if !window.is_on_earth() {
            return Err(GridError::TooFar { geotransform, width, height });
        }
        let grid = Self { crs, origin_x: phase_x * gsd_x, origin_y: -phase_y * gsd_y, gsd_x, gsd_y };
        Ok(Placement { grid, window })
    }

    /// A printable key, equal exactly for grids whose pixels coincide.
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

    /// The window of this grid that a window of another one fills, where all of its corners agree within 1/100 px and
    /// the CRS is the same.
    #[allow(clippy::float_cmp, reason = "whole numbers far below 2^52")]
    pub fn window_on(&self, other: &Self, window: &Window) -> Option<Window> {
        if self.crs.name != other.crs.name {
            return None;
        }
        let [west, south, east, north] = other.bbox(window);
        let ((c0, r0), (c1, r1)) = (self.pixel(west, north), self.pixel(east, south));
        // Half-pixel phases are no ties here: the rounded values include the phases of both grids.
        let whole = |v: f64| ((v - v.round()).abs() <= SAME_PIXEL).then_some(v.round());
        let (col, row, col_end, row_end) = (whole(c0)?, whole(r0)?, whole(c1)?, whole(r1)?);
        let same = col_end - col == exact(window.width) && row_end - row == exact(window.height);
        same.then_some(Window { col: truncate::<i64>(col), row: truncate::<i64>(row), ..*window })
    }

    /// Sort key of grids, so that the choice among coinciding grids does not depend on the order of the files: the
    /// pixel size with the fewest digits, then the smallest phase, then the numbers.
    fn roundness(&self) -> (usize, [i64; 2], [u64; 4]) {
        let digits =
            |v: f64| format!("{v:e}").bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
        let phase = |origin: f64, gsd: f64| truncate::<i64>((origin / gsd * PHASE_STEPS).round().abs());
        (
            digits(self.gsd_x) + digits(self.gsd_y),
            [phase(self.origin_x, self.gsd_x), phase(self.origin_y, self.gsd_y)],
            self.numbers(),
        )
    }

    /// Pixel size and origin for exact comparison: adding zero makes a negative zero positive.
    fn numbers(&self) -> [u64; 4] {
        [self.gsd_x, self.gsd_y, self.origin_x + 0.0, self.origin_y + 0.0].map(f64::to_bits)
    }

    /// Assigns one grid to rasters whose pixels coincide: the grid with the roundest numbers gets every raster whose
    /// corners agree with it within 1/100 px, then the roundest of the rest, and so on. The result does not depend on
    /// the order of the rasters, and every raster agrees directly with its grid.
    pub fn unite<'a>(rasters: impl IntoIterator<Item = (&'a mut Self, &'a mut Window)>) {
        let mut left: Vec<_> = rasters.into_iter().collect();
        // The rest stays sorted: the first is the roundest.
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
    pub fn corner(&self, col: i64, row: i64) -> (f64, f64) {
        (self.origin_x + exact(col) * self.gsd_x, self.origin_y - exact(row) * self.gsd_y)
    }

    /// Ground coordinates of a position in fractional pixels.
    pub fn ground(&self, col: f64, row: f64) -> (f64, f64) {
        (self.origin_x + col * self.gsd_x, self.origin_y - row * self.gsd_y)
    }

    /// Fractional pixel (column, row) of a ground coordinate.
    pub fn pixel(&self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.origin_x) / self.gsd_x, (self.origin_y - y) / self.gsd_y)
    }

    /// The smallest window that contains the ground rectangle [min x, min y, max x, max y].
    pub fn window_of(&self, bbox: [f64; 4]) -> Window {
        let (c0, r0) = self.pixel(bbox[0], bbox[3]);
        let (c1, r1) = self.pixel(bbox[2], bbox[1]);
        let slack = 1e-6;
        Window::between(
            floor::<i64>(c0 + slack),
            floor::<i64>(r0 + slack),
            ceil::<i64>(c1 - slack),
            ceil::<i64>(r1 - slack),
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
fn number(pixels: f64) -> (i64, f64) {
    let whole = (pixels + ROUNDING_BIAS).floor();
    let phase = ((pixels - whole) * PHASE_STEPS).round() / PHASE_STEPS;
    (truncate::<i64>(whole), if phase == 0.0 { 0.0 } else { phase })
}

/// A pixel size without rounding errors of tools: the short number that it approximates, else twelve significant
/// digits, which tools that copy a geotransform preserve.
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
            kind: CrsKind::Projected { meters_per_unit: 1.0 },
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_222_101,
        })
    }

    proptest! {
        #[test]
        fn a_crop_lies_on_the_grid_of_the_whole(
            x0 in -1e6f64..1e6, y0 in -8e6f64..8e6, gsd in prop::sample::select(vec![0.05, 0.1, 0.2, 0.5, 10.0, 30.0, 0.298_582_141_647_617]),
            col in 0i64..25_000, row in 0i64..25_000,
        ) {
            let whole = Grid::place(crs(), [x0, gsd, 0.0, y0, 0.0, -gsd], 25_000, 25_000).unwrap();
            // The corner as another tool would compute it, with its own rounding.
            let crop = Grid::place(crs(), [x0 + exact(col) * gsd, gsd, 0.0, y0 - exact(row) * gsd, 0.0, -gsd], 10, 10).unwrap();
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
    fn thousands_of_rasters_of_different_phases_are_united_at_once() {
        const PHASES: usize = 2_500;
        // Each phase twice, side by side, the second a hair off; phases are 1/50 px apart along either axis.
        let of = |i: usize, off: f64| {
            let (x, y) = (exact(i % 50) * 0.02, exact(i / 50) * 0.02);
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
    fn what_lies_nowhere_on_the_earth_is_refused() {
        for (x0, gsd, size) in
            [(1e11, 1.0, 1), (-1e300, 0.2, 10), (6e5, 1e-300, 10), (9.9e10, 1.0, 2_000_000_000)]
        {
            let placed = Grid::place(crs(), [x0, gsd, 0.0, 0.0, 0.0, -gsd], size, 1);
            assert!(matches!(placed, Err(GridError::TooFar { .. })), "{x0} {gsd}: {placed:?}");
        }
        assert!(Grid::place(crs(), [9.9e10, 1.0, 0.0, -9.9e10, 0.0, -1.0], 1000, 1000).is_ok());
    }

    #[test]
    fn a_rectangle_without_bounds_holds_every_raster() {
        let p = placed(652_000.0, 0.2, 6_862_000.0, 5000);
        for far in [1e30, f64::INFINITY] {
            assert!(p.grid.window_of([-far, -far, far, far]).contains(&p.window), "{far}");
        }
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
