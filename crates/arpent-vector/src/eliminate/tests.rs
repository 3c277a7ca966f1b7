mod blocks;

use arpent_base::number::{exact, fitted};
use arpent_raster::LABEL_NODATA;
use arpent_testing::shapes::{LabelMap, Shape, label_maps};
use proptest::prelude::*;

use super::*;

/// Labels row by row.
#[derive(Debug, Clone)]
struct Map {
    width: usize,
    labels: Vec<u8>,
    strata: Vec<u8>,
}

impl Map {
    fn drawn(rows: &[&str]) -> Self {
        let labels: Vec<u8> = rows
            .iter()
            .flat_map(|row| row.bytes())
            .map(|b| if b == b'.' { LABEL_NODATA } else { b - b'0' })
            .collect();
        Self { width: rows[0].len(), strata: vec![0; labels.len()], labels }
    }

    fn of(map: LabelMap) -> Self {
        Self { width: map.window.width, strata: vec![0; map.labels.len()], labels: map.labels }
    }

    fn height(&self) -> usize {
        self.labels.len() / self.width
    }

    fn eliminated(&self, units: &MappingUnits) -> (Vec<u8>, EliminationCounts) {
        let extent = Window::new(-3, 1000, self.width, self.height());
        let mut eliminator = Eliminator::new(extent, units.clone()).unwrap();
        let mut found = Vec::new();
        let mut sink = |row: EliminatedRow| -> Result<(), VectorError> {
            assert_eq!(row.row, 1000 + i64::try_from(found.len() / self.width).unwrap());
            found.extend_from_slice(row.labels);
            Ok(())
        };
        let rows = self.labels.chunks_exact(self.width).zip(self.strata.chunks_exact(self.width));
        for (labels, strata) in rows {
            eliminator
                .push_row(labels, (labels, &vec![9; self.width]), Some(strata), 1.0, &mut sink)
                .unwrap();
        }
        let counts = eliminator.finish(&mut sink).unwrap();
        (found, counts)
    }

    fn drawing(&self, labels: &[u8]) -> Vec<String> {
        let letter = |label: &u8| if *label == LABEL_NODATA { '.' } else { char::from(b'0' + label) };
        labels.chunks_exact(self.width).map(|row| row.iter().map(letter).collect()).collect()
    }

    /// The 4 neighbors of a pixel.
    fn around(&self, i: usize) -> impl Iterator<Item = usize> {
        let (w, n) = (self.width, self.labels.len());
        let sides = [
            (i >= w).then(|| i - w),
            (!i.is_multiple_of(w)).then(|| i - 1),
            (i % w + 1 < w).then(|| i + 1),
            (i + w < n).then(|| i + w),
        ];
        sides.into_iter().flatten()
    }

    /// The pixels of every region, each in order.
    fn regions(&self, labels: &[u8]) -> Vec<Vec<usize>> {
        let mut seen: Vec<bool> = labels.iter().map(|l| *l == LABEL_NODATA).collect();
        let mut regions = Vec::new();
        for start in 0..labels.len() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let (mut queue, mut found) = (vec![start], vec![]);
            while let Some(i) = queue.pop() {
                found.push(i);
                for j in self.around(i) {
                    if labels[j] == labels[i] && !std::mem::replace(&mut seen[j], true) {
                        queue.push(j);
                    }
                }
            }
            found.sort_unstable();
            regions.push(found);
        }
        regions
    }

    /// The rule as documented, one region at a time; `pick` chooses among those that may be eliminated.
    fn expected(&self, units: &MappingUnits, mut pick: impl FnMut(usize) -> usize) -> (Vec<u8>, u64) {
        let (mut labels, mut eliminated) = (self.labels.clone(), 0);
        loop {
            let regions = self.regions(&labels);
            let mut number = vec![usize::MAX; labels.len()];
            for (r, pixels) in regions.iter().enumerate() {
                for i in pixels {
                    number[*i] = r;
                }
            }
            let is_small = |r: usize| {
                let strata = regions[r].iter().fold(0, |bits, i| bits | 1 << self.strata[*i]);
                fixed_point(exact(regions[r].len())) < units.unit(strata, labels[regions[r][0]])
            };
            let key = |r: usize| (regions[r].len(), regions[r][0]);
            let mut may_go = Vec::new();
            for r in (0..regions.len()).filter(|r| is_small(*r)) {
                let others = || regions[r].iter().flat_map(|i| self.around(*i)).filter(|j| number[*j] != r);
                let neighbors: Vec<usize> = others().filter(|j| number[*j] != usize::MAX).collect();
                if neighbors.is_empty()
                    || neighbors.iter().any(|j| is_small(number[*j]) && key(number[*j]) < key(r))
                {
                    continue;
                }
                let from = labels[regions[r][0]];
                let length = |class: u8| {
                    neighbors
                        .iter()
                        .filter(|j| labels[**j] == class)
                        .map(|_| units.weight(from, class))
                        .sum::<u64>()
                };
                let best = (0..200).max_by_key(|class| (length(*class), std::cmp::Reverse(*class))).unwrap();
                may_go.push((r, best));
            }
            if may_go.is_empty() {
                return (labels, eliminated);
            }
            let (r, class) = may_go[pick(may_go.len())];
            for i in &regions[r] {
                labels[*i] = class;
            }
            eliminated += 1;
        }
    }
}

use crate::polygonize::fixed_point;

fn maps() -> impl Strategy<Value = Map> {
    (1usize..14, 1usize..14, 2u8..5, 1u8..3).prop_flat_map(|(width, height, classes, strata)| {
        let n = width * height;
        (prop::collection::vec(0..=classes, n), prop::collection::vec(0..strata, n)).prop_map(
            move |(labels, strata)| {
                let labels =
                    labels.into_iter().map(|l| if l == classes { LABEL_NODATA } else { l }).collect();
                Map { width, labels, strata }
            },
        )
    })
}

fn units(least: [f64; 3], weight: f64) -> MappingUnits {
    let mut units = MappingUnits::new(least[0]).unwrap();
    units.set(0, 1, least[1]).unwrap();
    units.set(1, 0, least[2]).unwrap();
    units.prefer(0, 2, weight).unwrap();
    units
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_order_of_work_ends_in_the_same_map(
        map in maps(), least in prop::array::uniform3(0.0f64..12.0), weight in 0.2f64..4.0, seed in any::<u64>(),
    ) {
        let units = units(least, weight);
        let mut state = seed;
        let any = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        let (labels, eliminated) = map.expected(&units, any);
        prop_assert_eq!(&map.expected(&units, |_| 0).0, &labels);
        let (found, counts) = map.eliminated(&units);
        prop_assert_eq!(map.drawing(&found), map.drawing(&labels));
        prop_assert_eq!(counts.eliminated, eliminated);
        let moved = found.iter().zip(&map.labels).filter(|(a, b)| a != b).count();
        prop_assert_eq!(counts.pixels, moved as u64);
    }

    #[test]
    fn hard_shapes_end_in_the_map_of_the_rule(
        map in label_maps(11), least in prop::array::uniform3(0.0f64..20.0), weight in 0.2f64..4.0,
    ) {
        let (map, units) = (Map::of(map), units(least, weight));
        let (labels, eliminated) = map.expected(&units, |_| 0);
        let (found, counts) = map.eliminated(&units);
        prop_assert_eq!(map.drawing(&found), map.drawing(&labels));
        prop_assert_eq!(counts.eliminated, eliminated);
    }

    #[test]
    fn only_islands_stay_too_small(map in maps(), least in 0.0f64..30.0) {
        let units = MappingUnits::new(least).unwrap();
        let (found, counts) = map.eliminated(&units);
        let small = map.regions(&found).into_iter().filter(|r| exact(r.len()) < least);
        let islands: Vec<_> = small.collect();
        prop_assert_eq!(counts.islands, islands.len() as u64);
        for island in islands {
            let beside = island.iter().flat_map(|i| map.around(*i));
            prop_assert!(beside.filter(|j| !island.contains(j)).all(|j| found[j] == LABEL_NODATA));
        }
        let valid = |labels: &[u8]| labels.iter().map(|l| *l == LABEL_NODATA).collect::<Vec<_>>();
        prop_assert_eq!(valid(&found), valid(&map.labels));
    }
}

#[test]
fn a_speck_goes_to_the_class_around_it() {
    let map = Map::drawn(&["11111", "12111", "11133", "11133"]);
    let (found, counts) = map.eliminated(&MappingUnits::new(3.0).unwrap());
    assert_eq!(map.drawing(&found), ["11111", "11111", "11133", "11133"]);
    assert_eq!(counts, EliminationCounts { eliminated: 1, islands: 0, pixels: 1, watched_pixels: 0 });
}

#[test]
fn pixels_of_a_watched_class_that_take_another_are_counted() {
    let map = Map::drawn(&["11111", "12131", "11111", "44111"]);
    let units = MappingUnits::new(3.0).unwrap();
    let watched = |class| map.eliminated(&units.clone().watch(class)).1;
    assert_eq!((watched(2).watched_pixels, watched(4).watched_pixels, watched(1).watched_pixels), (1, 2, 0));
    assert_eq!((watched(2).pixels, map.eliminated(&units).1.watched_pixels), (4, 0));
    // A class without a unit stays.
    let mut units = units.watch(4);
    units.set(0, 4, 0.0).unwrap();
    assert_eq!(map.eliminated(&units).1.watched_pixels, 0);
}

#[test]
fn the_longest_border_wins_unless_another_is_preferred() {
    let map = Map::drawn(&["1112", "1302", "1112"]);
    let mut units = MappingUnits::new(3.0).unwrap();
    units.set(0, 3, 0.0).unwrap();
    assert_eq!(map.drawing(&map.eliminated(&units).0), ["1112", "1312", "1112"]);
    units.prefer(0, 2, 2.5).unwrap();
    assert_eq!(map.drawing(&map.eliminated(&units).0), ["1112", "1322", "1112"]);
}

#[test]
fn units_are_those_of_the_strata_touched() {
    let mut map = Map::drawn(&["1111111", "1001001", "1111111"]);
    let mut units = MappingUnits::new(5.0).unwrap();
    units.set(1, 0, 2.0).unwrap();
    map.strata[7 + 5] = 1;
    assert_eq!(map.drawing(&map.eliminated(&units).0), ["1111111", "1111001", "1111111"]);
}

#[test]
fn an_island_stays_and_is_counted() {
    let map = Map::drawn(&["0....", "..111", "..111"]);
    let (found, counts) = map.eliminated(&MappingUnits::new(4.0).unwrap());
    assert_eq!(found, map.labels);
    assert_eq!(counts, EliminationCounts { eliminated: 0, islands: 1, pixels: 0, watched_pixels: 0 });
}

#[test]
fn confidence_of_another_class_is_nodata() {
    let mut eliminator = Eliminator::new(Window::new(0, 0, 3, 1), MappingUnits::new(1.5).unwrap()).unwrap();
    let mut rows = Vec::new();
    let mut sink = |row: EliminatedRow| -> Result<(), VectorError> {
        rows.push((row.labels.to_vec(), row.confidence.to_vec()));
        Ok(())
    };
    eliminator.push_row(&[1, 1, 2], (&[1, 1, 2], &[10, 20, 30]), None, 1.0, &mut sink).unwrap();
    eliminator.finish(&mut sink).unwrap();
    assert_eq!(rows, [(vec![1, 1, 1], vec![10, 20, CONFIDENCE_NODATA])]);
}

#[test]
fn a_class_that_was_overridden_and_eliminated_again_has_its_confidence() {
    let mut eliminator = Eliminator::new(Window::new(0, 0, 4, 1), MappingUnits::new(1.5).unwrap()).unwrap();
    let mut rows = Vec::new();
    let mut sink = |row: EliminatedRow| -> Result<(), VectorError> {
        rows.push((row.labels.to_vec(), row.confidence.to_vec()));
        Ok(())
    };
    // The third pixel was overridden, and the last one: it stays.
    eliminator.push_row(&[1, 1, 2, 1], (&[1, 1, 1, 3], &[10, 20, 30, 40]), None, 1.0, &mut sink).unwrap();
    eliminator.finish(&mut sink).unwrap();
    assert_eq!(rows, [(vec![1, 1, 1, 1], vec![10, 20, 30, CONFIDENCE_NODATA])]);
}

#[test]
fn memory_does_not_grow_with_the_rows() {
    // Noise of five classes: nearly everything is too small, and waits for its neighbors.
    let width = 64;
    let most = |rows: usize| {
        let extent = Window::new(0, 0, width, rows);
        let mut eliminator = Eliminator::new(extent, MappingUnits::new(20.0).unwrap()).unwrap();
        let (mut waiting, mut regions, mut state) = (0, 0, 1u64);
        let mut sink = |_: EliminatedRow| -> Result<(), VectorError> { Ok(()) };
        for _ in 0..rows {
            let labels: Vec<u8> = (0..width)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    fitted::<u8>((state >> 33) % 256) % 5
                })
                .collect();
            eliminator.push_row(&labels, (&labels, &vec![0; width]), None, 1.0, &mut sink).unwrap();
            (waiting, regions) = (waiting.max(eliminator.waiting()), regions.max(eliminator.regions.held()));
        }
        (waiting, regions)
    };
    let (waiting, regions) = most(20_000);
    assert!(waiting < 120, "{waiting} rows");
    assert!(regions < 3 * 4096, "{regions} regions");
}

#[test]
fn long_shapes_become_part_of_their_neighbor_whole() {
    for shape in [Shape::Spiral, Shape::Comb, Shape::Stairs, Shape::Sieve] {
        let drawn = LabelMap::new(Window::new(0, 0, 100, 100), shape, 1, 0, [1, 0]);
        let map = Map::of(drawn);
        // Everything of class 0 is too small, whatever its length.
        let mut units = MappingUnits::new(0.0).unwrap();
        units.set(0, 0, 20_000.0).unwrap();
        let (found, counts) = map.eliminated(&units);
        assert!(found.iter().all(|label| *label == 1), "{shape:?}");
        let of_0 = |labels: &[u8]| labels.iter().map(|label| u64::from(*label == 0)).sum::<u64>();
        assert_eq!(counts.pixels, of_0(&map.labels), "{shape:?}");
        let regions = map.regions(&map.labels);
        assert_eq!(counts.eliminated, regions.iter().filter(|r| map.labels[r[0]] == 0).count() as u64);
    }
}

#[test]
fn an_extent_without_pixels_has_no_rows() {
    for (width, height) in [(0, 0), (0, 3), (3, 0)] {
        let extent = Window::new(-3, 5, width, height);
        let mut eliminator = Eliminator::new(extent, MappingUnits::new(4.0).unwrap()).unwrap();
        let mut rows = 0;
        let mut sink = |row: EliminatedRow| -> Result<(), VectorError> {
            assert!(row.labels.is_empty());
            rows += 1;
            Ok(())
        };
        for _ in 0..height * usize::from(width == 0) {
            eliminator.push_row(&[], (&[], &[]), None, 1.0, &mut sink).unwrap();
        }
        assert_eq!(eliminator.finish(&mut sink).unwrap(), EliminationCounts::default());
        assert_eq!(rows, if width == 0 { height } else { 0 });
    }
    let far = Window::new(0, i64::MAX - 2, 5, 5);
    let refused = Eliminator::new(far, MappingUnits::new(4.0).unwrap()).map(|_| ()).unwrap_err();
    assert_eq!(refused, VectorError::ExtentTooLarge { extent: far });
}

#[test]
fn bad_rows_and_units_are_refused() {
    let mut eliminator = Eliminator::new(Window::new(0, 5, 2, 1), MappingUnits::new(1.0).unwrap()).unwrap();
    let mut sink = |_: EliminatedRow| -> Result<(), VectorError> { Ok(()) };
    assert!(eliminator.push_row(&[1], (&[1], &[1, 1]), None, 1.0, &mut sink).is_err());
    assert!(eliminator.push_row(&[1, 1], (&[1], &[1, 1]), None, 1.0, &mut sink).is_err());
    assert!(eliminator.push_row(&[1, 1], (&[1, 1], &[1, 1]), Some(&[0]), 1.0, &mut sink).is_err());
    assert!(eliminator.push_row(&[1, 1], (&[1, 1], &[1, 1]), None, f64::NAN, &mut sink).is_err());
    assert!(eliminator.push_row(&[1, 1], (&[1, 1], &[1, 1]), None, 1.0, &mut sink).is_ok());
    let error = eliminator.push_row(&[1, 1], (&[1, 1], &[1, 1]), None, 1.0, &mut sink).unwrap_err();
    assert!(error.to_string().contains("row 6"), "{error}");
    assert!(MappingUnits::new(-1.0).is_err() && MappingUnits::new(f64::NAN).is_err());
    let mut units = MappingUnits::new(1.0).unwrap();
    assert!(units.set(MAX_STRATA, 0, 1.0).is_err() && units.prefer(0, 1, 0.0).is_err());
}
