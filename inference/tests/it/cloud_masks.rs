//! The cloud masks of ukis-csmask, from their ONNX files to a map of a real scene.

use std::path::{Path, PathBuf};

use arpent_model::{HandSet, ModelPackage, hand_set_linear};
use arpent_raster::SampleType;
use serde_json::Value;

use crate::common::{Map, Place};
use crate::real::real;

/// PyTorch's labels where a window of 128 px with a margin of 32 px lies inside of the scene
/// (`benches/peers/cloud_masks.py reference`).
const REFERENCE: &str = include_str!("cloud_masks.json");

/// Landsat 7, 2002, surface reflectance times 10,000, 30 m: clouds and their shadows over Chiapas.
const SCENE: &str = "landcover/landsat7_chiapas_polygons/LE70220492002106EDC00_stack.gtif";

const BANDS: &str = "[input.bands]\nblue = 1\ngreen = 2\nred = 3\nnir = 4\nswir16 = 5\nswir22 = 6\n";

const GUIDE: &str = include_str!("../../../docs/guides/cloud-masks.md");

/// A file that `scripts/fetch_csmask.sh` has fetched; `None`, with a message, when it is not there.
fn fetched(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.demo/csmask").join(name);
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    arpent_testing::skip("csmask", "fetch the networks with scripts/fetch_csmask.sh");
    None
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
fn the_published_networks_are_imported_key_for_key() {
    for (file, preset, bands) in [
        ("model_4b_l1c.onnx", "ukis-csmask-l1c-4", 4),
        ("model_4b_l2a.onnx", "ukis-csmask-l2a-4", 4),
        ("model_6b_l1c.onnx", "ukis-csmask-l1c-6", 6),
        ("model_6b_l2a.onnx", "ukis-csmask-l2a-6", 6),
    ] {
        let Some(path) = fetched(file) else { return };
        let place = Place::empty();
        let words = ["model", "import", path.to_str().unwrap(), "--like", preset, "--format", "json"];
        let report = place.arpent(&[&words[..], &["--output", "clouds"]].concat()).expect(0).out;
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(
            (report["prefix"].as_str(), report["unused"].as_array().unwrap().len()),
            (Some("model."), 0)
        );
        let (package, weights) = ModelPackage::load(&place.path("clouds")).unwrap();
        assert_eq!((package.bands.len(), package.license.as_str()), (bands, "Apache-2.0"));
        // The statistics beside the file are those of the preset.
        let json = std::fs::read(path.with_extension("json")).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        let published = &json["data"]["dataset_statistics"];
        for (index, band) in package.bands.iter().enumerate() {
            assert_eq!(published["band_names"][index].as_str(), Some(band.name.as_str()));
            for (of, ours) in [(0, band.mean), (1, band.std)] {
                let theirs = published["img"][of][index].as_f64().unwrap();
                assert!(
                    (f64::from(ours) - theirs).abs() <= 1e-7,
                    "{preset} {}: {ours}, not {theirs}",
                    band.name
                );
            }
        }
        assert!(weights.parameters() > 19_000_000);
    }
}

#[test]
fn clouds_and_shadows_of_a_real_scene_are_those_of_pytorch() {
    let (Some(file), Some(scene)) = (fetched("model_6b_l2a.onnx"), real(SCENE)) else { return };
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let [window, margin] = ["window", "margin"].map(|key| number(&reference[key]).to_string());
    let place = Place::empty();
    let words = ["model", "import", file.to_str().unwrap(), "--like", "ukis-csmask-l2a-6"];
    let options =
        ["--stored-scale", "0.0001", "--window", &window, "--margin", &margin, "--output", "clouds"];
    place.arpent(&[&words[..], &options].concat()).expect(0);
    place.write("run.toml", &format!("model = \"clouds\"\n{BANDS}"));
    let labels = place.run(&[scene.to_str().unwrap()], "out", &[]).labels();
    let (mut compared, mut found) = (0, [0; 3]);
    for cell in reference["cells"].as_array().unwrap() {
        let [x, y, side] = ["x", "y", "side"].map(|key| number(&cell[key]));
        let runs = cell["runs"].as_array().unwrap().iter();
        let theirs = runs.flat_map(|run| std::iter::repeat_n(number(&run[0]), number(&run[1])));
        let close: Vec<usize> = cell["close"].as_array().unwrap().iter().map(number).collect();
        for (index, theirs) in theirs.enumerate() {
            let (col, row) = (x + index % side, y + index / side);
            let ours = labels[row * 250 + col];
            // Where two classes have the same score but for rounding, either is right.
            assert!(usize::from(ours) == theirs || close.contains(&index), "column {col}, row {row}: {ours}");
            compared += 1;
            found[theirs] += 1;
        }
    }
    assert!(compared == 4 * 64 * 64 && found.iter().all(|count| *count > 500), "{compared} {found:?}");
}

/// The lines of the guide's first block of a language.
fn block(language: &str) -> &'static str {
    GUIDE.split(&format!("```{language}\n")).nth(1).unwrap().split("```").next().unwrap()
}

#[test]
fn the_commands_of_the_guide_lead_to_a_map_without_clouds() {
    let (Some(file), Some(scene)) = (fetched("model_4b_l2a.onnx"), real(SCENE)) else { return };
    let place = Place::empty();
    std::fs::copy(scene, place.path("scene.tif")).unwrap();
    place.write("clouds.toml", block("toml"));
    // Any other map: where red is above 1000.
    let settings = HandSet {
        sample_types: vec![SampleType::Int16],
        value_range: [0.0, 16_000.0],
        ..HandSet::segmentation(&["red"], 2)
    };
    hand_set_linear(&settings, &[vec![0.0], vec![1.0]], &[0.0, -1000.0], &place.path("model")).unwrap();
    place.config("[input]\nbands = { red = 3 }\n");
    let mut followed = 0;
    for line in block("sh").lines().filter(|line| line.starts_with("arpent ")) {
        let here = |word: &str| match word.strip_prefix(".demo/csmask/") {
            Some(name) => file.with_file_name(name).to_str().unwrap().to_owned(),
            None => word.to_owned(),
        };
        let words: Vec<String> =
            line.split_whitespace().skip(1).take_while(|word| *word != "#").map(here).collect();
        place.arpent(&words.iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
        followed += 1;
    }
    assert_eq!(followed, 3);
    let (clouds, map) = (Map::at(&place.path("clouds")), Map::at(&place.path("map")));
    let plain = place.run(&["scene.tif"], "plain", &[]).labels();
    let (mut hidden, mut seen) = (0, 0);
    for ((cloud, label), without) in clouds.labels().iter().zip(map.labels()).zip(plain) {
        let is_hidden = *cloud > 0;
        assert_eq!(label, if is_hidden { 255 } else { without });
        hidden += usize::from(is_hidden);
        seen += usize::from(!is_hidden);
    }
    assert!(hidden > 5000 && seen > 40_000, "{hidden} {seen}");
    assert_eq!(number(&map.manifest["counts"]["masked"]["pixels_masked"]), hidden);
    // The configuration in the place of its map: the same mask.
    let at_once = place.run(&["scene.tif"], "at-once", &["--mask", "clouds.toml"]);
    assert_eq!(at_once.labels(), map.labels());
}
