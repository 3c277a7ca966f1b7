//! Coverages, block by block.

use arpent_base::number::{exact, fitted, floor};
use arpent_raster::CONFIDENCE_NODATA;
use arpent_testing::shapes::LabelMap;

use super::*;
use crate::blocks::{Cut, cuts};
use crate::polygonize::{Connectivity, Lattice, Layout};

/// What a coverage consists of.
#[derive(Debug, PartialEq)]
struct Made {
    labels: Vec<u8>,
    confidence: Vec<u8>,
    regions: Vec<Region>,
    counts: CoverageCounts,
}

impl Made {
    fn new(map: &LabelMap) -> Self {
        let n = map.labels.len();
        // No label and no confidence.
        Self {
            labels: vec![254; n],
            confidence: vec![254; n],
            regions: vec![],
            counts: CoverageCounts::default(),
        }
    }

    fn put(&mut self, extent: Window, col: i64, row: &EliminatedRow<'_>) {
        let (col, at) = extent.offset_of(&Window::new(col, row.row, 1, 1)).unwrap();
        let start = at * extent.width + col;
        let pixels = start..start + row.labels.len();
        assert!(self.labels[pixels.clone()].iter().all(|label| *label == 254), "each row once");
        self.labels[pixels.clone()].copy_from_slice(row.labels);
        self.confidence[pixels].copy_from_slice(row.confidence);
    }

    fn sorted(mut self) -> Self {
        // Parts of a region that was cut may begin at the same vertex.
        self.regions.sort_by_key(|r| (r.class_id, r.rings[0][0], r.bbox.row, r.bbox.col, r.bbox.width));
        self
    }
}

/// An area that changes with the row.
fn area_of(row: i64) -> f64 {
    1.0 + exact(row.rem_euclid(1000)) * 1e-7
}

/// The rows of a window: labels, the prediction, and pixels known to be built up. Some pixels were overridden.
fn rows(map: &LabelMap, window: Window) -> impl Iterator<Item = (i64, [Vec<u8>; 3], Vec<bool>)> + '_ {
    (window.row..window.row_end()).map(move |row| {
        let of = |at: &dyn Fn(i64) -> u8| (window.col..window.col_end()).map(at).collect::<Vec<u8>>();
        let mix = |col: i64| (col * 31 + row * 17).rem_euclid(251);
        let labels = of(&|col| map.at(col, row));
        let predicted = of(&|col| if mix(col) % 19 == 0 { 3 } else { map.at(col, row) });
        let confidence = of(&|col| if mix(col) % 13 == 0 { CONFIDENCE_NODATA } else { fitted(mix(col)) });
        let known = (window.col..window.col_end()).map(|col| mix(col) % 11 == 0).collect();
        (row, [labels, predicted, confidence], known)
    })
}

fn coverage_of(rules: &CoverageRules, layout: &Layout, settled: &Settled) -> Coverage {
    let polygonizer = Polygonizer::of_layout(*layout, settled.block(), [true; 256]).unwrap();
    Coverage {
        block: settled.block(),
        strata: rules.built_up.map(|built| StrataRows::new(&layout.extent, settled.block(), Some(&built))),
        eliminator: Eliminator::of_any(rules.units.clone(), settled),
        generalizer: Generalizer::of_polygonizer(polygonizer, layout.lattice, &rules.drawing),
    }
}

fn whole(map: &LabelMap, rules: &CoverageRules, layout: &Layout) -> Made {
    let mut coverage = coverage_of(rules, layout, &Settled::nothing(map.window, &rules.units));
    let (mut made, mut regions, mut out) = (Made::new(map), Vec::new(), Vec::new());
    let mut take =
        |row: &EliminatedRow<'_>| out.push((row.row, row.labels.to_vec(), row.confidence.to_vec()));
    for (row, [labels, predicted, confidence], known) in rows(map, map.window) {
        let predicted = (&predicted[..], &confidence[..]);
        coverage
            .push_row(&labels, predicted, Some(&known), area_of(row), &mut take, &mut |r| regions.push(r))
            .unwrap();
    }
    let counts = coverage.finish(&mut take, &mut |r| regions.push(r)).unwrap();
    for (row, labels, confidence) in &out {
        let row = EliminatedRow { row: *row, labels, confidence, pixel_area_m2: 1.0 };
        made.put(map.window, map.window.col, &row);
    }
    Made { regions, counts, ..made }.sorted()
}

fn survey(map: &LabelMap, rules: &CoverageRules, block: Window) -> Borders {
    let extent = map.window;
    let mut survey = BlockSurvey {
        strata: StrataRows::new(&extent, block, rules.built_up.as_ref()),
        survey: Survey::of_any(extent, block, rules.units.clone()),
    };
    let halo = survey.halo();
    for ((row, [labels, ..], _), known) in rows(map, halo).zip(known_of(map, halo, block)) {
        match known {
            Some(known) => survey.push_row(&labels, Some(&known), area_of(row)).unwrap(),
            None => survey.push_halo_row(&labels).unwrap(),
        }
    }
    survey.finish().unwrap()
}

/// For each row of a halo, if it is one of the block, the pixels of the block that are known to be built up.
fn known_of(map: &LabelMap, halo: Window, block: Window) -> Vec<Option<Vec<bool>>> {
    let mut own = rows(map, block);
    let is_own = |row: i64| (block.row..block.row_end()).contains(&row);
    (halo.row..halo.row_end())
        .map(|row| if is_own(row) { own.next().map(|row| row.2) } else { None })
        .collect()
}

/// Both passes over all blocks; everything that is kept between them goes through bytes.
fn in_blocks(map: &LabelMap, rules: &CoverageRules, layout: &Layout, cut: &Cut) -> Made {
    let extent = map.window;
    let mut made = Made::new(map);
    let mut settler = Settler::of_layout(*layout, rules.units.clone());
    for block in cut.blocks(extent, layout.lattice) {
        let borders = survey(map, rules, block);
        let read = Borders::decode(&borders.encode()).unwrap();
        assert_eq!(read, borders);
        settler.add(&read).unwrap();
    }
    let settlement = settler.settle().unwrap();
    let mut eliminated = EliminationCounts {
        eliminated: settlement.eliminated,
        islands: settlement.islands,
        ..EliminationCounts::default()
    };
    let mut regions = Vec::new();
    let mut last = RegionJoiner::of_layout(*layout, &rules.drawing);
    for group in cut.groups(extent, layout.lattice) {
        let mut joiner = RegionJoiner::of_layout(*layout, &rules.drawing);
        for block in &group {
            let settled = settlement.blocks.iter().find(|settled| settled.block() == *block).unwrap();
            let settled = Settled::decode(&settled.encode()).unwrap();
            let mut coverage = coverage_of(rules, layout, &settled);
            let mut take = |row: &EliminatedRow<'_>| made.put(extent, block.col, row);
            let halo = coverage.halo();
            let mut own = rows(map, *block);
            for (row, [labels, ..], _) in rows(map, halo) {
                let sink = &mut |r| regions.push(r);
                if !(block.row..block.row_end()).contains(&row) {
                    coverage.push_halo_row(&labels, &mut take, sink).unwrap();
                    continue;
                }
                let (_, [_, predicted, confidence], known) = own.next().unwrap();
                let predicted = (&predicted[..], &confidence[..]);
                coverage.push_row(&labels, predicted, Some(&known), area_of(row), &mut take, sink).unwrap();
            }
            let (counts, fragments) = coverage.leave(&mut take, &mut |r| regions.push(r)).unwrap();
            eliminated.add(&counts);
            let read = Fragments::decode(&fragments.encode()).unwrap();
            assert_eq!(read, fragments);
            joiner.take(read, &mut |r| regions.push(r)).unwrap();
        }
        let fragments = joiner.leave();
        let read = Fragments::decode(&fragments.encode()).unwrap();
        assert_eq!(read, fragments);
        last.take(read, &mut |r| regions.push(r)).unwrap();
    }
    let counts = CoverageCounts { eliminated, drawn: last.finish().unwrap() };
    Made { regions, counts, ..made }.sorted()
}

/// Ground on either side of a wave, with turned buildings.
fn scenes() -> impl Strategy<Value = LabelMap> {
    let building = (0.0f64..90.0, 0.0f64..90.0, 2.0f64..9.0, 2.0f64..9.0, 0.0f64..1.6);
    let extent = (-40i64..40, -40i64..40, 20usize..90, 20usize..90);
    let wave = (4.0f64..30.0, 0.0f64..20.0);
    let specks = prop::collection::vec((any::<prop::sample::Index>(), 0u8..4), 0..40);
    (extent, prop::collection::vec(building, 0..8), wave, specks).prop_map(
        |((col, row, width, height), buildings, (length, swing), specks)| {
            let label = |i: usize| {
                let (x, y) = (exact(i % width), exact(i / width));
                let is_in = |(cx, cy, half, other, turn): &(f64, f64, f64, f64, f64)| {
                    let (dx, dy) = (x - cx, y - cy);
                    let (along, across) =
                        (dx * turn.cos() + dy * turn.sin(), dy * turn.cos() - dx * turn.sin());
                    along.abs() < *half && across.abs() < *other
                };
                let line = 45.0 + swing * (x / length).sin();
                match buildings.iter().any(is_in) {
                    true => 7,
                    false if y < line => 0,
                    false => 1 + u8::from(floor::<i64>(x / 25.0).rem_euclid(2) == 1),
                }
            };
            let mut labels: Vec<u8> = (0..width * height).map(label).collect();
            for (at, class) in specks {
                let at = at.index(labels.len());
                labels[at] = if class == 3 { LABEL_NODATA } else { class };
            }
            LabelMap { window: Window::new(col, row, width, height), labels }
        },
    )
}

#[derive(Debug, Clone)]
struct Options {
    unit: f64,
    reach: Option<[usize; 2]>,
    tolerance: f64,
    smooth: Option<(f64, f64)>,
    is_square: bool,
    shift: u32,
    more: u32,
    cut_runs: u64,
}

impl Options {
    fn rules(&self) -> CoverageRules {
        let mut units = MappingUnits::new(self.unit).unwrap().watch(7);
        units.set(1, 0, self.unit / 2.0).unwrap();
        units.prefer(1, 0, 1.7).unwrap();
        let built_up =
            self.reach.map(|reach_px| BuiltUp { classes: std::array::from_fn(|id| id == 7), reach_px });
        let mut rules = CoverageRules::new(units, built_up, self.tolerance).unwrap();
        if let Some((smooth_px, share)) = self.smooth {
            rules = rules.smooth(smooth_px, share).unwrap();
        }
        if self.is_square { rules.square(std::array::from_fn(|id| id == 7)) } else { rules }
    }

    fn layout(&self, extent: Window) -> Layout {
        let (lattice, cells) = (Lattice::new(self.shift), Some(Lattice::new(self.shift + self.more)));
        Layout { lattice, cells, cut_runs: self.cut_runs, ..Layout::new(extent, Connectivity::Four) }
    }
}

fn options(shifts: std::ops::Range<u32>) -> impl Strategy<Value = Options> {
    let reach = prop::option::of(prop::array::uniform2(0usize..6));
    let smooth = prop::option::of((0.1f64..4.0, 0.01f64..0.25));
    let tolerance = prop_oneof![Just(0.0), 0.5f64..4.0];
    let cut_runs = prop_oneof![1u64..60, Just(1 << 40)];
    ((0.0f64..40.0, reach, tolerance), (smooth, any::<bool>()), (shifts, 0u32..3, cut_runs)).prop_map(
        |((unit, reach, tolerance), (smooth, is_square), (shift, more, cut_runs))| Options {
            unit,
            reach,
            tolerance,
            smooth,
            is_square,
            shift,
            more,
            cut_runs,
        },
    )
}

fn assert_blocks(map: &LabelMap, options: &Options, cut: &Cut) {
    let (rules, layout) = (options.rules(), options.layout(map.window));
    let expected = whole(map, &rules, &layout);
    let found = in_blocks(map, &rules, &layout, cut);
    assert_eq!(found.labels, expected.labels);
    assert_eq!(found.confidence, expected.confidence);
    for (found, expected) in found.regions.iter().zip(&expected.regions) {
        assert_eq!(found, expected, "{:?}", cut.groups(map.window, layout.lattice));
    }
    assert_eq!(found, expected);
    found.regions.iter().for_each(assert_valid);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn hard_shapes_are_the_same_coverage_in_blocks(map in label_maps(36), options in options(1..5), cut in cuts()) {
        assert_blocks(&map, &options, &cut);
    }

    #[test]
    fn scenes_are_the_same_coverage_in_blocks(map in scenes(), options in options(3..7), cut in cuts()) {
        assert_blocks(&map, &options, &cut);
    }
}

#[test]
fn rows_out_of_turn_and_blocks_that_are_finished_are_refused() {
    let map = LabelMap { window: Window::new(0, 0, 1024, 4), labels: vec![1; 4096] };
    let built_up = BuiltUp { classes: [false; 256], reach_px: [2, 1] };
    let units = MappingUnits::new(3.0).unwrap();
    let plain = CoverageRules::new(units.clone(), None, 1.0).unwrap();
    let near = CoverageRules::new(units, Some(built_up), 1.0).unwrap();
    let extent = Window::new(0, -1, 1024, 5);
    let block = Window::new(0, -1, 512, 5);
    let mut survey = BlockSurvey::new(extent, block, &near).unwrap();
    assert_eq!(survey.halo(), Window::new(0, -1, 514, 5));
    assert_eq!(survey.push_halo_row(&[1; 514]), Err(VectorError::HaloRow { row: -1, block }));
    assert!(survey.push_row(&[1; 512], None, 1.0).is_err(), "the halo has more columns");
    assert!(survey.push_row(&[1; 514], Some(&[true; 514]), 1.0).is_err(), "the block has fewer");
    assert!(survey.push_row(&[1; 514], Some(&[true; 512]), 1.0).is_ok());
    // Of a block, what continues elsewhere has to be taken.
    let mut settler = plain.settler(map.window).unwrap();
    let blocks: Vec<Window> = map.window.split_columns(512).collect();
    for block in &blocks {
        settler.add(&survey_of(&plain, map.window, *block)).unwrap();
    }
    let settlement = settler.settle().unwrap();
    let mut coverage = Coverage::of_block(map.window, &plain, &settlement.blocks[0]).unwrap();
    assert_eq!(coverage.halo(), blocks[0]);
    let error = coverage.push_halo_row(&[1; 512], &mut |_| {}, &mut |_| {}).unwrap_err();
    assert_eq!(error, VectorError::HaloRow { row: 0, block: blocks[0] });
    let row = [1; 512];
    for _ in 0..4 {
        coverage.push_row(&row, (&row, &row), None, 1.0, &mut |_| {}, &mut |_| {}).unwrap();
    }
    let error = coverage.finish(&mut |_| {}, &mut |_| {}).unwrap_err();
    assert_eq!(error, VectorError::BlocksMissing { extent: map.window, pixels: 2048 });
}

fn survey_of(rules: &CoverageRules, extent: Window, block: Window) -> Borders {
    let mut survey = BlockSurvey::new(extent, block, rules).unwrap();
    (0..block.height).for_each(|_| survey.push_row(&vec![1; block.width], None, 1.0).unwrap());
    survey.finish().unwrap()
}
