//! Invariants for any prediction.

use arpent_metrics::{
    Calibration, ChangeScores, Confusion, DetectionOptions, DetectionScores, Interpolation, Merge,
    OperatingPoint, Population, Ranking, Reliability, Roc, ScoredBox, ToleranceScore, TruthBox,
    precision_at_prevalence,
};
use arpent_raster::{LABEL_NODATA, Raster, Window};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        (a, b) => a == b,
    }
}

fn confusion(classes: usize, pixels: &[(u8, u8)]) -> Confusion {
    let (truth, predicted): (Vec<u8>, Vec<u8>) = pixels.iter().copied().unzip();
    let mut confusion = Confusion::new(classes).unwrap();
    confusion.add_slices(&truth, &predicted, Some(LABEL_NODATA)).unwrap();
    confusion
}

/// Pixels of five classes, some without truth or prediction.
fn pixels() -> impl Strategy<Value = Vec<(u8, u8)>> {
    let label = || prop_oneof![9 => 0u8..5, 1 => Just(LABEL_NODATA)];
    vec((label(), label()), 0..120)
}

fn merged<M: Merge>(parts: impl IntoIterator<Item = M>) -> M {
    parts.into_iter().reduce(|mut sum, part| sum.merge(&part).map(|()| sum).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn a_matrix_is_the_sum_of_its_parts_in_any_order(pixels in pixels(), cut in 0usize..120) {
        let (head, tail) = pixels.split_at(cut.min(pixels.len()));
        let [head, tail] = [head, tail].map(|part| confusion(5, part));
        let whole = confusion(5, &pixels);
        prop_assert_eq!(&merged([head.clone(), tail.clone()]), &whole);
        prop_assert_eq!(&merged([tail, head]), &whole);
        let count = |wanted: &dyn Fn(&(u8, u8)) -> bool| pixels.iter().filter(|p| wanted(p)).count() as u64;
        prop_assert_eq!(whole.ignored(), count(&|(truth, _)| *truth == LABEL_NODATA));
        prop_assert_eq!(whole.unanswered(), count(&|(t, p)| *t != LABEL_NODATA && *p == LABEL_NODATA));
        prop_assert_eq!(whole.pixels() + whole.ignored() + whole.unanswered(), pixels.len() as u64);
    }

    #[test]
    fn scores_keep_their_bounds(pixels in pixels()) {
        let scores = confusion(5, &pixels).scores();
        for class in &scores.classes {
            prop_assert_eq!(class.iou.is_some(), class.f1.is_some());
            prop_assert_eq!(class.iou.is_some(), class.truth + class.predicted > 0);
            let (iou, f1) = (class.iou.unwrap_or(0.0), class.f1.unwrap_or(0.0));
            prop_assert!(iou <= f1);
            // F1 = 2 IoU / (1 + IoU).
            prop_assert!((f1 - 2.0 * iou / (1.0 + iou)).abs() < 1e-12);
            let bound = class.precision.unwrap_or(1.0).min(class.recall.unwrap_or(1.0));
            prop_assert!(iou <= bound + 1e-12);
        }
        let all = [scores.overall_accuracy, scores.mean_iou, scores.balanced_accuracy, scores.mean_f1];
        let all = all.into_iter().chain([scores.frequency_weighted_iou]).flatten();
        prop_assert!(all.into_iter().all(|score| (0.0..=1.0 + 1e-12).contains(&score)));
        prop_assert!(scores.kappa.is_none_or(|kappa| (-1.0..=1.0 + 1e-12).contains(&kappa)));
    }

    #[test]
    fn a_perfect_prediction_scores_one(truth in vec(0u8..5, 1..100)) {
        let pixels: Vec<(u8, u8)> = truth.iter().map(|label| (*label, *label)).collect();
        let scores = confusion(5, &pixels).scores();
        let all = [scores.overall_accuracy, scores.balanced_accuracy, scores.mean_iou, scores.mean_f1];
        prop_assert!(all.into_iter().chain([scores.frequency_weighted_iou]).all(|score| near(score, Some(1.0))));
        let is_one_class = truth.iter().all(|label| *label == truth[0]);
        prop_assert!(near(scores.kappa, (!is_one_class).then_some(1.0)));
    }

    #[test]
    fn names_of_classes_do_not_matter(pixels in pixels(), new in Just(vec![0u8, 1, 2, 3, 4]).prop_shuffle()) {
        let rename = |label: u8| new.get(usize::from(label)).copied().unwrap_or(label);
        let renamed: Vec<(u8, u8)> = pixels.iter().map(|(t, p)| (rename(*t), rename(*p))).collect();
        let [before, after] = [confusion(5, &pixels), confusion(5, &renamed)];
        for (class, new) in new.iter().enumerate() {
            prop_assert_eq!(before.iou(class), after.iou((*new).into()));
            prop_assert_eq!(before.precision(class), after.precision((*new).into()));
        }
        prop_assert!(near(before.kappa(), after.kappa()) && near(before.mean_iou(), after.mean_iou()));
        prop_assert!(near(before.frequency_weighted_iou(), after.frequency_weighted_iou()));
        prop_assert_eq!(before.collapse(5, |class| new[class]).unwrap(), after);
    }

    #[test]
    fn truth_and_prediction_trade_precision_and_recall(pixels in pixels()) {
        let swapped: Vec<(u8, u8)> = pixels.iter().map(|(t, p)| (*p, *t)).collect();
        let [one, other] = [confusion(5, &pixels), confusion(5, &swapped)];
        for class in 0..5 {
            prop_assert_eq!(one.precision(class), other.recall(class));
            prop_assert_eq!(one.f1(class), other.f1(class));
        }
        prop_assert!(near(one.kappa(), other.kappa()));
        let [one, other] = [ChangeScores::of(&one), ChangeScores::of(&other)];
        prop_assert!(near(one.sek, other.sek) && near(one.semantic_f1, other.semantic_f1));
    }

    #[test]
    fn a_matrix_survives_a_file(pixels in pixels()) {
        let confusion = confusion(5, &pixels);
        let text = serde_json::to_string(&confusion).unwrap();
        prop_assert_eq!(serde_json::from_str::<Confusion>(&text).unwrap(), confusion);
    }

    #[test]
    fn the_binary_map_is_the_collapsed_one(pixels in pixels()) {
        let confusion = confusion(5, &pixels);
        let binary = confusion.collapse(2, |class| u8::from(class > 0)).unwrap();
        let scores = ChangeScores::of(&confusion);
        prop_assert_eq!(scores.f1, binary.f1(1));
        prop_assert_eq!(scores.changed_iou, binary.iou(1));
        prop_assert_eq!(scores.mean_iou, binary.mean_iou());
        prop_assert!(scores.semantic_f1.unwrap_or(0.0) <= scores.f1.unwrap_or(0.0));
        prop_assert!(ChangeScores::of(&binary).separated_kappa.is_none_or(|kappa| kappa <= 1e-12));
    }
}

fn mask(width: usize, height: usize) -> impl Strategy<Value = Raster<bool>> {
    let window = Window::new(-7, 3, width, height);
    vec(prop::bool::weighted(0.06), width * height).prop_map(move |data| Raster::new(window, data).unwrap())
}

fn tolerance(radius: f64, truth: &Raster<bool>, predicted: &Raster<bool>, core: Window) -> ToleranceScore {
    let mut score = ToleranceScore::new(radius).unwrap();
    score.add(truth, predicted, None, core).unwrap();
    score
}

/// Brute-force distances to every pixel.
fn precision_by_hand(radius: f64, truth: &Raster<bool>, predicted: &Raster<bool>) -> Option<f64> {
    let Window { width, height, .. } = truth.window();
    let set = |mask: &Raster<bool>| -> Vec<(f64, f64)> {
        let cells = (0..height).flat_map(|r| (0..width).map(move |c| (r, c)));
        let cells = cells.filter(|(r, c)| mask.row(*r)[*c]);
        cells
            .map(|(r, c)| (f64::from(u32::try_from(r).unwrap()), f64::from(u32::try_from(c).unwrap())))
            .collect()
    };
    let (truth, predicted) = (set(truth), set(predicted));
    let is_near = |p: &&(f64, f64)| truth.iter().any(|t| (p.0 - t.0).hypot(p.1 - t.1) <= radius + 1e-9);
    let right = u32::try_from(predicted.iter().filter(is_near).count()).unwrap();
    (!predicted.is_empty()).then(|| f64::from(right) / f64::from(u32::try_from(predicted.len()).unwrap()))
}

proptest! {
    #[test]
    fn the_tolerance_is_a_disk(truth in mask(13, 9), predicted in mask(13, 9), radius in 0.0..6.0) {
        let score = tolerance(radius, &truth, &predicted, truth.window());
        prop_assert!(near(score.precision(), precision_by_hand(radius, &truth, &predicted)));
        prop_assert!(near(score.recall(), precision_by_hand(radius, &predicted, &truth)));
    }

    #[test]
    fn chips_with_overlap_add_up_to_the_whole(
        truth in mask(23, 17), predicted in mask(23, 17), radius in 0.0..5.0, col in 1usize..22, row in 1usize..16,
    ) {
        let all = truth.window();
        let (col, row) = (all.col + i64::try_from(col).unwrap(), all.row + i64::try_from(row).unwrap());
        let (cols, rows) = ([all.col, col, all.col_end()], [all.row, row, all.row_end()]);
        let whole = tolerance(radius, &truth, &predicted, all);
        let cores = rows.windows(2).flat_map(|r| cols.windows(2).map(move |c| Window::between(c[0], r[0], c[1], r[1])));
        let parts = cores.map(|core| {
            let chip = core.grow(whole.needed_overlap()).intersect(&all).unwrap();
            tolerance(radius, &truth.crop(chip).unwrap(), &predicted.crop(chip).unwrap(), core)
        });
        prop_assert_eq!(merged(parts), whole);
    }

    #[test]
    fn forgiving_more_never_lowers_the_score(truth in mask(13, 9), predicted in mask(13, 9)) {
        let f1 = |radius: f64| tolerance(radius, &truth, &predicted, truth.window()).f1().unwrap_or(0.0);
        let all: Vec<f64> = [0.0, 1.0, 1.5, 2.0, 3.0, 20.0].map(f1).to_vec();
        prop_assert!(all.is_sorted(), "{:?}", all);
        let exact = confusion(2, &truth.data().iter().zip(predicted.data())
            .map(|(t, p)| (u8::from(*t), u8::from(*p))).collect::<Vec<_>>());
        prop_assert!((all[0] - exact.f1(1).unwrap_or(0.0)).abs() < 1e-12);
    }
}

type Picture = (Vec<TruthBox>, Vec<ScoredBox>);

/// Pictures with boxes of two classes, all with different scores.
fn pictures() -> impl Strategy<Value = Vec<Picture>> {
    let bbox =
        || (0u8..20, 0u8..20, 1u8..12, 1u8..12).prop_map(|(x, y, w, h)| [x, y, x + w, y + h].map(f64::from));
    let truth = (0u8..2, bbox()).prop_map(|(class_id, bbox)| TruthBox { class_id, bbox, oriented: None });
    let found = (0u8..2, bbox()).prop_map(|(class_id, bbox)| ScoredBox {
        class_id,
        score: 0.0,
        bbox,
        oriented: None,
    });
    let pictures = vec((vec(truth, 0..6), vec(found, 0..8)), 1..5);
    let scores = Just((0u8..40).collect::<Vec<u8>>()).prop_shuffle();
    (pictures, scores).prop_map(|(mut pictures, scores)| {
        let found = pictures.iter_mut().flat_map(|(_, found)| found);
        found.zip(scores).for_each(|(found, score)| found.score = f32::from(score) / 40.0);
        pictures
    })
}

fn detections<'a>(pictures: impl IntoIterator<Item = &'a Picture>) -> DetectionScores {
    let mut scores = DetectionScores::new(DetectionOptions::coco(2)).unwrap();
    pictures.into_iter().for_each(|(truths, found)| scores.add(truths, found).unwrap());
    scores
}

proptest! {
    #[test]
    fn pictures_may_come_in_any_order(pictures in pictures(), cut in 0usize..5) {
        let (head, tail) = pictures.split_at(cut.min(pictures.len()));
        let whole = detections(&pictures);
        let turned = merged([detections(tail), detections(head)]);
        for kind in [Interpolation::Coco101, Interpolation::Area] {
            prop_assert_eq!(whole.summary(kind), turned.summary(kind));
        }
    }

    #[test]
    fn a_stricter_threshold_never_raises_average_precision(pictures in pictures()) {
        // Holds for one box and one true box in each picture; greedy matching may swap boxes otherwise.
        let pictures: Vec<Picture> = pictures
            .into_iter()
            .map(|(t, f)| (t.into_iter().take(1).collect(), f.into_iter().take(1).collect()))
            .collect();
        let by_threshold = detections(&pictures).summary(Interpolation::Area).by_threshold;
        prop_assert!(by_threshold.is_sorted_by(|a, b| a >= b), "{:?}", by_threshold);
    }

    #[test]
    fn the_true_boxes_found_score_one(pictures in pictures()) {
        let found = |truth: &TruthBox| ScoredBox { class_id: truth.class_id, score: 0.5, bbox: truth.bbox, oriented: None };
        let perfect: Vec<Picture> =
            pictures.iter().map(|(truths, _)| (truths.clone(), truths.iter().map(found).collect())).collect();
        let has_truth = pictures.iter().any(|(truths, _)| !truths.is_empty());
        for kind in [Interpolation::Coco101, Interpolation::Area] {
            let scores = detections(&perfect);
            prop_assert!(near(scores.mean_average_precision(kind), has_truth.then_some(1.0)));
            let at = scores.at_iou(0.95).unwrap();
            prop_assert!(near(at.precision_at(1000, None), at.recall_at(1000, None)));
        }
    }

    #[test]
    fn doubles_cost_no_recall(pictures in pictures()) {
        let double = |(truths, found): &Picture| (truths.clone(), [found.clone(), found.clone()].concat());
        let doubled: Vec<Picture> = pictures.iter().map(double).collect();
        let truths = pictures.iter().map(|(truths, _)| truths.len()).sum::<usize>();
        let [once, twice] = [detections(&pictures), detections(&doubled)];
        let recall = |scores: &DetectionScores| scores.at_iou(0.5).unwrap().recall_at(1000, None);
        prop_assert!(recall(&twice) >= recall(&once));
        prop_assert_eq!(recall(&once).is_some(), truths > 0);
    }
}

/// As in pycocotools: a threshold of 1 is reached by boxes that differ by rounding only.
#[test]
fn equal_boxes_reach_every_threshold() {
    let options = DetectionOptions { iou_thresholds: vec![1.0], ..DetectionOptions::coco(1) };
    let mut scores = DetectionScores::new(options).unwrap();
    let truth = TruthBox { class_id: 0, bbox: [0.0, 0.0, 3.0, 3.0], oriented: None };
    let found = ScoredBox { class_id: 0, score: 0.5, bbox: [0.0, 0.0, 3.0, 3.0 - 1e-14], oriented: None };
    scores.add(&[truth], &[found]).unwrap();
    assert_eq!(scores.mean_average_precision(Interpolation::Area), Some(1.0));
}

/// Predictions of two classes: 128 times the score of the first, and the true class.
fn calibration(answers: &[(u8, u8)]) -> Calibration {
    let mut calibration = Calibration::new(2, 15).unwrap();
    for (share, truth) in answers {
        let share = f32::from(*share) / 128.0;
        calibration.add(&[share, 1.0 - share], *truth).unwrap();
    }
    calibration
}

proptest! {
    #[test]
    fn at_the_prevalence_of_the_sample_the_budget_is_the_sample(
        scores in Just((0u16..40).collect::<Vec<u16>>()).prop_shuffle(),
        positives in subsequence((0..40).collect::<Vec<usize>>(), 1..40),
        k in 1u16..=40,
    ) {
        let mut ranking = Ranking::new();
        for (i, score) in scores.iter().enumerate() {
            ranking.add(f32::from(*score), positives.contains(&i)).unwrap();
        }
        let roc = ranking.roc().unwrap();
        let population = Population { items: 40, prevalence: ranking.prevalence().unwrap() };
        let point = roc.at_budget(k.into(), population).unwrap().unwrap();
        let right = scores.iter().enumerate().filter(|(i, s)| **s >= 40 - k && positives.contains(i)).count();
        let right = f64::from(u32::try_from(right).unwrap());
        prop_assert!((point.precision - right / f64::from(k)).abs() < 1e-9, "{point:?}, {right} right");
        prop_assert_eq!(point.threshold, Some(f32::from(40 - k)));
    }

    #[test]
    fn rankings_may_come_in_parts(items in vec((0u8..20, any::<bool>()), 2..60), cut in 0usize..60) {
        let ranking = |items: &[(u8, bool)]| {
            let mut ranking = Ranking::new();
            items.iter().try_for_each(|(score, real)| ranking.add(f32::from(*score), *real)).unwrap();
            ranking
        };
        let (head, tail) = items.split_at(cut.min(items.len()));
        let [whole, turned] = [ranking(&items), merged([ranking(tail), ranking(head)])];
        prop_assert_eq!(whole.roc(), turned.roc());
        prop_assert_eq!((whole.positives(), whole.negatives()), (turned.positives(), turned.negatives()));
    }

    #[test]
    fn what_is_rarer_is_found_with_less_precision(
        sensitivity in 0.01..1.0f64, false_positive_rate in 0.01..1.0f64, rare in 0.0001..0.5f64,
    ) {
        let at = |prevalence| precision_at_prevalence(sensitivity, false_positive_rate, prevalence).unwrap();
        prop_assert!(at(rare) < at(rare * 1.5));
    }

    #[test]
    fn confidences_may_come_in_parts(answers in vec((0u8..=250, any::<bool>()), 1..60), cut in 0usize..60) {
        let reliability = |answers: &[(u8, bool)]| {
            let mut reliability = Reliability::default();
            for (confidence, is_right) in answers {
                reliability.add(f64::from(*confidence) / 250.0, *is_right).unwrap();
            }
            reliability
        };
        let (head, tail) = answers.split_at(cut.min(answers.len()));
        let whole = reliability(&answers);
        let turned = merged([reliability(tail), reliability(head)]);
        prop_assert!(near(whole.expected_calibration_error(), turned.expected_calibration_error()));
        prop_assert!(near(whole.maximum_calibration_error(), turned.maximum_calibration_error()));
        prop_assert!(near(whole.brier(), turned.brier()));
        prop_assert!(whole.expected_calibration_error() <= whole.maximum_calibration_error().map(|m| m + 1e-12));
    }

    #[test]
    fn with_two_classes_the_brier_score_is_twice_that_of_the_chosen(
        answers in vec((0u8..=128, 0u8..2), 1..60),
    ) {
        let scores = calibration(&answers).scores();
        prop_assert!(near(scores.brier, scores.top_label_brier.map(|brier| 2.0 * brier)));
    }

    #[test]
    fn scores_of_all_classes_may_come_in_parts(answers in vec((0u8..=128, 0u8..2), 1..60), cut in 0usize..60) {
        let (head, tail) = answers.split_at(cut.min(answers.len()));
        let [whole, turned] = [calibration(&answers), merged([calibration(tail), calibration(head)])];
        prop_assert!(near(whole.brier(), turned.brier()));
        prop_assert!(near(whole.negative_log_likelihood(), turned.negative_log_likelihood()));
        prop_assert_eq!(whole.reliability().answers(), turned.reliability().answers());
    }
}

/// A detector of 92 % sensitivity and 93 % specificity, one positive tile in a thousand: 0.92 / (0.92 + 69.93).
#[test]
fn one_tile_in_a_thousand() {
    let point = OperatingPoint { threshold: None, sensitivity: 0.92, false_positive_rate: 0.07 };
    let precision = precision_at_prevalence(0.92, 0.07, 0.001).unwrap();
    assert!((precision - 0.012_985).abs() < 1e-6, "{precision}");
    let roc = Roc::new(&[point]).unwrap();
    let population = Population { items: 20_000, prevalence: 0.001 };
    let budget = roc.at_budget(200, population).unwrap().unwrap();
    assert!(
        (budget.precision - precision).abs() < 1e-9,
        "along a straight line, precision stays: {budget:?}"
    );
    assert!((budget.recall - 200.0 * precision / 20.0).abs() < 1e-9, "{budget:?}");
}

#[test]
fn rasters_of_confidence_are_decoded() {
    let mut rasters = Reliability::default();
    rasters
        .add_rasters(&[0, 1, 1, 255, 2, 2], &[0, 1, 2, 0, 255, 2], &[250, 125, 50, 200, 200, 255])
        .unwrap();
    let mut by_hand = Reliability::default();
    for (confidence, is_right) in [(1.0, true), (0.5, true), (0.2, false)] {
        by_hand.add(confidence, is_right).unwrap();
    }
    assert_eq!(rasters.answers(), 3);
    assert!(near(rasters.expected_calibration_error(), by_hand.expected_calibration_error()));
    assert!(near(rasters.brier(), Some((0.0 + 0.25 + 0.04) / 3.0)));
}

#[test]
fn pixels_lie_class_by_class() {
    let mut bands = Calibration::new(2, 15).unwrap();
    bands.add_pixels(&[0.75, 0.25, 1.0, 0.25, 0.75, 0.0], &[0, 1, 255], Some(255)).unwrap();
    let mut one_by_one = Calibration::new(2, 15).unwrap();
    one_by_one.add(&[0.75, 0.25], 0).unwrap();
    one_by_one.add(&[0.25, 0.75], 1).unwrap();
    assert_eq!(bands, one_by_one);
    assert!(near(bands.negative_log_likelihood(), Some(-0.75f64.ln())));
}
