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
