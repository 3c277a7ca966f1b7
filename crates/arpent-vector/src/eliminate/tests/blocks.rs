//! The mapping unit, block by block.

use super::*;
use crate::blocks::{Cut, cuts};
use crate::polygonize::{Connectivity, Lattice, Layout};

impl Map {
    fn extent(&self) -> Window {
        Window::new(-3, 1000, self.width, self.height())
    }

    /// Labels and strata of the rows of a block.
    fn rows_of(&self, block: Window) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let extent = self.extent();
        let (col, row) = extent.offset_of(&block).unwrap();
        (row..row + block.height).map(move |row| {
            let pixels = row * self.width + col..row * self.width + col + block.width;
            (self.labels[pixels.clone()].to_vec(), self.strata[pixels].to_vec())
        })
    }

    /// The map and the counts, block by block.
    fn in_blocks(
        &self,
        units: &MappingUnits,
        lattice: Lattice,
        blocks: &[Window],
    ) -> (Vec<u8>, EliminationCounts) {
        let extent = self.extent();
        let layout = Layout { lattice, ..Layout::new(extent, Connectivity::Four) };
        let mut settler = Settler::of_layout(layout, units.clone());
        for block in blocks {
            let mut survey = Survey::of_any(extent, *block, units.clone());
            for (labels, strata) in self.rows_of(*block) {
                survey.push_row(&labels, Some(&strata), 1.0).unwrap();
            }
            settler.add(&survey.finish()).unwrap();
        }
        let settlement = settler.settle().unwrap();
        let mut counts = EliminationCounts {
            eliminated: settlement.eliminated,
            islands: settlement.islands,
            ..EliminationCounts::default()
        };
        let mut found = vec![LABEL_NODATA - 1; self.labels.len()];
        for settled in &settlement.blocks {
            let (block, mut rows) = (settled.block(), 0);
            let (col, row) = extent.offset_of(&block).unwrap();
            let mut sink = |emitted: EliminatedRow| -> Result<(), VectorError> {
                let start = (row + rows) * self.width + col;
                assert_eq!(emitted.row, block.row + i64::try_from(rows).unwrap());
                found[start..start + block.width].copy_from_slice(emitted.labels);
                rows += 1;
                Ok(())
            };
            let mut eliminator = Eliminator::of_any(units.clone(), settled);
            for (labels, strata) in self.rows_of(block) {
                let predicted = (&labels[..], &vec![9; block.width][..]);
                eliminator.push_row(&labels, predicted, Some(&strata), 1.0, &mut sink).unwrap();
            }
            counts.add(&eliminator.finish(&mut sink).unwrap());
            assert_eq!(rows, block.height);
        }
        (found, counts)
    }
}

fn assert_blocks(map: &Map, units: &MappingUnits, shift: u32, cut: &Cut) {
    let (lattice, units) = (Lattice::new(shift), units.clone().watch(1));
    let (labels, counts) = map.eliminated(&units);
    let blocks = cut.blocks(map.extent(), lattice);
    let (found, sums) = map.in_blocks(&units, lattice, &blocks);
    assert_eq!(map.drawing(&found), map.drawing(&labels), "{blocks:?}");
    assert_eq!(sums, counts, "{blocks:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn noise_ends_in_the_same_map_in_blocks(
        map in maps(), least in prop::array::uniform3(0.0f64..12.0), weight in 0.2f64..4.0, shift in 0u32..4, cut in cuts(),
    ) {
        assert_blocks(&map, &units(least, weight), shift, &cut);
    }

    #[test]
    fn hard_shapes_end_in_the_same_map_in_blocks(
        map in label_maps(24), least in prop::array::uniform3(0.0f64..60.0), weight in 0.2f64..4.0, shift in 0u32..4, cut in cuts(),
    ) {
        assert_blocks(&Map::of(map), &units(least, weight), shift, &cut);
    }

    #[test]
    fn wide_noise_ends_in_the_same_map_in_blocks(
        labels in prop::collection::vec(0u8..4, 40 * 30), least in 0.0f64..40.0, shift in 1u32..4, cut in cuts(),
    ) {
        let map = Map { width: 40, strata: vec![0; labels.len()], labels };
        assert_blocks(&map, &units([least, least, least / 2.0], 1.0), shift, &cut);
    }
}

/// Settles two blocks side by side, and returns what was settled for the western one.
fn settled_of(map: &Map, units: &MappingUnits, blocks: [Window; 2]) -> Settled {
    let layout = Layout { lattice: Lattice::new(0), ..Layout::new(map.extent(), Connectivity::Four) };
    let mut settler = Settler::of_layout(layout, units.clone());
    for block in blocks {
        let mut survey = Survey::of_any(map.extent(), block, units.clone());
        for (labels, strata) in map.rows_of(block) {
            survey.push_row(&labels, Some(&strata), 1.0).unwrap();
        }
        settler.add(&survey.finish()).unwrap();
    }
    settler.settle().unwrap().blocks.remove(0)
}

/// The sides of a map that is cut in the middle of its columns.
fn halves(map: &Map) -> [Window; 2] {
    let (extent, half) = (map.extent(), map.width / 2);
    [
        Window { width: half, ..extent },
        Window { col: extent.col + i64::try_from(half).unwrap(), width: map.width - half, ..extent },
    ]
}

fn noisy(width: usize, height: usize) -> Map {
    let mut state = 1u64;
    let mut label = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        fitted::<u8>((state >> 33) % 5)
    };
    let labels: Vec<u8> = (0..width * height).map(|_| label()).collect();
    Map { width, strata: vec![0; labels.len()], labels }
}

#[test]
fn rows_leave_a_block_before_its_end() {
    // Noise: nearly everything is too small, and much of it reaches the other block.
    let (map, units) = (noisy(128, 3000), MappingUnits::new(20.0).unwrap());
    let blocks = halves(&map);
    let settled = settled_of(&map, &units, blocks);
    assert!(settled.regions() > 300, "{}", settled.regions());
    let mut eliminator = Eliminator::of_any(units, &settled);
    let (mut waiting, mut held) = (0, 0);
    let mut sink = |_: EliminatedRow| -> Result<(), VectorError> { Ok(()) };
    for (labels, strata) in map.rows_of(blocks[0]) {
        eliminator.push_row(&labels, (&labels, &[0; 64]), Some(&strata), 1.0, &mut sink).unwrap();
        (waiting, held) = (waiting.max(eliminator.waiting()), held.max(eliminator.regions.held()));
    }
    assert!(waiting < 120, "{waiting} rows");
    assert!(held < 3 * 4096, "{held} regions");
}

#[test]
fn a_survey_holds_what_is_near_the_borders() {
    // Only the first and the last row are next to other blocks.
    let map = noisy(64, 20_000);
    let extent = Window { row: map.extent().row - 8, height: 20_016, ..map.extent() };
    let mut survey = Survey::of_any(extent, map.extent(), MappingUnits::new(20.0).unwrap());
    let mut held = 0;
    for (labels, strata) in map.rows_of(map.extent()) {
        survey.push_row(&labels, Some(&strata), 1.0).unwrap();
        held = held.max(survey.held());
    }
    assert!(held < 3 * 4096, "{held} regions");
    let borders = survey.finish();
    assert!((10..400).contains(&borders.regions()), "{} regions of 1,280,000 pixels", borders.regions());
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (map, units) = (noisy(8, 8), MappingUnits::new(6.0).unwrap());
    let [west, east] = halves(&map);
    let borders = |block: Window, units: &MappingUnits| {
        let mut survey = Survey::of_any(map.extent(), block, units.clone());
        map.rows_of(block).for_each(|(labels, _)| survey.push_row(&labels, None, 1.0).unwrap());
        survey.finish()
    };
    let layout = Layout { lattice: Lattice::new(0), ..Layout::new(map.extent(), Connectivity::Four) };
    let mut settler = Settler::of_layout(layout, units.clone());
    settler.add(&borders(west, &units)).unwrap();
    assert_eq!(settler.add(&borders(west, &units)), Err(VectorError::BlockTwice { block: west }));
    let other = MappingUnits::new(7.0).unwrap();
    let extent = map.extent();
    assert_eq!(settler.add(&borders(east, &other)), Err(VectorError::OtherBlocks { extent, other: extent }));
    assert_eq!(settler.settle(), Err(VectorError::BlocksMissing { extent, pixels: 32 }));
    // Rows of another map.
    let settled = settled_of(&map, &units, [west, east]);
    let mut eliminator = Eliminator::of_any(units, &settled);
    let mut sink = |_: EliminatedRow| -> Result<(), VectorError> { Ok(()) };
    for _ in 0..8 {
        eliminator.push_row(&[1; 4], (&[1; 4], &[0; 4]), None, 1.0, &mut sink).unwrap();
    }
    let error = eliminator.finish(&mut sink).unwrap_err();
    assert!(matches!(error, VectorError::DamagedBlock { .. }), "{error}");
    // Blocks off the lattice, and rows out of turn.
    let block = Window { col: 100, ..Window::new(0, 0, 5, 5) };
    let extent = Window::new(0, 0, 2000, 600);
    let error = Survey::new(extent, block, MappingUnits::new(1.0).unwrap()).map(|_| ()).unwrap_err();
    assert_eq!(error, VectorError::BadBlock { block, extent });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What has a right checksum but was changed is refused, or settled, but nothing breaks.
    #[test]
    fn forged_borders_break_nothing(
        map in maps(), least in 0.0f64..12.0, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let units = MappingUnits::new(least).unwrap();
        let layout = Layout { lattice: Lattice::new(0), ..Layout::new(map.extent(), Connectivity::Four) };
        let mut settler = Settler::of_layout(layout, units.clone());
        for block in halves(&map).into_iter().filter(|block| block.width > 0) {
            let mut survey = Survey::of_any(map.extent(), block, units.clone());
            map.rows_of(block).for_each(|(labels, _)| survey.push_row(&labels, None, 1.0).unwrap());
            let bytes = survey.finish().encode();
            let Ok(read) = Borders::decode(&crate::bytes::forged(&bytes, &changes)) else { continue };
            prop_assert_eq!(Borders::decode(&read.encode()), Ok(read.clone()));
            let _ = settler.add(&read);
        }
        if let Ok(settlement) = settler.settle() {
            for settled in settlement.blocks {
                prop_assert_eq!(Settled::decode(&settled.encode()), Ok(settled));
            }
        }
    }
}
