//! Regions whose pixels may touch at corners only.

use super::*;
use crate::region::Vertex;

impl Map {
    fn polygonizer_of_8(&self) -> Polygonizer {
        Polygonizer::with_connectivity(self.extent, [true; 256], Connectivity::Eight).unwrap()
    }

    fn regions_of_8(&self) -> Vec<Region> {
        self.regions_by(self.polygonizer_of_8())
    }

    fn components_of_8(&self) -> Vec<Vec<usize>> {
        self.flooded(&[(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)])
    }

    /// Connected groups of pixels outside of a region within a frame, except the outer one.
    fn holes(&self, region: &Region) -> usize {
        let pixels = self.filled(region);
        let e = self.extent;
        let frame = Window::new(e.col - 1, e.row - 1, e.width + 2, e.height + 2);
        let is_in = |c: usize, r: usize| {
            (1..=e.width).contains(&c)
                && (1..=e.height).contains(&r)
                && pixels.binary_search(&((r - 1) * e.width + c - 1)).is_ok()
        };
        let complement = Map::new(frame, |c, r| if is_in(c, r) { LABEL_NODATA } else { 0 });
        complement.components().len() - 1
    }
}

/// Number of repeated vertices in rings.
fn again(region: &Region) -> Vec<Vertex> {
    let repeated = |ring: &Vec<Vertex>| -> Vec<Vertex> {
        let mut vertices = ring.clone();
        vertices.sort_unstable();
        vertices.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
    };
    region.rings.iter().flat_map(repeated).collect()
}

/// All invariants for one map.
fn assert_laws_of_8(map: &Map) {
    let (regions, small) = (map.regions_of_8(), map.regions());
    assert_pixels(map, &regions, &map.components_of_8());
    for region in &regions {
        assert_rings(region);
        assert_eq!(region.rings.len(), 1 + map.holes(region), "a ring for each hole");
        let parts: Vec<&Region> = small
            .iter()
            .filter(|part| {
                part.class_id == region.class_id
                    && map.filled(region).binary_search(&map.filled(part)[0]).is_ok()
            })
            .collect();
        if parts.len() == 1 {
            assert_eq!(region, parts[0], "what sides join is the same");
        }
        // The region is disconnected at a corner that a ring passes twice.
        let again = again(region);
        assert!(again.len() < parts.len(), "{again:?} in {region:?}");
        // The sides are those of the parts.
        let sides = |regions: &[&Region]| {
            let mut sides: Vec<(Vertex, Vertex)> =
                regions.iter().flat_map(|r| &r.rings).flat_map(|ring| edges(ring)).collect();
            sides.sort_unstable();
            sides
        };
        assert_eq!(sides(&[region]), sides(&parts));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hard_shapes_obey_the_laws(map in label_maps(16)) {
        assert_laws_of_8(&Map::of(&map));
    }

    #[test]
    fn two_classes_obey_the_laws(map in maps(2)) {
        assert_laws_of_8(&map);
    }

    #[test]
    fn one_class_full_of_holes_obeys_the_laws(map in maps(1)) {
        assert_laws_of_8(&map);
    }

    #[test]
    fn five_classes_obey_the_laws(map in maps(5)) {
        assert_laws_of_8(&map);
    }

    #[test]
    fn regions_inside_a_crop_do_not_depend_on_the_crop(map in maps(4), cut in prop::array::uniform4(0usize..20)) {
        let e = map.extent;
        let (c, r) = (cut[0] % e.width, cut[1] % e.height);
        let (w, h) = (1 + cut[2] % (e.width - c), 1 + cut[3] % (e.height - r));
        let [col, row] = [(e.col, c), (e.row, r)].map(|(start, n)| start + i64::try_from(n).unwrap());
        let crop = Window::new(col, row, w, h);
        let is_inside = |r: &Region| crop.contains(&r.bbox.grow(1));
        let of_crop: Vec<Region> = map.crop(crop).regions_of_8().into_iter().filter(is_inside).collect();
        let of_whole: Vec<Region> = map.regions_of_8().into_iter().filter(is_inside).collect();
        prop_assert_eq!(of_crop, of_whole);
    }

    #[test]
    fn parts_of_cut_regions_add_up(map in maps(2), runs in 1u64..30, shift in 0u32..5) {
        let (whole, parts) = (map.regions_of_8(), map.cut_regions(runs, shift, Connectivity::Eight));
        let mut seen = vec![false; map.labels.len()];
        for part in &parts {
            assert_rings(part);
            let filled = map.filled(part);
            prop_assert_eq!(filled.len() as u64, part.pixels);
            prop_assert!(filled.iter().all(|i| !std::mem::replace(&mut seen[*i], true)));
            prop_assert!(filled.iter().all(|i| map.labels[*i] == part.class_id));
        }
        let area = |regions: &[Region]| regions.iter().map(|r| r.pixels).sum::<u64>();
        prop_assert_eq!(area(&whole), area(&parts));
        prop_assert!(whole.iter().filter(|r| r.pixels <= runs).all(|r| parts.contains(r)));
    }
}

#[test]
fn pixels_that_meet_at_a_corner_are_one_ring() {
    let regions = Map::drawn(&["1.", ".1"]).regions_of_8();
    assert_eq!(regions.len(), 1);
    assert_eq!(
        regions[0].rings,
        [[[-3, 5], [-3, 6], [-2, 6], [-2, 7], [-1, 7], [-1, 6], [-2, 6], [-2, 5]]],
        "passes (-2, 6) twice"
    );
}

#[test]
fn a_loop_that_a_corner_closes_has_a_hole() {
    let map = Map::drawn(&["11.", "1.1", "111"]);
    assert_laws_of_8(&map);
    assert_eq!(map.regions_of_8(), map.regions());
    // Four pixels around one: every corner of the hole joins two of them.
    let map = Map::drawn(&[".1.", "1.1", ".1."]);
    assert_laws_of_8(&map);
    let regions = map.regions_of_8();
    assert_eq!(regions[0].rings.iter().map(Vec::len).collect::<Vec<_>>(), [12, 4]);
    assert!(again(&regions[0]).is_empty());
}

#[test]
fn a_checkerboard_is_two_regions() {
    let map = Map::new(Window::new(0, 0, 12, 9), |c, r| u8::from((c + r) % 2 == 0));
    assert_laws_of_8(&map);
    assert_eq!(map.regions_of_8().len(), 2);
}

#[test]
fn drawn_shapes_obey_the_laws() {
    let knots = ["111111", "1.1..1", "11.1.1", "1.1.11", "11.1.1", "111111"];
    let stairs = ["1....", ".1...", "..1.1", "...1.", "1.1.1"];
    // Parts that close in one row, and parts that meet after others have closed.
    let late = ["1.1.1", "...1.", "1.1..", ".1.11"];
    for map in [&knots[..], &stairs, &late].map(Map::drawn) {
        assert_laws_of_8(&map);
    }
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    let width = 97;
    let live_after = |rows: usize| {
        let extent = Window::new(0, 0, width, rows);
        let mut polygonizer =
            Polygonizer::with_connectivity(extent, [true; 256], Connectivity::Eight).unwrap();
        for r in 0..rows {
            let label = |c: usize| if r % 12 == 0 { 3 } else { (c * c / 7 + (r % 12) * (c % 5)) % 3 };
            let labels: Vec<u8> = (0..width).map(|c| u8::try_from(label(c)).unwrap()).collect();
            polygonizer.push_row(&labels, &vec![9; width], 1.0, &mut |_| {}).unwrap();
        }
        (polygonizer.live(), polygonizer.tiles[0].tracer.capacity())
    };
    // Some rows after a line along which large regions are cut.
    assert_eq!(live_after(2048 + 52), live_after(4 * 2048 + 52));
    assert!(live_after(2048 + 52).0 > 0);
}
