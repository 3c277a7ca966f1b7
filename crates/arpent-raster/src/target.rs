//! The target grid of resampling.

use std::sync::Arc;

use arpent_base::number::round;

use crate::area::{eccentricity, mercator_latitude};
use crate::{Crs, CrsKind, Grid};

/// Width of the bands of latitude in which pixels have one size, degrees.
const BAND_DEGREES: f64 = 2.0;

/// The lattice of the CRS origin with pixels of about `gsd_m` on the ground, meters.
///
/// In a projected CRS distances in the plane are used: pixels measure exactly `gsd_m`, wherever the scenes lie. In
/// Mercator and geographic systems meters depend on the latitude: pixels have one size, of six digits, for each band of
/// 2 degrees of latitude (0 to 2, 2 to 4, ...), exact in the middle of the band; `middle_y` (CRS units) selects the
/// band. Up to 60 degrees the size on the ground is off by at most 3 % within its band. In geographic systems width and
/// height differ, so that pixels are square on the ground.
pub fn target_grid(crs: &Arc<Crs>, gsd_m: f64, middle_y: f64) -> Grid {
    let band = |degrees: f64| {
        let middle = (degrees / BAND_DEGREES).floor() * BAND_DEGREES + BAND_DEGREES / 2.0;
        middle.clamp(-89.0, 89.0).to_radians()
    };
    let [gsd_x, gsd_y] = match crs.kind {
        CrsKind::Projected { meters_per_unit } => [gsd_m / meters_per_unit; 2],
        CrsKind::Geographic => {
            let (parallel, meridian) = radii(crs, band(middle_y));
            [parallel, meridian].map(|radius| six_digits((gsd_m / radius).to_degrees()))
        }
        CrsKind::Mercator { meters_per_unit } => {
            let latitude = mercator_latitude(crs, middle_y * meters_per_unit);
            let scale = mercator_scale(crs, band(latitude.to_degrees()));
            [six_digits(gsd_m / scale / meters_per_unit); 2]
        }
    };
    lattice(crs, [gsd_x, gsd_y])
}

/// The lattice of the CRS origin with pixels of this width and height, CRS units.
pub fn lattice(crs: &Arc<Crs>, [gsd_x, gsd_y]: [f64; 2]) -> Grid {
    Grid { crs: Arc::clone(crs), origin_x: 0.0, origin_y: 0.0, gsd_x, gsd_y }
}

/// Radius of the parallel and of curvature of the meridian, meters (Snyder, *Map Projections: A Working Manual*, USGS
/// PP 1395, eq. 4-20 and 4-18), at a latitude in radians.
pub fn radii(crs: &Crs, latitude: f64) -> (f64, f64) {
    let e2 = eccentricity(crs).powi(2);
    let w2 = 1.0 - e2 * latitude.sin().powi(2);
    let a = crs.semi_major_m;
    (a * latitude.cos() / w2.sqrt(), a * (1.0 - e2) / (w2 * w2.sqrt()))
}

/// Meters on the ground per meter of the plane: the square root of a small area, as in [`PixelArea`](crate::PixelArea).
fn mercator_scale(crs: &Crs, latitude: f64) -> f64 {
    let grid = lattice(&Arc::new(crs.clone()), [1.0; 2]);
    let meters = crs.meters_per_unit().unwrap_or(1.0);
    let (mut south, mut north) = (-PLANE_M / meters, PLANE_M / meters);
    // The northing of the latitude, by bisection: latitudes grow with northings.
    for _ in 0..80 {
        let middle = f64::midpoint(south, north);
        if mercator_latitude(crs, middle * meters) < latitude { south = middle } else { north = middle }
    }
    let row = round::<i64>(-north);
    crate::PixelArea::new(&grid).gsd_of_row(row) / meters
}

/// Beyond every northing used: 89.6 degrees.
const PLANE_M: f64 = 40_000_000.0;

fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use arpent_base::number::truncate;

    use super::*;
    use crate::PixelArea;
    use proptest::prelude::*;

    fn crs(kind: CrsKind, epsg: u32) -> Arc<Crs> {
        Arc::new(Crs {
            name: format!("EPSG:{epsg}"),
            epsg: Some(epsg),
            wkt: String::new(),
            projjson: String::new(),
            kind,
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_223_563,
        })
    }

    #[test]
    fn projected_pixels_are_the_gsd_itself() {
        let grid = target_grid(&crs(CrsKind::Projected { meters_per_unit: 1.0 }, 2154), 0.5, 6_860_000.0);
        assert_eq!((grid.gsd_x, grid.gsd_y, grid.origin_x, grid.origin_y), (0.5, 0.5, 0.0, 0.0));
        let feet = target_grid(&crs(CrsKind::Projected { meters_per_unit: 0.3048 }, 2263), 0.5, 0.0);
        assert!((feet.gsd_x * 0.3048 - 0.5).abs() < 1e-15);
    }

    #[test]
    fn degrees_are_square_on_the_ground() {
        // At 45 degrees of WGS 84: 78,846.8 m to a degree of longitude, 111,131.8 m to one of latitude.
        let grid = target_grid(&crs(CrsKind::Geographic, 4326), 1.0, 44.3);
        assert!((grid.gsd_x * 78_846.8 - 1.0).abs() < 1e-5, "{}", grid.gsd_x);
        assert!((grid.gsd_y * 111_131.8 - 1.0).abs() < 1e-5, "{}", grid.gsd_y);
        assert_eq!(grid, target_grid(&crs(CrsKind::Geographic, 4326), 1.0, 45.9));
    }

    proptest! {
        #[test]
        fn pixels_have_the_ground_size_within_their_band(latitude in -60.0f64..60.0, gsd in 0.05f64..20.0) {
            let y = |degrees: f64| (std::f64::consts::FRAC_PI_4 + degrees.to_radians() / 2.0).tan().ln() * 6_378_137.0;
            let mercator = crs(CrsKind::Mercator { meters_per_unit: 1.0 }, 3857);
            for (crs, middle) in [(crs(CrsKind::Geographic, 4326), latitude), (mercator, y(latitude))] {
                let grid = target_grid(&crs, gsd, middle);
                let row = truncate::<i64>(-middle / grid.gsd_y);
                let ground = PixelArea::new(&grid).gsd_of_row(row);
                prop_assert!((ground / gsd - 1.0).abs() < 0.035, "{} {ground}", crs.name);
            }
        }
    }
}
