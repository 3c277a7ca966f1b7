use super::super::*;
use arpent_base::SplitMix64;
use proptest::prelude::*;

/// Pixels of a drawing: `.` non-artificial, `#` artificial, `B` building, `e` exempt non-artificial, `E` exempt artificial,
/// `?` not observed.
struct Drawing {
    width: usize,
    artificial: Vec<Vec<u8>>,
    built: Vec<Vec<u8>>,
    exempt: Vec<Vec<u8>>,
}

impl Drawing {
    fn new<S: AsRef<str>>(lines: &[S]) -> Self {
        let of = |value: fn(char) -> u8| -> Vec<Vec<u8>> {
            lines.iter().map(|line| line.as_ref().chars().map(value).collect()).collect()
        };
        Self {
            width: lines[0].as_ref().len(),
            artificial: of(|c| match c {
                '.' | 'e' => 0,
                '?' => 255,
                _ => 1,
            }),
            built: of(|c| u8::from(c == 'B')),
            exempt: of(|c| u8::from(matches!(c, 'e' | 'E'))),
        }
    }

    fn crop(&self, rows: std::ops::Range<usize>, cols: std::ops::Range<usize>) -> Self {
        let cut = |all: &[Vec<u8>]| all[rows.clone()].iter().map(|row| row[cols.clone()].to_vec()).collect();
        Self {
            width: cols.len(),
            artificial: cut(&self.artificial),
            built: cut(&self.built),
            exempt: cut(&self.exempt),
        }
    }

    /// Values and criteria of all rows, what was counted, and the most rows that waited.
    fn run(&self, pixel_area_m2: f64, thresholds: Thresholds) -> (Grid, Grid, ThresholdCounts, usize) {
        let height = self.artificial.len();
        let mut filter = ThresholdFilter::new(self.width, height as u64, thresholds).unwrap();
        let (mut values, mut criteria, mut waiting) = (Vec::new(), Vec::new(), 0);
        let mut sink = |row: ThresholdRow<'_>| -> Result<(), BalanceError> {
            assert_eq!((row.row, row.pixel_area_m2), (values.len() as u64, pixel_area_m2));
            values.push(row.artificial.to_vec());
            criteria.push(row.criterion.to_vec());
            Ok(())
        };
        for row in 0..height {
            let row = MatrixRow {
                artificial: &self.artificial[row],
                built: Some(&self.built[row]),
                exempt: Some(&self.exempt[row]),
                pixel_area_m2,
            };
            filter.push_row(&row, &mut sink).unwrap();
            waiting = waiting.max(filter.waiting());
        }
        let counts = filter.finish(&mut sink).unwrap();
        assert_eq!(values.len(), height);
        (values, criteria, counts, waiting)
    }
}

type Grid = Vec<Vec<u8>>;

/// The values of a drawing as `.`, `#`, `?`.
fn drawn(values: &[Vec<u8>]) -> Vec<String> {
    let letter = |value: &u8| match value {
        0 => '.',
        1 => '#',
        _ => '?',
    };
    values.iter().map(|row| row.iter().map(letter).collect()).collect()
}

/// Thresholds in pixels of 1 m2.
fn pixels(surface: f64, built: f64) -> Thresholds {
    Thresholds { surface_m2: surface, built_m2: built }
}

fn check(lines: &[&str], thresholds: Thresholds, expected: &[&str]) -> ThresholdCounts {
    let (values, _, counts, _) = Drawing::new(lines).run(1.0, thresholds);
    assert_eq!(drawn(&values), expected);
    counts
}

#[test]
fn a_small_enclosed_surface_takes_the_other_kind() {
    // 4 pixels, thresholds of 5 and of 4: exactly the threshold is not below it.
    let hole = ["######", "##..##", "##..##", "######"];
    let counts = check(&hole, pixels(5.0, 50.0), &["######"; 4]);
    assert_eq!((counts.filled.regions, counts.filled.amount), (1, Amount::of_pixels(4, 1.0)));
    assert_eq!(counts.dropped, RegionCount::default());
    check(&hole, pixels(4.0, 50.0), &hole);

    let island = ["......", "..##..", "..##..", "......"];
    let counts = check(&island, pixels(5.0, 50.0), &["......"; 4]);
    assert_eq!((counts.dropped.regions, counts.dropped.amount), (1, Amount::of_pixels(4, 1.0)));
    check(&island, pixels(4.0, 50.0), &island);
}

/// The defaults: 2,500 m2 of pixels of 25 m2 are 100 pixels; a building of 50 m2 is 2.
#[test]
fn exactly_2500_m2_is_not_below_the_threshold_and_exactly_50_m2_not_above() {
    let block = |pixels: usize, middle: char, around: char| {
        let mut lines = vec![around.to_string().repeat(102); 3];
        let rest = around.to_string().repeat(101 - pixels);
        lines[1] = format!("{around}{}{rest}", middle.to_string().repeat(pixels));
        Drawing::new(&lines)
    };
    for (pixels, middle, around, is_flipped) in [
        (99, '.', '#', true),
        (100, '.', '#', false),
        (99, '#', '.', true),
        (100, '#', '.', false),
        (2, 'B', '.', true),
        (3, 'B', '.', false),
    ] {
        let drawing = block(pixels, middle, around);
        let (values, _, _, _) = drawing.run(25.0, Thresholds::default());
        let is_changed = values != drawing.artificial;
        assert_eq!(is_changed, is_flipped, "{pixels} of {middle} in {around}");
    }
    // Pixels of 20 cm: 62,500 of them are 2,500 m2.
    for (pixels, is_flipped) in [(62_499, true), (62_500, false)] {
        let mut row = vec![0; 62_502];
        row[1..=pixels].fill(1);
        let drawing = Drawing {
            width: row.len(),
            artificial: vec![vec![0; row.len()], row.clone(), vec![0; row.len()]],
            built: vec![vec![0; row.len()]; 3],
            exempt: vec![vec![0; row.len()]; 3],
        };
        let (values, _, _, _) = drawing.run(0.04, Thresholds::default());
        assert_eq!(values[1] != row, is_flipped, "{pixels}");
    }
}

/// A building of 3 pixels in 6 artificial ones: only the building stays.
#[test]
fn a_building_above_its_threshold_stays() {
    let lines = ["......", ".#BB#.", "..#B..", "......"];
    let counts = check(&lines, pixels(10.0, 2.0), &["......", "..##..", "...#..", "......"]);
    assert_eq!((counts.dropped.regions, counts.dropped.amount.pixels()), (1, 6.0));
    assert_eq!((counts.kept.regions, counts.kept.amount.pixels()), (1, 3.0));
    let (_, criteria, _, _) = Drawing::new(&lines).run(1.0, pixels(10.0, 2.0));
    assert_eq!(criteria[1], [0, 2, 3, 3, 2, 0]);
    let counts = check(&lines, pixels(10.0, 3.0), &["......"; 4]);
    assert_eq!(counts.kept, RegionCount::default());
    // Buildings that meet at a corner are two.
    check(&["....", ".B#.", ".#B.", "...."], pixels(10.0, 1.0), &["...."; 4]);
    check(&["....", ".B#.", ".BB.", "...."], pixels(10.0, 1.0), &["....", ".#..", ".##.", "...."]);
}

/// The first step comes first: the ring of 8 with its hole of 1 is 9, which is not below 9. The other order would have
/// dropped the ring. And the second works on the result: with a threshold of 10 all is dropped.
#[test]
fn the_steps_are_done_in_order() {
    let ring = [".....", ".###.", ".#.#.", ".###.", "....."];
    let filled = [".....", ".###.", ".###.", ".###.", "....."];
    let counts = check(&ring, pixels(9.0, 50.0), &filled);
    assert_eq!((counts.filled.regions, counts.dropped.regions), (1, 0));
    let counts = check(&ring, pixels(10.0, 50.0), &["....."; 5]);
    assert_eq!((counts.filled.regions, counts.dropped.amount.pixels()), (1, 9.0));
}

/// Rings in rings: a spot of 1 in a ring of 8 in a ring of 16, in artificial of 24 + 5 x 9: from the outside in. The
/// non-artificial ring is filled first, so that what it enclosed is part of one region.
#[test]
fn nested_enclaves() {
    let nested = [
        "#########",
        "#.......#",
        "#.#####.#",
        "#.#...#.#",
        "#.#.#.#.#",
        "#.#...#.#",
        "#.#####.#",
        "#.......#",
        "#########",
    ];
    // The outer ring (24) stays, the inner (8) is filled; the artificial square of 25 within the outer ring is large.
    let outer_stays = [
        "#########",
        "#.......#",
        "#.#####.#",
        "#.#####.#",
        "#.#####.#",
        "#.#####.#",
        "#.#####.#",
        "#.......#",
        "#########",
    ];
    let counts = check(&nested, pixels(9.0, 50.0), &outer_stays);
    assert_eq!((counts.filled.regions, counts.filled.amount.pixels()), (1, 8.0));
    // With 25, both rings are filled; the artificial frame touches the edge but is then large.
    let counts = check(&nested, pixels(25.0, 50.0), &["#########"; 9]);
    assert_eq!((counts.filled.regions, counts.filled.amount.pixels()), (2, 32.0));
    assert_eq!(counts.undecided_artificial, RegionCount::default());
    // With 8, only the spot in the middle (1) goes, in the second step.
    let counts = check(&nested, pixels(8.0, 50.0), &{
        let mut lines = nested;
        lines[4] = "#.#...#.#";
        lines
    });
    assert_eq!((counts.filled.regions, counts.dropped.amount.pixels()), (0, 1.0));
}

/// At the edge, beside pixels that are not observed, and beside an undecided region, the size of a region or its
/// neighbors are not known.
#[test]
fn a_region_that_is_not_known_to_be_enclosed_is_undecided() {
    let lines = ["##.####", "##.####", "#######", "###?.##", "#######"];
    let counts = check(&lines, pixels(4.0, 50.0), &lines);
    assert_eq!((counts.undecided_non_artificial.regions, counts.filled.regions), (2, 0));
    assert_eq!(counts.undecided_non_artificial.amount, Amount::of_pixels(3, 1.0));
    let (_, criteria, _, _) = Drawing::new(&lines).run(1.0, pixels(4.0, 50.0));
    assert_eq!(criteria[1], [0, 0, 5, 0, 0, 0, 0]);
    assert_eq!(criteria[3], [0, 0, 0, 255, 5, 0, 0]);
    // The artificial pixel is enclosed in a region that may become artificial: it may then be part of a large one.
    let lines = ["......#", ".#....#", "......#", "#######", "#######", "#######"];
    let counts = check(&lines, pixels(18.0, 50.0), &lines);
    assert_eq!((counts.undecided_non_artificial.regions, counts.undecided_artificial.regions), (1, 1));
    assert_eq!(counts.dropped, RegionCount::default());
    // A corner is no side.
    check(&["?###", "#.##", "####", "####"], pixels(4.0, 50.0), &["?###", "####", "####", "####"]);
}

#[test]
fn exemptions_come_last_and_are_listed() {
    // The exempt non-artificial pixel is filled like any other, and is exempt then.
    let lines = ["######", "##EE##", "#e####", "######"];
    let (values, criteria, counts, _) = Drawing::new(&lines).run(1.0, pixels(4.0, 50.0));
    assert_eq!(drawn(&values), ["######", "##..##", "#.####", "######"]);
    assert_eq!((criteria[1][2], criteria[2][1]), (4, 4));
    assert_eq!(counts.exempt.amount, Amount::of_pixels(3, 1.0));
    assert_eq!(counts.filled.regions, 1);
}

#[test]
fn rows_and_options_that_do_not_fit_are_refused() {
    assert!(matches!(ThresholdFilter::new(0, 1, Thresholds::default()), Err(BalanceError::Extent { .. })));
    assert!(matches!(ThresholdFilter::new(1, 1, pixels(-1.0, 1.0)), Err(BalanceError::Threshold { .. })));
    assert!(matches!(ThresholdFilter::new(1, 1, pixels(1.0, f64::NAN)), Err(BalanceError::Threshold { .. })));
    let row = |artificial, pixel_area_m2| MatrixRow { artificial, built: None, exempt: None, pixel_area_m2 };
    let mut none = |_: ThresholdRow<'_>| -> Result<(), BalanceError> { Ok(()) };
    let mut filter = ThresholdFilter::new(2, 2, Thresholds::default()).unwrap();
    let mut refused = |given: &MatrixRow<'_>| filter.push_row(given, &mut none).unwrap_err();
    assert!(matches!(refused(&row(&[1], 1.0)), BalanceError::RowLength { .. }));
    assert!(matches!(refused(&row(&[1, 7], 1.0)), BalanceError::NotBinary { col: 1, value: 7, .. }));
    assert!(matches!(refused(&row(&[1, 1], 0.0)), BalanceError::PixelArea { .. }));
    let built = MatrixRow { built: Some(&[1]), ..row(&[1, 1], 1.0) };
    assert!(matches!(refused(&built), BalanceError::RowLength { what: "built", .. }));
    filter.push_row(&row(&[1, 1], 1.0), &mut none).unwrap();
    let missing = filter.finish(&mut none).unwrap_err();
    assert_eq!(missing, BalanceError::Rows { found: 1, expected: 2 });
    let mut filter = ThresholdFilter::new(2, 1, Thresholds::default()).unwrap();
    filter.push_row(&row(&[1, 1], 1.0), &mut none).unwrap();
    assert!(filter.push_row(&row(&[1, 1], 1.0), &mut none).is_err());
}

/// Rows wait for small regions only, and regions that have ended are forgotten.
#[test]
fn memory_does_not_grow_with_the_number_of_rows() {
    let mut random = SplitMix64::new(11);
    let (width, height) = (400, 6000);
    let mut filter = ThresholdFilter::new(width, height, pixels(25.0, 4.0)).unwrap();
    let (mut given, mut most, mut held) = (0u64, 0, 0);
    let mut sink = |row: ThresholdRow<'_>| -> Result<(), BalanceError> {
        given = row.row + 1;
        Ok(())
    };
    for row in 0..height {
        let noise: Vec<u8> = (0..width).map(|_| u8::from(random.below(10) < 4)).collect();
        // A lake from the north to the south on the left.
        let mut artificial = noise;
        artificial[..40].fill(u8::from(row % 500 == 0));
        let row = MatrixRow { artificial: &artificial, built: None, exempt: None, pixel_area_m2: 1.0 };
        filter.push_row(&row, &mut sink).unwrap();
        most = most.max(filter.waiting());
        held = held.max(filter.regions_held());
    }
    filter.finish(&mut sink).unwrap();
    assert_eq!(given, height);
    assert!(most < 80, "{most} rows");
    assert!(held < 60_000, "{held} regions");
}

/// The definition, on a whole grid: floods each region, step by step.
struct Reference {
    value: Grid,
    undecided: Vec<Vec<bool>>,
    dropped: Vec<Vec<bool>>,
}

impl Reference {
    fn new(drawing: &Drawing, thresholds: Thresholds) -> Self {
        let grid = || vec![vec![false; drawing.width]; drawing.artificial.len()];
        let mut reference = Self { value: drawing.artificial.clone(), undecided: grid(), dropped: grid() };
        for kind in [0, 1] {
            let before = reference.value.clone();
            for region in regions(&before, &|v: u8| v == kind) {
                if real(region.len()) >= thresholds.surface_m2 {
                    continue;
                }
                let is_open = region.iter().any(|at| {
                    sides(*at).into_iter().any(|(row, col)| match before.get(row).and_then(|r| r.get(col)) {
                        None => true,
                        Some(value) => *value == 255 || reference.undecided[row][col],
                    })
                });
                for (row, col) in region {
                    if is_open {
                        reference.undecided[row][col] = true;
                    } else {
                        reference.value[row][col] = 1 - kind;
                        reference.dropped[row][col] = kind == 1;
                    }
                }
            }
        }
        let built: Grid = (0..drawing.artificial.len())
            .map(|row| {
                let is = |col: usize| {
                    reference.dropped[row][col]
                        && drawing.built[row][col] == 1
                        && drawing.artificial[row][col] == 1
                };
                (0..drawing.width).map(|col| u8::from(is(col))).collect()
            })
            .collect();
        for region in regions(&built, &|v: u8| v == 1) {
            if real(region.len()) > thresholds.built_m2 {
                for (row, col) in region {
                    reference.value[row][col] = 1;
                }
            }
        }
        for (row, exempt) in drawing.exempt.iter().enumerate() {
            for (col, exempt) in exempt.iter().enumerate() {
                if *exempt == 1 && reference.value[row][col] == 1 {
                    reference.value[row][col] = 0;
                    reference.undecided[row][col] = false;
                }
            }
        }
        reference
    }
}

fn real(n: usize) -> f64 {
    arpent_base::number::exact(n)
}

/// The neighbors of a pixel; beyond the edge, positions that no grid has.
fn sides((row, col): (usize, usize)) -> [(usize, usize); 4] {
    [(row.wrapping_sub(1), col), (row + 1, col), (row, col.wrapping_sub(1)), (row, col + 1)]
}

/// The 4-connected regions of the values of a kind.
fn regions(grid: &Grid, is: &dyn Fn(u8) -> bool) -> Vec<Vec<(usize, usize)>> {
    let mut seen = vec![vec![false; grid[0].len()]; grid.len()];
    let mut all = Vec::new();
    for row in 0..grid.len() {
        for col in 0..grid[0].len() {
            if seen[row][col] || !is(grid[row][col]) {
                continue;
            }
            seen[row][col] = true;
            let (mut region, mut next) = (vec![(row, col)], 0);
            while next < region.len() {
                for (row, col) in sides(region[next]) {
                    let value = grid.get(row).and_then(|r| r.get(col));
                    if value.is_some_and(|value| is(*value)) && !seen[row][col] {
                        seen[row][col] = true;
                        region.push((row, col));
                    }
                }
                next += 1;
            }
            all.push(region);
        }
    }
    all
}

/// Drawings of a few letters, most of them artificial or not.
fn drawings() -> impl Strategy<Value = Vec<String>> {
    let letter = prop::sample::select(vec!['.', '.', '.', '.', '#', '#', '#', 'B', 'B', 'e', 'E', '?']);
    let clear = prop::sample::select(vec!['.', '.', '#', '#', 'B']);
    (3usize..14, 3usize..14).prop_flat_map(move |(width, height)| {
        let row = |letter: BoxedStrategy<char>| {
            prop::collection::vec(letter, width).prop_map(|row| row.into_iter().collect::<String>())
        };
        let noisy = prop::collection::vec(row(letter.clone().boxed()), height);
        let clear = prop::collection::vec(row(clear.clone().boxed()), height);
        prop_oneof![noisy, clear]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn rows_give_what_the_definition_gives(
        lines in drawings(), surface in 1u8..30, built in 0u8..6,
    ) {
        let drawing = Drawing::new(&lines);
        let thresholds = pixels(f64::from(surface), f64::from(built));
        let (values, criteria, counts, _) = drawing.run(1.0, thresholds);
        let reference = Reference::new(&drawing, thresholds);
        prop_assert_eq!(&values, &reference.value);
        for (row, criteria) in criteria.iter().enumerate() {
            for (col, criterion) in criteria.iter().enumerate() {
                prop_assert_eq!(*criterion == Criterion::Undecided as u8, reference.undecided[row][col]);
                prop_assert_eq!(*criterion == 255, drawing.artificial[row][col] == 255);
            }
        }
        // Each pixel that the steps changed is counted: filled and kept less dropped, and exempt.
        let ones = |grid: &Grid| real(grid.iter().flatten().filter(|v| **v == 1).count());
        let [filled, dropped, kept, exempt] =
            [counts.filled, counts.dropped, counts.kept, counts.exempt].map(|c| c.amount.pixels());
        let expected = ones(&drawing.artificial) + filled - dropped + kept - exempt;
        prop_assert!((ones(&values) - expected).abs() < 0.5, "{} and {}", ones(&values), expected);
    }

    /// A pixel that is decided in a part of the extent has the same answer in all of it.
    #[test]
    fn a_decided_pixel_does_not_depend_on_the_extent(
        lines in drawings(), surface in 1u8..30, built in 0u8..6, cut in any::<[u8; 4]>(),
    ) {
        let drawing = Drawing::new(&lines);
        let range = |from: u8, to: u8, end: usize| {
            let from = usize::from(from) % end;
            from..from + 1 + usize::from(to) % (end - from)
        };
        let (rows, cols) = (range(cut[0], cut[1], lines.len()), range(cut[2], cut[3], drawing.width));
        let thresholds = pixels(f64::from(surface), f64::from(built));
        let (whole, _, _, _) = drawing.run(1.0, thresholds);
        let (part, criteria, _, _) = drawing.crop(rows.clone(), cols.clone()).run(1.0, thresholds);
        for (row, (values, criteria)) in part.iter().zip(&criteria).enumerate() {
            for (col, (value, criterion)) in values.iter().zip(criteria).enumerate() {
                if *criterion != Criterion::Undecided as u8 {
                    prop_assert_eq!(*value, whole[rows.start + row][cols.start + col], "row {} col {}", row, col);
                }
            }
        }
    }
}
