mod drawn;

use std::collections::HashMap;

use arpent_base::number::{exact, fitted};
use arpent_raster::LABEL_NODATA;
use arpent_testing::shapes::{LabelMap, Shape, label_maps};
use proptest::prelude::*;

use super::*;
use crate::region::Vertex;
use crate::shapes::{assert_valid, doubled_area, edges};

/// A map drawn by a function of grid columns and rows.
fn coverage(extent: Window, tolerance_px: f64, label: impl Fn(i64, i64) -> u8) -> Vec<Region> {
    fill(Generalizer::new(extent, tolerance_px).unwrap(), extent, label).0
}

fn fill(
    mut generalizer: Generalizer,
    extent: Window,
    label: impl Fn(i64, i64) -> u8,
) -> (Vec<Region>, DrawnCounts) {
    let (mut found, mut sink) = (Vec::new(), Vec::new());
    for row in extent.row..extent.row_end() {
        let labels: Vec<u8> = (extent.col..extent.col_end()).map(|col| label(col, row)).collect();
        generalizer.push_row(&labels, &vec![5; labels.len()], 1.0, &mut |r| sink.push(r)).unwrap();
        found.append(&mut sink);
    }
    let counts = generalizer.finish(&mut |r| found.push(r)).unwrap();
    found.sort_by_key(|r| (r.class_id, r.rings[0][0][1], r.rings[0][0][0]));
    (found, counts)
}

/// All invariants of the coverage of an extent.
fn assert_laws(regions: &[Region], extent: Window, label: impl Fn(i64, i64) -> u8) {
    let is_valid =
        |[col, row]: Vertex| extent.contains(&Window::new(col, row, 1, 1)) && label(col, row) != LABEL_NODATA;
    let mut lines: HashMap<(Vertex, Vertex), usize> = HashMap::new();
    for (number, region) in regions.iter().enumerate() {
        let start = region.rings.iter().flatten().min_by_key(|v| (v[1], v[0])).unwrap();
        assert_eq!(start, &region.rings[0][0], "starts in the north-west");
        for (i, ring) in region.rings.iter().enumerate() {
            assert_eq!(doubled_area(ring) > 0, i == 0, "only the exterior turns left");
            assert_eq!(ring.iter().min_by_key(|v| (v[1], v[0])), ring.first());
            for line in edges(ring) {
                assert_eq!(lines.insert(line, number), None, "{line:?} is of two regions");
            }
        }
        assert_valid(region);
    }
    // Every line has another region on its other side, with the same ends, or no data.
    for (a, b) in lines.keys().copied().filter(|(a, b)| !lines.contains_key(&(*b, *a))) {
        let step = [(b[0] - a[0]).signum(), (b[1] - a[1]).signum()];
        assert!(step[0] == 0 || step[1] == 0, "{a:?} to {b:?} has nothing beside it");
        // The pixel to the right of the line's first side.
        let right = match step {
            [1, _] => a,
            [-1, _] => [a[0] - 1, a[1] - 1],
            [_, 1] => [a[0] - 1, a[1]],
            _ => [a[0], a[1] - 1],
        };
        assert!(!is_valid(right), "{a:?} to {b:?}: {right:?} has data");
    }
    let valid = (extent.row..extent.row_end())
        .flat_map(|row| (extent.col..extent.col_end()).map(move |col| [col, row]))
        .filter(|pixel| is_valid(*pixel))
        .count();
    let area: i64 = regions.iter().flat_map(|r| &r.rings).map(|ring| doubled_area(ring)).sum();
    assert_eq!(area, 2 * i64::try_from(valid).unwrap());
    assert_eq!(regions.iter().map(|r| r.pixels).sum::<u64>(), valid as u64);
}

/// Pseudo-random numbers of places.
fn noise(seed: u64, col: i64, row: i64) -> u64 {
    let mut state = seed
        ^ col.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ row.cast_unsigned().wrapping_mul(0xD1B5_4A32_D192_ED03);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// Bent patches of some `size` pixels, with single pixels of noise, `holes` of a thousand of them without data.
fn patches(seed: u64, classes: u64, size: i64, holes: u64) -> impl Fn(i64, i64) -> u8 + Copy {
    move |col, row| {
        let (bent_col, bent_row) = (col + row * row.rem_euclid(97) / 60, row + col * col.rem_euclid(71) / 50);
        let patch = noise(seed, bent_col.div_euclid(size), bent_row.div_euclid(size));
        let pixel = noise(seed + 1, col, row);
        match pixel % 1000 {
            n if n < holes => LABEL_NODATA,
            n if n < 60 => fitted(pixel / 1000 % classes),
            _ => fitted(patch % classes),
        }
    }
}

fn extents() -> impl Strategy<Value = Window> {
    // Around a corner of the lattice, at most a few cells.
    (-70i64..10, -70i64..10, 1usize..90, 1usize..90)
        .prop_map(|(c, r, w, h)| Window::new(512 + c, 1024 + r, w, h))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn hard_shapes_obey_the_laws(map in label_maps(40), tolerance in prop_oneof![Just(0.0), Just(1.0), 0.0f64..20.0]) {
        let label = |col, row| map.at(col, row);
        assert_laws(&coverage(map.window, tolerance, label), map.window, label);
    }

    #[test]
    fn noise_obeys_the_laws(extent in extents(), seed in any::<u64>(), classes in 1u64..5, tolerance in 0.0f64..5.0) {
        let label = move |col, row| match noise(seed, col, row) % (classes * 8 + 1) {
            0 => LABEL_NODATA,
            n => fitted(n % classes),
        };
        assert_laws(&coverage(extent, tolerance, label), extent, label);
    }

    #[test]
    fn patches_obey_the_laws(extent in extents(), seed in 0u64..1 << 40, size in 3i64..40, tolerance in 0.0f64..8.0) {
        let label = patches(seed, 4, size, 10);
        assert_laws(&coverage(extent, tolerance, label), extent, label);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn regions_inside_whole_cells_do_not_depend_on_the_extent(seed in 0u64..1 << 40, size in 5i64..30, more in 1i64..40) {
        // A strip of one cell's height: the cell of the wide extent is whole in the narrow one.
        let label = patches(seed, 3, size, 5);
        let narrow = Window::new(-4, 508, 520, 520);
        let wide = Window::between(-4 - more, 508, 516 + 2 * more, 1028);
        let whole = Window::new(0, 512, 512, 512);
        let of = |extent| {
            let mut found = coverage(extent, 1.2, label);
            found.retain(|r| whole.contains(&r.bbox.grow(1)));
            found
        };
        prop_assert_eq!(of(narrow), of(wide));
    }
}

#[test]
fn neighbors_computed_apart_have_one_border() {
    // Two extents that meet within cells: their common side is the same line on both.
    let label = patches(7, 5, 20, 0);
    let whole = coverage(Window::new(100, 100, 300, 200), 1.0, label);
    let [west, east] = [0, 150].map(|c| coverage(Window::new(100 + c, 100, 150, 200), 1.0, label));
    let area = |regions: &[Region]| regions.iter().map(|r| r.pixels).sum::<u64>();
    assert_eq!(area(&whole), area(&west) + area(&east));
    let on_side = |regions: &[Region], up: bool| -> Vec<(Vertex, Vertex)> {
        let lines = regions.iter().flat_map(|r| &r.rings).flat_map(|ring| edges(ring));
        let mut lines: Vec<_> = lines
            .filter(|(a, b)| a[0] == 250 && b[0] == 250)
            .map(|(a, b)| if up { (b, a) } else { (a, b) })
            .collect();
        lines.sort_unstable();
        lines
    };
    // The sides have a vertex wherever a border of their own ends: the outlines cover each other.
    let length = |lines: &[(Vertex, Vertex)]| lines.iter().map(|(a, b)| (a[1] - b[1]).abs()).sum::<i64>();
    assert_eq!(length(&on_side(&west, true)), 200);
    assert_eq!(length(&on_side(&east, false)), 200);
}

#[test]
fn without_tolerance_every_corner_stays() {
    let label = patches(3, 3, 9, 20);
    let extent = Window::new(480, 500, 70, 60);
    let mut polygonizer = Polygonizer::new(extent, [true; 256]).unwrap();
    let mut plain = Vec::new();
    for row in extent.row..extent.row_end() {
        let labels: Vec<u8> = (extent.col..extent.col_end()).map(|col| label(col, row)).collect();
        polygonizer.push_row(&labels, &vec![5; labels.len()], 1.0, &mut |r| plain.push(r)).unwrap();
    }
    polygonizer.finish(&mut |r| plain.push(r));
    let found = coverage(extent, 0.0, label);
    assert_eq!(found.len(), plain.len());
    for region in plain {
        let same = found
            .iter()
            .find(|r| (r.class_id, r.rings[0][0]) == (region.class_id, region.rings[0][0]))
            .unwrap();
        assert_eq!(
            (same.pixels, same.bbox, same.rings.len()),
            (region.pixels, region.bbox, region.rings.len())
        );
        for (ring, all) in region.rings.iter().zip(&same.rings) {
            // Additional vertices are on straight sides, where others meet.
            let mut rest = all.iter();
            assert!(ring.iter().all(|v| rest.any(|w| w == v)), "{ring:?} in {all:?}");
        }
    }
}

#[test]
fn stairs_become_slopes_and_stay_within_the_tolerance() {
    let label = |col: i64, row: i64| u8::from(10 * col > 3 * row + 800);
    let extent = Window::new(5, 5, 400, 400);
    let regions = coverage(extent, 1.0, label);
    assert_laws(&regions, extent, label);
    let vertices: usize = regions.iter().map(|r| r.rings[0].len()).sum();
    assert!(vertices <= 16, "{vertices} vertices");
    let distance = |[col, row]: Vertex| exact((10 * col - 3 * row - 800).abs()) / 109f64.sqrt();
    let inner = |v: &&Vertex| (6..405).contains(&v[0]) && (6..405).contains(&v[1]);
    assert!(regions.iter().flat_map(|r| &r.rings[0]).filter(inner).all(|v| distance(*v) < 2.0));
}

#[test]
fn long_shapes_obey_the_laws() {
    for shape in Shape::ALL {
        // Every hole of a sieve is compared with every other.
        let side = if shape == Shape::Sieve { 40 } else { 150 };
        let map = LabelMap::new(Window::new(440, 1000, side, side - 7), shape, 1, 0, [1, 0]);
        let label = |col, row| map.at(col, row);
        assert_laws(&coverage(map.window, 1.0, label), map.window, label);
    }
}

#[test]
fn an_extent_without_pixels_has_no_region() {
    for (width, height) in [(0, 0), (0, 3), (3, 0)] {
        let generalizer = Generalizer::new(Window::new(-3, 510, width, height), 1.0).unwrap();
        let generalizer = generalizer.smooth(2.0, 0.1).unwrap().square([true; 256]);
        let (regions, counts) = fill(generalizer, Window::new(-3, 510, width, height), |_, _| 1);
        assert!(regions.is_empty() && counts == DrawnCounts::default());
    }
    assert!(Generalizer::new(Window::new(i64::MAX - 1, 0, 5, 5), 1.0).is_err());
}

#[test]
fn bad_tolerances_and_rows_are_refused() {
    let extent = Window::new(0, 0, 2, 2);
    assert!(Generalizer::new(extent, -1.0).is_err() && Generalizer::new(extent, f64::NAN).is_err());
    let mut generalizer = Generalizer::new(extent, 1.0).unwrap();
    let error = generalizer.push_row(&[1], &[1, 1], 1.0, &mut |_| {}).unwrap_err();
    assert_eq!(error, VectorError::RowLength { row: 0, expected: 2, labels: 1, confidence: 2 });
}
