//! Compares with `tests/oracle/cast.json`, made by `tests/oracle/cast.R`, and with numbers that CAST's own tests print.

use arpent_metrics::{Applicability, MetricsError, upper_whisker};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    train: Vec<Vec<f64>>,
    folds: Vec<usize>,
    weights: Vec<f64>,
    new: Vec<Vec<f64>>,
    mean_distance: f64,
    train_di: Vec<f64>,
    threshold: f64,
    di: Vec<f64>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../oracle/cast.json")).unwrap()
}

#[test]
fn indices_and_thresholds_equal_those_of_cast() {
    let cases = cases();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let near = |got: f64, wanted: f64, what: &str| {
            assert!((got - wanted).abs() < 1e-9, "{} of {}: {wanted}, got {got}", what, case.name);
        };
        let known = Applicability::of(&case.train, &case.folds, &case.weights).unwrap();
        near(known.mean_distance(), case.mean_distance, "mean distance");
        near(known.threshold(), case.threshold, "threshold");
        assert_eq!((known.of_samples().len(), case.train_di.len()), (60, 60));
        known
            .of_samples()
            .iter()
            .zip(&case.train_di)
            .for_each(|(got, wanted)| near(*got, *wanted, "a sample"));
        assert_eq!((case.new.len(), case.di.len()), (32, 32));
        for (values, wanted) in case.new.iter().zip(&case.di) {
            near(known.dissimilarity(values), *wanted, "a place");
        }
    }
}

/// The indices of the 30 samples of CAST's example (cookfarm, a random forest of 3 predictors, 5 folds), as its tests list
/// them with 8 decimals, and its threshold with 5.
#[test]
fn the_threshold_of_casts_own_example_is_found() {
    let of_samples = [
        0.090_435_80,
        0.140_463_41,
        0.165_845_82,
        0.576_171_77,
        0.268_403_03,
        0.143_538_94,
        0.197_683_29,
        0.240_220_59,
        0.068_320_37,
        0.291_506_68,
        0.184_716_25,
        0.576_171_77,
        0.123_444_63,
        0.090_435_80,
        0.143_538_94,
        0.268_960_08,
        0.227_137_31,
        0.240_220_59,
        0.203_887_25,
        0.068_320_37,
        0.236_042_64,
        0.203_887_25,
        0.915_135_68,
        0.095_586_66,
        0.140_463_41,
        0.162_148_32,
        0.371_077_62,
        0.162_148_32,
        0.184_716_25,
        0.123_444_63,
    ];
    let threshold = upper_whisker(&of_samples).unwrap();
    assert!((threshold - 0.389_86).abs() < 5e-6, "{threshold}");
}

#[test]
fn a_predictor_that_never_differs_is_left_out() {
    let samples = [[0.0, 7.0], [1.0, 7.0], [3.0, 7.0]].map(Vec::from);
    let with = Applicability::of(&samples, &[0, 1, 2], &[1.0, 1.0]).unwrap();
    let samples = [[0.0], [1.0], [3.0]].map(Vec::from);
    let without = Applicability::of(&samples, &[0, 1, 2], &[1.0]).unwrap();
    let [with, without] = [with.dissimilarity(&[2.0, 99.0]), without.dissimilarity(&[2.0])];
    assert!(with > 0.0 && (with - without).abs() < 1e-12, "{with} {without}");
}

#[test]
fn samples_that_cannot_be_compared_are_refused() {
    let two = [[0.0, 1.0], [1.0, 1.0]].map(Vec::from);
    let of = |samples: &[Vec<f64>], folds: &[usize], weights: &[f64]| {
        Applicability::of(samples, folds, weights).map(drop)
    };
    assert_eq!(of(&two, &[0, 1], &[1.0, 1.0]), Ok(()));
    assert!(matches!(of(&two, &[0], &[1.0, 1.0]), Err(MetricsError::Length { expected: 2, got: 1, .. })));
    assert!(matches!(of(&two[..1], &[0], &[1.0, 1.0]), Err(MetricsError::Length { .. })));
    assert!(matches!(
        of(&two, &[3, 3], &[1.0, 1.0]),
        Err(MetricsError::Length { what: "the number of folds", .. })
    ));
    assert!(matches!(of(&two, &[0, 1], &[1.0]), Err(MetricsError::Length { what: "a sample", .. })));
    assert!(matches!(of(&two, &[0, 1], &[1.0, -1.0]), Err(MetricsError::BadOption { option: "weight", .. })));
    let equal = [[2.0], [2.0]].map(Vec::from);
    assert!(matches!(of(&equal, &[0, 1], &[1.0]), Err(MetricsError::BadOption { .. })));
    let infinite = [[2.0], [f64::INFINITY]].map(Vec::from);
    assert!(matches!(of(&infinite, &[0, 1], &[1.0]), Err(MetricsError::BadOption { .. })));
}

proptest! {
    #[test]
    fn a_sample_is_not_unlike_itself_and_units_do_not_matter(
        values in prop::collection::vec((-100i32..100, -100i32..100), 3..40), by in 1u32..1000, shift in -50i32..50,
    ) {
        let of = |values: &[(i32, i32)]| values.iter().map(|(a, b)| vec![f64::from(*a), f64::from(*b)]).collect::<Vec<_>>();
        let folds: Vec<usize> = (0..values.len()).map(|i| i % 3).collect();
        let samples = of(&values);
        let Ok(known) = Applicability::of(&samples, &folds, &[1.0, 1.0]) else { return Ok(()) };
        for sample in &samples {
            prop_assert!(known.dissimilarity(sample) < 1e-12);
        }
        let moved = |v: &[f64]| vec![v[0] * f64::from(by) + f64::from(shift), v[1]];
        let scaled: Vec<_> = samples.iter().map(|v| moved(v)).collect();
        let other = Applicability::of(&scaled, &folds, &[1.0, 1.0]).unwrap();
        prop_assert!((known.threshold() - other.threshold()).abs() < 1e-9);
        let place = [12.5, -3.0];
        prop_assert!((known.dissimilarity(&place) - other.dissimilarity(&moved(&place))).abs() < 1e-9);
    }
}
