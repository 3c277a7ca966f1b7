//! Ground area of pixels.

use crate::{Crs, CrsKind, Grid};

/// Ground area of pixels, by row.
///
/// In a projected CRS areas are those of the plane, as agencies compute them: a pixel is `gsd_x * gsd_y` everywhere. In
/// geographic and Mercator systems the area is that of the ellipsoid's surface between the pixel's two
/// parallels (the authalic formula of Snyder, *Map Projections: A Working Manual*, USGS PP 1395, eq. 3-12).
#[derive(Debug, Clone)]
pub struct PixelArea {
    grid: Grid,
}

impl PixelArea {
    /// Areas for the pixels of a grid.
    pub fn new(grid: &Grid) -> Self {
        Self { grid: grid.clone() }
    }

    /// Area of each pixel of a row, square meters.
    pub fn of_row(&self, row: i64) -> f64 {
        let grid = &self.grid;
        let (_, north) = grid.corner(0, row);
        let (_, south) = grid.corner(0, row.saturating_add(1));
        match grid.crs.kind {
            CrsKind::Projected { meters_per_unit } => {
                grid.gsd_x * grid.gsd_y * meters_per_unit * meters_per_unit
            }
            CrsKind::Geographic => {
                band_area(&grid.crs, grid.gsd_x.to_radians(), south.to_radians(), north.to_radians())
            }
            CrsKind::Mercator { meters_per_unit } => {
                let latitude = |y: f64| mercator_latitude(&grid.crs, y * meters_per_unit);
                let width = grid.gsd_x * meters_per_unit / grid.crs.semi_major_m;
                band_area(&grid.crs, width, latitude(south), latitude(north))
            }
        }
    }

    /// Area of each pixel, square meters, if it is the same in every row.
    pub fn everywhere(&self) -> Option<f64> {
        matches!(self.grid.crs.kind, CrsKind::Projected { .. }).then(|| self.of_row(0))
    }

    /// Ground size of a pixel of a row, meters: the square root of its area.
    pub fn gsd_of_row(&self, row: i64) -> f64 {
        self.of_row(row).sqrt()
    }
}

pub(crate) fn eccentricity(crs: &Crs) -> f64 {
    if crs.inverse_flattening == 0.0 || is_web_mercator(crs) {
        return 0.0;
    }
    let f = 1.0 / crs.inverse_flattening;
    (f * (2.0 - f)).sqrt()
}

/// EPSG:3857 projects ellipsoidal latitudes with spherical formulas.
fn is_web_mercator(crs: &Crs) -> bool {
    crs.epsg == Some(3857)
}

/// Area between two latitudes over `width` radians of longitude, square meters.
fn band_area(crs: &Crs, width: f64, south: f64, north: f64) -> f64 {
    let e = if is_web_mercator(crs) { WGS84_ECCENTRICITY } else { eccentricity(crs) };
    let q = |latitude: f64| {
        let s = latitude.sin();
        if e == 0.0 {
            return 2.0 * s;
        }
        (1.0 - e * e) * (s / (1.0 - e * e * s * s) - ((1.0 - e * s) / (1.0 + e * s)).ln() / (2.0 * e))
    };
    crs.semi_major_m * crs.semi_major_m * width * (q(north) - q(south)) / 2.0
}

/// First eccentricity of WGS 84, the datum of EPSG:3857 latitudes.
const WGS84_ECCENTRICITY: f64 = 0.081_819_190_842_622;

/// Latitude of a Mercator northing, radians (Snyder, eq. 7-9, iterated).
pub(crate) fn mercator_latitude(crs: &Crs, northing_m: f64) -> f64 {
    let e = eccentricity(crs);
    let t = (-northing_m / crs.semi_major_m).exp();
    let mut latitude = std::f64::consts::FRAC_PI_2 - 2.0 * t.atan();
    for _ in 0..12 {
        let s = e * latitude.sin();
        latitude = std::f64::consts::FRAC_PI_2 - 2.0 * (t * ((1.0 - s) / (1.0 + s)).powf(e / 2.0)).atan();
    }
    latitude
}

#[cfg(test)]
mod tests {
    use arpent_base::number::truncate;

    use super::*;
    use std::sync::Arc;

    fn grid(kind: CrsKind, epsg: u32, gsd: f64) -> Grid {
        let crs = Crs {
            name: format!("EPSG:{epsg}"),
            epsg: Some(epsg),
            wkt: String::new(),
            projjson: String::new(),
            kind,
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_223_563,
        };
        Grid { crs: Arc::new(crs), origin_x: 0.0, origin_y: 0.0, gsd_x: gsd, gsd_y: gsd }
    }

    #[test]
    fn projected_pixels_are_flat() {
        let a = PixelArea::new(&grid(CrsKind::Projected { meters_per_unit: 1.0 }, 2154, 0.2));
        assert!((a.of_row(-30_000_000) - 0.04).abs() < 1e-15);
        assert_eq!(a.everywhere().map(f64::to_bits), Some(a.of_row(7).to_bits()));
        assert!(PixelArea::new(&grid(CrsKind::Geographic, 4326, 1.0)).everywhere().is_none());
    }

    #[test]
    fn the_whole_ellipsoid_has_its_known_area() {
        // 510 065 621.724 km2: surface of the WGS 84 ellipsoid (NIMA TR8350.2, table 3.3 gives 5.10065622e14 m2).
        let a = PixelArea::new(&grid(CrsKind::Geographic, 4326, 1.0));
        let total: f64 = (-90..90).map(|row| a.of_row(row) * 360.0).sum();
        assert!((total / 510_065_621_724_000.0 - 1.0).abs() < 1e-9, "{total}");
    }

    #[test]
    fn mercator_pixels_shrink_with_latitude() {
        for (epsg, tolerance) in [(3857, 0.01), (3395, 0.01)] {
            let a = PixelArea::new(&grid(CrsKind::Mercator { meters_per_unit: 1.0 }, epsg, 10.0));
            let north_60: f64 = if epsg == 3857 { 8_399_737.89 } else { 8_362_698.55 };
            let row = truncate::<i64>(-(north_60 / 10.0));
            let share = a.of_row(row) / a.of_row(0);
            assert!((share - 0.25).abs() < tolerance, "EPSG:{epsg}: {share}");
        }
    }
}
