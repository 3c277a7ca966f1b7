//! A hand-set detection network: one box for each bright dot, wherever windows are cut.

use std::collections::BTreeSet;

use arpent_model::{Detection, HandSet, Task, hand_set_linear};
use arpent_raster::Window;
use arpent_testing::GeoTiff;

use crate::common::{EPSG, GSD, Place};

const SCENE: Window = Window::new(1_000_003, -5_000_007, 150, 120);

/// One class whose heat is the red value, and boxes of 6 x 4 pixels.
fn package(place: &Place) {
    let mut settings = HandSet::segmentation(&["red", "green", "blue"], 1);
    let mut classes = settings.classes.classes().to_vec();
    "dot".clone_into(&mut classes[0].name);
    classes[0].features = true;
    settings.classes = arpent_raster::Nomenclature::new(classes).unwrap();
    settings.task = Task::ObjectDetection;
    settings.detection = Some(Detection { threshold: 0.5, iou: 0.5 });
    let weights = vec![vec![0.1, 0.0, 0.0], vec![0.0; 3], vec![0.0; 3]];
    let bias = [-10.0, 6f32.ln(), 4f32.ln()];
    hand_set_linear(&settings, &weights, &bias, &place.path("model")).unwrap();
}

fn dots() -> Vec<(usize, usize)> {
    // Far enough apart for their boxes not to overlap; many on the borders of the 32-pixel lattice.
    (0..9).flat_map(|i| (0..8).map(move |j| (6 + i * 16, 5 + j * 14))).collect()
}

#[test]
fn each_dot_gives_one_box_whatever_the_windows() {
    let place = Place::new();
    package(&place);
    let mut bands = vec![0; 3 * 150 * 120];
    for (col, row) in dots() {
        bands[row * 150 + col] = 200;
    }
    GeoTiff::rgb(EPSG, GSD, SCENE, &bands).write(&place.path("a.tif")).unwrap();
    let scene = place.text("a.tif");
    let small = place.run(&[&scene], "small", &["--window", "32", "--threads", "1"]);
    let large = place.run(&[&scene], "large", &[]);
    let features = small.features();
    assert_eq!(features.len(), dots().len());
    assert_eq!(features, large.features());
    assert!(features.iter().all(|f| f.class == "dot" && f.score == "1" && f.area == "0.96"), "{features:?}");
    let names: BTreeSet<String> = small.hashes().into_iter().map(|(name, _)| name).collect();
    assert!(!names.contains("labels.tif") && names.contains("features.parquet"));
}

#[test]
fn of_two_boxes_on_one_object_the_better_stays() {
    let place = Place::new();
    package(&place);
    let mut bands = vec![0; 3 * 150 * 120];
    // Two peaks two pixels apart, astride a border of the lattice: 6 x 4 boxes with IoU 1/2 and more.
    let astride = usize::try_from((SCENE.col + 100).div_euclid(32) * 32 - SCENE.col).unwrap();
    bands[60 * 150 + astride - 1] = 200;
    bands[60 * 150 + astride + 1] = 180;
    bands[61 * 150 + astride - 3] = 130;
    GeoTiff::rgb(EPSG, GSD, SCENE, &bands).write(&place.path("a.tif")).unwrap();
    let map = place.run(&[&place.text("a.tif")], "out", &["--window", "32"]);
    // Boxes at distance 2: overlap 4 x 4 of 6 x 4, IoU 16 / 32 = 0.5, not above the threshold: both stay.
    assert_eq!(map.features().len(), 3);
    let mut settings = std::fs::read_to_string(place.path("model/model.json")).unwrap();
    settings = settings.replace("\"iou\": 0.5", "\"iou\": 0.4");
    std::fs::write(place.path("model/model.json"), settings).unwrap();
    let map = place.run(&[&place.text("a.tif")], "out2", &["--window", "32"]);
    let scores: Vec<String> = map.features().into_iter().map(|f| f.score).collect();
    // 180 is suppressed by 200; 130 overlaps 200 by 4 x 3 of 36: it stays.
    assert_eq!(scores.len(), 2, "{scores:?}");
}

#[test]
fn boxes_are_no_coverage() {
    let place = Place::new();
    package(&place);
    GeoTiff::rgb(EPSG, GSD, SCENE, &vec![0; 3 * 150 * 120]).write(&place.path("a.tif")).unwrap();
    place.config("[coverage]\nmmu_m2 = 1.0\n");
    let ended = place.try_run(&[&place.text("a.tif")], "out", &[]).expect(2);
    assert!(ended.err.contains("finds boxes") && ended.err.contains("hint:"), "{}", ended.err);
}
