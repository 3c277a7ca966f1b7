//! Invalid input is rejected, and nothing is counted then.

use arpent_metrics::{
    Calibration, Confusion, DetectionOptions, DetectionScores, Interpolation, Merge, MetricsError,
    OperatingPoint, Population, Ranking, Reliability, Roc, ScoredBox, ToleranceScore, TruthBox,
};
use arpent_raster::{Raster, Window};

#[test]
fn labels_that_are_no_class() {
    let mut confusion = Confusion::new(3).unwrap();
    let refused = confusion.add_slices(&[0, 1, 2], &[0, 1, 3], Some(255));
    assert_eq!(refused, Err(MetricsError::LabelOutOfRange { label: 3, position: 2, classes: 3 }));
    assert!(confusion.add(255, 0).is_err());
    assert!(confusion.add_slices(&[0], &[0, 1], None).is_err());
    assert_eq!(confusion, Confusion::new(3).unwrap());
    assert!(Confusion::new(0).is_err() && Confusion::new(256).is_err());
}

#[test]
fn a_matrix_that_was_tampered_with() {
    let read = |text: &str| serde_json::from_str::<Confusion>(text).map_err(|e| e.to_string());
    assert!(read(r#"{"classes":2,"counts":[1,2,3,4]}"#).is_ok());
    assert!(read(r#"{"classes":2,"counts":[1,2,3]}"#).unwrap_err().contains("needs 4 values, got 3"));
    assert!(read(r#"{"classes":2,"counts":[18446744073709551615,1,0,0]}"#).unwrap_err().contains("2^64"));
    assert!(read(r#"{"classes":2,"counts":[1,2,3,4],"pixels":9}"#).is_err());
}

#[test]
fn empty_measures_have_no_value() {
    let scores = Confusion::new(2).unwrap().scores();
    let all = [scores.overall_accuracy, scores.mean_iou, scores.kappa, scores.frequency_weighted_iou];
    assert_eq!(all, [None; 4]);
    let calibration = Calibration::new(2, 15).unwrap().scores();
    assert_eq!((calibration.expected_calibration_error, calibration.brier), (None, None));
    let detections = DetectionScores::new(DetectionOptions::coco(1)).unwrap();
    assert_eq!(detections.mean_average_precision(Interpolation::Area), None);
    assert_eq!(detections.at_iou(0.5).unwrap().precision_at(10, None), None);
    assert!(Ranking::new().roc().is_none());
}

#[test]
fn measures_that_differ_are_not_merged() {
    let merge = |mut a: Calibration, b: &Calibration| a.merge(b);
    let calibration = |classes, bins| Calibration::new(classes, bins).unwrap();
    assert!(merge(calibration(2, 15), &calibration(2, 15)).is_ok());
    assert!(merge(calibration(2, 15), &calibration(2, 10)).is_err());
    assert!(merge(calibration(2, 15), &calibration(3, 15)).is_err());
    let tolerance = |radius| ToleranceScore::new(radius).unwrap();
    assert!(tolerance(1.0).merge(&tolerance(2.0)).is_err());
    let detections = |classes| DetectionScores::new(DetectionOptions::coco(classes)).unwrap();
    assert!(detections(1).merge(&detections(2)).is_err());
}

#[test]
fn rasters_of_other_places() {
    let raster = |col| Raster::filled(Window::new(col, 0, 4, 4), true);
    let mut score = ToleranceScore::new(1.0).unwrap();
    assert!(score.add(&raster(0), &raster(1), None, raster(0).window()).is_err());
    assert!(score.add(&raster(0), &raster(0), Some(&raster(1)), raster(0).window()).is_err());
    let refused = score.add(&raster(0), &raster(0), None, raster(1).window());
    assert!(refused.unwrap_err().to_string().starts_with("the core covers"));
    assert_eq!(score.f1(), None);
    assert!([-1.0, f64::NAN, 101.0].into_iter().all(|radius| ToleranceScore::new(radius).is_err()));
}

#[test]
fn boxes_without_sense() {
    let mut scores = DetectionScores::new(DetectionOptions::coco(1)).unwrap();
    let truth = |class_id, bbox| TruthBox { class_id, bbox, oriented: None };
    let found = |score, bbox| ScoredBox { class_id: 0, score, bbox, oriented: None };
    assert!(matches!(scores.add(&[truth(0, [0.0, 9.0, 5.0, 4.0])], &[]), Err(MetricsError::BadBox { .. })));
    assert!(matches!(
        scores.add(&[], &[found(0.5, [0.0, f64::NAN, 1.0, 1.0])]),
        Err(MetricsError::BadBox { .. })
    ));
    assert!(matches!(scores.add(&[truth(1, [0.0; 4])], &[]), Err(MetricsError::LabelOutOfRange { .. })));
    let infinite = scores.add(&[truth(0, [0.0; 4])], &[found(f32::INFINITY, [0.0; 4])]);
    assert!(matches!(infinite, Err(MetricsError::BadScore { .. })));
    assert_eq!(scores.summary(Interpolation::Area).classes[0].truths, 0);
    assert!(scores.at_iou(0.42).is_err());
    let options = |iou_thresholds| DetectionOptions { iou_thresholds, ..DetectionOptions::coco(1) };
    for thresholds in [vec![], vec![0.5, 0.4], vec![0.0], vec![1.1], vec![f64::NAN], vec![0.5; 33]] {
        assert!(DetectionScores::new(options(thresholds)).is_err());
    }
}

#[test]
fn scores_that_are_no_probabilities() {
    let mut calibration = Calibration::new(3, 15).unwrap();
    for scores in [[2.0, -1.0, 0.0], [0.5, 0.4, 0.0], [f32::NAN, 0.5, 0.5], [0.5, 0.5, 0.5]] {
        assert!(matches!(calibration.add(&scores, 0), Err(MetricsError::BadScore { .. })), "{scores:?}");
    }
    assert!(matches!(calibration.add(&[1.0, 0.0, 0.0], 3), Err(MetricsError::LabelOutOfRange { .. })));
    assert!(matches!(calibration.add(&[1.0, 0.0], 0), Err(MetricsError::Length { .. })));
    assert_eq!(calibration.reliability().answers(), 0);
    let mut reliability = Reliability::default();
    assert!(reliability.add(1.01, true).is_err() && reliability.add(f64::NAN, true).is_err());
    assert!(reliability.add_rasters(&[0], &[0], &[251]).is_err());
    assert!(Reliability::new(0).is_err());
}

#[test]
fn curves_that_turn_back() {
    let point = |sensitivity, false_positive_rate| OperatingPoint {
        threshold: None,
        sensitivity,
        false_positive_rate,
    };
    assert!(Roc::new(&[point(0.5, 0.1), point(0.4, 0.2)]).is_err());
    assert!(Roc::new(&[point(0.5, 1.1)]).is_err());
    assert!(Roc::new(&[point(f64::NAN, 0.1)]).is_err());
    let roc = Roc::new(&[point(0.5, 0.1), point(1.0, 1.0)]).unwrap();
    assert_eq!(roc.points().len(), 3);
    let at = |budget, items, prevalence| roc.at_budget(budget, Population { items, prevalence });
    assert!(at(10, 100, 0.0).is_err() && at(10, 100, 1.0).is_err());
    assert_eq!(at(0, 100, 0.5), Ok(None));
    assert_eq!(at(10, 0, 0.5), Ok(None));
    let everything = at(1000, 100, 0.25).unwrap().unwrap();
    assert_eq!((everything.reviewed, everything.recall), (100, 1.0));
    assert!((everything.precision - 0.25).abs() < 1e-12);
    assert!(Ranking::new().add(f32::NAN, true).is_err());
}
