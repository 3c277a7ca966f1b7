mod blocks;
mod eight;

use arpent_base::number::{exact, truncate};

use super::*;
use crate::region::Vertex;
use crate::shapes::{assert_valid, doubled_area, edges};
use arpent_raster::CONFIDENCE_NODATA;
use arpent_testing::shapes::{LabelMap, Shape, label_maps};
use proptest::prelude::*;

/// A label raster and its confidences.
#[derive(Debug, Clone)]
struct Map {
    extent: Window,
    labels: Vec<u8>,
    confidence: Vec<u8>,
}

impl Map {
    fn new(extent: Window, label: impl Fn(usize, usize) -> u8) -> Self {
        let pixels = || (0..extent.height).flat_map(|r| (0..extent.width).map(move |c| (c, r)));
        let labels = pixels().map(|(c, r)| label(c, r)).collect();
        let confidence = pixels().map(|(c, r)| u8::try_from((c * 31 + r * 17) % 251).unwrap()).collect();
        Self { extent, labels, confidence }
    }

    fn of(map: &LabelMap) -> Self {
        let width = map.window.width;
        Self::new(map.window, |c, r| map.labels[r * width + c])
    }

    /// From rows of digits; a dot is nodata.
    fn drawn(rows: &[&str]) -> Self {
        let extent = Window::new(-3, 5, rows[0].len(), rows.len());
        Self::new(extent, |c, r| match rows[r].as_bytes()[c] {
            b'.' => LABEL_NODATA,
            digit => digit - b'0',
        })
    }

    fn crop(&self, window: Window) -> Self {
        let crop = |data: &[u8]| {
            let raster = arpent_raster::Raster::new(self.extent, data.to_vec()).unwrap();
            raster.crop(window).unwrap().data().to_vec()
        };
        Self { extent: window, labels: crop(&self.labels), confidence: crop(&self.confidence) }
    }

    fn regions_of(&self, is_kept: [bool; 256]) -> Vec<Region> {
        self.regions_by(Polygonizer::new(self.extent, is_kept).unwrap())
    }

    /// Regions of more than `cut_runs` runs are cut along cells of `2^shift` pixels.
    fn cut_regions(&self, cut_runs: u64, shift: u32, connectivity: Connectivity) -> Vec<Region> {
        let (lattice, cells) = (Lattice::new(shift.min(2)), Some(Lattice::new(shift)));
        let layout = Layout { lattice, cells, cut_runs, ..Layout::new(self.extent, connectivity) };
        self.regions_by(Polygonizer::of_layout(layout, self.extent, [true; 256]).unwrap())
    }

    fn regions_by(&self, mut polygonizer: Polygonizer) -> Vec<Region> {
        let mut regions = Vec::new();
        let width = self.extent.width;
        for (i, row) in (self.extent.row..self.extent.row_end()).enumerate() {
            let (start, end) = (i * width, (i + 1) * width);
            let (labels, confidence) = (&self.labels[start..end], &self.confidence[start..end]);
            polygonizer.push_row(labels, confidence, area_of(row), &mut |r| regions.push(r)).unwrap();
        }
        polygonizer.finish(&mut |r| regions.push(r));
        regions.sort_by_key(order);
        regions
    }

    fn regions(&self) -> Vec<Region> {
        self.regions_of([true; 256])
    }

    /// Pixels of each 4-connected group, by flood fill; the reference.
    fn components(&self) -> Vec<Vec<usize>> {
        self.flooded(&[(0, -1), (-1, 0), (1, 0), (0, 1)])
    }

    /// Pixels of each group that is connected by the given steps of columns and rows.
    fn flooded(&self, steps: &[(isize, isize)]) -> Vec<Vec<usize>> {
        let (w, n) = (self.extent.width, self.labels.len());
        let mut seen: Vec<bool> = self.labels.iter().map(|l| *l == LABEL_NODATA).collect();
        let mut components = Vec::new();
        for start in 0..n {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let (mut queue, mut found) = (vec![start], vec![]);
            while let Some(i) = queue.pop() {
                found.push(i);
                for (dx, dy) in steps {
                    let (Some(x), Some(y)) =
                        ((i % w).checked_add_signed(*dx), (i / w).checked_add_signed(*dy))
                    else {
                        continue;
                    };
                    let j = y * w + x;
                    if x >= w || j >= n {
                        continue;
                    }
                    if self.labels[j] == self.labels[i] && !std::mem::replace(&mut seen[j], true) {
                        queue.push(j);
                    }
                }
            }
            found.sort_unstable();
            components.push(found);
        }
        components
    }

    /// Pixels whose center is in a region, by counting the sides to the west of it.
    fn filled(&self, region: &Region) -> Vec<usize> {
        let e = self.extent;
        let mut inside = vec![false; self.labels.len()];
        for ring in &region.rings {
            for (a, b) in edges(ring).filter(|(a, b)| a[0] == b[0]) {
                for row in a[1].min(b[1])..a[1].max(b[1]) {
                    for col in a[0]..e.col_end() {
                        let (c, r) =
                            (usize::try_from(col - e.col).unwrap(), usize::try_from(row - e.row).unwrap());
                        inside[r * e.width + c] ^= true;
                    }
                }
            }
        }
        (0..inside.len()).filter(|i| inside[*i]).collect()
    }
}

/// An area that changes with the row and whose sums need rounding.
fn area_of(row: i64) -> f64 {
    0.04 + f64::from(i32::try_from(row % 100_000).unwrap()) * 1e-7
}

fn order(region: &Region) -> (u8, Vertex) {
    (region.class_id, region.rings[0][0])
}

fn assert_canonical(region: &Region) {
    assert_rings(region);
    for ring in &region.rings {
        let mut vertices = ring.clone();
        vertices.sort_unstable();
        vertices.dedup();
        assert_eq!(vertices.len(), ring.len(), "simple");
    }
    assert_valid(region);
}

/// Invariants of the rings of any region.
fn assert_rings(region: &Region) {
    for (i, ring) in region.rings.iter().enumerate() {
        let start = ring.iter().min_by_key(|v| (v[1], v[0])).unwrap();
        assert_eq!(start, &ring[0], "starts in the north-west");
        assert_eq!(doubled_area(ring) > 0, i == 0, "only the exterior turns left");
        assert!(
            edges(ring).zip(edges(ring).skip(1)).all(|((a, b), (_, c))| (a[0] == b[0]) != (b[0] == c[0])),
            "corners only"
        );
    }
    assert!(region.rings[1..].is_sorted_by_key(|r| (r[0][1], r[0][0])));
    let area: i64 = region.rings.iter().map(|r| doubled_area(r)).sum();
    assert_eq!(u64::try_from(area).unwrap(), 2 * region.pixels);
}

/// All invariants for one map.
fn assert_laws(map: &Map) {
    let regions = map.regions();
    regions.iter().for_each(assert_canonical);
    assert_pixels(map, &regions, &map.components());
}

/// Checks that regions are groups of pixels with correct properties.
fn assert_pixels(map: &Map, regions: &[Region], groups: &[Vec<usize>]) {
    let mut filled: Vec<Vec<usize>> = regions.iter().map(|r| map.filled(r)).collect();
    for (region, pixels) in regions.iter().zip(&filled) {
        assert_eq!(pixels.len() as u64, region.pixels);
        assert!(pixels.iter().all(|i| map.labels[*i] == region.class_id));
        assert_eq!(pixels.iter().map(|i| u64::from(map.confidence[*i])).sum::<u64>(), region.confidence_sum);
        assert_eq!(region.scored, region.pixels);
        let cell = |i: &usize| (i % map.extent.width, i / map.extent.width);
        let cells = || pixels.iter().map(cell);
        let (c0, r0) = (cells().map(|p| p.0).min().unwrap(), cells().map(|p| p.1).min().unwrap());
        let (c1, r1) = (cells().map(|p| p.0).max().unwrap(), cells().map(|p| p.1).max().unwrap());
        assert_eq!(map.extent.offset_of(&region.bbox), Some((c0, r0)));
        assert_eq!((region.bbox.width, region.bbox.height), (c1 + 1 - c0, r1 + 1 - r0));
        let area: f64 = cells().map(|p| area_of(map.extent.row + i64::try_from(p.1).unwrap())).sum();
        assert!((area - region.area_m2).abs() <= 1e-12 * area);
    }
    filled.sort();
    assert_eq!(filled, groups);
}

fn maps(classes: u8) -> impl Strategy<Value = Map> {
    (1usize..20, 1usize..20, -40i64..40, -40i64..40).prop_flat_map(move |(width, height, col, row)| {
        let size = width * height;
        (prop::collection::vec(0..=classes, size), prop::collection::vec(0u8..=250, size)).prop_map(
            move |(labels, confidence)| Map {
                extent: Window::new(col, row, width, height),
                labels: labels.into_iter().map(|l| if l == classes { LABEL_NODATA } else { l }).collect(),
                confidence,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn hard_shapes_obey_the_laws(map in label_maps(30)) {
        assert_laws(&Map::of(&map));
    }

    #[test]
    fn a_map_far_from_the_origin_is_the_map_near_it_moved(map in label_maps(20), turn in 0usize..4) {
        let far = Window::FARTHEST_PX - 40;
        let (col, row) = (if turn & 1 == 0 { far } else { -far }, if turn & 2 == 0 { far } else { -far });
        // Cut regions are cut on the lattice; there is none here.
        let near = Map::of(&map.clone().moved_to(0, 0)).regions();
        let away = Map::of(&map.moved_to(col, row)).regions();
        prop_assert_eq!(near.len(), away.len());
        for (near, away) in near.into_iter().zip(away) {
            let rings = near.rings.iter().map(|r| r.iter().map(|v| [v[0] + col, v[1] + row]).collect::<Vec<_>>());
            prop_assert_eq!(&rings.collect::<Vec<_>>(), &away.rings);
            let bbox = Window { col: near.bbox.col + col, row: near.bbox.row + row, ..near.bbox };
            prop_assert_eq!((bbox, near.pixels), (away.bbox, away.pixels));
        }
    }

    #[test]
    fn two_classes_obey_the_laws(map in maps(2)) {
        assert_laws(&map);
    }

    #[test]
    fn one_class_full_of_holes_obeys_the_laws(map in maps(1)) {
        assert_laws(&map);
    }

    #[test]
    fn five_classes_obey_the_laws(map in maps(5)) {
        assert_laws(&map);
    }

    #[test]
    fn regions_inside_a_crop_do_not_depend_on_the_crop(map in maps(2), cut in prop::array::uniform4(0.0f64..1.0)) {
        let whole = map.extent;
        let part = |share: f64, n: usize| truncate::<usize>(share * exact(n));
        let (c, r) = (part(cut[0], whole.width), part(cut[1], whole.height));
        let (w, h) = (1 + part(cut[2], whole.width - c), 1 + part(cut[3], whole.height - r));
        let (w, h) = (w.min(whole.width - c), h.min(whole.height - r));
        let crop = Window::new(whole.col + i64::try_from(c).unwrap(), whole.row + i64::try_from(r).unwrap(), w, h);
        let is_inside = |r: &Region| crop.contains(&r.bbox.grow(1));
        let of_crop: Vec<Region> = map.crop(crop).regions().into_iter().filter(is_inside).collect();
        let of_whole: Vec<Region> = map.regions().into_iter().filter(is_inside).collect();
        prop_assert_eq!(of_crop, of_whole);
    }

    #[test]
    fn surroundings_do_not_matter(map in maps(1), around in prop::collection::vec(1u8..3, 64)) {
        // The same pixels of class 0, once amid nodata and once amid other classes and a wider extent.
        let e = map.extent;
        let wide = Window::new(e.col - 4, e.row - 2, e.width + 9, e.height + 3);
        let mut embedded = Map::new(wide, |c, r| around[(c * 7 + r * 5) % 64]);
        for (i, (label, confidence)) in map.labels.iter().zip(&map.confidence).enumerate() {
            let at = (i / e.width + 2) * wide.width + i % e.width + 4;
            if *label == 0 {
                (embedded.labels[at], embedded.confidence[at]) = (*label, *confidence);
            }
        }
        let mut only_zero = [false; 256];
        only_zero[0] = true;
        prop_assert_eq!(map.regions(), embedded.regions_of(only_zero));
    }
}

proptest! {
    #[test]
    fn parts_of_cut_regions_obey_the_laws_and_add_up(map in maps(2), runs in 1u64..30, shift in 0u32..5) {
        let (whole, parts) = (map.regions(), map.cut_regions(runs, shift, Connectivity::Four));
        let mut seen = vec![false; map.labels.len()];
        for part in &parts {
            assert_canonical(part);
            let filled = map.filled(part);
            prop_assert_eq!(filled.len() as u64, part.pixels);
            prop_assert!(filled.iter().all(|i| !std::mem::replace(&mut seen[*i], true)));
            prop_assert!(filled.iter().all(|i| map.labels[*i] == part.class_id));
        }
        let area = |regions: &[Region]| regions.iter().map(|r| r.pixels).sum::<u64>();
        prop_assert_eq!(area(&whole), area(&parts));
        // Small regions are whole: every whole region that was never large is among the parts.
        let is_small = |r: &Region| r.pixels <= runs;
        prop_assert!(whole.iter().filter(|r| is_small(r)).all(|r| parts.contains(r)));
    }
}

#[test]
fn a_region_without_end_is_held_only_up_to_the_next_cut() {
    // Ground with a hole every other pixel of every other row: one region, however many rows.
    let extent = Window::new(0, 0, 200, 6000);
    let map = Map::new(extent, |c, r| u8::from(c % 2 == 1 && r % 2 == 1));
    let layout = Layout { cells: Some(LATTICE), cut_runs: 5_000, ..Layout::new(extent, Connectivity::Four) };
    let mut polygonizer = Polygonizer::of_layout(layout, extent, [true; 256]).unwrap();
    let (mut most, mut parts) = (0, 0);
    for (i, row) in map.labels.chunks_exact(200).enumerate() {
        let confidence = &map.confidence[i * 200..][..200];
        polygonizer.push_row(row, confidence, 1.0, &mut |r| parts += usize::from(r.class_id == 0)).unwrap();
        most = most.max(polygonizer.live());
    }
    polygonizer.finish(&mut |r| parts += usize::from(r.class_id == 0));
    assert_eq!(parts, 12, "6000 rows, cut every 512");
    // At most 512 rows of edges: 100 holes of 4 corners in every other row.
    assert!(most < 512 * 50 * 5, "{most}");
}

#[test]
fn one_pixel_is_a_square() {
    let regions = Map::drawn(&["...", ".7.", "..."]).regions();
    assert_eq!(regions.len(), 1);
    assert_eq!(regions[0].rings, [[[-2, 6], [-2, 7], [-1, 7], [-1, 6]]]);
    assert_eq!((regions[0].class_id, regions[0].bbox), (7, Window::new(-2, 6, 1, 1)));
}

#[test]
fn a_hole_in_a_corner_touches_the_exterior() {
    let map = Map::drawn(&["111", "1.1", "11."]);
    assert_laws(&map);
    let regions = map.regions();
    // The hole and the notch meet in (-1, 7): cut there, they are a hole and a notch again.
    assert_eq!(regions[0].rings.len(), 2);
    assert_eq!(regions[0].rings[0], [[-3, 5], [-3, 8], [-1, 8], [-1, 7], [0, 7], [0, 5]]);
    assert_eq!(regions[0].rings[1], [[-2, 6], [-1, 6], [-1, 7], [-2, 7]]);
}

#[test]
fn diagonal_holes_are_two_holes() {
    let map = Map::drawn(&["11111", "1.111", "11.11", "111.1", "11111"]);
    assert_laws(&map);
    assert_eq!(map.regions()[0].rings.len(), 4);
}

#[test]
fn drawn_shapes_obey_the_laws() {
    let spiral = ["1111111", "1.....1", "1.111.1", "1.1.1.1", "1.1...1", "1.11111", "1......"];
    let comb = ["1.1.1.1", "1.1.1.1", "1111111", "1.1.1.1"];
    let rings = ["1111111", "1222221", "1233321", "1234321", "1233321", "1222221", "1111111"];
    let knots = ["111111", "1.1..1", "11.1.1", "1.1.11", "11.1.1", "111111"];
    let touching = ["11.11", "1.1.1", ".111.", "1.1.1", "11.11"];
    for map in [&spiral[..], &comb, &rings, &knots, &touching].map(Map::drawn) {
        assert_laws(&map);
    }
    assert_eq!(Map::drawn(&rings).regions().len(), 4);
}

#[test]
fn a_checkerboard_is_pixels() {
    let map = Map::new(Window::new(0, 0, 40, 30), |c, r| u8::from((c + r) % 2 == 0));
    assert_laws(&map);
    assert_eq!(map.regions().len(), 1200);
}

#[test]
fn one_region_may_span_everything() {
    let map = Map::new(Window::new(-20, -20, 61, 61), |c, r| u8::from(c % 2 == 1 && r % 2 == 1));
    assert_laws(&map);
    assert_eq!(map.regions()[0].rings.len(), 1 + 30 * 30);
}

#[test]
fn classes_that_are_not_kept_and_nodata_give_nothing() {
    let map = Map::drawn(&["0011", "0.21"]);
    let mut is_kept = [true; 256];
    is_kept[1] = false;
    let classes: Vec<u8> = map.regions_of(is_kept).iter().map(|r| r.class_id).collect();
    assert_eq!(classes, [0, 2]);
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let width = 97;
    let live_after = |rows: usize| {
        let mut polygonizer = Polygonizer::new(Window::new(0, 0, width, rows), [true; 256]).unwrap();
        for r in 0..rows {
            // Blobs of 3 classes in a pattern that repeats after 12 rows; none spans more than one period.
            let labels: Vec<u8> = (0..width)
                .map(|c| {
                    if r % 12 == 0 { 3 } else { u8::try_from((c * c / 7 + (r % 12) * (c % 5)) % 3).unwrap() }
                })
                .collect();
            polygonizer.push_row(&labels, &vec![9; width], 1.0, &mut |_| {}).unwrap();
        }
        (polygonizer.live(), polygonizer.tiles[0].tracer.capacity())
    };
    // Some rows after a line along which large regions are cut.
    assert_eq!(live_after(2048 + 52), live_after(4 * 2048 + 52));
    assert!(live_after(2048 + 52).0 > 0);
}

#[test]
fn all_is_released_at_the_end() {
    let mut polygonizer = Polygonizer::new(Window::new(0, 0, 5, 3), [true; 256]).unwrap();
    for labels in [[1, 1, 2, 2, 1], [1, 2, 2, 1, 1], [255; 5]] {
        polygonizer.push_row(&labels, &[0; 5], 1.0, &mut |_| {}).unwrap();
    }
    assert_eq!(polygonizer.live(), 0);
}

#[test]
fn missing_confidence_counts_nothing() {
    let mut map = Map::drawn(&["11"]);
    map.confidence = vec![CONFIDENCE_NODATA, 100];
    let region = &map.regions()[0];
    assert_eq!((region.confidence_sum, region.scored, region.pixels), (100, 1, 2));
    map.confidence = vec![CONFIDENCE_NODATA; 2];
    let region = &map.regions()[0];
    assert_eq!((region.confidence_sum, region.scored, region.pixels), (0, 0, 2));
}

#[test]
fn bad_rows_are_refused_and_leave_no_trace() {
    let extent = Window::new(7, -1, 2, 1);
    let mut p = Polygonizer::new(extent, [true; 256]).unwrap();
    let mut push = |labels: &[u8], confidence: &[u8], area| p.push_row(labels, confidence, area, &mut |_| {});
    let short = VectorError::RowLength { row: -1, expected: 2, labels: 1, confidence: 2 };
    assert_eq!(push(&[1], &[1, 1], 1.0), Err(short));
    assert_eq!(push(&[1, 1], &[1, 1], 0.0), Err(VectorError::PixelArea { row: -1, pixel_area_m2: 0.0 }));
    assert!(push(&[1, 1], &[1, 1], f64::NAN).is_err());
    assert_eq!(push(&[1, 1], &[1, 1], 1.0), Ok(()));
    assert_eq!(push(&[1, 1], &[1, 1], 1.0), Err(VectorError::TooManyRows { row: 0, extent }));
    let mut regions = vec![];
    p.finish(&mut |r| regions.push(r));
    assert_eq!(regions.len(), 1);
    assert!(Polygonizer::new(Window::new(0, 0, 1 << 31, 1), [true; 256]).is_err());
}

#[test]
fn long_shapes_obey_the_laws() {
    // Lines of thousands of pixels, adjacent to themselves along their whole length.
    for shape in [Shape::Spiral, Shape::Comb, Shape::Rings, Shape::Stairs] {
        let map = Map::of(&LabelMap::new(Window::new(-70, 450, 120, 120), shape, 1, 0, [1, 0]));
        let regions = map.regions();
        regions.iter().for_each(assert_canonical);
        assert_eq!(regions.iter().map(|r| r.pixels).sum::<u64>(), 120 * 120, "{shape:?}");
        assert_eq!(regions.len(), map.components().len(), "{shape:?}");
    }
}

#[test]
fn extents_at_the_limits_of_the_numbers_are_refused() {
    let new = |extent| Polygonizer::new(extent, [true; 256]).map(|_| ());
    for extent in [
        Window::new(i64::MAX - 3, 0, 5, 5),
        Window::new(0, i64::MIN, 5, 5),
        Window::new(1_000_000_000_000_000, 0, 5, 5),
        Window::new(0, 0, usize::MAX, 1),
    ] {
        let error = new(extent).unwrap_err();
        assert_eq!(error, VectorError::ExtentTooLarge { extent });
        assert!(arpent_base::Diagnostic::hint(&error).is_some());
    }
    assert!(new(Window::new(Window::FARTHEST_PX - 6, 1 - Window::FARTHEST_PX, 5, 5)).is_ok());
}

#[test]
fn an_empty_extent_has_no_region() {
    assert!(Map { extent: Window::new(0, 0, 0, 0), labels: vec![], confidence: vec![] }.regions().is_empty());
    assert!(Map { extent: Window::new(0, 0, 0, 3), labels: vec![], confidence: vec![] }.regions().is_empty());
}
