//! Compares with `tests/oracle/cases.json`, made by `tests/oracle/make.py`.

use arpent_metrics::{
    AtIou, Calibration, ChangeScores, Confusion, DetectionOptions, DetectionScores, Grouped, Interpolation,
    Population, Ranking, ScoredBox, ToleranceScore, TruthBox, precision_at_prevalence,
};
use arpent_raster::{Raster, Window};
use serde::Deserialize;
use serde_json::Value;

const CASES: &str = include_str!("../oracle/cases.json");

/// The cases of a kind, at least one.
fn cases(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(CASES).unwrap();
    let cases = all[kind].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn get<T: for<'a> Deserialize<'a>>(value: &Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap_or_else(|e| panic!("{key} of {}: {e}", value["name"]))
}

#[track_caller]
fn assert_near(got: Option<f64>, value: &Value, key: &str) {
    let wanted: Option<f64> = get(value, key);
    assert_eq!(wanted.is_some(), got.is_some(), "{key} of {}: {wanted:?}, got {got:?}", value["name"]);
    let (wanted, got) = (wanted.unwrap_or(0.0), got.unwrap_or(0.0));
    assert!((wanted - got).abs() < 1e-9, "{key} of {}: {wanted}, got {got}", value["name"]);
}

#[track_caller]
fn assert_all_near(got: &[Option<f64>], value: &Value, key: &str) {
    let wanted: Vec<Option<f64>> = get(value, key);
    assert_eq!(wanted.len(), got.len(), "{key} of {}", value["name"]);
    for (i, got) in got.iter().enumerate() {
        let one = serde_json::json!({ "name": [value["name"], i], key: wanted[i] });
        assert_near(*got, &one, key);
    }
}

fn confusion(case: &Value) -> Confusion {
    let mut confusion = Confusion::new(get(case, "classes")).unwrap();
    let (truth, predicted): (Vec<u8>, Vec<u8>) = (get(case, "truth"), get(case, "predicted"));
    confusion.add_slices(&truth, &predicted, case["ignore"].as_u64().map(|v| v.try_into().unwrap())).unwrap();
    confusion
}

#[test]
fn confusion_as_sklearn() {
    for case in cases("confusion") {
        let confusion = confusion(&case);
        assert_eq!(confusion.counts(), get::<Vec<u64>>(&case, "counts"));
        let scores = confusion.scores();
        assert_near(scores.overall_accuracy, &case, "overall_accuracy");
        assert_near(scores.balanced_accuracy, &case, "balanced_accuracy");
        assert_near(scores.kappa, &case, "kappa");
        assert_near(scores.mean_iou, &case, "mean_iou");
        assert_near(scores.frequency_weighted_iou, &case, "frequency_weighted_iou");
        assert_near(scores.mean_f1, &case, "mean_f1");
        let each = |score: fn(&arpent_metrics::ClassScores) -> Option<f64>| -> Vec<Option<f64>> {
            scores.classes.iter().map(score).collect()
        };
        assert_all_near(&each(|c| c.iou), &case, "iou");
        assert_all_near(&each(|c| c.precision), &case, "precision");
        assert_all_near(&each(|c| c.recall), &case, "recall");
        assert_all_near(&each(|c| c.f1), &case, "f1");
    }
}

#[test]
fn change_by_the_formulas_of_the_second_data_set() {
    for case in cases("change") {
        let scores = ChangeScores::of(&confusion(&case));
        assert_near(scores.precision, &case, "precision");
        assert_near(scores.recall, &case, "recall");
        assert_near(scores.f1, &case, "f1");
        assert_near(scores.unchanged_iou, &case, "unchanged_iou");
        assert_near(scores.changed_iou, &case, "changed_iou");
        assert_near(scores.mean_iou, &case, "mean_iou");
        assert_near(scores.separated_kappa, &case, "separated_kappa");
        assert_near(scores.sek, &case, "sek");
        assert_near(scores.score, &case, "score");
        assert_near(scores.semantic_f1, &case, "semantic_f1");
    }
}

#[test]
fn calibration_as_sklearn() {
    for case in cases("calibration") {
        let mut calibration = Calibration::new(get(&case, "classes"), get(&case, "bins")).unwrap();
        let truth: Vec<u8> = get(&case, "truth");
        for (scores, truth) in get::<Vec<Vec<f32>>>(&case, "scores").iter().zip(truth) {
            calibration.add(scores, truth).unwrap();
        }
        let scores = calibration.scores();
        assert_near(scores.expected_calibration_error, &case, "expected_calibration_error");
        assert_near(scores.maximum_calibration_error, &case, "maximum_calibration_error");
        assert_near(scores.brier, &case, "brier");
        assert_near(scores.top_label_brier, &case, "top_label_brier");
        assert_near(scores.negative_log_likelihood, &case, "negative_log_likelihood");
        let counts: Vec<u64> = scores.bins.iter().map(|bin| bin.count).collect();
        assert_eq!(counts, get::<Vec<u64>>(&case, "counts"));
        let filled: Vec<_> = scores.bins.iter().filter(|bin| bin.count > 0).collect();
        assert_all_near(&filled.iter().map(|bin| bin.accuracy).collect::<Vec<_>>(), &case, "accuracy");
        assert_all_near(&filled.iter().map(|bin| bin.confidence).collect::<Vec<_>>(), &case, "confidence");
    }
}

#[test]
fn ranking_as_sklearn() {
    for case in cases("ranking") {
        let mut ranking = Ranking::new();
        let truth: Vec<u8> = get(&case, "truth");
        for (score, truth) in get::<Vec<f32>>(&case, "scores").into_iter().zip(truth) {
            ranking.add(score, truth == 1).unwrap();
        }
        let roc = ranking.roc().unwrap();
        assert_near(Some(roc.area()), &case, "area");
        let points = &roc.points()[1..];
        let each = |value: fn(&arpent_metrics::OperatingPoint) -> f64| -> Vec<Option<f64>> {
            points.iter().map(|point| Some(value(point))).collect()
        };
        assert_all_near(&each(|p| p.threshold.unwrap().into()), &case, "thresholds");
        assert_all_near(&each(|p| p.sensitivity), &case, "sensitivity");
        assert_all_near(&each(|p| p.false_positive_rate), &case, "false_positive_rate");
        for at in case["at"].as_array().unwrap() {
            let (items, prevalence) = (get(at, "items"), get(at, "prevalence"));
            assert_near(roc.average_precision(prevalence).ok(), at, "average_precision");
            let threshold: f64 = get(at, "threshold");
            let flagged = points.iter().rfind(|p| f64::from(p.threshold.unwrap()) >= threshold).unwrap();
            let precision =
                precision_at_prevalence(flagged.sensitivity, flagged.false_positive_rate, prevalence);
            assert_near(precision, at, "precision");
            let budgets = get::<Vec<u64>>(at, "budgets").into_iter();
            let reached = budgets
                .map(|k| roc.at_budget(k, Population { items, prevalence }).unwrap())
                .collect::<Vec<_>>();
            let recalls: Vec<_> = reached.iter().map(|point| point.map(|p| p.recall)).collect();
            assert_all_near(&recalls, at, "recall_at_budget");
            let precisions: Vec<_> = reached.iter().map(|point| point.map(|p| p.precision)).collect();
            assert_all_near(&precisions, at, "precision_at_budget");
        }
    }
}

fn mask(case: &Value, key: &str) -> Raster<bool> {
    let rows: Vec<String> = get(case, key);
    let window = Window::new(-3, 70, rows[0].len(), rows.len());
    Raster::new(window, rows.concat().chars().map(|c| c == '#').collect()).unwrap()
}

#[test]
fn tolerance_as_the_distances_of_scipy() {
    for case in cases("tolerance") {
        let [truth, predicted, valid] = ["truth", "predicted", "valid"].map(|key| mask(&case, key));
        for at in case["at"].as_array().unwrap() {
            let mut score = ToleranceScore::new(get(at, "tolerance_px")).unwrap();
            score.add(&truth, &predicted, Some(&valid), truth.window()).unwrap();
            assert_near(score.precision(), at, "precision");
            assert_near(score.recall(), at, "recall");
            assert_near(score.f1(), at, "f1");
        }
    }
}

fn detections(case: &Value) -> DetectionScores {
    let max_per_picture = get(case, "max_per_picture");
    let options = DetectionOptions { max_per_picture, ..DetectionOptions::coco(get(case, "classes")) };
    let mut scores = DetectionScores::new(options).unwrap();
    for picture in case["pictures"].as_array().unwrap() {
        let truths = get::<Vec<(u8, f64, f64, f64, f64)>>(picture, "truths").into_iter();
        let found = get::<Vec<(u8, f32, f64, f64, f64, f64)>>(picture, "found").into_iter();
        let truths: Vec<TruthBox> = truths
            .map(|(class_id, w, n, e, s)| TruthBox { class_id, bbox: [w, n, e, s], oriented: None })
            .collect();
        let found: Vec<ScoredBox> = found
            .map(|(class_id, score, w, n, e, s)| ScoredBox {
                class_id,
                score,
                bbox: [w, n, e, s],
                oriented: None,
            })
            .collect();
        scores.add(&truths, &found).unwrap();
    }
    scores
}

#[test]
fn detections_as_pycocotools() {
    for case in cases("detection") {
        let scores = detections(&case);
        let thresholds: Vec<f64> = get(&case, "iou_thresholds");
        assert_eq!(DetectionOptions::coco(1).iou_thresholds, thresholds);
        for (kind, key) in [(Interpolation::Coco101, "coco101"), (Interpolation::Area, "area")] {
            let summary = scores.summary(kind);
            assert_near(summary.mean_average_precision, &case, &format!("mean_{key}"));
            let wanted: Vec<Vec<Option<f64>>> = get(&case, key);
            for (i, wanted) in wanted.iter().enumerate() {
                let got: Vec<_> = summary.classes.iter().map(|c| c.average_precision[i]).collect();
                let one = serde_json::json!({ "name": [case["name"], thresholds[i]], key: wanted });
                assert_all_near(&got, &one, key);
            }
        }
        for best in case["best"].as_array().unwrap() {
            let at: AtIou = scores.at_iou(thresholds[get::<usize>(best, "threshold")]).unwrap();
            let (k, class) = (get(best, "k"), get(best, "class"));
            assert_near(at.precision_at(k, class), best, "precision");
            assert_near(at.recall_at(k, class), best, "recall");
        }
    }
}

#[test]
fn the_interval_as_numpy() {
    for case in cases("bootstrap") {
        let mut grouped = Grouped::new(Confusion::new(2).unwrap());
        for (i, counts) in get::<Vec<Vec<u64>>>(&case, "groups").into_iter().enumerate() {
            *grouped.group(&format!("site {i}")) = Confusion::from_counts(2, counts).unwrap();
        }
        let (level, resamples, seed) = (get(&case, "level"), get(&case, "resamples"), get(&case, "seed"));
        let interval = grouped.interval(|m| m.f1(1), level, resamples, seed).unwrap().unwrap();
        assert_near(Some(interval.estimate), &case, "estimate");
        assert_near(Some(interval.low), &case, "low");
        assert_near(Some(interval.high), &case, "high");
        assert_eq!((interval.groups, interval.undefined), (9, 0));
    }
}
