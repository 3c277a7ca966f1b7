//! Exact answers of networks set by hand.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "test helpers; numbers are small"
)]

use arpent_model::{
    Detection, DeviceChoice, HandSet, ModelError, ModelPackage, Prediction, Predictor, Task, hand_set_linear,
};
use arpent_raster::{Chip, Window};
use tempfile::TempDir;

fn predictor(settings: &HandSet, weights: &[Vec<f32>], bias: &[f32]) -> Predictor {
    let dir = TempDir::new().unwrap();
    hand_set_linear(settings, weights, bias, dir.path()).unwrap();
    let (package, weights) = ModelPackage::load(dir.path()).unwrap();
    Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap()
}

fn chip(window: Window, value: impl Fn(i64, i64) -> f32) -> Chip {
    let mut chip = Chip::empty(window, 1);
    for (i, (data, valid)) in chip.data.iter_mut().zip(&mut chip.valid).enumerate() {
        let (x, y) = ((i % window.width) as i64, (i / window.width) as i64);
        *data = value(window.col + x, window.row + y);
        *valid = true;
    }
    chip
}

fn labels(prediction: Prediction) -> (Vec<u8>, Vec<u8>) {
    match prediction {
        Prediction::Labels { labels, confidence } => (labels.data().to_vec(), confidence.data().to_vec()),
        Prediction::Detections(_) => panic!("labels expected"),
    }
}

#[test]
fn a_threshold_network_thresholds() {
    let settings = HandSet::segmentation(&["red"], 2);
    let network = predictor(&settings, &[vec![0.0], vec![1.0]], &[0.0, -100.0]);
    let window = Window::new(-3, 5, 6, 4);
    let mut chip = chip(window, |col, row| if col >= 0 && row < 7 { 120.0 } else { 100.0 });
    chip.valid[0] = false;
    let core = Window::new(-3, 6, 5, 2);
    let (labels, confidence) = labels(network.predict(&chip, &core).unwrap());
    assert_eq!(labels, [0, 0, 0, 1, 1, 0, 0, 0, 0, 0], "a tie goes to the lower class");
    assert_eq!(confidence, [125, 125, 125, 250, 250, 125, 125, 125, 125, 125]);
    let (labels, confidence) = self::labels(network.predict(&chip, &window).unwrap());
    assert_eq!((labels[0], confidence[0]), (255, 255));
}

#[test]
fn a_box_network_counts_its_neighbours() {
    let settings = HandSet::segmentation(&["red"], 2);
    let network = predictor(&settings, &[vec![0.0; 9], vec![1.0; 9]], &[0.0, -4.5]);
    let window = Window::new(0, 0, 8, 8);
    let chip = chip(window, |col, _| if col < 4 { 1.0 } else { 0.0 });
    let (labels, _) = labels(network.predict(&chip, &Window::new(1, 1, 6, 1)).unwrap());
    assert_eq!(labels, [1, 1, 1, 0, 0, 0]);
    let error = network.predict(&chip, &window).unwrap_err();
    assert!(matches!(error, ModelError::OverlapMissing { cols: 1, rows: 1, .. }), "{error}");
    assert!(error.hint().unwrap().contains("1 columns"));
}

#[test]
fn another_number_of_bands_is_refused() {
    let network = predictor(&HandSet::segmentation(&["red"], 2), &[vec![0.0], vec![1.0]], &[0.0, 0.0]);
    let window = Window::new(0, 0, 4, 4);
    let error = network.predict(&Chip::empty(window, 3), &window).unwrap_err();
    assert!(matches!(error, ModelError::BandCount { expected: 1, got: 3, .. }), "{error}");
}

#[test]
fn peaks_come_once_from_adjacent_cores() {
    let settings = HandSet {
        task: Task::ObjectDetection,
        detection: Some(Detection { threshold: 0.5, iou: 0.5 }),
        ..HandSet::segmentation(&["red"], 1)
    };
    let network = predictor(&settings, &[vec![1.0], vec![0.0], vec![0.0]], &[-100.0, 2f32.ln(), 6f32.ln()]);
    // A plateau of two pixels right on the border between the cores, and a lone peak.
    let bright = [(9, 4), (10, 4), (15, 8)];
    let scene =
        chip(Window::new(0, 0, 20, 12), |col, row| if bright.contains(&(col, row)) { 110.0 } else { 0.0 });
    let mut found = Vec::new();
    for core in [Window::new(1, 1, 9, 10), Window::new(10, 1, 9, 10)] {
        match network.predict(&scene, &core).unwrap() {
            Prediction::Detections(d) => found.extend(d),
            Prediction::Labels { .. } => panic!("detections expected"),
        }
    }
    let boxes: Vec<_> = found.iter().map(|d| d.bbox.map(|v| (v * 10.0).round() / 10.0)).collect();
    assert_eq!(boxes, [[8.5, 1.5, 10.5, 7.5], [14.5, 5.5, 16.5, 11.5]]);
}
