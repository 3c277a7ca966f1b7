//! Borders that are smoothed or made square.

use std::collections::{HashMap, HashSet};

use crate::shapes::polygon;
use arpent_base::number::{exact, fitted, truncate};
use geo::{BooleanOps, Validation};
use geo_types::{LineString, Polygon};

use super::*;
use crate::square::{Point, area};

/// How the regions of a map are drawn.
#[derive(Debug, Clone, Copy)]
struct Style {
    tolerance_px: f64,
    smooth: Option<(f64, f64)>,
    /// The class that is made square.
    square: Option<u8>,
}

fn drawn_coverage(
    extent: Window,
    style: Style,
    label: impl Fn(i64, i64) -> u8,
) -> (Vec<Region>, DrawnCounts) {
    let mut generalizer = Generalizer::new(extent, style.tolerance_px).unwrap();
    if let Some((smooth_px, share)) = style.smooth {
        generalizer = generalizer.smooth(smooth_px, share).unwrap();
    }
    if let Some(class) = style.square {
        generalizer = generalizer.square(std::array::from_fn(|id| id == usize::from(class)));
    }
    fill(generalizer, extent, label)
}

/// The rings that a region is drawn with.
fn outlines(region: &Region) -> Vec<Vec<Point>> {
    let plain = || region.rings.iter().map(|ring| ring.iter().map(|v| v.map(exact)).collect()).collect();
    region.drawn.clone().unwrap_or_else(plain)
}

fn drawn_polygon(rings: &[Vec<Point>]) -> Polygon<f64> {
    let line = |ring: &Vec<Point>| {
        LineString::from(ring.iter().chain(ring.first()).map(|p| (p[0], -p[1])).collect::<Vec<_>>())
    };
    Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect())
}

/// Positive for counter-clockwise rings on the ground.
fn signed_area(ring: &[Point]) -> f64 {
    let sides = (0..ring.len()).map(|i| (ring[i], ring[(i + 1) % ring.len()]));
    let [x, y] = ring[0];
    let doubled: f64 = sides.map(|(a, b)| (b[0] - x) * (a[1] - y) - (a[0] - x) * (b[1] - y)).sum();
    doubled / 2.0
}

/// All invariants of a drawn coverage.
fn assert_drawn_laws(
    regions: &[Region],
    extent: Window,
    style: Style,
    label: impl Fn(i64, i64) -> u8 + Copy,
) {
    assert_laws(regions, extent, label);
    let at = |[col, row]: Vertex| {
        if extent.contains(&Window::new(col, row, 1, 1)) { label(col, row) } else { LABEL_NODATA }
    };
    let bits = |p: Point| p.map(f64::to_bits);
    let mut lines: HashMap<([u64; 2], [u64; 2]), (Point, Point)> = HashMap::new();
    let mut total = 0.0;
    for region in regions {
        let rings = outlines(region);
        assert_eq!(rings.len(), region.rings.len());
        let mut vertices = HashSet::new();
        for (i, ring) in rings.iter().enumerate() {
            assert_eq!(
                signed_area(ring) > 0.0,
                i == 0,
                "only the exterior turns left: {ring:?} of {:?}",
                region.rings[i]
            );
            total += signed_area(ring);
            for (a, b) in (0..ring.len()).map(|i| (ring[i], ring[(i + 1) % ring.len()])) {
                vertices.insert(bits(a));
                assert!(
                    lines.insert((bits(a), bits(b)), (a, b)).is_none(),
                    "{a:?} to {b:?} is of two regions"
                );
            }
        }
        if let Err(error) = drawn_polygon(&rings).check_validation() {
            panic!("{error} in {region:?}");
        }
        // Where three borders meet, or one meets the lattice or nodata, the vertex stays.
        for v in region.rings.iter().flatten() {
            let around = [[v[0] - 1, v[1] - 1], [v[0], v[1] - 1], *v, [v[0] - 1, v[1]]].map(at);
            let borders = (0..4).filter(|i| around[*i] != around[(i + 1) % 4]).count();
            let is_fixed = borders > 2
                || around.contains(&LABEL_NODATA)
                || v.iter().any(|n| LATTICE.beyond_line(*n) == 0);
            assert!(!is_fixed || vertices.contains(&bits(v.map(exact))), "{v:?} has gone");
        }
    }
    for ((from, to), (a, b)) in &lines {
        if lines.contains_key(&(*to, *from)) {
            continue;
        }
        let is_whole = a.iter().chain(b).all(|v| v.fract() == 0.0);
        let step = [0, 1].map(|i| (b[i] - a[i]).partial_cmp(&0.0).unwrap() as i64);
        assert!(is_whole && (step[0] == 0 || step[1] == 0), "{a:?} to {b:?} has nothing beside it");
        let a = a.map(truncate::<i64>);
        let right = match step {
            [1, _] => a,
            [-1, _] => [a[0] - 1, a[1] - 1],
            [_, 1] => [a[0] - 1, a[1]],
            _ => [a[0], a[1] - 1],
        };
        assert_eq!(at(right), LABEL_NODATA, "{a:?} to {b:?}");
    }
    let valid: u64 = regions.iter().map(|r| r.pixels).sum();
    assert!((total - exact(valid)).abs() < 1e-6, "{total} of {valid}");
    if style.square.is_none() {
        assert_moves_little(regions, style);
    }
}

/// Largest change of a region's area by smoothing.
fn assert_moves_little(regions: &[Region], style: Style) {
    let Some((smooth_px, share)) = style.smooth else {
        assert!(regions.iter().all(|region| region.drawn.is_none()));
        return;
    };
    for region in regions {
        let old = exact(region.rings.iter().map(|ring| doubled_area(ring)).sum::<i64>()) / 2.0;
        let new: f64 = outlines(region).iter().map(|ring| signed_area(ring)).sum();
        let vertices = |rings: usize| exact(rings);
        let [before, after] = [
            vertices(region.rings.iter().map(Vec::len).sum()),
            vertices(outlines(region).iter().map(Vec::len).sum()),
        ];
        assert!(old - new <= share * old + 1e-6, "{} of {old} is lost", old - new);
        assert!((new - old).abs() <= (after - before) * smooth_px * smooth_px / 2.0 + 1e-6);
    }
}

/// Rotated buildings of class 1, of two rectangles each, in blocks of `size` pixels, on patches of other classes,
/// with `specks` of a thousand pixels of other classes, and one of them without data.
fn buildings(seed: u64, size: i64, specks: u64) -> impl Fn(i64, i64) -> u8 + Copy {
    let ground = move |col: i64, row: i64| match noise(seed, col, row) {
        n if n % 1000 < specks => {
            if n / 1000 % 8 == 0 {
                LABEL_NODATA
            } else {
                (n / 1000 % 3) as u8
            }
        }
        _ => {
            (noise(seed + 3, (col + row / 3).div_euclid(4 * size), (row - col / 4).div_euclid(4 * size)) % 3)
                as u8
        }
    };
    move |col, row| {
        let block = [col.div_euclid(size), row.div_euclid(size)];
        let chance = |n: u64, limit: u64| exact(noise(seed + n, block[0], block[1]) % limit) / exact(limit);
        let (sin, cos) = (chance(10, 1000) * std::f64::consts::PI).sin_cos();
        let [x, y] =
            [col - block[0] * size, row - block[1] * size].map(|v| exact(v) + 0.5 - exact(size) / 2.0);
        let [u, v] = [x * cos + y * sin, y * cos - x * sin];
        let half = exact(size) / 2.0;
        let [width, height] = [half * (0.3 + 0.5 * chance(11, 100)), half * (0.2 + 0.5 * chance(12, 100))];
        let is_wing =
            u > 0.0 && v > 0.0 && u < width && v < half * 0.8 && u > width * (0.3 + 0.4 * chance(13, 100));
        let is_court = chance(14, 10) < 0.2 && u.abs() < width / 2.0 && v.abs() < height / 2.0;
        match ground(col, row) {
            LABEL_NODATA => LABEL_NODATA,
            class if is_court => class + 1,
            _ if u.abs() < width && v.abs() < height || is_wing => 1,
            0 => 4,
            class => class + 1,
        }
    }
}

/// Blocks of class 1 with long straight sides, some of them rotated, close to each other, with specks and bars of
/// other classes next to them.
fn crowd(seed: u64, size: i64, specks: u64) -> impl Fn(i64, i64) -> u8 + Copy {
    move |col, row| {
        let block = [col.div_euclid(size), row.div_euclid(size)];
        let chance = |n: u64, limit: u64| exact(noise(seed + n, block[0], block[1]) % limit) / exact(limit);
        let angle = if chance(9, 2) < 0.5 { 0.0 } else { chance(10, 1000) * std::f64::consts::PI };
        let (sin, cos) = angle.sin_cos();
        let [x, y] =
            [col - block[0] * size, row - block[1] * size].map(|v| exact(v) + 0.5 - exact(size) / 2.0);
        let [u, v] = [x * cos + y * sin, y * cos - x * sin];
        let half = exact(size) / 2.0;
        let [width, height] = [half * (0.5 + 0.4 * chance(11, 100)), half * (0.5 + 0.4 * chance(12, 100))];
        let is_cut = u > 0.0 && v > 0.0 && chance(13, 2) < 0.5;
        let speck = noise(seed + 1, col / 2, row);
        match speck % 1000 < specks {
            _ if u.abs() < width && v.abs() < height && !is_cut => 1,
            true => (speck / 1000 % 3) as u8 * 2,
            false => 0,
        }
    }
}

/// Extents near the origin and at the positions of national and global grids.
fn any_extents() -> impl Strategy<Value = Window> {
    let moves = prop_oneof![Just((0, 0)), Just((3_000_000, -33_000_000)), Just((-18_000_000, 250_000_000))];
    (extents(), moves).prop_map(|(extent, (cols, rows)): (Window, (i64, i64))| {
        let [col, row] = [extent.col + cols / 512 * 512, extent.row + rows / 512 * 512];
        Window { col, row, ..extent }
    })
}

fn styles() -> impl Strategy<Value = Style> {
    let tolerance = prop_oneof![Just(0.0), Just(1.0), 0.0f64..5.0];
    let smooth =
        prop_oneof![Just(None), (0.02f64..6.0, 0.0001f64..0.25).prop_map(Some), Just(Some((100.0, 0.25)))];
    let square = prop_oneof![Just(None), Just(Some(1u8))];
    (tolerance, smooth, square).prop_map(|(tolerance_px, smooth, square)| Style {
        tolerance_px,
        smooth,
        square,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn drawn_hard_shapes_obey_the_laws(map in label_maps(44), style in styles()) {
        // Positions of cut corners are exact up to some millions of pixels, the largest distance in any survey.
        let map = if map.window.col.abs() > 1 << 30 { map.moved_to(3_000_000, -33_000_000) } else { map };
        let label = |col, row| map.at(col, row);
        let (regions, _) = drawn_coverage(map.window, style, label);
        assert_drawn_laws(&regions, map.window, style, label);
    }

    #[test]
    fn drawn_noise_obeys_the_laws(extent in any_extents(), seed in any::<u64>(), classes in 1u64..5, style in styles()) {
        let label = move |col, row| match noise(seed, col, row) % (classes * 8 + 1) {
            0 => LABEL_NODATA,
            n => fitted(n % classes),
        };
        let (regions, _) = drawn_coverage(extent, style, label);
        assert_drawn_laws(&regions, extent, style, label);
    }

    #[test]
    fn drawn_patches_obey_the_laws(extent in any_extents(), seed in 0u64..1 << 40, size in 3i64..40, style in styles()) {
        let label = patches(seed, 4, size, 10);
        let (regions, _) = drawn_coverage(extent, style, label);
        assert_drawn_laws(&regions, extent, style, label);
    }

    #[test]
    fn drawn_crowds_obey_the_laws(extent in any_extents(), seed in 0u64..1 << 40, size in 8i64..60, specks in 0u64..60, style in styles()) {
        let label = crowd(seed, size, specks);
        let (regions, _) = drawn_coverage(extent, style, label);
        assert_drawn_laws(&regions, extent, style, label);
    }

    #[test]
    fn drawn_buildings_obey_the_laws(extent in any_extents(), seed in 0u64..1 << 40, size in 8i64..50, specks in 0u64..12, style in styles()) {
        let label = buildings(seed, size, specks);
        let (regions, _) = drawn_coverage(extent, style, label);
        assert_drawn_laws(&regions, extent, style, label);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn drawn_regions_inside_whole_cells_do_not_depend_on_the_extent(seed in 0u64..1 << 40, size in 10i64..40, more in 1i64..40) {
        let label = buildings(seed, size, 2);
        let narrow = Window::new(-4, 508, 520, 520);
        let wide = Window::between(-4 - more, 508, 516 + 2 * more, 1028);
        let whole = Window::new(0, 512, 512, 512);
        let style = Style { tolerance_px: 1.2, smooth: Some((2.0, 0.1)), square: Some(1) };
        let of = |extent| {
            let (mut found, _) = drawn_coverage(extent, style, label);
            found.retain(|r| whole.contains(&r.bbox.grow(1)));
            found
        };
        let found = of(narrow);
        prop_assert!(found.iter().any(|r| r.drawn.is_some()));
        prop_assert_eq!(found, of(wide));
    }
}

#[test]
fn most_buildings_that_stand_alone_become_square() {
    let extent = Window::new(20, 520, 480, 480);
    let style = Style { tolerance_px: 1.0, smooth: Some((2.0, 0.0625)), square: Some(1) };
    let (mut squares, mut all) = (0, 0);
    for seed in 0..6u32 {
        let mixed = buildings(seed.into(), 24 + 5 * i64::from(seed), 0);
        let label = |col, row| u8::from(mixed(col, row) == 1);
        let (regions, counts) = drawn_coverage(extent, style, label);
        assert_drawn_laws(&regions, extent, style, label);
        let whole = Window::new(21, 521, 478, 478);
        let whole = regions.iter().filter(|r| r.class_id == 1 && r.pixels > 60 && whole.contains(&r.bbox));
        let is_square =
            |r: &Region| r.drawn.as_ref().is_some_and(|d| d[0].iter().flatten().any(|v| v.fract() != 0.0));
        let is_known: Vec<bool> = whole.map(is_square).collect();
        squares += is_known.iter().filter(|is_square| **is_square).count();
        all += is_known.len();
        assert!(counts.regions > 0 && counts.max_drawn_share < 0.3);
    }
    println!("{squares} of {all};");
    assert!(squares * 10 >= all * 9, "{squares} of {all} buildings are square");
}

/// Whether a place lies in a shape that is rotated by an angle around its center.
fn shape(kind: usize, angle: f64, scale: f64) -> (Vec<Point>, impl Fn(f64, f64) -> bool + Copy) {
    // The corners of a rectangle, of an L and of a T, in tens of pixels.
    let corners: &[Point] = match kind {
        0 => &[[-1.6, -1.0], [1.6, -1.0], [1.6, 1.0], [-1.6, 1.0]],
        1 => &[[-1.6, -1.2], [1.6, -1.2], [1.6, -0.2], [0.0, -0.2], [0.0, 1.2], [-1.6, 1.2]],
        _ => &[
            [-1.8, -1.2],
            [1.8, -1.2],
            [1.8, 0.0],
            [0.6, 0.0],
            [0.6, 1.3],
            [-0.6, 1.3],
            [-0.6, 0.0],
            [-1.8, 0.0],
        ],
    };
    let (sin, cos) = angle.sin_cos();
    let turned = corners
        .iter()
        .map(|[u, v]| [60.3 + scale * (u * cos - v * sin), 560.7 + scale * (u * sin + v * cos)])
        .collect();
    let is_inside = move |x: f64, y: f64| {
        let [x, y] = [(x - 60.3) / scale, (y - 560.7) / scale];
        crate::square::is_within([x * cos + y * sin, y * cos - x * sin], corners)
    };
    (turned, is_inside)
}

fn assert_right_angles(ring: &[Point]) {
    let n = ring.len();
    for i in 0..n {
        let [a, b, c] = [ring[i], ring[(i + 1) % n], ring[(i + 2) % n]];
        let [p, q] = [[b[0] - a[0], b[1] - a[1]], [c[0] - b[0], c[1] - b[1]]];
        let cosine = (p[0] * q[0] + p[1] * q[1]) / (p[0].hypot(p[1]) * q[0].hypot(q[1]));
        assert!(cosine.abs() < 1e-6, "{cosine} at {b:?}");
    }
}

#[test]
fn turned_buildings_become_square() {
    let extent = Window::new(5, 517, 120, 100);
    let style = Style { tolerance_px: 1.0, smooth: None, square: Some(1) };
    let (mut sum, mut plain_sum, mut count) = (0.0, 0.0, 0.0);
    for kind in 0..3 {
        for (degrees, scale) in (0..90).map(|d| (d, if d % 2 == 0 { 10.0 } else { 14.0 })) {
            let (truth, is_inside) = shape(kind, f64::from(degrees).to_radians(), scale);
            let label = |col: i64, row: i64| u8::from(is_inside(exact(col) + 0.5, exact(row) + 0.5));
            let (regions, _) = drawn_coverage(extent, style, label);
            assert_drawn_laws(&regions, extent, style, label);
            let building = regions.iter().find(|r| r.class_id == 1).unwrap();
            let rings = outlines(building);
            assert!(
                building.drawn.is_some(),
                "{kind} turned by {degrees} is not square: {:?}",
                building.rings
            );
            assert_right_angles(&rings[0]);
            assert_eq!(rings[0].len(), truth.len(), "{kind} turned by {degrees}");
            let truth = drawn_polygon(&[truth]);
            let iou = |polygon: &Polygon<f64>| {
                use geo::Area;
                let common = truth.intersection(polygon).unsigned_area();
                common / (truth.unsigned_area() + polygon.unsigned_area() - common)
            };
            let (square, plain) = (iou(&drawn_polygon(&rings)), iou(&polygon(building)));
            assert!(square >= 0.93, "{square} of {kind} turned by {degrees}");
            sum += square;
            plain_sum += plain;
            count += 1.0;
        }
    }
    println!("mean IoU {} square, {} generalized", sum / count, plain_sum / count);
    assert!(sum > plain_sum);
}

#[test]
fn what_is_not_a_building_stays() {
    let extent = Window::new(5, 517, 120, 100);
    let style = Style { tolerance_px: 1.0, smooth: None, square: Some(1) };
    // A disk has no walls.
    let disk = |col: i64, row: i64| u8::from((col - 60).pow(2) + (row - 560).pow(2) < 400);
    // A block that touches another one, and one across a line of the lattice.
    let block = |col: i64, row: i64| {
        let v = 3 * (row - 560) + col - 60;
        let is_in = (2 * (col - 60) - row + 560).abs() < 40 && v.abs() < 60;
        u8::from(is_in) * if v > 30 { 2 } else { 1 }
    };
    for regions in [drawn_coverage(extent, style, disk).0, drawn_coverage(extent, style, block).0] {
        assert!(regions.iter().all(|r| r.drawn.is_none()));
    }
    let (truth, is_inside) = shape(0, 0.3, 10.0);
    let label = |col: i64, row: i64| u8::from(is_inside(exact(col) + 0.5, exact(row) + 0.5 + 48.0));
    let (regions, _) = drawn_coverage(Window::new(5, 460, 120, 100), style, label);
    assert!(regions.iter().all(|r| r.drawn.is_none()) && area(&truth) > 0.0);
}

#[test]
fn smoothed_slopes_have_twice_as_many_corners() {
    // A wave: its corners are cut, its ends stay.
    let label = |col: i64, row: i64| u8::from(exact(row - 60) > 12.0 * (exact(col) / 9.0).sin());
    let extent = Window::new(3, 3, 200, 120);
    let style = Style { tolerance_px: 1.0, smooth: Some((3.0, 0.25)), square: None };
    let (regions, counts) = drawn_coverage(extent, style, label);
    assert_drawn_laws(&regions, extent, style, label);
    let [before, after] = [
        regions.iter().flat_map(|r| &r.rings).map(Vec::len).sum::<usize>(),
        regions.iter().flat_map(outlines).map(|r| r.len()).sum::<usize>(),
    ];
    assert!(after > before + before / 2, "{before} vertices, {after} drawn");
    assert_eq!((counts.regions, counts.squared), (2, 0));
    assert_eq!(2 * counts.cut_corners, (after - before) as u64, "both sides cut them");
    assert!(counts.drawn_px() > 0.0 && counts.max_drawn_share < 0.01 && counts.moved_px() > 0.0);
    let plain = drawn_coverage(extent, Style { smooth: None, ..style }, label);
    assert!(plain.0.iter().all(|r| r.drawn.is_none()) && plain.1 == DrawnCounts::default());
}

#[test]
fn bad_styles_are_refused() {
    let new = || Generalizer::new(Window::new(0, 0, 2, 2), 1.0).unwrap();
    for (smooth_px, share) in
        [(-1.0, 0.1), (f64::NAN, 0.1), (0.001, 0.1), (1.0, 0.0), (1.0, 0.3), (1.0, f64::NAN)]
    {
        assert!(new().smooth(smooth_px, share).is_err(), "{smooth_px} {share}");
    }
    assert!(new().smooth(0.0, 0.1).is_ok());
}
