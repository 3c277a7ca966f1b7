//! Exact predictions of networks with hand-set weights.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "test helpers; numbers are small"
)]

use arpent_base::Diagnostic as _;
use arpent_model::{
    Detection, DeviceChoice, HandSet, ModelError, ModelPackage, Prediction, Predictor, Task, hand_set_linear,
};
use arpent_raster::{Chip, FILL_PX, FILL_REACH_PX, Window};
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
        _ => panic!("labels expected"),
    }
}

#[test]
fn a_threshold_network_thresholds() {
    let settings = HandSet::segmentation(&["red"], 2);
    let network = predictor(&settings, &[vec![0.0], vec![1.0]], &[0.0, -100.0]);
    let window = Window::new(-3, 5, 6, 4);
    let value = |col: i64, row: i64| if col >= 0 && row < 7 { 120.0 } else { 100.0 };
    let chip = chip(window, value);
    let core = Window::new(-3, 6, 5, 2);
    let (labels, confidence) = labels(network.predict(&chip, &core).unwrap());
    assert_eq!(labels, [0, 0, 0, 1, 1, 0, 0, 0, 0, 0], "a tie goes to the lower class");
    assert_eq!(confidence, [125, 125, 125, 250, 250, 125, 125, 125, 125, 125]);
    let mut chip = self::chip(network.filled_chip_of(&window), value);
    let (col, row) = chip.window.offset_of(&window).unwrap();
    let corner = row * chip.window.width + col;
    chip.valid[corner] = false;
    let (labels, confidence) = self::labels(network.predict(&chip, &window).unwrap());
    assert_eq!((labels[0], confidence[0]), (255, 255));
    assert_eq!((labels[5], confidence[5]), (1, 250));
}

/// A sum over 3 x 3 pixels at the border of the data: beyond it lies the mirror image, not the mean.
#[test]
fn what_is_invalid_is_filled_before_it_is_seen() {
    let network = predictor(&HandSet::segmentation(&["red"], 2), &[vec![0.0; 9], vec![1.0; 9]], &[0.0, 0.0]);
    let core = Window::new(0, 0, 5, 3);
    let far = i64::try_from(FILL_PX).unwrap() + 1;
    let scores = |is_valid: &dyn Fn(i64, i64) -> bool, core: &Window| {
        let mut chip = chip(network.filled_chip_of(core), |col, row| (10 * row + col) as f32);
        let Window { col, row, width, .. } = chip.window;
        for i in 0..chip.valid.len() {
            chip.valid[i] = is_valid(col + (i % width) as i64, row + (i / width) as i64);
            if !chip.valid[i] {
                chip.data[i] = 0.0;
            }
        }
        network
            .scores(&chip, core)
            .unwrap()
            .iter()
            .skip(core.width * core.height)
            .copied()
            .collect::<Vec<f32>>()
    };
    let close = |is: &[f32], right: &[f32]| is.iter().zip(right).all(|(a, b)| (a - b).abs() < 1e-3);
    // Valid from column 0 and row 0 on: column -1 shows column 1, row -1 row 1, the corner (1, 1).
    let seen = scores(&|col, row| col >= 0 && row >= 0, &core);
    assert!(close(&seen[..3], &[66.0, 69.0, 78.0]), "{seen:?}");
    assert!(close(&seen[5..7], &[96.0, 99.0]), "{seen:?}");
    // A hole of one pixel: the nearest is its northern neighbor, whose own northern neighbor is the mirror image, (2, -1).
    let seen = scores(&|col, row| (col, row) != (2, 1), &core);
    assert!(close(&seen[6..9], &[79.0, 88.0, 97.0]), "{seen:?}");
    // One lone pixel: as far as it reaches there is its value, and farther the mean.
    let seen = scores(&|col, row| (col, row) == (4, 2), &core);
    assert!(seen.iter().all(|v| (v - 216.0).abs() < 1e-3), "{seen:?}");
    let seen = scores(&|col, row| (col, row) == (4 + far, 1), &core);
    // The pixel (5, 1) is the only one near enough.
    let right = [0.0, 0.0, 0.0, 0.0, (10 + 4 + far) as f32];
    assert!(seen.chunks_exact(5).all(|row| close(row, &right)), "{seen:?}");
    // A chip without the pixels that fill its invalid ones is rejected.
    let mut chip = chip(network.chip_of(&core), |_, _| 1.0);
    assert!(network.predict(&chip, &core).is_ok());
    chip.valid[0] = false;
    let error = network.predict(&chip, &core).unwrap_err();
    assert!(matches!(error, ModelError::OverlapMissing { cols, .. } if cols == 1 + FILL_REACH_PX), "{error}");
}

#[test]
fn a_box_network_counts_its_neighbors() {
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
            _ => panic!("detections expected"),
        }
    }
    let boxes: Vec<_> = found.iter().map(|d| d.bbox.map(|v| (v * 10.0).round() / 10.0)).collect();
    assert_eq!(boxes, [[8.5, 1.5, 10.5, 7.5], [14.5, 5.5, 16.5, 11.5]]);
}
