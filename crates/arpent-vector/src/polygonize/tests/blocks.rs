//! Regions that are traced block by block.

use super::*;
use crate::blocks::{Cut, cuts};

/// Runs of pixels of a region, each counted once for each cell of the lattice that it touches.
fn runs(map: &Map, pixels: &[usize], lattice: Lattice) -> u64 {
    let (mut runs, mut last) = (0, None);
    for i in pixels {
        let col = map.extent.col + i64::try_from(i % map.extent.width).unwrap();
        let is_first = i % map.extent.width == 0 || last != Some(i.wrapping_sub(1));
        runs += u64::from(is_first || lattice.beyond_line(col) == 0);
        last = Some(*i);
    }
    runs
}

/// The rule for regions without end, one region at a time, from regions that are not cut.
fn expected(map: &Map, layout: &Layout) -> Vec<Region> {
    let eight = [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)];
    let groups = match layout.connectivity {
        Connectivity::Four => map.components(),
        Connectivity::Eight => map.flooded(&eight),
    };
    let whole = |map: &Map| {
        let polygonizer = Polygonizer::with_connectivity(map.extent, [true; 256], layout.connectivity);
        map.regions_by(polygonizer.unwrap().without_cuts())
    };
    let mut regions = Vec::new();
    for pixels in groups {
        let mut alone = map.clone();
        alone.labels.fill(LABEL_NODATA);
        pixels.iter().for_each(|i| alone.labels[*i] = map.labels[*i]);
        if runs(map, &pixels, layout.lattice) <= layout.cut_runs {
            regions.extend(whole(&alone));
            continue;
        }
        let cells = layout.cells.unwrap().side();
        for cell in map.extent.split_rows(cells).flat_map(|rows| rows.split_columns(cells)) {
            regions.extend(whole(&alone.crop(cell)));
        }
    }
    regions.sort_by_key(order);
    regions
}

/// The regions of the blocks of a map, in their order.
fn by_blocks(map: &Map, layout: &Layout, cut: &Cut, is_kept: [bool; 256]) -> Vec<Region> {
    let mut regions = Vec::new();
    let mut last = Join::new(layout.clone(), None);
    for group in cut.groups(map.extent, layout.lattice) {
        let mut join = Join::new(layout.clone(), None);
        for block in &group {
            let part = map.crop(*block);
            let mut polygonizer = Polygonizer::of_layout(layout.clone(), *block, is_kept).unwrap();
            let rows = part.labels.chunks(block.width).zip(part.confidence.chunks(block.width));
            for (row, (labels, confidence)) in (block.row..).zip(rows) {
                polygonizer.push_row(labels, confidence, area_of(row), &mut |r| regions.push(r)).unwrap();
            }
            let fragments = polygonizer.leave(&mut |r| regions.push(r));
            join.take(fragments, &mut |r| regions.push(r)).unwrap();
        }
        last.take(join.leave(), &mut |r| regions.push(r)).unwrap();
    }
    last.finish().unwrap();
    regions.sort_by_key(order);
    regions
}

fn layouts(connectivity: Connectivity) -> impl Strategy<Value = (u32, u32, u64, Connectivity)> {
    (0u32..4, 0u32..3, prop_oneof![1u64..30, Just(CUTLESS)], Just(connectivity))
}

const CUTLESS: u64 = 1 << 40;

fn layout(extent: Window, (lattice, more, cut_runs, connectivity): (u32, u32, u64, Connectivity)) -> Layout {
    let cells = Some(Lattice::new(lattice + more));
    Layout { lattice: Lattice::new(lattice), cells, cut_runs, ..Layout::new(extent, connectivity) }
}

/// All ways of tracing a map give the same regions.
fn assert_blocks(map: &Map, layout: &Layout, cut: &Cut) {
    let expected = expected(map, layout);
    let whole = Polygonizer::of_layout(layout.clone(), map.extent, [true; 256]).unwrap();
    assert_eq!(map.regions_by(whole), expected, "one block");
    assert_eq!(by_blocks(map, layout, cut, [true; 256]), expected, "{:?}", cut.groups(map.extent, layout.lattice));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hard_shapes_are_the_same_in_blocks(map in label_maps(30), of in layouts(Connectivity::Four), cut in cuts()) {
        assert_blocks(&Map::of(&map), &layout(map.window, of), &cut);
    }

    #[test]
    fn noise_is_the_same_in_blocks(map in maps(2), of in layouts(Connectivity::Four), cut in cuts()) {
        assert_blocks(&map, &layout(map.extent, of), &cut);
    }

    #[test]
    fn one_class_full_of_holes_is_the_same_in_blocks(map in maps(1), of in layouts(Connectivity::Four), cut in cuts()) {
        assert_blocks(&map, &layout(map.extent, of), &cut);
    }

    #[test]
    fn hard_shapes_joined_at_corners_are_the_same_in_blocks(map in label_maps(20), of in layouts(Connectivity::Eight), cut in cuts()) {
        assert_blocks(&Map::of(&map), &layout(map.window, of), &cut);
    }

    #[test]
    fn noise_joined_at_corners_is_the_same_in_blocks(map in maps(3), of in layouts(Connectivity::Eight), cut in cuts()) {
        assert_blocks(&map, &layout(map.extent, of), &cut);
    }

    #[test]
    fn classes_that_are_not_kept_are_nothing_in_blocks(map in maps(3), of in layouts(Connectivity::Four), cut in cuts()) {
        let (layout, is_kept) = (layout(map.extent, of), std::array::from_fn(|id| id != 1));
        let whole = map.regions_by(Polygonizer::of_layout(layout.clone(), map.extent, is_kept).unwrap());
        prop_assert_eq!(by_blocks(&map, &layout, &cut, is_kept), whole);
    }
}
