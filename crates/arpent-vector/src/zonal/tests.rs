use arpent_base::number::exact;
use arpent_raster::{LABEL_NODATA, Window};
use arpent_testing::shapes::label_maps;
use geo::{Area, BooleanOps};
use geo_types::{Coord, LineString, MultiPolygon, Polygon, Rect};
use proptest::prelude::*;

use super::*;
use crate::{Polygonizer, Region, VectorError};

type Rings = Vec<Vec<[f64; 2]>>;

const MAP: Window = Window::new(-4, -3, 24, 20);

/// All rows of a zone: row, pixels, first column, parts.
fn rows(polygons: &[Rings], within: &Window) -> Vec<(i64, f64, i64, Vec<f64>)> {
    let mut rows = ZoneRows::new(polygons, within).unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next_row() {
        all.push((row.row, row.pixels, row.first_col, row.parts.to_vec()));
    }
    all
}

/// Parts of the pixels of a window, as an array.
fn parts(polygons: &[Rings], within: &Window) -> Vec<f64> {
    let mut array = vec![0.0; within.width * within.height];
    for (row, _, first, parts) in rows(polygons, within) {
        for (col, part) in (first..).zip(parts) {
            let (c, r) = within.offset_of(&Window::new(col, row, 1, 1)).unwrap();
            array[r * within.width + c] = part;
        }
    }
    array
}

fn polygon(rings: &Rings) -> Polygon<f64> {
    let line = |r: &Vec<[f64; 2]>| {
        LineString::from(r.iter().map(|p| Coord { x: p[0], y: p[1] }).collect::<Vec<_>>())
    };
    Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect())
}

fn rings_of(polygon: &Polygon<f64>) -> Rings {
    let ring = |l: &LineString<f64>| l.coords().map(|c| [c.x, c.y]).collect::<Vec<_>>();
    std::iter::once(polygon.exterior()).chain(polygon.interiors()).map(ring).collect()
}

/// The result of another library: the area of the intersection of each pixel with the polygons.
fn oracle(polygons: &MultiPolygon<f64>, within: &Window) -> Vec<f64> {
    let mut parts = Vec::new();
    for row in within.row..within.row_end() {
        for col in within.col..within.col_end() {
            let (x, y) = (exact(col), exact(row));
            let pixel = Rect::new(Coord { x, y }, Coord { x: x + 1.0, y: y + 1.0 }).to_polygon();
            parts.push(polygons.intersection(&pixel).unsigned_area());
        }
    }
    parts
}

fn square(x: f64, y: f64, side: f64) -> Vec<[f64; 2]> {
    vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
}

/// A star around a center: radii at equal angles, optionally with a hole of half the radii.
fn star(center: [f64; 2], radii: &[f64], hole: bool) -> Rings {
    let ring = |scale: f64| {
        let count = radii.len();
        let mut ring: Vec<[f64; 2]> = radii
            .iter()
            .enumerate()
            .map(|(i, r)| {
                let angle = std::f64::consts::TAU * exact(i) / exact(count);
                [center[0] + scale * r * angle.cos(), center[1] + scale * r * angle.sin()]
            })
            .collect();
        ring.push(ring[0]);
        ring
    };
    if hole { vec![ring(1.0), ring(0.5)] } else { vec![ring(1.0)] }
}

prop_compose! {
    fn stars()(
        center in [-2.0f64..18.0, -2.0f64..15.0],
        radii in prop::collection::vec(0.3f64..9.0, 3..14),
        hole: bool,
        reversed: bool,
    ) -> Rings {
        let mut rings = star(center, &radii, hole);
        if reversed {
            for ring in &mut rings {
                ring.reverse();
            }
        }
        rings
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Rounding of the oracle's coordinates is about 1e-9 of a pixel.
    #[test]
    fn parts_are_those_of_an_oracle(rings in stars()) {
        let expected = oracle(&MultiPolygon::new(vec![polygon(&rings)]), &MAP);
        for (i, (got, expected)) in parts(&[rings], &MAP).iter().zip(&expected).enumerate() {
            prop_assert!((got - expected).abs() < 1e-6, "pixel {i}: {got}, expected {expected}");
        }
    }

    /// Polygons of pixels contain these pixels completely and no part of others; their statistics over the map are
    /// the pixels of the class.
    #[test]
    #[allow(clippy::cast_precision_loss, reason = "pixel numbers below 2^52")]
    fn zones_of_hard_shapes_are_their_pixels(map in label_maps(24)) {
        let (mut regions, width) = (Vec::<Region>::new(), map.window.width);
        let mut polygonizer = Polygonizer::new(map.window, [true; 256]).unwrap();
        for row in map.rows() {
            polygonizer.push_row(row, &vec![0; width], 1.0, &mut |r| regions.push(r)).unwrap();
        }
        polygonizer.finish(&mut |r| regions.push(r));
        let mut seen = vec![0.0; map.labels.len()];
        for region in &regions {
            let closed = |ring: &Vec<[i64; 2]>| -> Vec<[f64; 2]> {
                ring.iter().chain(ring.first()).map(|v| v.map(|n| n as f64)).collect()
            };
            let zone: Rings = region.rings.iter().map(closed).collect();
            prop_assert_eq!(ZoneRows::new(std::slice::from_ref(&zone), &map.window).unwrap().window(), region.bbox);
            let parts = parts(&[zone], &map.window);
            prop_assert!(parts.iter().all(|p| *p <= 0.0 || *p >= 1.0));
            let inside = || (0..parts.len()).filter(|i| parts[*i] > 0.0);
            prop_assert_eq!(inside().count() as u64, region.pixels);
            prop_assert!(inside().all(|i| map.labels[i] == region.class_id));
            seen.iter_mut().zip(&parts).for_each(|(sum, part)| *sum += part);
        }
        // Every valid pixel is in one zone.
        let valid = map.labels.iter().map(|l| if *l == LABEL_NODATA { 0.0 } else { 1.0 });
        prop_assert!(seen.iter().zip(valid).all(|(sum, valid)| (sum - valid).abs() < 1e-12));
    }

    #[test]
    fn pixels_add_up_to_the_area(rings in stars()) {
        let area = polygon(&rings).unsigned_area();
        let everywhere = Window::new(-20, -20, 60, 60);
        let all = rows(std::slice::from_ref(&rings), &everywhere);
        let pixels: f64 = all.iter().map(|(_, pixels, ..)| pixels).sum();
        let inside: f64 = all.iter().flat_map(|(.., parts)| parts).sum();
        prop_assert!((pixels - area).abs() < 1e-9 * area.max(1.0), "{pixels} {area}");
        prop_assert!((inside - area).abs() < 1e-9 * area.max(1.0), "{inside} {area}");
        prop_assert!(all.iter().flat_map(|(.., parts)| parts).all(|p| (0.0..=1.0).contains(p)));
    }

    /// The requested columns and rows do not change the result.
    #[test]
    fn a_narrow_map_sees_the_same_parts(rings in stars(), col in -4i64..15, row in -3i64..12, width in 1usize..9, height in 1usize..9) {
        let narrow = Window::between(col, row, col + i64::try_from(width).unwrap(), row + i64::try_from(height).unwrap())
            .intersect(&MAP)
            .unwrap();
        let (whole, part) = (parts(std::slice::from_ref(&rings), &MAP), parts(&[rings], &narrow));
        for r in 0..narrow.height {
            let (c0, r0) = MAP.offset_of(&narrow).unwrap();
            for c in 0..narrow.width {
                let (a, b) = (whole[(r0 + r) * MAP.width + c0 + c], part[r * narrow.width + c]);
                prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }

    /// A partition: the map cut into stars, and the rest.
    #[test]
    fn a_partition_covers_every_pixel_once(rings in stars()) {
        let map = Polygon::new(LineString::from(vec![(-4.0, -3.0), (20.0, -3.0), (20.0, 17.0), (-4.0, 17.0), (-4.0, -3.0)]), vec![]);
        let star = MultiPolygon::new(vec![polygon(&rings)]);
        let map = MultiPolygon::new(vec![map]);
        let pieces = [map.intersection(&star), map.difference(&star)];
        let mut sums = vec![0.0; MAP.width * MAP.height];
        for piece in &pieces {
            let rings: Vec<Rings> = piece.iter().map(rings_of).collect();
            sums.iter_mut().zip(parts(&rings, &MAP)).for_each(|(sum, part)| *sum += part);
        }
        prop_assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{sums:?}");
    }
}

#[test]
fn simple_shapes_have_simple_parts() {
    // A square of 2.5 pixels from (0.5, 0.5), with a hole of one pixel at (1, 1); both turn the same way.
    let rings = vec![square(0.5, 0.5, 2.5), square(1.0, 1.0, 1.0)];
    let got = parts(&[rings], &Window::new(0, 0, 4, 4));
    #[rustfmt::skip]
    let expected = [
        0.25, 0.5, 0.5, 0.0,
        0.5, 0.0, 1.0, 0.0,
        0.5, 1.0, 1.0, 0.0,
        0.0, 0.0, 0.0, 0.0,
    ];
    assert_eq!(got, expected);
    // Far from the origin, as coordinates of a survey are.
    let far: Rings = vec![square(3_450_000.5, 34_300_000.5, 2.0)];
    let got = parts(&[far], &Window::new(3_450_000, 34_300_000, 3, 3));
    assert_eq!(got, [0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25]);
    // Two polygons are one zone.
    let two = [vec![square(0.0, 0.0, 1.0)], vec![square(2.0, 0.0, 1.0)]];
    assert_eq!(parts(&two, &Window::new(0, 0, 3, 1)), [1.0, 0.0, 1.0]);
}

#[test]
fn nothing_is_nothing() {
    assert!(rows(&[], &MAP).is_empty());
    let flat: Rings = vec![vec![[0.0, 1.0], [4.0, 1.0], [0.0, 1.0]]];
    assert!(rows(&[flat], &MAP).is_empty());
    // Outside of the map there are rows without parts.
    let all = rows(&[vec![square(100.0, 1.0, 2.0)]], &MAP);
    assert_eq!(
        all.iter().map(|(_, pixels, _, parts)| (*pixels, parts.len())).collect::<Vec<_>>(),
        [(2.0, 0), (2.0, 0)]
    );
    let bad: Rings = vec![vec![[0.0, 0.0], [f64::NAN, 1.0], [1.0, 1.0], [0.0, 0.0]]];
    assert!(matches!(ZoneRows::new(&[bad], &MAP), Err(VectorError::ZoneNotFinite { .. })));
}

/// Statistics of a zone over a raster of the window (0, 0), with pixels of 4 m2.
fn statistics(polygons: &[Rings], window: Window, labels: &[u8], confidence: Option<&[u8]>) -> ZoneResult {
    let mut statistics = ZoneStatistics::default();
    let mut rows = ZoneRows::new(polygons, &window).unwrap();
    while let Some(row) = rows.next_row() {
        if row.parts.is_empty() {
            statistics.add_outside(&row, 4.0).unwrap();
            continue;
        }
        let at = usize::try_from(row.row).unwrap() * window.width + usize::try_from(row.first_col).unwrap();
        let span = at..at + row.parts.len();
        statistics.add_row(&row, &labels[span.clone()], confidence.map(|c| &c[span]), 4.0).unwrap();
    }
    statistics.finish()
}

#[test]
fn classes_are_added_up() {
    // Rows: 0 0 1 / 2 2 nodata; the zone takes the right half of column 0, all of column 1, half of column 2 and half a
    // pixel beyond the map in the south.
    let labels = [0, 0, 1, 2, 2, LABEL_NODATA];
    let confidence = [250, 125, 250, 100, 255, 255];
    let zone: Rings = vec![vec![[0.5, 0.0], [2.5, 0.0], [2.5, 2.5], [0.5, 2.5], [0.5, 0.0]]];
    let result = statistics(&[zone], Window::new(0, 0, 3, 2), &labels, Some(&confidence));
    assert_eq!((result.area_m2, result.inside_m2, result.valid_area_m2), (20.0, 16.0, 14.0));
    let class = |id| result.class(id).map(|c| (c.area_m2, c.pixels, c.score));
    assert_eq!(class(0), Some((6.0, 1.5, Some((0.5 * 250.0 + 125.0) / 1.5 * 0.004))));
    assert_eq!(class(1), Some((2.0, 0.5, Some(1.0))));
    assert_eq!(
        class(2),
        Some((6.0, 1.5, Some(0.4))),
        "a confidence without a value leaves the mean, not the area"
    );
    assert_eq!(class(3), None);
    assert_eq!(
        (result.share(0), result.share_of(&[0, 1]), result.share(9)),
        (Some(6.0 / 14.0), Some(8.0 / 14.0), Some(0.0))
    );
}

#[test]
fn zones_without_data_have_no_shares() {
    let labels = [LABEL_NODATA; 4];
    let result = statistics(&[vec![square(0.0, 0.0, 2.0)]], Window::new(0, 0, 2, 2), &labels, None);
    assert_eq!((result.inside_m2, result.valid_area_m2, result.share(0)), (16.0, 0.0, None));
    let result = statistics(&[vec![square(50.0, 0.0, 2.0)]], Window::new(0, 0, 2, 2), &labels, None);
    assert_eq!((result.area_m2, result.inside_m2), (16.0, 0.0));
    let result = statistics(&[vec![square(0.0, 0.0, 2.0)]], Window::new(0, 0, 2, 2), &[1; 4], None);
    assert_eq!(result.class(1).map(|c| (c.pixels, c.score)), Some((4.0, None)));
}

#[test]
fn rows_must_fit() {
    let zone: Rings = vec![square(0.0, 0.0, 2.0)];
    let window = Window::new(0, 0, 2, 2);
    let mut rows = ZoneRows::new(&[zone], &window).unwrap();
    let row = rows.next_row().unwrap();
    let mut statistics = ZoneStatistics::default();
    let error = statistics.add_row(&row, &[1], None, 1.0).unwrap_err();
    assert!(matches!(error, VectorError::RowLength { expected: 2, labels: 1, .. }), "{error}");
    assert!(matches!(statistics.add_row(&row, &[1, 1], Some(&[1]), 1.0), Err(VectorError::RowLength { .. })));
    assert!(matches!(statistics.add_row(&row, &[1, 1], None, 0.0), Err(VectorError::PixelArea { .. })));
    let mut of_values = ZoneStatistics::of_values(2, true);
    let error = of_values.add_values(&row, &[&[1.0, 2.0], &[1.0]], 1.0).unwrap_err();
    assert_eq!(error, VectorError::ValueLength { row: row.row, expected: 2, found: 1 });
}
