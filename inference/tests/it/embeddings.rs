//! Scenes of many bands: annual embeddings, 64 signed bytes a pixel.

use arpent_base::number::narrow;
use arpent_model::{Dequantize, HandSet, ModelPackage, hand_set_linear};
use arpent_raster::SampleType;
use arpent_testing::Embedding;
use serde_json::Value;

use crate::common::{Ended, Map, Place, gdal};

const SCENE: Embedding = Embedding { seed: 5, fields: 5, field_px: 20 };
const SIDE: usize = 100;
const BANDS: usize = 64;

/// The mapping of the stored values.
const QUANTIZED: Dequantize = Dequantize { scale: 1.0 / 127.5, offset: 0.0, power: 2.0 };

/// A folder with the scene and a package of these bands, which are dequantized.
fn place(bands: &[&str], weights: &[Vec<f32>], bias: &[f32]) -> Place {
    let place = Place::empty();
    SCENE.write(&place.path("scene.tif")).unwrap();
    let classes = u8::try_from(bias.len()).unwrap();
    let mut settings = HandSet::segmentation(bands, classes);
    (settings.sample_types, settings.value_range) = (vec![SampleType::Int8], [-128.0, 127.0]);
    (settings.gsd_m.nominal, settings.gsd_m.min) = (10.0, 5.0);
    hand_set_linear(&settings, weights, bias, &place.path("model")).unwrap();
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    for band in &mut package.bands {
        (band.dequantize, band.unit) = (Some(QUANTIZED), Some("digital number".into()));
    }
    package.save(&weights, &place.path("model")).unwrap();
    place.config("");
    place
}

/// A package that gives each pixel the cover whose vector is nearest by its angle.
fn nearest_vector() -> Place {
    let names: Vec<String> = (0..BANDS).map(|i| format!("A{i:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let weights: Vec<Vec<f32>> =
        SCENE.vectors().iter().map(|vector| vector.iter().copied().map(narrow).collect()).collect();
    place(&names, &weights, &[0.0; 3])
}

/// A package of one band: class 1 where its dequantized value is above a limit.
fn threshold(band: &str, limit: f32) -> Place {
    place(&[band], &[vec![0.0], vec![1.0]], &[0.0, -limit])
}

/// The labels of a function of columns and rows; the pixel in the corner has no embedding.
fn labels(of: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let places = (0..SIDE).flat_map(|row| (0..SIDE).map(move |col| (col, row)));
    places.map(|(col, row)| if (col, row) == (0, 0) { 255 } else { of(col, row) }).collect()
}

fn codes(map: &Map) -> Vec<String> {
    let warnings = map.manifest["warnings"].as_array().into_iter().flatten();
    warnings.map(|w| w["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn covers_are_mapped_by_the_names_that_the_file_has() {
    let place = nearest_vector();
    let expected = labels(|col, row| u8::try_from(SCENE.cover(col, row)).unwrap());
    let map = place.run(&["scene.tif"], "out", &[]);
    assert_eq!(map.labels(), expected);
    assert_eq!(codes(&map), [""; 0]);
    // Windows change memory, not answers.
    let small = place.run(&["scene.tif"], "small", &["--window", "32", "--threads", "1"]);
    // The STAC item records the windows of the network.
    let of = |map: &Map| map.hashes().into_iter().filter(|(name, _)| name != "item.json").collect::<Vec<_>>();
    assert_eq!(of(&small), of(&map));
    let plan = place.arpent(&["plan", "run.toml", "--scene", "scene.tif"]).expect(0);
    let line = plan.out.lines().find(|line| line.contains("(64 bands)")).unwrap_or_default();
    assert!(line.contains("values") && line.len() < 250, "{}", plan.out);
    let plan = place.arpent(&["plan", "run.toml", "--scene", "scene.tif", "--format", "json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!(plan["maps"][0]["window_px"], 512);
    // Other order, and names of the file in another case.
    let order: Vec<String> = (1..=BANDS).rev().flat_map(|band| ["-b".to_owned(), band.to_string()]).collect();
    let order: Vec<&str> = order.iter().map(String::as_str).collect();
    let (from, to) = (place.text("scene.tif"), place.text("turned.vrt"));
    gdal("gdal_translate", &[&["-q", "-of", "VRT"], &order[..], &[&from, &to]].concat());
    let text = std::fs::read_to_string(&to).unwrap();
    assert!(text.contains("<Description>A63</Description>"), "{text}");
    place.write("turned.vrt", &text.replace("<Description>A", "<Description>a"));
    assert_eq!(place.run(&["turned.vrt"], "turned", &[]).labels(), expected);
}

#[test]
fn the_formula_is_that_of_the_package() {
    let samples = SCENE.samples();
    let stored = |col: usize, row: usize| f64::from(samples[(row * SIDE + col) * BANDS + 5]);
    // Between the values of two stored ones, of which one is negative.
    for code in [-40.0, 20.0f64] {
        let value = |v: f64| (v / 127.5).powi(2).copysign(v);
        let limit = f64::midpoint(value(code), value(code + 1.0));
        let place = threshold("A05", narrow(limit));
        let map = place.run(&["scene.tif"], "out", &[]);
        let expected = labels(|col, row| u8::from(value(stored(col, row)) > limit));
        assert!(expected.contains(&0) && expected.contains(&1));
        assert_eq!(map.labels(), expected);
    }
}

#[test]
fn a_scene_without_the_band_is_refused_in_a_line() {
    let place = threshold("B00", 0.0);
    let refused = place.try_run(&["scene.tif"], "out", &[]).expect(2);
    let told =
        "has no band `B00`, which the model needs; it has 64 bands: 1 \"A00\", 2 \"A01\", ... 64 \"A63\"";
    assert!(refused.err.contains(told), "{}", refused.err);
    assert!(refused.err.lines().all(|line| line.len() < 400), "{}", refused.err);
    place.config("[input]\nbands = { B00 = 1 }\n");
    place.run(&["scene.tif"], "out", &[]);
    place.config("[input]\nbands = { B01 = 1 }\n");
    let refused = place.try_run(&["scene.tif"], "out", &[]).expect(2);
    assert!(refused.err.contains("the model has no band `B01`"), "{}", refused.err);
}

#[test]
fn values_are_dequantized_once() {
    let place = nearest_vector();
    let expected = place.run(&["scene.tif"], "out", &[]).labels();
    let (from, to) = (place.text("scene.tif"), place.text("scaled.vrt"));
    gdal("gdal_translate", &["-q", "-of", "VRT", "-a_scale", "0.0078", &from, &to]);
    let told = place.run(&["scaled.vrt"], "scaled", &[]);
    assert_eq!(told.labels(), expected);
    let message = told.manifest["warnings"][0]["message"].as_str().unwrap();
    assert_eq!(codes(&told), ["scale-not-applied"]);
    assert!(message.contains("sign(x) |x|^2 of x = stored"), "{message}");
    let refused = |values: &str| -> Ended {
        place.config(&format!("[input]\nvalues = \"{values}\"\n"));
        place.try_run(&["scaled.vrt"], values, &[])
    };
    assert!(refused("physical").expect(2).err.contains("converted twice"));
    let raw = refused("raw").expect(0);
    assert!(!raw.err.contains("not applied"), "{}", raw.err);

    // A file that was dequantized before is another one.
    place.config("");
    let floats = place.text("floats.tif");
    gdal("gdal_translate", &["-q", "-ot", "Float32", &from, &floats]);
    let refused = place.try_run(&["floats.tif"], "floats", &[]).expect(2);
    assert!(refused.err.contains("samples are float32, the model expects int8"), "{}", refused.err);
    assert!(refused.err.contains("hint: the model dequantizes stored values"), "{}", refused.err);
}

#[test]
fn sums_of_stored_values_are_reported() {
    let place = nearest_vector();
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    (package.gsd_m.nominal, package.gsd_m.min) = (20.0, 15.0);
    package.save(&weights, &place.path("model")).unwrap();
    for (resampling, warned) in [("average", &["resampled-before-dequantized"][..]), ("nearest", &[])] {
        place.config(&format!("[input]\nresample = true\nresampling = \"{resampling}\"\n"));
        let map = place.run(&["scene.tif"], resampling, &[]);
        assert_eq!(codes(&map), warned, "{resampling}");
    }
}
