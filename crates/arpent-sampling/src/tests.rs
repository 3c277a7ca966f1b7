use super::*;
use arpent_base::SplitMix64;
use arpent_base::number::exact;

fn strata(units: &[f64]) -> Vec<Stratum> {
    let stratum =
        |(i, units): (usize, &f64)| Stratum { name: format!("s{i}"), units: *units, population: None };
    units.iter().enumerate().map(stratum).collect()
}

fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "found {found}, expected {expected}");
}

/// Olofsson et al. 2014, section 5: four classes (deforestation, forest gain, stable forest, stable non-forest), 30 m
/// pixels; areas in hectares with the half width of their 95 % interval.
#[test]
fn the_example_of_olofsson_2014() {
    let pixels = [200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0];
    let matrix: [&[u64]; 4] = [&[66, 0, 5, 4], &[0, 55, 8, 12], &[1, 0, 153, 11], &[2, 1, 9, 313]];
    let samples = Samples::of_matrix(&[1, 2, 3, 4], &matrix).unwrap();
    let hectares = 10_000_000.0 * 0.09;
    let map = samples.estimate(&strata(&pixels), hectares, Correction::None).unwrap();
    let areas = [(21_158.0, 6_158.0), (11_686.0, 3_756.0), (285_770.0, 15_510.0), (581_386.0, 16_282.0)];
    for (class, (area, margin)) in map.classes.iter().zip(areas) {
        near(class.area.value, area, 0.5);
        // The paper rounds the quantile to 1.96.
        near(1.96 * class.area.standard_error, margin, 0.5);
        near(class.area.margin(), margin, 1.0);
        let [low, high] = class.area.interval.unwrap();
        near(high - low, 2.0 * class.area.margin(), 1e-6);
    }
    near(map.overall.value, 0.947, 0.0005);
    near(map.overall.margin(), 0.018, 0.0005);
}

/// Equations 5 to 7 of Olofsson et al. 2014 as they are printed, for the same matrix: overall, user's and producer's
/// accuracy. The estimator is written for general strata and has them as a special case.
#[test]
fn accuracies_are_those_of_the_equations_of_olofsson_2014() {
    let pixels = [200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0];
    let matrix: [&[u64]; 4] = [&[66, 0, 5, 4], &[0, 55, 8, 12], &[1, 0, 153, 11], &[2, 1, 9, 313]];
    let samples = Samples::of_matrix(&[1, 2, 3, 4], &matrix).unwrap();
    let map = samples.estimate(&strata(&pixels), 1.0, Correction::None).unwrap();
    let n: Vec<f64> = matrix.iter().map(|row| exact(row.iter().sum::<u64>())).collect();
    let part = |i: usize, j: usize| exact(matrix[i][j]) / n[i];
    let spread = |i: usize, j: usize| part(i, j) * (1.0 - part(i, j)) / (n[i] - 1.0);
    let total: f64 = pixels.iter().sum();
    let overall: f64 = (0..4).map(|i| (pixels[i] / total).powi(2) * spread(i, i)).sum();
    near(map.overall.standard_error, overall.sqrt(), 1e-12);
    for (j, class) in map.classes.iter().enumerate() {
        let (users, producers) = (class.users.unwrap(), class.producers.unwrap());
        near(users.value, part(j, j), 1e-12);
        near(users.standard_error, spread(j, j).sqrt(), 1e-12);
        let column: f64 = (0..4).map(|i| pixels[i] * part(i, j)).sum();
        let p = pixels[j] * part(j, j) / column;
        let others: f64 = (0..4).filter(|i| *i != j).map(|i| pixels[i].powi(2) * spread(i, j)).sum();
        let variance = (pixels[j] * (1.0 - p)).powi(2) * spread(j, j) + p * p * others;
        near(producers.value, p, 1e-12);
        near(producers.standard_error, variance.sqrt() / column, 1e-12);
    }
}

/// The numerical example of Stehman 2014, with 10 samples in each of four strata.
fn stehman() -> (Samples, Vec<Stratum>) {
    let maps = b"AAAAAAABBBABBBBBBBBBBBCCCCCCBBDDDDDDDDDD";
    let references = b"AAAAACBABCABBBBBAABBCCCCCDDBBADDDDDDDCCB";
    let mut samples = Samples::new(4);
    for (i, (map, reference)) in maps.iter().zip(references).enumerate() {
        samples.add(i / 10, *map, *reference, 1).unwrap();
    }
    (samples, strata(&[40_000.0, 30_000.0, 20_000.0, 10_000.0]))
}

/// Values of the paper (pages 4932 to 4936), of `lulc-validation` 0.0.4 (accuracies) and of equations 3, 25 and 26 in
/// NumPy (areas), to 12 digits.
#[test]
fn the_example_of_stehman_2014() {
    let (samples, strata) = stehman();
    let map = samples.estimate(&strata, 1.0, Correction::FinitePopulation).unwrap();
    near(map.overall.value, 0.63, 1e-12);
    near(map.overall.standard_error, 0.084_642_188_062_455, 1e-12);
    let expected = [
        // Area, user's and producer's accuracy, each with its standard error.
        [
            (0.35, 0.082_247_796_323_06),
            (0.741_935_483_870_97, 0.164_542_017_606_23),
            (0.657_142_857_142_86, 0.147_710_094_998_2),
        ],
        [
            (0.34, 0.075_853_074_353_57),
            (0.574_468_085_106_38, 0.124_782_247_240_14),
            (0.794_117_647_058_82, 0.116_547_913_524_17),
        ],
        [(0.2, 0.064_279_770_448_32), (0.5, 0.215_111_943_294_99), (0.3, 0.150_410_826_294_74)],
        [
            (0.11, 0.030_722_232_268_43),
            (0.7, 0.152_676_127_799_99),
            (0.636_363_636_363_64, 0.162_279_671_466_29),
        ],
    ];
    assert_eq!(map.classes.len(), 4);
    for (class, expected) in map.classes.iter().zip(expected) {
        let found = [Some(class.area), class.users, class.producers];
        for (found, (value, error)) in found.into_iter().zip(expected) {
            near(found.unwrap().value, value, 1e-12);
            near(found.unwrap().standard_error, error, 1e-12);
        }
    }
}

/// A stratum of one sample has no variance, and a class without samples no interval.
#[test]
fn what_cannot_be_estimated_is_refused_or_stated() {
    let (samples, strata) = stehman();
    let mut few = Samples::new(2);
    few.add(0, 1, 1, 5).unwrap();
    few.add(1, 1, 1, 1).unwrap();
    let error = few.estimate(&strata[..2], 1.0, Correction::None).unwrap_err();
    assert_eq!(error, AreaError::TooFewSamples { stratum: "s1".into(), samples: 1 });
    assert_eq!(few.add(2, 1, 1, 1), Err(AreaError::UnknownStratum { stratum: 2, last: 1 }));
    assert!(matches!(samples.estimate(&[], 1.0, Correction::None), Err(AreaError::NoStrata)));
    assert!(matches!(samples.estimate(&strata[..3], 1.0, Correction::None), Err(AreaError::Length { .. })));
    assert!(matches!(samples.estimate(&strata, -1.0, Correction::None), Err(AreaError::OutOfRange { .. })));
    let mut small = strata.clone();
    small[2].units = 9.0;
    let refused = samples.estimate(&small, 1.0, Correction::FinitePopulation);
    assert!(matches!(refused, Err(AreaError::TooManySamples { samples: 10, .. })), "{refused:?}");
    small[2].units = f64::NAN;
    assert!(matches!(samples.estimate(&small, 1.0, Correction::None), Err(AreaError::StratumSize { .. })));

    // Class 2 is mapped and never found; class 3 is found and never mapped; class 1 is always right where mapped.
    let mut samples = Samples::new(2);
    samples.add(0, 1, 1, 20).unwrap();
    samples.add(1, 2, 3, 10).unwrap();
    let map = samples.estimate(&strata[..2], 70.0, Correction::None).unwrap();
    let [one, two, three] = map.classes[..] else { panic!("three classes") };
    assert_eq!((two.mapped_samples, two.reference_samples), (10, 0));
    assert_eq!((two.area.value, two.area.interval, two.producers), (0.0, None, None));
    assert_eq!(two.users.map(|u| (u.value, u.interval)), Some((0.0, None)));
    assert_eq!((three.mapped_samples, three.reference_samples, three.users), (0, 10, None));
    assert_eq!((one.area.value, one.area.standard_error, one.area.interval), (40.0, 0.0, None));
}

#[test]
fn sizes_and_allocations_of_samples() {
    let (weights, users) = ([0.02, 0.015, 0.32, 0.645], [0.7, 0.6, 0.9, 0.95]);
    assert_eq!(sample_size(&weights, &users, 0.01), Ok(641));
    assert_eq!(sample_size(&weights.map(|w| w * 1e7), &users, 0.01), Ok(641));
    assert!(sample_size(&weights, &users[..3], 0.01).is_err());
    assert!(sample_size(&weights, &[1.1; 4], 0.01).is_err() && sample_size(&weights, &users, 0.0).is_err());
    assert!(sample_size(&[], &[], 0.01).is_err() && sample_size(&[0.0], &[0.5], 0.01).is_err());

    let pixels = [200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0];
    // 13, 10, 205 and 413 in proportion; the minimum of the first two leaves 491 to the others.
    assert_eq!(allocate(641, &pixels, 75), Ok(vec![75, 75, 163, 328]));
    assert_eq!(allocate(641, &pixels, 0), Ok(vec![13, 10, 205, 413]));
    assert_eq!(allocate(300, &pixels, 75), Ok(vec![75; 4]));
    let too_small = AreaError::SampleTooSmall { samples: 299, minima: 300 };
    assert_eq!(allocate(299, &pixels, 75), Err(too_small));
    // A stratum of 20 units gives all of them, and no more.
    assert_eq!(allocate(200, &[20.0, 1000.0], 50), Ok(vec![20, 180]));
    assert_eq!(allocate(9, &[1.0, 1.0, 1.0], 0), Ok(vec![1, 1, 1]));
    assert_eq!(allocate(10, &[50.0, 50.0, 50.0], 1), Ok(vec![4, 3, 3]));
    // Neyman: 1,000 units of deviation 0.1 and 100 of 0.5 are 100 and 50.
    assert_eq!(allocate_by(60, &[1000.0, 100.0], &[100.0, 50.0], 0), Ok(vec![40, 20]));
    assert_eq!(allocate_by(600, &[1000.0, 100.0], &[100.0, 50.0], 0), Ok(vec![500, 100]));
    assert!(allocate_by(6, &[10.0], &[1.0, 1.0], 0).is_err());
}

/// The draw of shuffled and split populations is the same; a larger sample contains the smaller one.
#[test]
fn a_draw_depends_on_the_seed_and_the_ids_only() {
    let ids: Vec<String> = (0..2000).map(|i| format!("cell-{i}")).collect();
    let draw = |ids: &[String], seed: u64, n: u64| {
        let mut draw = Draw::new(seed, &[n, 5]);
        for id in ids {
            draw.offer(usize::from(id.ends_with('7')), id).unwrap();
        }
        draw
    };
    let first = draw(&ids, 42, 50);
    let mut reversed = ids.clone();
    reversed.reverse();
    assert_eq!(draw(&reversed, 42, 50), first);
    let mut parts = draw(&ids[1500..], 42, 50);
    parts.merge(draw(&ids[..1500], 42, 50)).unwrap();
    assert_eq!(parts, first);
    for (seed, sizes) in [(42, &[50][..]), (43, &[50, 5]), (42, &[50, 6])] {
        assert_eq!(parts.merge(Draw::new(seed, sizes)), Err(AreaError::OtherDraw));
    }
    assert!(parts.offer(2, "a").is_err());
    assert_eq!(parts, first);

    let [one, other] = &first.finish()[..] else { panic!("two strata") };
    assert_eq!((one.ids.len(), other.ids.len(), one.offered, other.offered), (50, 5, 1800, 200));
    assert!(other.ids.iter().all(|id| id.ends_with('7')));
    let larger = draw(&ids, 42, 80).finish();
    assert_eq!(larger[0].ids[..50], one.ids);
    let another = draw(&ids, 43, 50).finish();
    assert_ne!(another[0].ids, one.ids);
    assert_eq!(draw(&ids[..10], 1, 50).finish()[0].ids.len(), 9);
}

/// Each unit is drawn as often as any other: 4,000 draws of 10 of 40, 1,000 expected with a deviation of 27.
#[test]
fn every_unit_has_the_same_chance() {
    let mut drawn = [0u32; 40];
    for seed in 0..4000 {
        let mut draw = Draw::new(seed, &[10]);
        (0..40).for_each(|id: u32| draw.offer(0, &id.to_string()).unwrap());
        for id in &draw.finish()[0].ids {
            drawn[id.parse::<usize>().unwrap()] += 1;
        }
    }
    assert!(drawn.iter().all(|count| (870..1130).contains(count)), "{drawn:?}");
}

/// A made-up population: for each stratum the numbers of units of each (mapped, reference) class.
fn population(of: &[(usize, u8, u8, usize)], strata: usize) -> Vec<Vec<(u8, u8)>> {
    let mut units = vec![Vec::new(); strata];
    for (stratum, mapped, reference, count) in of {
        units[*stratum].extend(std::iter::repeat_n((*mapped, *reference), *count));
    }
    units
}

/// Interval coverage and bias of 2,000 draws without replacement.
fn simulate(units: &[Vec<(u8, u8)>], sizes: &[usize], seed: u64) {
    const DRAWS: usize = 2000;
    let total: usize = units.iter().map(Vec::len).sum();
    let strata = strata(&units.iter().map(|u| exact(u.len())).collect::<Vec<_>>());
    let all: Vec<(u8, u8)> = units.iter().flatten().copied().collect();
    let truth = |class: u8| exact(all.iter().filter(|(_, reference)| *reference == class).count());
    let right = exact(all.iter().filter(|(m, r)| m == r).count()) / exact(total);
    let mut random = SplitMix64::new(seed);
    let mut shuffled = units.to_vec();
    let (mut covered, mut sums) = ([0usize; 3], [0.0; 3]);
    for _ in 0..DRAWS {
        let mut samples = Samples::new(units.len());
        for (stratum, (units, size)) in shuffled.iter_mut().zip(sizes).enumerate() {
            for i in 0..*size {
                let j = i + random.below(units.len() - i);
                units.swap(i, j);
                samples.add(stratum, units[i].0, units[i].1, 1).unwrap();
            }
        }
        let map = samples.estimate(&strata, exact(total), Correction::FinitePopulation).unwrap();
        let of = |class: u8| map.classes.iter().find(|c| c.class_id == class).map(|c| c.area).unwrap();
        let found = [(of(0), truth(0)), (of(1), truth(1)), (map.overall, right)];
        for (i, (estimate, truth)) in found.into_iter().enumerate() {
            covered[i] += usize::from((estimate.value - truth).abs() <= estimate.margin());
            sums[i] += (estimate.value - truth) / truth;
        }
    }
    for (covered, sum) in covered.iter().zip(sums) {
        let coverage = exact(*covered) / exact(DRAWS);
        assert!((0.93..=0.97).contains(&coverage), "{covered:?} of {DRAWS}");
        // Relative bias, of a mean whose standard error is below 0.3 %.
        assert!((sum / exact(DRAWS)).abs() < 0.01, "bias {sum}");
    }
}

#[test]
fn intervals_hold_the_truth_in_95_of_100_draws() {
    // Strata that are the map's classes.
    let classes = [(0, 0, 0, 4000), (0, 0, 1, 1000), (1, 1, 1, 9000), (1, 1, 0, 1500)];
    simulate(&population(&classes, 2), &[120, 240], 1);
    // Strata that are not: bands of score.
    let bands = [
        (0, 0, 0, 2500),
        (0, 1, 1, 2000),
        (0, 0, 1, 300),
        (1, 0, 0, 900),
        (1, 0, 1, 700),
        (1, 1, 0, 500),
        (2, 1, 1, 3000),
        (2, 1, 0, 600),
    ];
    simulate(&population(&bands, 3), &[150, 120, 150], 2);
}

/// Units of several sizes: the separate ratio estimator, by hand. Two units of 10 and 30 m2 in a stratum of 4 units and
/// 100 m2; half of the larger one is of class 1, nothing of the smaller one.
#[test]
fn units_of_several_sizes_are_weighted_by_their_size() {
    let mut samples = Samples::new(1);
    samples.add_unit(0, 1, &[(0, 1.0)], 10.0).unwrap();
    samples.add_unit(0, 1, &[(1, 0.5), (0, 0.5)], 30.0).unwrap();
    let stratum = [Stratum { name: "events".into(), units: 100.0, population: Some(4) }];
    let area = |correction: Correction| {
        let map = samples.estimate(&stratum, 100.0, correction).unwrap();
        map.classes.iter().find(|class| class.class_id == 1).unwrap().area
    };
    // 15 of 40 m2: r = 0.375. Residuals 10 * (0 - r) and 30 * (0.5 - r), both 3.75: s2 = 2 * 3.75^2 / (2 - 1) = 28.125;
    // the variance of the total is N^2 (1 - f) s2 / n with N = 100 / 20.
    near(area(Correction::None).value, 37.5, 1e-12);
    near(area(Correction::None).standard_error, (25.0f64 * 28.125 / 2.0).sqrt(), 1e-9);
    near(area(Correction::FinitePopulation).standard_error, (0.5f64 * 25.0 * 28.125 / 2.0).sqrt(), 1e-9);
    for (references, size) in [(&[(1, 0.5)][..], 1.0), (&[(1, 1.5), (0, -0.5)], 1.0), (&[(1, 1.0)], 0.0)] {
        let refused = samples.add_unit(0, 1, references, size);
        assert!(matches!(refused, Err(AreaError::OutOfRange { .. })), "{refused:?}");
    }
    // A stratum that was checked as a whole has no variance, also one of a single unit.
    let mut all = Samples::new(1);
    all.add_unit(0, 1, &[(1, 1.0)], 100.0).unwrap();
    assert!(all.estimate(&stratum, 100.0, Correction::FinitePopulation).is_err());
    let single = [Stratum { population: Some(1), ..stratum[0].clone() }];
    assert!(all.estimate(&single, 100.0, Correction::None).is_err());
    let map = all.estimate(&single, 100.0, Correction::FinitePopulation).unwrap();
    assert_eq!((map.classes[0].area.value, map.classes[0].area.interval), (100.0, None));
}
