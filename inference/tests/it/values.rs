//! Values of scenes: what they mean, and whether they are those that the model was made for.

use arpent_model::{HandSet, ModelPackage, Place as Territory, hand_set_linear};
use arpent_raster::{SampleType, Window};
use arpent_testing::{GeoTiff, Picture, Samples};
use serde_json::Value;

use crate::common::{EPSG, GSD, Place, gdal};
use crate::real::real;

const SCENE: Window = Window::new(3_260_007, -34_310_013, 80, 70);
const PIXELS: usize = 80 * 70;

/// A package that splits one band at `limit` into class 0 and class 1.
fn threshold(place: &Place, limit: f32, range: [f32; 2], samples: SampleType, unit: Option<&str>) {
    let mut settings = HandSet::segmentation(&["pan"], 2);
    settings.sample_types = vec![samples];
    settings.value_range = range;
    hand_set_linear(&settings, &[vec![0.0], vec![1.0]], &[0.0, -limit], &place.path("model")).unwrap();
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    package.bands[0].unit = unit.map(str::to_owned);
    package.save(&weights, &place.path("model")).unwrap();
    input(place, "");
}

fn input(place: &Place, more: &str) {
    place.config(&format!("[input]\nbands = {{ pan = 1 }}\n{more}\n"));
}

/// A gray scene of 16 bits.
fn gray(place: &Place, name: &str, nodata: Option<f64>, value: impl Fn(usize) -> u16) {
    let values = (0..PIXELS).map(value).collect();
    let tiff =
        GeoTiff { epsg: Some(EPSG), gsd: GSD, window: SCENE, nodata, samples: Samples::Gray16(values) };
    tiff.write(&place.path(name)).unwrap();
}

fn codes(warnings: &Value) -> Vec<&str> {
    warnings.as_array().into_iter().flatten().map(|w| w["code"].as_str().unwrap()).collect()
}

/// The only map of a plan.
fn plan(place: &Place, scene: &str) -> Value {
    let shown = place.arpent(&["plan", "run.toml", "--scene", scene, "--format", "json"]).expect(0);
    serde_json::from_str::<Value>(&shown.out).unwrap()["maps"][0].clone()
}

#[test]
fn another_scale_is_refused_with_its_numbers_unless_it_is_wanted() {
    let place = Place::new();
    let ramp = |top: usize| move |i: usize| u16::try_from(i % 80 * top / 79).unwrap();
    gray(&place, "bytes.tif", None, ramp(255));
    gray(&place, "words.tif", None, ramp(63_750));
    gray(&place, "fit.tif", None, ramp(5_000));
    threshold(&place, 100.0, [0.0, 5100.0], SampleType::Uint16, None);
    for (scene, numbers) in [("bytes.tif", "pan is 0 to 255"), ("words.tif", "pan is 0 to 63750")] {
        let refused = place.try_run(&[scene], "out", &[]).expect(2);
        assert!(refused.err.contains(numbers) && refused.err.contains("0 to 5100"), "{}", refused.err);
        assert!(refused.err.contains("outside_values = \"tell\""), "{}", refused.err);
    }
    let fit = place.run(&["fit.tif"], "fit", &[]);
    let values = &fit.manifest["inputs"][0]["values"];
    assert_eq!(values["verdict"], "as in training");
    assert_eq!((&values["pixels"], &values["bands"][0]["p50"]), (&5600.into(), &2468.0.into()));
    assert_eq!(codes(&fit.manifest["warnings"]), [""; 0]);
    // The hint, followed.
    input(&place, "outside_values = \"tell\"");
    let told = place.run(&["bytes.tif"], "told", &[]);
    assert_eq!(codes(&told.manifest["warnings"]), ["outside-values"]);
    assert_eq!(told.manifest["inputs"][0]["values"]["verdict"], "outside of the model's range");
    let expected: Vec<u8> = (0..PIXELS).map(|i| u8::from(i % 80 * 255 / 79 > 100)).collect();
    assert_eq!(told.labels(), expected);
}

#[test]
fn floats_from_0_to_1_are_no_bytes() {
    let place = Place::new();
    threshold(&place, 100.0, [0.0, 255.0], SampleType::Float32, None);
    let values = (0..80 * 70u16).map(|i| f32::from(i % 80) / 79.0).collect();
    let tiff =
        GeoTiff { epsg: Some(EPSG), gsd: GSD, window: SCENE, nodata: None, samples: Samples::Gray32(values) };
    tiff.write(&place.path("unit.tif")).unwrap();
    let refused = place.try_run(&["unit.tif"], "out", &[]).expect(2);
    assert!(refused.err.contains("pan is 0 to 1 "), "{}", refused.err);
}

/// Stored values of [`scaled`] and the classes that they have: reflectance 0.35 is stored as 4500.
fn stored(i: usize) -> u16 {
    if i == 5 { 0 } else { u16::try_from(1000 + i % 80 * 100).unwrap() }
}

#[test]
fn a_declared_scale_and_offset_are_applied_once_whoever_declares_them() {
    let place = Place::new();
    gray(&place, "plain.tif", Some(0.0), stored);
    let product = "S2A_MSIL2A_20230501T104621_N0509_R051_T31UES_20230501T153259.tif";
    std::fs::copy(place.path("plain.tif"), place.path(product)).unwrap();
    let scaled = place.text("scaled.tif");
    gdal(
        "gdal_translate",
        &["-q", "-a_scale", "0.0001", "-a_offset", "-0.1", &place.text("plain.tif"), &scaled],
    );
    let item = |name: &str, properties: &str, bands: &str| {
        place.write(
            name,
            &format!(
                r#"{{"type":"Feature","stac_version":"1.0.0","id":"s","geometry":null,"links":[],
                "properties":{{"datetime":"2023-06-14T10:30:00Z"{properties}}},
                "assets":{{"image":{{"href":"./plain.tif","type":"image/tiff; application=geotiff","roles":["data"]{bands}}}}}}}"#
            ),
        );
    };
    item("bands.json", "", r#","raster:bands":[{"scale":0.0001,"offset":-0.1}]"#);
    item("bands11.json", "", r#","bands":[{"name":"B","raster:scale":0.0001,"raster:offset":-0.1}]"#);
    item("baseline.json", r#","s2:processing_baseline":"05.09""#, "");
    let expected: Vec<u8> = (0..PIXELS)
        .map(|i| if i == 5 { 255 } else { u8::from(f64::from(stored(i)) / 1e4 - 0.1 > 0.3551) })
        .collect();
    threshold(&place, 0.3551, [0.0, 1.0], SampleType::Uint16, Some("reflectance"));
    let mut ids = Vec::new();
    for (i, scene) in
        ["scaled.tif", product, "bands.json", "bands11.json", "baseline.json"].iter().enumerate()
    {
        let map = place.run(&[scene], &format!("out{i}"), &[]);
        assert_eq!(map.labels(), expected, "{scene}");
        let values = &map.manifest["inputs"][0]["values"];
        assert_eq!(values["read_as"], "physical", "{scene}");
        assert_eq!(values["bands"][0]["declared"]["offset"], -0.1, "{scene}");
        ids.push(map.manifest["run_id"].clone());
    }
    // Where it is taken out already, the same bytes are other pixels, and another run.
    item(
        "applied.json",
        r#","s2:processing_baseline":"05.09","earthsearch:boa_offset_applied":true"#,
        r#","raster:bands":[{"scale":0.0001,"offset":-0.1}]"#,
    );
    let applied = place.run(&["applied.json"], "applied", &[]);
    let expected: Vec<u8> = (0..PIXELS)
        .map(|i| if i == 5 { 255 } else { u8::from(f64::from(stored(i)) / 1e4 > 0.3551) })
        .collect();
    assert_eq!(applied.labels(), expected);
    assert_ne!(applied.manifest["run_id"], ids[2]);
    // A package of physical values does not take stored ones for them.
    let refused = place.try_run(&["plain.tif"], "out", &[]).expect(2);
    assert!(refused.err.contains("far above"), "{}", refused.err);
}

#[test]
fn a_declared_scale_is_refused_without_a_unit_or_an_option() {
    let place = Place::new();
    gray(&place, "plain.tif", None, stored);
    let scaled = place.text("scaled.tif");
    gdal(
        "gdal_translate",
        &["-q", "-a_scale", "0.0001", "-a_offset", "-0.1", &place.text("plain.tif"), &scaled],
    );
    let classes =
        |limit: f64| -> Vec<u8> { (0..PIXELS).map(|i| u8::from(f64::from(stored(i)) > limit)).collect() };
    threshold(&place, 3550.0, [0.0, 10_000.0], SampleType::Uint16, None);
    let refused = place.try_run(&["scaled.tif"], "out", &[]).expect(2);
    for word in ["raw", "physical", "harmonized"] {
        assert!(refused.err.contains(&format!("values = \"{word}\"")), "{}", refused.err);
    }
    input(&place, "values = \"raw\"");
    let raw = place.run(&["scaled.tif"], "raw", &[]);
    assert_eq!((raw.labels(), codes(&raw.manifest["warnings"])), (classes(3550.0), vec![]));
    input(&place, "values = \"harmonized\"");
    assert_eq!(place.run(&["scaled.tif"], "harmonized", &[]).labels(), classes(4550.0));
    threshold(&place, 0.3551, [0.0, 1.0], SampleType::Uint16, None);
    input(&place, "values = \"physical\"");
    assert_eq!(place.run(&["scaled.tif"], "physical", &[]).labels(), classes(4551.0));
    // A package of digital numbers reads them, and the offset has a warning.
    threshold(&place, 3550.0, [0.0, 10_000.0], SampleType::Uint16, Some("digital number"));
    let told = place.run(&["scaled.tif"], "told", &[]);
    assert_eq!(
        (told.labels(), codes(&told.manifest["warnings"])),
        (classes(3550.0), vec!["offset-not-applied"])
    );
    gdal("gdal_translate", &["-q", "-a_scale", "0.0001", &place.text("plain.tif"), &scaled]);
    let told = place.run(&["scaled.tif"], "told of a scale", &[]);
    assert_eq!(
        (told.labels(), codes(&told.manifest["warnings"])),
        (classes(3550.0), vec!["scale-not-applied"])
    );
    let message = told.manifest["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("the file declares a scale of 0.0001 "), "{message}");
}

#[test]
fn undeclared_values_have_a_warning_and_can_be_declared() {
    let place = Place::new();
    gray(&place, "plain.tif", None, stored);
    threshold(&place, 3550.0, [0.0, 10_000.0], SampleType::Uint16, None);
    for asked in ["harmonized", "physical"] {
        input(&place, &format!("values = \"{asked}\""));
        let map = plan(&place, "plain.tif");
        assert_eq!(codes(&map["warnings"]), ["values-not-declared"]);
        let message = map["warnings"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("values = \"{asked}\" has nothing to apply")), "{message}");
    }
    // The hint, followed.
    input(&place, "values = \"harmonized\"");
    let hint = plan(&place, "plain.tif")["warnings"][0]["hint"].as_str().unwrap().to_owned();
    let command = hint.split("gdal_translate ").nth(1).unwrap().split(';').next().unwrap();
    let words = command.replace("SCALE", "0.0001").replace("OFFSET", "-0.1");
    let words =
        words.replace("IN.tif", &place.text("plain.tif")).replace("OUT.tif", &place.text("scaled.tif"));
    gdal("gdal_translate", &words.split(' ').collect::<Vec<_>>());
    let map = place.run(&["scaled.tif"], "out", &[]);
    assert_eq!(codes(&map.manifest["warnings"]), [""; 0]);
    let classes: Vec<u8> = (0..PIXELS).map(|i| u8::from(stored(i) > 4550)).collect();
    assert_eq!(map.labels(), classes);
}

#[test]
fn the_hint_for_another_scale_leads_to_the_type_and_range_of_the_model() {
    let place = Place::new();
    gray(&place, "plain.tif", None, stored);
    threshold(&place, 0.3551, [0.0, 1.0], SampleType::Float32, Some("reflectance"));
    let refused = place.try_run(&["plain.tif"], "out", &[]).expect(2).err;
    let command = "gdal_translate -ot Float32 -scale LOW HIGH 0 1 IN.tif OUT.tif";
    assert!(refused.contains("samples are uint16") && refused.contains(command), "{refused}");
    threshold(&place, 0.3551, [0.0, 1.0], SampleType::Uint16, Some("reflectance"));
    let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
    package.sample_types = vec![SampleType::Uint16, SampleType::Float32];
    package.save(&weights, &place.path("model")).unwrap();
    let refused = place.try_run(&["plain.tif"], "out", &[]).expect(2).err;
    // Whole numbers hold no reflectance; nothing is declared, so nothing can be applied.
    assert!(refused.contains(command) && !refused.contains("values = \"physical\""), "{refused}");
    let words = command.replace("LOW HIGH", "0 10000").replace("IN.tif", &place.text("plain.tif"));
    let words = words.replace("OUT.tif", &place.text("scaled.tif"));
    gdal("gdal_translate", &words.split(' ').skip(1).collect::<Vec<_>>());
    let classes: Vec<u8> = (0..PIXELS).map(|i| u8::from(stored(i) > 3551)).collect();
    assert_eq!(place.run(&["scaled.tif"], "out", &[]).labels(), classes);
}

#[test]
fn a_shared_job_reads_the_same_values() {
    let place = Place::new();
    gray(&place, "plain.tif", Some(0.0), stored);
    place.write(
        "item.json",
        r#"{"type":"Feature","stac_version":"1.0.0","id":"s","geometry":null,"links":[],"properties":{"datetime":null},
        "assets":{"image":{"href":"./plain.tif","type":"image/tiff; application=geotiff","roles":["data"],
        "raster:bands":[{"scale":0.0001,"offset":-0.1}]}}}"#,
    );
    threshold(&place, 0.3551, [0.0, 1.0], SampleType::Uint16, Some("reflectance"));
    let one = place.run(&["item.json"], "one", &["--window", "32"]);
    let plan = place.plan(&["item.json"], "shared", 2, &["--window", "32"]);
    for shard in 0..2 {
        place.worker(&plan, shard).expect(0);
    }
    place.arpent(&["merge", "--plan", &plan]).expect(0);
    let shared = crate::common::Map::at(&place.path("shared"));
    assert_eq!((one.labels(), one.features()), (shared.labels(), shared.features()));
    assert_eq!(one.manifest["inputs"][0]["values"], shared.manifest["inputs"][0]["values"]);
}

#[test]
fn an_item_with_other_statements_on_its_file_is_another_job() {
    let place = Place::new();
    gray(&place, "plain.tif", None, stored);
    threshold(&place, 3550.0, [0.0, 10_000.0], SampleType::Uint16, None);
    let item = |more: &str| {
        let asset = r#""href":"./plain.tif","type":"image/tiff; application=geotiff","roles":["data"]"#;
        let head = r#""type":"Feature","stac_version":"1.0.0","id":"s","geometry":null,"links":[],"properties":{"datetime":null}"#;
        place.write("item.json", &format!(r#"{{{head},"assets":{{"image":{{{asset}{more}}}}}}}"#));
    };
    item("");
    let before = place.run(&["item.json"], "before", &[]);
    let plan = place.plan(&["item.json"], "shared", 2, &["--window", "32"]);
    place.worker(&plan, 0).expect(0);
    item(r#","raster:bands":[{"nodata":3000}]"#);
    let refused = place.worker(&plan, 1).expect(2).err;
    assert!(refused.contains("the configuration of the job"), "{refused}");
    let after = place.run(&["item.json"], "after", &[]);
    assert_ne!(before.manifest["run_id"], after.manifest["run_id"]);
    assert_ne!(before.labels(), after.labels());
}

#[test]
fn a_place_outside_of_the_territories_has_a_warning() {
    let place = Place::new();
    let picture = Picture::new(2, 12);
    let scene = place.draw("a.tif", &picture, SCENE);
    let told = |territories: Vec<arpent_model::Territory>| {
        let (mut package, weights) = ModelPackage::load(&place.path("model")).unwrap();
        package.territories = territories;
        package.save(&weights, &place.path("model")).unwrap();
        plan(&place, &scene)["warnings"].clone()
    };
    let of =
        |name: &str, bbox: [f64; 4]| arpent_model::Territory::Place(Territory { name: name.into(), bbox });
    assert_eq!(codes(&told(vec![])), [""; 0]);
    assert_eq!(codes(&told(vec!["a town".to_owned().into()])), ["territory-unknown"]);
    let (france, dubai) = ([-5.2, 41.3, 9.6, 51.1], [54.8, 24.7, 55.7, 25.4]);
    assert_eq!(codes(&told(vec![of("Dubai", dubai), of("France", france)])), [""; 0]);
    let outside = told(vec![of("Dubai", dubai), "a town".to_owned().into()]);
    // The town may be here.
    assert_eq!(codes(&outside), ["territory-unknown"]);
    let message = outside[0]["message"].as_str().unwrap();
    assert!(message.contains("Dubai") && message.contains("none of a town"), "{outside}");
    let outside = told(vec![of("Dubai", dubai)]);
    assert_eq!(codes(&outside), ["outside-of-territories"]);
    assert!(outside[0]["message"].as_str().unwrap().contains("Dubai"), "{outside}");
    // Whoever runs the job reads it before the work, and once.
    let run = place.try_run(&[&scene], "out", &[]).expect(0);
    let (before, after) = run.err.split_once("predict:").unwrap();
    assert_eq!((before.matches("Dubai").count(), after.matches("Dubai").count()), (1, 0), "{}", run.err);
    let manifest = crate::common::Map::at(&place.path("out")).manifest;
    assert_eq!(manifest["warnings"], outside);
}

fn shipped(place: &Place, model: &str) {
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(model);
    // Scenes whose GSD is outside of the model's range are brought to it.
    let input = "[input]\nresample = true\nresample_max_factor = 5.0\n";
    place.write("run.toml", &format!("model = \"{}\"\n{input}", model.canonicalize().unwrap().display()));
}

#[test]
fn infrared_color_labeled_as_rgb_has_a_warning() {
    let place = Place::empty();
    shipped(&place, "land-cover-50cm");
    for (name, is_told) in [("test_data_irc.tif", true), ("test_data_rgb.tif", false)] {
        let Some(scene) = real(&format!("scenes/ign_ortho_20cm_lamb93/{name}")) else { return };
        let warnings = plan(&place, scene.to_str().unwrap())["warnings"].clone();
        assert_eq!(codes(&warnings).contains(&"looks-infrared"), is_told, "{name}: {warnings}");
    }
}

#[test]
fn real_scenes_are_like_the_training_of_the_models_made_for_them() {
    let place = Place::empty();
    for (model, scenes) in [
        (
            "tree-health-10cm",
            [
                "scenes/neon_osbs_029/OSBS_029.tif",
                "scenes/neon_sjer/2018_SJER_3_252000_4107000_image_477.tif",
            ],
        ),
        (
            "land-cover-50cm",
            [
                "scenes/oam_banepa_drone/banepa_train_rgb_z19.tif",
                "scenes/ign_ortho_20cm_lamb93/test_data_rgb.tif",
            ],
        ),
    ] {
        shipped(&place, model);
        for scene in scenes.into_iter().filter_map(real) {
            let map = plan(&place, scene.to_str().unwrap());
            assert_eq!(
                map["scenes"][0]["values"]["verdict"], "as in training",
                "{scene:?}: {}",
                map["warnings"]
            );
        }
    }
}
