use super::super::*;
use arpent_base::SplitMix64;
use proptest::prelude::*;

/// Random rows of `classes` classes, one in five without observation.
fn coverage(random: &mut SplitMix64, pixels: usize, classes: usize) -> Vec<u8> {
    let value = |random: &mut SplitMix64| match random.below(5) {
        0 => 255,
        _ => u8::try_from(random.below(classes)).unwrap(),
    };
    (0..pixels).map(|_| value(random)).collect()
}

/// 10,000 pairs of random coverages: stocks counted pixel by pixel, without the matrix, differ by the sums of flows
/// exactly, and pixels without observation at a date are in none of them.
#[test]
fn the_difference_of_stocks_is_the_sum_of_flows() {
    let mut random = SplitMix64::new(2023);
    for case in 0..10_000 {
        let (width, height) = (1 + random.below(9), 1 + random.below(7));
        let classes = 1 + random.below(6);
        let mut matrix = FlowMatrix::default();
        let mut counted = [[0u64; 2]; 8];
        let mut observed = [0u64; 4];
        for row in 0..height {
            let before = coverage(&mut random, width, classes);
            let after = coverage(&mut random, width, classes);
            matrix.add_row(row as u64, &before, &after, 0.04).unwrap();
            for (b, a) in before.iter().zip(&after) {
                observed[usize::from(*b == 255) * 2 + usize::from(*a == 255)] += 1;
                if *b != 255 && *a != 255 {
                    counted[usize::from(*b)][0] += 1;
                    counted[usize::from(*a)][1] += 1;
                }
            }
        }
        let amount = |pixels| Amount::of_pixels(pixels, 0.04);
        let coverage = matrix.coverage();
        assert_eq!(
            [coverage.both, coverage.before_only, coverage.after_only, coverage.neither],
            observed.map(amount),
            "case {case}"
        );
        let stocks = matrix.stocks().unwrap_or_default();
        assert_eq!(stocks.is_empty(), observed[0] == 0, "case {case}");
        for (class, [before, after]) in (0u8..).zip(counted) {
            let stock = stocks.iter().find(|s| s.class_id == class).copied();
            let stock = stock.unwrap_or_else(|| Stock { class_id: class, ..Stock::default() });
            assert_eq!((stock.before, stock.after), (amount(before), amount(after)), "case {case}");
            let flow = |is: fn(&Flow, u8) -> bool| {
                matrix
                    .flows()
                    .filter(|f| f.before != f.after && is(f, class))
                    .map(|f| f.amount)
                    .sum::<Amount>()
            };
            assert_eq!(stock.gained, flow(|f, class| f.after == class));
            assert_eq!(stock.lost, flow(|f, class| f.before == class));
            // before + gained = after + lost, in integers.
            let sum = |a: Amount, b: Amount| [a, b].into_iter().sum::<Amount>();
            assert_eq!(sum(stock.before, stock.gained), sum(stock.after, stock.lost), "case {case}");
            let pixels = stock.after.pixels() - stock.before.pixels();
            assert!((stock.net_m2() - pixels * 0.04).abs() < 1e-9);
        }
    }
}

/// Classes of both dates and weights, and the area of a pixel.
type WeightedRow = (Vec<(u8, u8, f64)>, f64);

proptest! {
    /// Any cut of weighted rows of several pixel areas gives the bytes of the whole, in either order of merging.
    #[test]
    fn parts_merge_to_the_same_bytes(
        rows in prop::collection::vec(
            (prop::collection::vec((0u8..4, 0u8..4, 0.0f64..=1.0), 5), 0.01f64..30.0), 1..12),
        cut in 0usize..12,
    ) {
        let matrix = |rows: &[WeightedRow]| {
            let mut matrix = FlowMatrix::default();
            for (row, (pixels, area)) in rows.iter().enumerate() {
                let class = |c: u8| if c == 3 { 255 } else { c };
                let before: Vec<u8> = pixels.iter().map(|p| class(p.0)).collect();
                let after: Vec<u8> = pixels.iter().map(|p| class(p.1)).collect();
                let parts: Vec<f64> = pixels.iter().map(|p| p.2).collect();
                matrix.add_zone_row(row as u64, (&before, &after), &parts, *area).unwrap();
            }
            matrix
        };
        let whole = matrix(&rows);
        let (north, south) = rows.split_at(cut.min(rows.len()));
        let (north, south) = (matrix(north), matrix(south));
        let [mut one, mut other] = [north.clone(), south.clone()];
        one.merge(&south);
        other.merge(&north);
        prop_assert_eq!(&one, &whole);
        prop_assert_eq!(&other, &whole);
        let mut backwards = rows.clone();
        backwards.reverse();
        prop_assert_eq!(&matrix(&backwards), &whole);
        for stock in whole.stocks().unwrap_or_default() {
            let sides = [[stock.before, stock.gained], [stock.after, stock.lost]];
            let [left, right] = sides.map(|side| side.into_iter().sum::<Amount>());
            prop_assert_eq!(left, right);
        }
    }
}

/// The pixels of a zone count by their part inside; a whole pixel has the area of one that is counted.
#[test]
fn a_zone_counts_parts_of_pixels() {
    let mut zone = FlowMatrix::default();
    zone.add_zone_row(0, (&[1, 1, 2, 255], &[1, 2, 2, 2]), &[0.5, 1.0, 0.0, 0.25], 4.0).unwrap();
    zone.add_outside(1, 2.5, 4.0).unwrap();
    let flows: Vec<_> =
        zone.flows().map(|f| (f.before, f.after, f.amount.pixels(), f.amount.area_m2())).collect();
    assert_eq!(flows, [(1, 1, 0.5, 2.0), (1, 2, 1.0, 4.0)]);
    assert_eq!(zone.flow(1, 2), Amount::of_pixels(1, 4.0));
    assert_eq!(zone.changed(), Amount::of_pixels(1, 4.0));
    let coverage = zone.coverage();
    assert_eq!((coverage.after_only.area_m2(), coverage.neither.area_m2()), (1.0, 10.0));
    assert_eq!(coverage.shares(), Some([6.0 / 17.0, 0.0, 1.0 / 17.0, 10.0 / 17.0]));
    assert_eq!(coverage.state(), CoverageState::Partial);
}

#[test]
fn the_state_of_a_zone_says_which_vintage_is_missing() {
    let cases: [(&[u8], &[u8], CoverageState); 7] = [
        (&[1, 1], &[1, 2], CoverageState::Complete),
        (&[1, 255], &[1, 2], CoverageState::Partial),
        (&[1, 255], &[255, 255], CoverageState::BeforeOnly),
        (&[255, 255], &[255, 2], CoverageState::AfterOnly),
        (&[1, 255], &[255, 2], CoverageState::Disjoint),
        (&[255, 255], &[255, 255], CoverageState::NotObserved),
        (&[], &[], CoverageState::NotObserved),
    ];
    for (before, after, state) in cases {
        let mut matrix = FlowMatrix::default();
        matrix.add_row(0, before, after, 1.0).unwrap();
        assert_eq!(matrix.coverage().state(), state, "{before:?} {after:?}");
        let has_stocks = matches!(state, CoverageState::Complete | CoverageState::Partial);
        assert_eq!(matrix.stocks().is_some(), has_stocks, "{state:?}");
    }
}

#[test]
fn rows_that_do_not_fit_are_refused_and_add_nothing() {
    let mut matrix = FlowMatrix::default();
    assert!(matches!(matrix.add_row(3, &[1, 2], &[1], 1.0), Err(BalanceError::RowLength { row: 3, .. })));
    for area in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(matrix.add_row(0, &[1], &[1], area), Err(BalanceError::PixelArea { .. })));
    }
    for weight in [-0.1, 1.1, f64::NAN] {
        let refused = matrix.add_zone_row(0, (&[1, 1], &[1, 1]), &[1.0, weight], 1.0);
        assert!(matches!(refused, Err(BalanceError::Weight { col: 1, .. })), "{refused:?}");
    }
    assert!(matrix.add_outside(0, -1.0, 1.0).is_err());
    assert_eq!(matrix, FlowMatrix::default());
}
