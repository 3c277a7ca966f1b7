//! Ground area of outlines in grid pixels.

use arpent_base::number::{exact, floor, rounded};
use arpent_raster::{Grid, PixelArea};
use geo_types::{LineString, Polygon};

/// Ground area of polygons in units of the CRS, square meters, rounded to 6 decimals: as that of features, for outlines that a
/// person has drawn. Rings may have any direction.
pub fn polygons_m2(polygons: &[Polygon<f64>], grid: &Grid) -> f64 {
    let area = PixelArea::new(grid);
    let of_ring = |ring: &LineString<f64>| {
        let closed = ring.0.len().saturating_sub(1);
        let pixels = ring.0.iter().take(closed).map(|at| <[f64; 2]>::from(grid.pixel(at.x, at.y)));
        ground_area(&[pixels.collect()], &area).abs()
    };
    let of_polygon = |polygon: &Polygon<f64>| {
        of_ring(polygon.exterior()) - polygon.interiors().iter().map(of_ring).sum::<f64>()
    };
    rounded(polygons.iter().map(of_polygon).sum(), 6)
}

/// Ground area inside rings, square meters: the exterior counter-clockwise on the ground, holes clockwise, [column,
/// row] each, not closed. The pixel area of each row applies in that row, so the area of a region's own outline is
/// that of its pixels.
pub(crate) fn ground_area(rings: &[Vec<[f64; 2]>], area: &PixelArea) -> f64 {
    let mut rows = Rows { area, last: None };
    let of_ring = |ring: &Vec<[f64; 2]>| -> f64 {
        let Some(first) = ring.first() else { return 0.0 };
        let sides = ring.iter().zip(ring.iter().skip(1).chain([first]));
        // Green's theorem, relative to the first vertex: products of large grid coordinates would lose digits.
        sides.map(|(a, b)| rows.below([a[0] - first[0], a[1]], [b[0] - first[0], b[1]])).sum()
    };
    // Rows grow downward.
    -rings.iter().map(of_ring).sum::<f64>()
}

/// Pixel areas by row; the last one is cached, since adjacent sides are mostly in the same row.
struct Rows<'a> {
    area: &'a PixelArea,
    last: Option<(i64, f64)>,
}

impl Rows<'_> {
    fn of(&mut self, row: i64) -> f64 {
        match self.last {
            Some((known, area)) if known == row => area,
            _ => {
                let area = self.area.of_row(row);
                self.last = Some((row, area));
                area
            }
        }
    }

    /// The area between a side and the column 0; negative where the side goes up.
    fn below(&mut self, a: [f64; 2], b: [f64; 2]) -> f64 {
        if let Some(everywhere) = self.area.everywhere() {
            return a[0].midpoint(b[0]) * (b[1] - a[1]) * everywhere;
        }
        let (north, south) = if a[1] < b[1] { (a, b) } else { (b, a) };
        // There is no area below a horizontal side, and its slope is not used.
        let slope = (south[0] - north[0]) / (south[1] - north[1]);
        let (mut from, mut sum) = (north[1], 0.0);
        while from < south[1] {
            let row = floor::<i64>(from);
            let to = exact(row + 1).min(south[1]);
            let col = north[0] + slope * (from.midpoint(to) - north[1]);
            sum += col * (to - from) * self.of(row);
            from = to;
        }
        if a[1] < b[1] { sum } else { -sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arpent_raster::{Crs, CrsKind, Grid};
    use std::sync::Arc;

    fn area(kind: CrsKind, gsd: f64) -> PixelArea {
        let crs = Crs {
            name: "made up".into(),
            epsg: None,
            wkt: String::new(),
            projjson: String::new(),
            kind,
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_223_563,
        };
        PixelArea::new(&Grid { crs: Arc::new(crs), origin_x: 0.0, origin_y: 0.0, gsd_x: gsd, gsd_y: gsd })
    }

    /// A square of 4 pixels' side, counter-clockwise on the ground, far from the origin, with a hole of one pixel.
    fn rings(row: f64) -> Vec<Vec<[f64; 2]>> {
        let at = |points: [[f64; 2]; 4]| points.map(|[c, r]| [c + 3.0e7, r + row]).to_vec();
        vec![
            at([[0.0, 0.0], [0.0, 4.0], [4.0, 4.0], [4.0, 0.0]]),
            at([[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]]),
        ]
    }

    #[test]
    fn areas_are_exact_in_a_plane() {
        let plane = area(CrsKind::Projected { meters_per_unit: 1.0 }, 0.2);
        let expected = 15.0 * plane.of_row(0);
        assert!((ground_area(&rings(-3.4e7), &plane) - expected).abs() < 1e-14);
        let triangle = vec![vec![[0.0, 0.0], [0.0, 3.0], [4.0, 3.0]]];
        assert!((ground_area(&triangle, &plane) - 6.0 * plane.of_row(0)).abs() < 1e-14);
        assert_eq!(ground_area(&[Vec::new()], &plane).abs().to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn outlines_in_units_of_the_crs_have_their_area_in_any_direction() {
        let crs = Crs {
            name: "made up".into(),
            epsg: None,
            wkt: String::new(),
            projjson: String::new(),
            kind: CrsKind::Projected { meters_per_unit: 1.0 },
            semi_major_m: 6_378_137.0,
            inverse_flattening: 298.257_223_563,
        };
        let grid = Grid { crs: Arc::new(crs), origin_x: 0.1, origin_y: -0.1, gsd_x: 0.2, gsd_y: 0.2 };
        let square = |x: f64, side: f64| {
            LineString::from(vec![(x, x), (x + side, x), (x + side, x + side), (x, x + side), (x, x)])
        };
        let mut backward = square(652_000.0, 10.0);
        backward.0.reverse();
        let hole = square(652_001.0, 2.0);
        for outline in [square(652_000.0, 10.0), backward] {
            let found = polygons_m2(&[Polygon::new(outline, vec![hole.clone()])], &grid);
            assert!((found - 96.0).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn in_degrees_each_row_has_its_own() {
        let degrees = area(CrsKind::Geographic, 0.5);
        let row = -90;
        let of = |i: i64| degrees.of_row(row + i);
        let expected = 4.0 * (of(0) + of(2) + of(3)) + 3.0 * of(1);
        let found = ground_area(&rings(-90.0), &degrees);
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        // Half a row, and a side that is neither vertical nor horizontal: the triangle and the one next to it make
        // the rectangle.
        let whole = ground_area(&[vec![[0.0, -90.0], [0.0, -87.5], [4.0, -87.5], [4.0, -90.0]]], &degrees);
        assert!((whole / (4.0 * (of(0) + of(1) + 0.5 * of(2))) - 1.0).abs() < 1e-12);
        let one = ground_area(&[vec![[0.0, -90.0], [0.0, -87.5], [4.0, -87.5]]], &degrees);
        let other = ground_area(&[vec![[0.0, -90.0], [4.0, -87.5], [4.0, -90.0]]], &degrees);
        assert!(((one + other) / whole - 1.0).abs() < 1e-12 && one > other, "{one} {other} {whole}");
    }
}
