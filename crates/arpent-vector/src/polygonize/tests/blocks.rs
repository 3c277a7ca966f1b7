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
        for i in &pixels {
            alone.labels[*i] = map.labels[*i];
        }
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
    let mut last = Join::new(*layout, None);
    for group in cut.groups(map.extent, layout.lattice) {
        let mut join = Join::new(*layout, None);
        for block in &group {
            let part = map.crop(*block);
            let mut polygonizer = Polygonizer::of_layout(*layout, *block, is_kept).unwrap();
            let rows = part.labels.chunks(block.width).zip(part.confidence.chunks(block.width));
            for (row, (labels, confidence)) in (block.row..).zip(rows) {
                polygonizer.push_row(labels, confidence, area_of(row), &mut |r| regions.push(r)).unwrap();
            }
            let fragments = polygonizer.leave(&mut |r| regions.push(r));
            let read = Fragments::decode(&fragments.encode()).unwrap();
            assert_eq!(read, fragments);
            join.take(read, &mut |r| regions.push(r)).unwrap();
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
    let whole = Polygonizer::of_layout(*layout, map.extent, [true; 256]).unwrap();
    assert_eq!(map.regions_by(whole), expected, "one block");
    assert_eq!(
        by_blocks(map, layout, cut, [true; 256]),
        expected,
        "{:?}",
        cut.groups(map.extent, layout.lattice)
    );
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
        let whole = map.regions_by(Polygonizer::of_layout(layout, map.extent, is_kept).unwrap());
        prop_assert_eq!(by_blocks(&map, &layout, &cut, is_kept), whole);
    }
}

#[test]
fn blocks_are_given_once_and_all_of_them_and_of_one_map() {
    let map = Map::new(Window::new(0, 0, 8, 4), |c, _| u8::from(c == 3 || c == 4));
    let of = (2, 0, CUTLESS, Connectivity::Four);
    let layout = layout(map.extent, of);
    let fragments = |layout: Layout, block: Window| {
        let mut polygonizer = Polygonizer::of_layout(layout, block, [true; 256]).unwrap();
        for labels in map.crop(block).labels.chunks(block.width) {
            polygonizer.push_row(labels, &vec![9; block.width], 1.0, &mut |_| {}).unwrap();
        }
        polygonizer.leave(&mut |_| {})
    };
    let (west, east) = (Window::new(0, 0, 4, 4), Window::new(4, 0, 4, 4));
    let mut join = Join::new(layout, None);
    join.take(fragments(layout, west), &mut |_| {}).unwrap();
    let error = join.take(fragments(layout, west), &mut |_| {}).unwrap_err();
    assert_eq!(error, VectorError::BlockTwice { block: west });
    let other = Layout { cut_runs: 1, ..layout };
    let error = join.take(fragments(other, east), &mut |_| {}).unwrap_err();
    assert_eq!(error, VectorError::OtherBlocks { extent: map.extent, other: map.extent });
    let error = join.finish().unwrap_err();
    assert_eq!(error, VectorError::BlocksMissing { extent: map.extent, pixels: 16 });
    let mut regions = Vec::new();
    let mut join = Join::new(layout, None);
    for block in [east, west] {
        join.take(fragments(layout, block), &mut |r| regions.push(r)).unwrap();
    }
    assert_eq!((regions.len(), join.finish()), (1, Ok(DrawnCounts::default())), "the stripe across the line");
    let block = Window::new(1, 0, 3, 4);
    let error = Polygonizer::of_layout(layout, block, [true; 256]).unwrap_err();
    assert_eq!(error, VectorError::BadBlock { block, extent: map.extent });
}

proptest! {
    #[test]
    fn damaged_fragments_are_refused(map in maps(2), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let layout = layout(map.extent, (2, 1, CUTLESS, Connectivity::Eight));
        let mut polygonizer = Polygonizer::of_layout(layout, map.extent, [true; 256]).unwrap();
        polygonizer.push_row(&map.labels[..map.extent.width], &map.confidence[..map.extent.width], 1.0, &mut |_| {}).unwrap();
        let mut bytes = polygonizer.leave(&mut |_| {}).encode();
        let at = at.index(bytes.len());
        prop_assert!(Fragments::decode(&bytes[..at]).is_err());
        bytes[at] ^= 1 << bit;
        prop_assert!(Fragments::decode(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What has a right checksum but was changed is refused, or joined, but nothing breaks.
    #[test]
    fn forged_fragments_break_nothing(
        map in maps(2), eight in any::<bool>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let connectivity = if eight { Connectivity::Eight } else { Connectivity::Four };
        let layout = layout(map.extent, (2, 1, 10, connectivity));
        let mut join = Join::new(layout, None);
        for block in map.extent.split_columns(4) {
            let part = map.crop(block);
            let mut polygonizer = Polygonizer::of_layout(layout, block, [true; 256]).unwrap();
            for (labels, confidence) in part.labels.chunks(block.width).zip(part.confidence.chunks(block.width)) {
                polygonizer.push_row(labels, confidence, 1.0, &mut |_| {}).unwrap();
            }
            let bytes = polygonizer.leave(&mut |_| {}).encode();
            let Ok(read) = Fragments::decode(&crate::bytes::forged(&bytes, &changes)) else { continue };
            prop_assert_eq!(Fragments::decode(&read.encode()), Ok(read.clone()));
            if join.take(read, &mut |_| {}).is_err() {
                return Ok(());
            }
        }
        let _ = join.finish();
    }
}
