//! A hand-set detection network: one box for each bright dot, wherever windows are cut.

use std::collections::BTreeSet;

use arpent_base::number::{exact, exact_f32};
use arpent_model::{Architecture, Detection, HandSet, ModelWindow, Task, Weights, hand_set_linear};
use arpent_raster::Window;
use arpent_testing::{GeoTiff, Picture, SplitMix};

use crate::common::{EPSG, GSD, Place, gdal};

const SCENE: Window = Window::new(1_000_003, -5_000_007, 150, 120);

/// One class whose heat is the red value, and boxes of 6 x 4 pixels.
pub fn package(place: &Place) {
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

/// A place with the package and a scene of dots; the address of the scene.
pub fn place_of_dots() -> (Place, String) {
    let place = Place::new();
    package(&place);
    let mut bands = vec![0; 3 * 150 * 120];
    for (col, row) in dots() {
        bands[row * 150 + col] = 200;
    }
    GeoTiff::rgb(EPSG, GSD, SCENE, &bands).write(&place.path("a.tif")).unwrap();
    let scene = place.text("a.tif");
    (place, scene)
}

#[test]
fn each_dot_gives_one_box_whatever_the_windows() {
    let (place, scene) = place_of_dots();
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

/// A detector of anchors with random weights, whose boxes are its anchors: windows of 128 px, of which 32 px on each side are
/// not kept.
fn anchors(place: &Place) {
    let mut settings = HandSet::segmentation(&["red", "green", "blue"], 1);
    let mut classes = settings.classes.classes().to_vec();
    classes[0].features = true;
    settings.classes = arpent_raster::Nomenclature::new(classes).unwrap();
    settings.task = Task::ObjectDetection;
    settings.detection = Some(Detection { threshold: 0.3, iou: 0.05 });
    let net = Architecture::Retinanet { in_channels: 3, classes: 1 };
    let mut random = SplitMix::new(3);
    let mut weights = Weights::default();
    for tensor in net.tensors() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let is_anchor = tensor.name.contains("bbox_reg");
        let scale = if is_anchor { 0.0 } else { (4.0 / exact_f32(inputs)).sqrt() };
        let draw = |_| (f32::from(u16::try_from(random.below(2001)).unwrap()) / 1000.0 - 1.0) * scale;
        weights.insert(tensor.name, &tensor.shape, (0..tensor.shape.iter().product()).map(draw).collect());
    }
    let mut package = settings.package(net).with_window(ModelWindow { side_px: 128, margin_px: 32 });
    package.save(&weights, &place.path("model")).unwrap();
}

/// Windows are part of the model: how scenes are cut into files, threads and areas change no box.
#[test]
fn boxes_of_anchors_are_those_of_the_windows_that_hold_them() {
    const PART: Window = Window::new(1_000_010, -5_000_020, 90, 50);
    let place = Place::new();
    anchors(&place);
    let picture = Picture::new(9, 12);
    let whole = place.draw("whole.tif", &picture, PART);
    let one = place.run(&[&whole], "one", &["--threads", "1"]);
    let features = one.features();
    assert!(features.len() > 3, "{features:?}");
    let parts = [
        place.draw("east.tif", &picture, Window::new(PART.col + 31, PART.row, 59, 50)),
        place.draw("west.tif", &picture, Window::new(PART.col, PART.row, 40, 50)),
    ];
    let two = place.run(&[&parts[0], &parts[1]], "two", &["--threads", "2"]);
    assert_eq!(two.features(), features);
    let refused = place.try_run(&[&whole], "none", &["--window", "32"]).expect(2).err;
    assert!(refused.contains("window"), "{refused}");
}

/// A place with a detector without anchors, of random weights, whose boxes have a direction or not, and a scene of its own; the
/// address of the scene.
pub fn place_of_locations(oriented: bool) -> (Place, String) {
    let place = Place::new();
    let mut settings = HandSet::segmentation(&["red", "green", "blue"], 2);
    let mut classes = settings.classes.classes().to_vec();
    for class in &mut classes {
        class.features = true;
    }
    settings.classes = arpent_raster::Nomenclature::new(classes).unwrap();
    settings.task = Task::ObjectDetection;
    settings.detection = Some(Detection { threshold: 0.4, iou: 0.4 });
    let encoder = arpent_model::Encoder::EfficientnetLite0;
    let net = Architecture::Fcos {
        encoder,
        in_channels: 3,
        classes: 2,
        strides: vec![4, 8],
        width: 8,
        convs: 1,
        oriented,
    };
    let mut random = SplitMix::new(4);
    let mut weights = Weights::default();
    for tensor in net.tensors() {
        let inputs: usize = tensor.shape[1..].iter().product();
        let scale = if tensor.shape.len() == 1 { 0.1 } else { (6.0 / exact_f32(inputs)).sqrt() };
        let draw = |_| (f32::from(u16::try_from(random.below(2001)).unwrap()) / 1000.0 - 1.0) * scale;
        weights.insert(tensor.name, &tensor.shape, (0..tensor.shape.iter().product()).map(draw).collect());
    }
    let mut package = settings.package(net);
    for band in &mut package.bands {
        (band.mean, band.std) = (110.0, 60.0);
    }
    package.save(&weights, &place.path("model")).unwrap();
    let scene = place.draw("whole.tif", &Picture::new(9, 12), Window::new(1_000_010, -5_000_020, 190, 150));
    (place, scene)
}

/// Windows, threads and files change no box of a detector without anchors.
#[test]
fn boxes_of_locations_are_the_same_whatever_the_windows() {
    for oriented in [false, true] {
        let (place, scene) = place_of_locations(oriented);
        let one = place.run(&[&scene], "one", &["--threads", "1"]);
        let features = one.features();
        assert!(features.len() > 10, "{features:?}");
        assert_eq!(slanted(&one), if oriented { features.len() } else { 0 });
        let small = place.run(&[&scene], "small", &["--threads", "2", "--window", "40"]);
        assert_eq!(small.features(), features);
        let picture = Picture::new(9, 12);
        let part = |name, col: i64, width| {
            place.draw(name, &picture, Window::new(1_000_010 + col, -5_000_020, width, 150))
        };
        let parts = [part("east.tif", 71, 119), part("west.tif", 0, 80)];
        let two = place.run(&[&parts[0], &parts[1]], "two", &["--window", "64"]);
        assert_eq!(two.features(), features);
    }
}

/// Features of a map that are rectangles of which no side lies along rows or columns.
fn slanted(map: &crate::common::Map) -> usize {
    let text = gdal(
        "ogr2ogr",
        &["-f", "GeoJSON", "/vsistdout/", map.file("features.gpkg").to_str().unwrap(), "features"],
    );
    let layer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let is_slanted = |feature: &&serde_json::Value| {
        let ring = &feature["geometry"]["coordinates"][0];
        let ring: Vec<[f64; 2]> = serde_json::from_value(ring.clone()).unwrap();
        let sides = ring.windows(2).map(|ends| [0, 1].map(|axis| (ends[1][axis] - ends[0][axis]).abs()));
        ring.len() == 5 && sides.into_iter().all(|side| side[0] > 1e-9 && side[1] > 1e-9)
    };
    layer["features"].as_array().unwrap().iter().filter(is_slanted).count()
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

#[test]
fn fragments_of_a_crack_are_one_object_beside_its_road() {
    let place = Place::new();
    package(&place);
    let mut bands = vec![0; 3 * 150 * 120];
    // A crack from north-west to south-east, found in pieces across several windows; and a dot far from it.
    let crack: Vec<(usize, usize)> = (0..20).map(|i| (10 + i * 5, 10 + i * 3)).collect();
    for (i, (col, row)) in crack.iter().enumerate() {
        bands[row * 150 + col] = if i == 7 { 220 } else { 200 };
    }
    bands[100 * 150 + 20] = 200;
    GeoTiff::rgb(EPSG, GSD, SCENE, &bands).write(&place.path("a.tif")).unwrap();
    // Two roads: one along the crack, two meters to the north of it and 0.5 m long in the west before the scene begins.
    let ground = |col: f64, row: f64| {
        serde_json::json!([(exact(SCENE.col) + col) * GSD, -(exact(SCENE.row) + row) * GSD])
    };
    let road = |id: &str, line: &[(f64, f64)]| {
        let line: Vec<_> = line.iter().map(|(col, row)| ground(*col, *row)).collect();
        serde_json::json!({ "type": "Feature", "properties": { "ref": id, "name": "chemin" },
            "geometry": { "type": "LineString", "coordinates": line } })
    };
    let crs = serde_json::json!({ "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::2154" } });
    let roads =
        [road("D1", &[(-40.0, 38.5), (400.0, 38.5)]), road("D2", &[(-40.0, 1000.0), (400.0, 1000.0)])];
    let roads = serde_json::json!({ "type": "FeatureCollection", "crs": crs, "features": roads });
    place.write("roads.geojson", &roads.to_string());
    let refused = "[[reference.override]]\nname = \"road\"\nclass = \"dot\"\nwidth_m = 4.0\n\
        layer = { source = \"roads.geojson\", id = \"ref\" }\n";
    place.config(refused);
    let ended = place.try_run(&[&place.text("a.tif")], "none", &[]).expect(2);
    assert!(ended.err.contains("finds boxes, whose class cannot be overridden by area"), "{}", ended.err);
    let snap = "[[reference.snap]]\nname = \"road\"\nmax_distance_m = 5.0\nfields = [\"name\"]\n\
        layer = { source = \"roads.geojson\", id = \"ref\" }\n";
    let run = |shape: &str, output: &str, window: &str| {
        place.config(&format!("[objects]\nshape = \"{shape}\"\nmax_extent_m = 40.0\n{snap}"));
        place.run(&[&place.text("a.tif")], output, &["--window", window])
    };
    let (small, large) = (run("oriented_box", "small", "32"), run("oriented_box", "large", "128"));
    assert_eq!(small.features(), large.features());
    let areas = |map: &crate::common::Map| -> Vec<f64> {
        let mut areas: Vec<f64> = map.features().iter().map(|f| f.area.parse().unwrap()).collect();
        areas.sort_by(f64::total_cmp);
        areas
    };
    // 95 x 57 pixels and half a box around: a long thin rectangle, not the bounding box of 101 x 61 pixels.
    let (oriented, boxes) = (areas(&small), areas(&run("box", "boxes", "64")));
    assert_eq!((oriented.len(), boxes.len()), (2, 2));
    assert!((boxes[1] - 101.0 * 61.0 * 0.04).abs() < 1e-9, "{boxes:?}");
    assert!(oriented[1] < boxes[1] / 4.0 && oriented[1] > 110.0 * 4.0 * 0.04, "{oriented:?}");
    let text = std::fs::read_to_string(small.file("features.geojson")).unwrap();
    let collection: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |fragments: u64| {
        let features = collection["features"].as_array().unwrap().iter().map(|f| &f["properties"]);
        features.into_iter().find(|p| p["fragments"] == fragments).unwrap().clone()
    };
    let found = of(20);
    assert_eq!(
        (&found["score"], &found["road_id"], &found["road_name"]),
        (&1.0.into(), &"D1".into(), &"chemin".into())
    );
    // The middle of the crack is at column 57.5 + 1/2, row 38.5 + 1/2: on the road but for half a pixel, 98 pixels from its start.
    let [distance, measure] = ["road_distance_m", "road_measure_m"].map(|key| found[key].as_f64().unwrap());
    assert!(distance < 0.3 && (measure - 98.0 * GSD).abs() < 0.3, "{distance} m beside, {measure} m along");
    assert!(of(1)["road_id"].is_null() && of(1)["road_distance_m"].is_null());
    assert_eq!(small.manifest["counts"]["references"][0]["features_matched"], 1);
}

#[test]
fn objects_are_of_boxes_and_of_lengths_that_make_sense() {
    let place = Place::new();
    let scene = place.draw("a.tif", &arpent_testing::Picture::new(1, 5), SCENE);
    let refused = |config: &str, expected: &str| {
        place.config(config);
        let ended = place.try_run(&[&scene], "out", &[]).expect(2);
        assert!(ended.err.replace("` is ", " is ").contains(expected), "{}", ended.err);
        assert!(place.is_clean("out"));
    };
    refused("[objects]\n", "labels pixels, and [objects] needs a model that finds boxes");
    package(&place);
    refused("[objects]\nmax_extent_m = 0.0\n", "max_extent_m is 0");
    refused("[objects]\ngap_m = -1.0\n", "gap_m is -1");
    refused("[objects]\nshape = \"circle\"\n", "unknown variant `circle`");
}
