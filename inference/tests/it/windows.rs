//! Networks whose window is part of the model (ADR 0022): whatever the files, the area, the shards and the threads.

use arpent_base::number::exact;
use arpent_model::{Architecture, Encoder, ModelPackage, ModelWindow};
use arpent_raster::Window;
use arpent_testing::Picture;

use crate::common::Place;
use crate::invariance::{part_of, random_net, shrunk};

/// A scene that crosses the lattice of cores of 64 px in both directions.
const SCENE: Window = Window::new(3_260_007, -34_310_013, 150, 130);

/// Makes the package of an EfficientNet with random weights and windows of 96 px, cores of 64 px.
fn windowed(place: &Place, seed: u64) {
    let net = Architecture::EncoderUnet {
        encoder: Encoder::EfficientnetB0,
        in_channels: 3,
        out_channels: 4,
        decoder: vec![16, 8, 8, 8, 8],
        dates: 1,
    };
    random_net(place, seed, net, &["red", "green", "blue"], Some(ModelWindow { side_px: 96, margin_px: 16 }));
}

#[test]
fn files_threads_areas_and_shards_change_nothing() {
    let place = Place::new();
    windowed(&place, 11);
    nothing_changes(&place);
}

/// Runs the package of a place on a scene in one file and in three, with other numbers of threads, of an area and in shards.
pub(crate) fn nothing_changes(place: &Place) {
    let picture = Picture::new(11, 12);
    let scene = place.draw("whole.tif", &picture, SCENE);
    let whole = place.run(&[&scene], "whole", &["--threads", "1"]);
    let labels = whole.labels();
    assert!(labels.iter().any(|l| *l != labels[0]), "one class everywhere shows nothing");

    let (c, r) = (SCENE.col + 61, SCENE.row + 50);
    let parts = [
        ("b.tif", Window::between(SCENE.col, SCENE.row, c + 9, SCENE.row_end())),
        ("a.tif", Window::between(c, SCENE.row, SCENE.col_end(), r)),
        ("c.tif", Window::between(c, r - 3, SCENE.col_end(), SCENE.row_end())),
    ];
    let files = parts.map(|(name, window)| place.draw(name, &picture, window));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    place.config("[compute]\nreaders = 3\n");
    let split = place.run(&files, "split", &["--threads", "3"]);
    assert_eq!(split.labels(), labels);
    assert_eq!(split.raster("confidence.tif"), whole.raster("confidence.tif"));
    assert_eq!(split.features(), whole.features());
    place.config("");

    // An area that cuts cores: their windows are read whole.
    let aoi = shrunk(SCENE, 21);
    let (x, y) = (|c: i64| exact(c) * 0.2, |r: i64| -exact(r) * 0.2);
    let (w, e, n, s) = (x(aoi.col), x(aoi.col_end()), y(aoi.row), y(aoi.row_end()));
    let crs = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::2154"}}"#;
    let ring = format!("[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]");
    place.write(
        "aoi.geojson",
        &format!(r#"{{"type":"FeatureCollection",{crs},"features":[{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}]}}"#),
    );
    let part = place.run(&[&scene], "part", &["--aoi", &place.text("aoi.geojson")]);
    assert_eq!(part_of(&labels, SCENE, aoi), part.labels());

    for shards in [1, 3] {
        let output = place.text(&format!("of-{shards}"));
        let plan = place.plan(&[&scene], &output, shards, &[]);
        for index in (0..shards).rev() {
            place.worker(&plan, index).expect(0);
        }
        place.arpent(&["merge", "--plan", &plan]).expect(0);
        let merged = crate::common::Map::at(std::path::Path::new(&output));
        assert_eq!(merged.labels(), labels, "{shards} shards");
        assert_eq!(merged.features(), whole.features(), "{shards} shards");
    }
}

#[test]
fn another_side_than_the_models_is_refused_and_the_plan_states_it() {
    let place = Place::new();
    windowed(&place, 3);
    let scene = place.draw("a.tif", &Picture::new(3, 12), SCENE);
    let ended = place.try_run(&[&scene], "out", &["--window", "128"]).expect(2);
    assert!(ended.err.contains("tiling.window_px is 128") && ended.err.contains("64 px"), "{}", ended.err);
    assert!(ended.err.contains("hint: leave out tiling.window_px"), "{}", ended.err);
    assert!(place.shows_nothing("out"));
    place.try_run(&[&scene], "same", &["--window", "64"]).expect(0);
    let ended = place.arpent(&["plan", "run.toml", "--scene", &scene]).expect(0);
    assert!(ended.out.contains("of 96 px with a margin of 16 px: part of the model"), "{}", ended.out);
    let ended = place.arpent(&["inspect", &place.text("model")]).expect(0);
    assert!(ended.out.contains("96 px with a margin of 16 px"), "{}", ended.out);
}

/// `arpent model probe`: of windows, what moving the lattice changes; of bounded networks, what a smaller overlap changes.
#[test]
fn the_worth_of_a_margin_is_measured_and_kept() {
    let place = Place::new();
    windowed(&place, 11);
    let scene = place.draw("a.tif", &Picture::new(11, 12), SCENE);
    let model = place.text("model");
    let probe = |more: &[&str]| {
        let words = ["model", "probe", &model, "--scene", &scene, "--format", "json"];
        place.arpent(&[&words, more].concat())
    };
    let report: serde_json::Value = serde_json::from_str(&probe(&[]).expect(0).out).unwrap();
    assert_eq!(report["compared_with"], "moved-lattice");
    let rows = report["margins"].as_array().unwrap();
    let margins: Vec<u64> = rows.iter().map(|row| row["margin_px"].as_u64().unwrap()).collect();
    assert_eq!(margins, [0, 16]);
    assert!(
        rows.iter().all(|row| row["pixels"].as_u64().unwrap() > 0 && row["differing"].as_u64().unwrap() > 0)
    );
    // The configuration of a run has the model, the scenes and the bands.
    std::fs::write(place.path("probe.toml"), format!("model = \"model\"\nscenes = [{scene:?}]\n")).unwrap();
    let of_run =
        place.arpent(&["model", "probe", &place.text("probe.toml"), "--format", "json"]).expect(0).out;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&of_run).unwrap(), report);
    let before = ModelPackage::load(&place.path("model")).unwrap().0;
    // All labels may differ: no margin is enough, nothing is written.
    let ended = probe(&["--disagreement", "0", "--write"]).expect(2);
    assert!(ended.err.contains("more than 0 of the labels differ"), "{}", ended.err);
    assert_eq!(ModelPackage::load(&place.path("model")).unwrap().0, before);
    probe(&["--disagreement", "1", "--write"]).expect(0);
    let (kept, _) = ModelPackage::load(&place.path("model")).unwrap();
    assert_eq!(kept.window, Some(ModelWindow { side_px: 96, margin_px: 0 }));
    let card = std::fs::read_to_string(place.path("model/card.md")).unwrap();
    assert!(card.contains("## Margin") && card.contains("| 0 (kept) | 96 |"), "{card}");

    let place = Place::new();
    let radius = crate::invariance::random_unet(&place, 5);
    let scene = place.draw("a.tif", &Picture::new(5, 12), SCENE);
    let words = ["model", "probe", &place.text("model"), "--scene", &scene, "--format", "json", "--write"];
    let ended = place.arpent(&[&words[..], &["--disagreement", "0.2"]].concat()).expect(0);
    let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let rows = report["margins"].as_array().unwrap();
    assert_eq!(rows.last().unwrap()["differing"], 0, "the full overlap is the reference");
    assert!(rows.last().unwrap()["margin_px"].as_u64().unwrap() >= radius as u64);
    let (kept, _) = ModelPackage::load(&place.path("model")).unwrap();
    assert_eq!(Some(kept.overlap_px as u64), report["chosen_px"].as_u64());
    let why = kept.overlap_tolerance.expect("a smaller overlap has its reason");
    assert!(why.contains("% of") && why.contains("on a"), "{why}");
}
