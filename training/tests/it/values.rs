//! Scale and offset of stored values: trainings and runs read them by one rule, and report what is not applied.

use std::fs;
use std::process::Command;

use arpent_gdal::{MosaicReader, SceneSource, group_scenes, open_scene};
use arpent_model::ModelPackage;
use arpent_raster::{ReadAs, Window};

use crate::bands::{Meaning, scaled_vrt};
use crate::drawn::{CORNER, Desk};
use crate::place::Place;

fn package(desk: &Desk) -> ModelPackage {
    ModelPackage::load(&desk.path("map")).unwrap().0
}

/// The pixel in the middle of a scene, as a run of the package reads it.
fn run_reads(desk: &Desk, scene: &str, package: &ModelPackage) -> Vec<f32> {
    let mut info = open_scene(&SceneSource::new(desk.path(scene).to_str().unwrap())).unwrap();
    let numbers: Vec<usize> = package.bands.iter().map(|b| b.in_scene(&info).unwrap()).collect();
    for (wanted, number) in package.bands.iter().zip(&numbers) {
        let scaling = &mut info.bands[number - 1].scaling;
        let read_as = ReadAs::of_unit(wanted.unit.as_deref().unwrap());
        if let Some(scaling) = scaling {
            scaling.read_as = read_as;
        }
    }
    let mosaic = group_scenes(vec![info]).remove(0);
    MosaicReader::new(&mosaic, &[numbers])
        .unwrap()
        .read(Window::new(CORNER.0 + 60, CORNER.1 + 60, 1, 1))
        .unwrap()
        .data
}

#[test]
fn a_package_of_a_scaled_scene_runs_on_it_with_the_values_that_it_learned() {
    let desk = Desk::new();
    desk.fit_on("fields.gpkg", &["scene.tif"], &["--epochs", "1", "--restart"]).done();
    let plain = package(&desk);
    let stored = run_reads(&desk, "scene.tif", &plain);
    // Scale and offset of each band; the unit; the type that is stored.
    let alike = |scale: f64, offset: f64| [Some((scale, offset)); 3];
    let cases: [(&str, [Meaning; 3], Option<&str>); 8] = [
        ("Byte", alike(0.01, 0.0), None),
        ("Byte", alike(0.01, 0.0), Some("reflectance")),
        ("UInt16", alike(0.0001, -0.1), Some("reflectance")),
        ("UInt16", alike(0.0001, -0.1), Some("digital number")),
        ("Int16", alike(0.02, 173.15), Some("kelvin")),
        ("Float32", alike(-2.0, 1000.0), Some("meters")),
        ("UInt16", [Some((0.5, 0.0)), None, Some((1.0, 10.0))], Some("reflectance")),
        ("UInt16", [None; 3], Some("Digital numbers")),
    ];
    for (sample_type, meanings, unit) in cases {
        let case = format!("{sample_type} {meanings:?} {unit:?}");
        scaled_vrt(&desk, "scene.vrt", sample_type, &meanings);
        let more = ["--epochs", "1", "--restart"];
        let unit_option: Vec<&str> = unit.iter().flat_map(|unit| ["--unit", *unit]).collect();
        let ran = desk.fit_on("fields.gpkg", &["scene.vrt"], &[&more[..], &unit_option].concat()).done();
        let learned = package(&desk);
        let unit = unit.unwrap_or("digital number");
        let is_physical = ReadAs::of_unit(unit) == ReadAs::Physical;
        let [low, high] = learned.value_range;
        let read = run_reads(&desk, "scene.vrt", &learned);
        for (i, meaning) in meanings.into_iter().enumerate() {
            let (scale, offset) = meaning.filter(|_| is_physical).unwrap_or((1.0, 0.0));
            let means = |value: f32| f64::from(value) * scale + offset;
            let (is, was) = (&learned.bands[i], &plain.bands[i]);
            assert_eq!(is.unit.as_deref(), Some(unit), "{case}");
            let near = |a: f32, b: f64| {
                let a = f64::from(a);
                (a - b).abs() <= 1e-4 * (a.abs().max(b.abs()) + scale.abs())
            };
            assert!(near(is.mean, means(was.mean)), "{case}: {} {}", is.mean, means(was.mean));
            assert!(near(is.std, f64::from(was.std) * scale.abs()), "{case}: {} {}", is.std, was.std);
            assert!(near(read[i], means(stored[i])), "{case}: {} {}", read[i], means(stored[i]));
            assert!((low..=high).contains(&read[i]), "{case}: {} in {low} to {high}", read[i]);
        }
        // Declarations that are not applied are reported, on stderr and in the card.
        let is_reported = !is_physical && meanings.iter().any(Option::is_some);
        let card = fs::read_to_string(desk.path("map/card.md")).unwrap();
        for text in [&ran.err, &card] {
            assert_eq!(
                text.contains("not applied, the unit is `digital number`"),
                is_reported,
                "{case}: {text}"
            );
        }
    }
    // Where some bands declare nothing, that counts as stored; a scene of whole numbers without a declaration is doubtful.
    scaled_vrt(&desk, "scene.vrt", "UInt16", &[None; 3]);
    let more = ["--epochs", "1", "--restart", "--unit", "reflectance"];
    let ran = desk.fit_on("fields.gpkg", &["scene.vrt"], &more).done();
    assert!(ran.err.contains("stored values are taken to be in the unit `reflectance`"), "{}", ran.err);
    // A configuration of other values than the package's is refused.
    let (map, config) = (desk.path("map"), desk.path("map/run/train.toml"));
    let text = fs::read_to_string(&config).unwrap().replace("unit = \"reflectance\"\n", "");
    fs::write(&config, text).unwrap();
    for verb in ["evaluate", "calibrate"] {
        let refused = crate::place::run(&[verb, map.to_str().unwrap(), config.to_str().unwrap()]);
        assert!(refused.code == 2 && refused.err.contains("has values in `reflectance`"), "{}", refused.err);
    }
}

#[test]
fn scenes_of_different_offsets_are_one_training_of_physical_values_alone() {
    let desk = Desk::new();
    // Stored values 1000 higher, as Sentinel-2 has them from baseline 04.00 on.
    let path = |name: &str| desk.path(name).to_str().unwrap().to_owned();
    let translate = |words: &[&str], from: &str, to: &str| {
        let done = Command::new("gdal_translate").arg("-q").args(words).args([path(from), path(to)]).status();
        assert!(done.unwrap().success());
    };
    let to_words = ["-ot", "UInt16", "-a_scale", "0.0001", "-a_offset", "0"];
    translate(&[&to_words[..], &["-srcwin", "0", "0", "72", "120"]].concat(), "scene.tif", "before.tif");
    let shifted = ["-scale", "0", "255", "1000", "1255", "-ot", "UInt16"];
    translate(&[&shifted[..], &["-srcwin", "48", "0", "72", "120"]].concat(), "scene.tif", "shifted.tif");
    translate(&["-a_scale", "0.0001", "-a_offset", "-0.1"], "shifted.tif", "after.tif");
    let scenes = ["before.tif", "after.tif"];
    let refused = desk.fit_on("fields.gpkg", &scenes, &["--epochs", "1", "--restart"]);
    for part in [
        "15 item(s) declare a scale of 0.0001 (the file)",
        "15 item(s) declare a scale of 0.0001 and an offset of -0.1 (the file)",
        "hint: ",
        "model.unit = \"reflectance\"",
        "--unit",
    ] {
        assert!(refused.code == 2 && refused.err.contains(part), "{part}: {}", refused.err);
    }
    // Both ways that the hint names.
    let more = ["--epochs", "1", "--restart", "--unit", "digital number"];
    let told = desk.fit_on("fields.gpkg", &scenes, &more).done();
    assert!(told.err.contains("not applied, the unit is `digital number`"), "{}", told.err);
    assert!(package(&desk).bands[0].std > 300.0, "two clouds of values: {:?}", package(&desk).bands);
    let more = ["--epochs", "1", "--restart", "--unit", "reflectance"];
    let fitted = desk.fit_on("fields.gpkg", &scenes, &more).done();
    assert!(!fitted.err.contains("not applied"), "{}", fitted.err);
    assert!(package(&desk).bands[0].std < 0.01, "one cloud: {:?}", package(&desk).bands);
    let page = fs::read_to_string(desk.path("map/run/report.html")).unwrap();
    assert!(page.contains("The scene, mapped"));
}

/// Pictures of the place as GeoTIFF, the first three with a scale.
fn tiffs(place: &Place) {
    for i in 0..8 {
        let from = place.path(&format!("data/roofs/images/item{i}.png"));
        let scale: &[&str] = if i < 3 { &["-a_scale", "0.01"] } else { &[] };
        let mut command = Command::new("gdal_translate");
        let done =
            command.args(["-q", "-of", "GTiff"]).args(scale).args([&from, &from.with_extension("tif")]);
        assert!(done.status().unwrap().success());
        fs::remove_file(from).unwrap();
    }
}

#[test]
fn pictures_of_a_folder_are_read_by_the_same_rule() {
    let place = Place::new();
    tiffs(&place);
    let refused = place.fit(&["--epochs", "1"]);
    for part in [
        "3 item(s) declare a scale of 0.01 (the file) (first `roofs/item0`)",
        "declare neither a scale nor an offset",
    ] {
        assert!(refused.code == 2 && refused.err.contains(part), "{part}: {}", refused.err);
    }
    place.edit("smoke.toml", "sample_types", "unit = \"reflectance\"\nsample_types");
    let told = place.fit(&["--epochs", "1"]).done();
    assert!(told.err.contains("5 item(s) declare neither"), "{}", told.err);
    let (package, _) = ModelPackage::load(&place.path("package")).unwrap();
    // Red is 60 to 180; of half of the training pictures 0.6 to 1.8.
    assert!((30.0..50.0).contains(&package.bands[0].mean), "{:?}", package.bands);
    // A range that is not that of the values is refused, since a run would refuse them.
    place.edit("smoke.toml", "value_range = [0.0, 255.0]", "value_range = [0.0, 1.0]");
    let refused = place.fit(&["--epochs", "1", "--restart"]);
    assert!(refused.code == 2 && refused.err.contains("model.value_range is 0 to 1"), "{}", refused.err);
}
