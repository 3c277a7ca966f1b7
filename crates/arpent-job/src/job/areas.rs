//! Whether areas in the CRS of a map are areas on the ground.

use arpent_base::number::exact;
use arpent_gdal::Transformer;
use arpent_publish::Warning;
use arpent_raster::{Crs, CrsKind, Grid, Window, radii};

/// Relative difference of areas from which on a warning is given: Lambert-93 is off by 0.6 % at most in its area of
/// use, UTM by 0.2 %.
const MOST: f64 = 0.01;

/// Sampled places of the extent, along each side.
const PLACES: usize = 3;

/// Side of the square whose area is compared, meters: large compared with the rounding of degrees, small compared with
/// the Earth.
const SIDE_M: f64 = 100.0;

/// A warning about the areas of a map: those of a projected CRS are measured in its plane, which far from the CRS's
/// area of use is not the ground. Geographic and Mercator systems have areas on the ellipsoid.
pub(super) fn warning(grid: &Grid, extent: &Window) -> Option<Warning> {
    let crs = &grid.crs;
    let CrsKind::Projected { meters_per_unit } = crs.kind else { return None };
    let transformer = Transformer::new(crs).ok()?;
    let [west, south, east, north] = grid.bbox(extent);
    let along = |low: f64, high: f64, i: usize| low + (high - low) * exact(i) / exact(PLACES - 1);
    let places = (0..PLACES * PLACES)
        .map(|i| (along(west, east, i % PLACES), along(south, north, i / PLACES)))
        .filter_map(|(x, y)| scale(crs, meters_per_unit, &transformer, x, y));
    let (least, most) =
        places.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), scale| (l.min(scale), m.max(scale)));
    if !(least.is_finite() && most.is_finite()) || (least >= 1.0 - MOST && most <= 1.0 + MOST) {
        return None;
    }
    let percent = |scale: f64| (scale - 1.0) * 100.0;
    let message = format!(
        "areas are those of {}, which here differ from areas on the ground by {:+.1} to {:+.1} %; this applies to minimum areas and mapping units too",
        crs.name,
        percent(least),
        percent(most)
    );
    let hint = "for areas on the ground, warp the scenes to an equal-area CRS or to the UTM zone of the area";
    Some(Warning::new("areas-off-the-ground", "grid", message).with_hint(hint))
}

/// Area of a small square of the plane relative to that of the same piece of the ellipsoid, where a square of one
/// radian measures one radius of the parallel by one of the meridian ([`radii`]).
fn scale(crs: &Crs, meters_per_unit: f64, transformer: &Transformer, x: f64, y: f64) -> Option<f64> {
    let half = SIDE_M / meters_per_unit / 2.0;
    let at = |x: f64, y: f64| transformer.point(x, y).ok();
    let (left, right) = (at(x - half, y)?, at(x + half, y)?);
    let (below, above) = (at(x, y - half)?, at(x, y + half)?);
    // The shorter way around the Earth.
    let turn = |degrees: f64| (degrees - (degrees / 360.0).round() * 360.0).to_radians();
    let (lon_x, lat_x) = (turn(right.0 - left.0), (right.1 - left.1).to_radians());
    let (lon_y, lat_y) = (turn(above.0 - below.0), (above.1 - below.1).to_radians());
    let latitude = f64::midpoint(below.1, above.1).to_radians();
    let (parallel, meridian) = radii(crs, latitude);
    let ground = (lon_x * lat_y - lon_y * lat_x).abs() * parallel * meridian;
    (ground > 0.0).then(|| SIDE_M * SIDE_M / ground)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale_at(crs: &str, x: f64, y: f64) -> f64 {
        let crs = arpent_gdal::describe_crs(crs).unwrap();
        let unit = crs.meters_per_unit().unwrap();
        scale(&crs, unit, &Transformer::new(&crs).unwrap(), x, y).unwrap()
    }

    #[test]
    fn scales_are_those_of_the_projections() {
        // k0 = 0.9996 on the central meridian of UTM; k0 = 1 at 70 N in EPSG:3413; EPSG:3035 keeps areas; feet are feet.
        for (crs, x, y, right) in [
            ("EPSG:32631", 500_000.0, 5_400_000.0, 0.9996_f64.powi(2)),
            ("EPSG:3035", 3_000_000.0, 2_000_000.0, 1.0),
            ("EPSG:3035", 6_000_000.0, 4_500_000.0, 1.0),
            ("EPSG:3413", 0.0, -2_187_989.0, 1.0),
            ("EPSG:2263", 984_250.0, 0.0, 1.0),
        ] {
            let found = scale_at(crs, x, y);
            assert!((found - right).abs() < 2e-4, "{crs}: {found} for {right}");
        }
        // Measured with geodesic areas of PROJ: 7.7 % in the south of Greenland.
        let greenland = scale_at("EPSG:3413", 50_150.0, -3_280_150.0);
        assert!((greenland - 1.077).abs() < 0.001, "{greenland}");
    }
}
