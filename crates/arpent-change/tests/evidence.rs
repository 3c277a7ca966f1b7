//! Evidence of change: the reference on a real pair, what is refused, and that no cut of the rows changes anything.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    reason = "tests: numbers are small, errors are failures"
)]

use std::fs::File;

use arpent_base::SplitMix64;
use arpent_change::evidence::{
    ChangeVectors, EvidenceError, Histogram, IrMad, Mad, MadOptions, MadStep, MadStop, PairDate, PairRow,
    RobustScales, ScaleStep, confidence, is_change,
};
use ndarray::{Array2, Array3, s};
use serde_json::Value;
use tiff::decoder::{Decoder, DecodingResult};

/// Two dates, bands x rows x columns, and what is valid.
struct Pair {
    before: Array3<f32>,
    after: Array3<f32>,
    valid: Array2<bool>,
}

impl Pair {
    fn rows(&self) -> Vec<PairRow<'_>> {
        let row = |row: usize| PairRow {
            before: self.before.slice(s![.., row, ..]),
            after: self.after.slice(s![.., row, ..]),
            valid: self.valid.row(row),
        };
        (0..self.valid.nrows()).map(row).collect()
    }

    /// Bands that share some ground, with noise; a tenth of the pixels changed.
    fn made_up(bands: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut noise = || (0..6).map(|_| random.unit() - 0.5).sum::<f64>();
        let (rows, cols) = (60, 75);
        let ground = Array2::from_shape_fn((rows, cols), |_| [noise(), noise(), noise()]);
        let mut image = |changes: bool| {
            Array3::from_shape_fn((bands, rows, cols), |(band, row, col)| {
                let parts = ground[[row, col]];
                let own: f64 = parts
                    .iter()
                    .enumerate()
                    .map(|(i, part)| part * ((band + 2) as f64 * (i + 1) as f64).sin())
                    .sum();
                let change = if changes && row < 6 { 40.0 * noise() } else { 0.0 };
                (100.0 + 12.0 * own + 1.5 * noise() + change) as f32
            })
        };
        let (before, after) = (image(false), image(true).mapv(|v| 0.7 * v + 20.0));
        Self {
            before,
            after,
            valid: Array2::from_shape_fn((rows, cols), |(row, col)| (row * 7 + col) % 11 != 0),
        }
    }
}

/// Runs all passes with the rows in groups of `group`, in reverse order on request.
fn ir_mad(pair: &Pair, options: MadOptions, group: usize, reverse: bool) -> Result<Mad, EvidenceError> {
    let mut rows = pair.rows();
    if reverse {
        rows.reverse();
    }
    let mut mad = IrMad::new(pair.before.dim().0, options)?;
    loop {
        for group in rows.chunks(group) {
            mad.add(group)?;
        }
        if let MadStep::Done(mad) = mad.advance()? {
            return Ok(mad);
        }
    }
}

fn scales(pair: &Pair) -> Result<Vec<[f64; 2]>, EvidenceError> {
    let mut scales = RobustScales::new(pair.before.dim().0)?;
    loop {
        scales.add(&pair.rows())?;
        if let ScaleStep::Done(found) = scales.advance()? {
            return Ok(found);
        }
    }
}

fn statistics(mad: &Mad, pair: &Pair) -> Vec<Option<f64>> {
    let rows = pair.rows();
    let scores = rows.iter().flat_map(|row| mad.score(*row).unwrap());
    scores.map(|score| score.map(|score| score.statistic)).collect()
}

#[test]
fn the_cut_and_the_order_of_rows_change_no_bit() {
    let pair = Pair::made_up(4, 1);
    let whole = ir_mad(&pair, MadOptions::default(), 1000, false).unwrap();
    for (group, reverse) in [(1, false), (7, true), (60, true)] {
        assert_eq!(whole, ir_mad(&pair, MadOptions::default(), group, reverse).unwrap());
    }
    assert_eq!(whole.stop, MadStop::Converged);
}

#[test]
fn changed_rows_score_higher_and_invalid_pixels_have_no_score() {
    let pair = Pair::made_up(4, 2);
    let mad = ir_mad(&pair, MadOptions::default(), 10, false).unwrap();
    let related = ChangeVectors::related(&mad.relations().unwrap()).unwrap();
    let standardized = ChangeVectors::standardized(&scales(&pair).unwrap()).unwrap();
    let lengths = |vectors: &ChangeVectors| -> Vec<Option<f64>> {
        pair.rows().iter().flat_map(|row| vectors.lengths(*row).unwrap()).collect()
    };
    let roots = statistics(&mad, &pair).into_iter().map(|score| score.map(f64::sqrt)).collect();
    for scores in [roots, lengths(&related), lengths(&standardized)] {
        let scores: Vec<Option<f64>> = scores;
        let mut histogram = Histogram::default();
        scores.iter().flatten().for_each(|score| histogram.add(*score));
        let threshold = histogram.otsu().unwrap();
        let cols = pair.valid.ncols();
        let share = |rows: std::ops::Range<usize>| {
            let of_rows = &scores[rows.start * cols..rows.end * cols];
            let found = of_rows.iter().flatten().filter(|score| is_change(**score, threshold)).count();
            found as f64 / of_rows.iter().flatten().count() as f64
        };
        assert!(share(0..6) > 0.6 && share(6..60) < 0.05, "{} {}", share(0..6), share(6..60));
        for (score, valid) in scores.iter().zip(&pair.valid) {
            assert_eq!(score.is_some(), *valid);
            assert!(
                score.is_none_or(|score| (confidence(score, threshold) > 125) == is_change(score, threshold))
            );
        }
    }
}

#[test]
fn relations_are_those_of_the_unchanged_pixels() {
    let pair = Pair::made_up(3, 3);
    for relation in ir_mad(&pair, MadOptions::default(), 60, false).unwrap().relations().unwrap() {
        assert!((relation.slope - 0.7).abs() < 0.02, "{relation:?}");
        assert!((relation.intercept - 20.0).abs() < 2.0 && relation.deviation < 4.0, "{relation:?}");
    }
}

#[test]
fn a_linear_function_of_the_bands_changes_no_score() {
    let pair = Pair::made_up(3, 4);
    let plain = statistics(&ir_mad(&pair, MadOptions::default(), 9, false).unwrap(), &pair);
    let scaled =
        Pair { before: pair.before.mapv(|v| v / 512.0), after: pair.after.mapv(|v| v * 4.0 + 16.0), ..pair };
    let other = statistics(&ir_mad(&scaled, MadOptions::default(), 9, false).unwrap(), &scaled);
    for (a, b) in plain.iter().flatten().zip(other.iter().flatten()) {
        assert!((a - b).abs() < 1e-3 * (1.0 + a), "{a} {b}");
    }
}

#[test]
fn large_values_lose_nothing() {
    let pair = Pair::made_up(3, 5);
    let far = |image: &Array3<f32>| image.mapv(|v| (v * 8.0).round() + 1e6);
    let near = |image: &Array3<f32>| image.mapv(|v| (v * 8.0).round());
    let with = |change: &dyn Fn(&Array3<f32>) -> Array3<f32>| {
        let pair =
            Pair { before: change(&pair.before), after: change(&pair.after), valid: pair.valid.clone() };
        ir_mad(&pair, MadOptions::default(), 60, false).unwrap().correlations
    };
    for (a, b) in with(&near).iter().zip(with(&far)) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
}

#[test]
fn singular_covariances_are_refused_with_the_band() {
    let refused = |change: &dyn Fn(&mut Pair)| {
        let mut pair = Pair::made_up(3, 6);
        change(&mut pair);
        ir_mad(&pair, MadOptions::default(), 60, false).unwrap_err()
    };
    let constant = refused(&|pair| pair.after.slice_mut(s![1, .., ..]).fill(1234.56));
    assert_eq!(constant, EvidenceError::ConstantBand { date: PairDate::After, band: 2 });
    let equal = refused(&|pair| {
        let first = pair.before.slice(s![0, .., ..]).to_owned();
        pair.before.slice_mut(s![2, .., ..]).assign(&first);
    });
    assert_eq!(equal, EvidenceError::DependentBand { date: PairDate::Before, band: 3 });
    let sum = refused(&|pair| {
        let sum = pair.after.slice(s![0, .., ..]).mapv(|v| v * 0.5) + pair.after.slice(s![1, .., ..]);
        pair.after.slice_mut(s![2, .., ..]).assign(&sum);
    });
    assert_eq!(sum, EvidenceError::DependentBand { date: PairDate::After, band: 3 });
    let same = refused(&|pair| pair.after = pair.before.clone());
    assert!(matches!(same, EvidenceError::EqualDates { iteration: 1, .. }), "{same}");
    let copied = refused(&|pair| {
        let second = pair.before.slice(s![1, .., ..]).mapv(|v| 2.0 * v + 3.0);
        pair.after.slice_mut(s![1, .., ..]).assign(&second);
    });
    assert_eq!(copied, EvidenceError::EqualDates { band: 2, iteration: 1 });
    // Enough pixels for the first iteration: its transform is kept when their weights are too few for another.
    let mut few = Pair::made_up(3, 6);
    few.valid.slice_mut(s![1.., ..]).fill(false);
    let mad = ir_mad(&few, MadOptions::default(), 60, false).unwrap();
    assert_eq!((mad.stop, mad.iterations), (MadStop::Collapsed, 1));
    let none = refused(&|pair| pair.before.fill(f32::NAN));
    assert_eq!(none, EvidenceError::TooFewPixels { weight: 0.0, expected: 60.0 });
}

#[test]
fn constant_bands_have_no_scale() {
    let mut pair = Pair::made_up(2, 7);
    pair.before.slice_mut(s![1, .., ..]).fill(0.1);
    assert_eq!(scales(&pair), Err(EvidenceError::ConstantBand { date: PairDate::Before, band: 2 }));
    pair.valid.fill(false);
    assert!(matches!(scales(&pair), Err(EvidenceError::TooFewPixels { .. })));
}

#[test]
fn iterations_end_at_the_limit_and_say_so() {
    let pair = Pair::made_up(3, 8);
    let options = MadOptions { max_iterations: 2, tolerance: 1e-12 };
    let mad = ir_mad(&pair, options, 60, false).unwrap();
    assert_eq!((mad.stop, mad.iterations), (MadStop::MaxIterations, 2));
    assert!(mad.last_change >= 1e-12);
    let refused = IrMad::new(3, MadOptions { tolerance: 0.0, ..options }).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "change evidence: `tolerance` is 0, expected above 0");
}

#[test]
fn rows_of_another_shape_are_refused() {
    let pair = Pair::made_up(3, 9);
    let mut mad = IrMad::new(4, MadOptions::default()).unwrap();
    let refused = mad.add(&pair.rows()).unwrap_err();
    assert_eq!(refused.to_string(), "bands of the first date of a row of a pair: 3, expected 4");
}

fn image(path: &std::path::Path) -> Array3<f32> {
    let mut decoder = Decoder::new(File::open(path).unwrap()).unwrap();
    let (cols, rows) = decoder.dimensions().unwrap();
    let DecodingResult::U8(bytes) = decoder.read_image().unwrap() else { panic!("bytes") };
    let (rows, cols) = (rows as usize, cols as usize);
    let bands = bytes.len() / (rows * cols);
    Array3::from_shape_fn((bands, rows, cols), |(band, row, col)| {
        f32::from(bytes[(row * cols + col) * bands + band])
    })
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_near(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!(
            (got - expected).abs() <= tolerance * expected.abs().max(1.0),
            "{what}: {got}, expected {expected}"
        );
    }
}

/// F1 of the scores above the threshold, and the area under the ROC curve, over labeled pixels.
fn judged(scores: &[f64], labels: &[u8], threshold: f64) -> [f64; 2] {
    let mut known: Vec<(f64, bool)> =
        scores.iter().zip(labels).filter(|(_, l)| **l > 0).map(|(s, l)| (*s, *l == 2)).collect();
    let (changed, found) = (|k: &&(f64, bool)| k.1, |k: &&(f64, bool)| is_change(k.0, threshold));
    let positive = known.iter().filter(changed).count() as f64;
    let both = known.iter().filter(changed).filter(found).count() as f64;
    let f1 = 2.0 * both / (positive + known.iter().filter(found).count() as f64);
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Equal scores share the mean of their ranks.
    let mut ranks = 0.0;
    let mut start = 0;
    for group in known.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let rank = start as f64 + 0.5 * (group.len() + 1) as f64;
        ranks += rank * group.iter().filter(changed).count() as f64;
        start += group.len();
    }
    let negative = known.len() as f64 - positive;
    [f1, (ranks - positive * (positive + 1.0) / 2.0) / (positive * negative)]
}

#[test]
fn the_real_pair_of_taizhou_agrees_with_the_reference() {
    let Some(folder) = arpent_testing::real_data("change/landsat_taizhou_nanjing") else { return };
    let (before, after) = (image(&folder.join("taizhou_t1.tif")), image(&folder.join("taizhou_t2.tif")));
    let valid = Array2::from_elem((before.dim().1, before.dim().2), true);
    let pair = Pair { before, after, valid };
    let labels =
        image::open(folder.join("taizhou_label_0none_1unchanged_2changed.png")).unwrap().into_luma8();
    let reference: Value = serde_json::from_str(include_str!("parity/ir-mad-taizhou.json")).unwrap();

    let mad = ir_mad(&pair, MadOptions::default(), 64, false).unwrap();
    assert_eq!(Some(mad.iterations as u64), reference["iterations"].as_u64());
    assert_near("correlations", &mad.correlations, &numbers(&reference["correlations"]), 1e-6);
    assert_near("means", &mad.means, &numbers(&reference["means"]), 1e-6);
    assert_near("weight", &[mad.weight], &[reference["weight"].as_f64().unwrap()], 1e-6);
    let relations = mad.relations().unwrap();
    for (name, of) in [("slopes", 0), ("intercepts", 1), ("deviations", 2)] {
        let got: Vec<f64> = relations.iter().map(|r| [r.slope, r.intercept, r.deviation][of]).collect();
        assert_near(name, &got, &numbers(&reference[name]), 1e-6);
    }
    let scales = scales(&pair).unwrap();
    for (got, expected) in scales.iter().zip(reference["scales"].as_array().unwrap()) {
        assert_near("scales", got, &numbers(expected), 1e-6);
    }
    let chosen: Vec<usize> = numbers(&reference["pixels"]).into_iter().map(|at| at as usize).collect();
    let scores: Vec<_> =
        pair.rows().iter().flat_map(|row| mad.score(*row).unwrap()).map(Option::unwrap).collect();
    let of_chosen = |values: &[f64]| chosen.iter().map(|at| values[*at]).collect::<Vec<f64>>();
    let no_change: Vec<f64> = scores.iter().map(|score| score.no_change).collect();
    assert_near("no_change", &of_chosen(&no_change), &numbers(&reference["no_change"]), 1e-6);

    let lengths = |vectors: &ChangeVectors| -> Vec<f64> {
        pair.rows().iter().flat_map(|row| vectors.lengths(*row).unwrap()).map(Option::unwrap).collect()
    };
    for (name, scores) in [
        ("ir_mad", scores.iter().map(|score| score.statistic.sqrt()).collect()),
        ("standardized", lengths(&ChangeVectors::standardized(&scales).unwrap())),
        ("related", lengths(&ChangeVectors::related(&relations).unwrap())),
    ] {
        let scores: Vec<f64> = scores;
        assert_near(name, &of_chosen(&scores), &numbers(&reference["lengths"][name]), 1e-6);
        let mut histogram = Histogram::default();
        for score in &scores {
            histogram.add(*score);
        }
        let threshold = histogram.otsu().unwrap();
        let [f1, auc] = judged(&scores, labels.as_raw(), threshold);
        let expected = ["threshold", "f1", "auc"].map(|key| reference["judged"][name][key].as_f64().unwrap());
        assert_near(name, &[threshold, f1, auc], &expected, 1e-6);
    }
}
