//! Graphs of ONNX files: imported, run, and written as STAC items.

use arpent_model::{ModelPackage, OnnxGraph};
use arpent_raster::Window;
use arpent_testing::Picture;

use crate::common::Place;

/// A file of the tests of `arpent-model`: a convolution, a gate with the mean of the whole picture, a softmax, and the metadata of
/// Deepness (`benches/peers/parity_graphs.py`).
const SEGMENTOR: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/arpent-model/tests/parity/graph-segmentor.onnx");

fn import(place: &Place, more: &[&str]) -> String {
    let words = ["model", "import", SEGMENTOR, "--output", "model"];
    place.arpent(&[&words[..], more].concat()).expect(0).out
}

#[test]
fn files_threads_areas_and_shards_change_nothing() {
    let place = Place::empty();
    import(&place, &[]);
    place.config("");
    crate::windows::nothing_changes(&place);
}

#[test]
fn a_file_of_deepness_is_one_line_away_from_a_map() {
    let place = Place::empty();
    let out = import(&place, &["--license", "CC0-1.0"]);
    assert!(out.contains("parameters"), "{out}");
    let card = std::fs::read_to_string(place.path("model/card.md")).unwrap();
    assert!(card.contains("ONNX graph") && card.contains("graph-segmentor.onnx"), "{card}");
    place.config("");
    let scene = place.draw("a.tif", &Picture::new(3, 12), Window::new(3_260_007, -34_310_013, 100, 70));
    let planned = place.arpent(&["plan", "run.toml", "--scene", &scene]).expect(0).out;
    assert!(planned.contains("of 64 px with a margin of 8 px: part of the model"), "{planned}");
    let map = place.run(&[&scene], "out", &[]);
    assert_eq!(map.manifest["counts"]["pixels_valid"].as_u64(), Some(7000));
    let labels = map.labels();
    assert!(labels.iter().any(|label| *label != labels[0]), "one class everywhere shows nothing");
    assert_eq!(map.manifest["model"]["license"], "CC0-1.0");
    let inspected = place.arpent(&["inspect", "model"]).expect(0).out;
    assert!(
        inspected.contains("ONNX graph") && inspected.contains("rten") && inspected.contains("road"),
        "{inspected}"
    );
    assert!(!inspected.contains("GFLOP"), "nothing is known of the cost: {inspected}");
    let probed = place.arpent(&["model", "probe", "model", "--scene", &scene]).expect(0).out;
    assert!(probed.contains("16"), "{probed}");
}

#[test]
fn a_package_is_an_item_and_an_item_a_preset() {
    let place = Place::empty();
    import(&place, &["--license", "CC0-1.0"]);
    let written = place.arpent(&["model", "item", "model"]).expect(0).out;
    let item: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!((item["type"].as_str(), item["id"].as_str()), (Some("Feature"), Some("model")));
    assert_eq!(item["properties"]["mlm:framework"], "rten");
    assert_eq!(item["assets"]["model"]["href"], "./network.onnx");
    assert_eq!(item["properties"]["mlm:input"][0]["input"]["shape"], serde_json::json!([-1, 3, 64, 64]));
    place.write("item.json", &written);
    // The same graph without its metadata, which is what the package holds.
    let graph = place.text("model/network.onnx");
    assert!(OnnxGraph::read(place.path("model/network.onnx").as_path()).unwrap().metadata().is_empty());
    let words = ["model", "import", &graph, "--like", "item.json", "--output", "again"];
    let asked = place.arpent(&words).expect(2).err;
    assert!(asked.contains("--window is missing") && asked.contains("--window (64)"), "{asked}");
    place.arpent(&[&words[..], &["--window", "64", "--margin", "8"]].concat()).expect(0);
    let [first, again] = ["model", "again"].map(|name| ModelPackage::load(&place.path(name)).unwrap().0);
    for (a, b) in first.bands.iter().zip(&again.bands) {
        assert_eq!((&a.name, a.mean, a.std), (&b.name, b.mean, b.std));
    }
    assert_eq!(first.architecture, again.architecture);
    assert_eq!((&first.license, first.gsd_m.nominal), (&again.license, again.gsd_m.nominal));
    let names = |package: &ModelPackage| {
        package.classes.classes().iter().map(|class| class.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), names(&again));
    assert_eq!((first.value_range, first.sample_types), (again.value_range, again.sample_types));
}

#[test]
fn what_cannot_be_run_is_refused_before_anything_is_written() {
    let place = Place::empty();
    place.write("broken.onnx", "not a graph");
    let ended = place.arpent(&["model", "import", "broken.onnx", "--output", "model"]).expect(2);
    assert!(
        ended.err.contains("broken.onnx: not an ONNX file") && ended.err.contains("hint:"),
        "{}",
        ended.err
    );
    assert!(!place.path("model").exists());
    import(&place, &[]);
    place.config("");
    let scene = place.draw("a.tif", &Picture::new(3, 12), Window::new(3_260_007, -34_310_013, 60, 60));
    let ended = place.try_run(&[&scene], "out", &["--device", "vulkan"]).expect(2);
    assert!(ended.err.contains("on the CPU only") || ended.err.contains("cannot be used"), "{}", ended.err);
    let path = place.path("model/network.onnx");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[1..]).unwrap();
    let ended = place.try_run(&[&scene], "out", &[]).expect(2);
    assert!(ended.err.contains("network.onnx: sha256 is"), "{}", ended.err);
}
