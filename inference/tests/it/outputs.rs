//! What a run leaves: files, manifest, reports.

use std::process::Stdio;

use arpent_raster::Window;
use arpent_testing::Picture;
use serde_json::Value;

use crate::common::{Map, Place, gdal};

const SCENE: Window = Window::new(3_260_007, -34_310_013, 180, 170);

fn published() -> (Place, Map) {
    let place = Place::new();
    let scene = place.draw("a.tif", &Picture::new(9, 12), SCENE);
    let map = place.run(&[&scene], "out", &[]);
    (place, map)
}

#[test]
fn every_format_holds_the_same_features() {
    let (_place, map) = published();
    let count = map.manifest["counts"]["features"].as_u64().unwrap();
    assert!(count > 20);
    for name in ["features.gpkg", "features.fgb", "features.geojson"] {
        let shown = gdal("ogrinfo", &["-ro", "-so", "-al", map.file(name).to_str().unwrap()]);
        assert!(shown.contains(&format!("Feature Count: {count}\n")), "{name}: {shown}");
    }
    let styles = gdal("ogrinfo", &["-ro", map.file("features.gpkg").to_str().unwrap(), "layer_styles"]);
    assert!(styles.contains("class_id") && styles.contains("useAsDefault"), "{styles}");
}

#[test]
fn rasters_are_cogs_with_colors_names_and_nodata() {
    let (_place, map) = published();
    let info: Value =
        serde_json::from_str(&gdal("gdalinfo", &["-json", map.file("labels.tif").to_str().unwrap()]))
            .unwrap();
    assert_eq!(info["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"], "COG");
    let band = &info["bands"][0];
    assert_eq!(band["noDataValue"], 255.0);
    assert_eq!(band["colorInterpretation"], "Palette");
    let text = gdal("gdalinfo", &[map.file("labels.tif").to_str().unwrap()]);
    assert!(text.contains("CLASS_1=class 1") && text.contains("1: 97,117,254,255"), "{text}");
    let info: Value =
        serde_json::from_str(&gdal("gdalinfo", &["-json", map.file("confidence.tif").to_str().unwrap()]))
            .unwrap();
    assert_eq!(info["bands"][0]["scale"], 0.004);
}

#[test]
fn verify_reports_a_changed_and_a_missing_file() {
    let (place, map) = published();
    assert!(place.arpent(&["check", "out"]).expect(0).out.contains("intact: 17 of 17"));
    let labels = map.file("labels.tif");
    let mut bytes = std::fs::read(&labels).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&labels, bytes).unwrap();
    std::fs::remove_file(map.file("features.fgb")).unwrap();
    let told = place.arpent(&["check", "out"]).expect(1).out;
    assert!(
        told.contains("DAMAGED: 15 of 17") && told.contains("features.fgb") && told.contains("labels.tif"),
        "{told}"
    );
    place.arpent(&["check", "nowhere"]).expect(2);
}

#[test]
fn plan_prints_what_run_does() {
    let (place, map) = published();
    let plan = place
        .arpent(&["plan", "run.toml", "--scene", "a.tif", "--output", "x", "--format", "json"])
        .expect(0);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    let planned = &plan["maps"][0];
    assert_eq!(planned["pixels_wanted"], map.manifest["counts"]["pixels_wanted"]);
    assert_eq!(planned["pixels_computed"], map.manifest["counts"]["pixels_computed"]);
    assert_eq!(planned["windows"], map.manifest["counts"]["windows_planned"]);
    let mut names: Vec<String> = map.hashes().into_iter().map(|(name, _)| name).collect();
    names.push("manifest.json".to_owned());
    assert_eq!(planned["artifacts"], serde_json::to_value(names).unwrap());
    let human = place.arpent(&["plan", "run.toml", "--scene", "a.tif"]).expect(0).out;
    assert!(
        human.contains("computed") && human.contains("at most") && human.contains("a: 180 x 170 px"),
        "{human}"
    );
    assert!(!place.path("x").exists());
}

#[test]
fn inspect_describes_scenes_packages_and_runs() {
    let (place, map) = published();
    let scene = place.arpent(&["inspect", "a.tif"]).expect(0).out;
    assert!(
        scene.contains("180 x 170 px")
            && scene.contains("1 red, 2 green, 3 blue")
            && scene.contains("EPSG:2154")
    );
    let model = place.arpent(&["inspect", "model"]).expect(0).out;
    assert!(model.contains("hand-set") && model.contains("class 3"), "{model}");
    let run = place.arpent(&["inspect", "out"]).expect(0).out;
    assert!(run.contains(map.manifest["run_id"].as_str().unwrap()) && run.contains("not verified"), "{run}");
    let nothing = place.arpent(&["inspect", "."]).expect(2);
    assert!(nothing.err.contains("hint: "), "{}", nothing.err);
}

#[test]
fn killed_at_any_moment_nothing_is_visible_and_the_next_run_gives_the_same_bytes() {
    let (place, map) = published();
    let words =
        ["run", "run.toml", "--scene", "a.tif", "--output", "killed", "--window", "32", "--threads", "1"];
    for moment in 0..6u64 {
        let mut child = place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Busy until the moment has come: no need for it to be exact.
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < u128::from(moment * 60) {
            std::hint::spin_loop();
        }
        let _ = child.kill();
        let ended = child.wait().unwrap();
        // Killed between the manifest and its own end, a run is published, and whole.
        if place.path("killed/manifest.json").exists() {
            place.arpent(&["check", "killed"]).expect(0);
            break;
        }
        assert!(!ended.success(), "a run that ended well is published");
    }
    let after = place.run(&["a.tif"], "killed", &["--overwrite"]);
    assert_eq!(map.hashes(), after.hashes());
    place.arpent(&["check", "killed"]).expect(0);
}

#[test]
fn the_schema_of_the_configuration_is_the_one_checked_in() {
    let printed = Place::new().arpent(&["schema"]).expect(0).out;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/schema.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        printed == kept,
        "configs/schema.json is not up to date: run `arpent schema > configs/schema.json`"
    );
}

#[test]
fn train_runs_the_trainer_beside_arpent_and_ends_as_it_ends() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::empty();
    let arpent = place.path("arpent");
    std::fs::copy(env!("CARGO_BIN_EXE_arpent"), &arpent).unwrap();
    let train = |words: &[&str]| {
        let output = std::process::Command::new(&arpent).arg("train").args(words).env("PATH", "").output();
        crate::common::Ended::from(output.unwrap())
    };
    let missing = train(&["fit"]).expect(2);
    assert!(missing.err.contains("arpent-train") && missing.err.contains("hint: "), "{}", missing.err);
    place.write("arpent-train", "#!/bin/sh\necho \"$@\"\nexit 7\n");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.path("arpent-train"), executable).unwrap();
    let ended = train(&["fit", "a.toml", "--seed", "3", "--help"]).expect(7);
    assert_eq!(ended.out, "fit a.toml --seed 3 --help\n");
}
