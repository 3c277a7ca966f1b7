//! The whole way on pictures and masks: fit, evaluate, calibrate, export.

use std::fs;
use std::path::Path;

use arpent_model::ModelPackage;

use crate::mapped::{mapped, rgb_scene};
use crate::place::{Place, keep, run};

#[test]
fn training_overfits_is_scored_calibrated_and_exported() {
    let place = Place::new();
    place.edit("smoke.toml", "epochs = 4", "epochs = 8");
    let fitted = place.fit(&[]).done();
    let lines = fitted.lines();
    assert_eq!(lines.len(), 9, "eight epochs and the result");
    let last = &lines[7];
    assert!(last["loss"].as_f64().unwrap() < lines[0]["loss"].as_f64().unwrap());
    let held_out = |i: usize| lines[i]["validation_loss"].as_f64().unwrap();
    assert!(held_out(7) < held_out(0) && held_out(7) > 0.0, "{} -> {}", held_out(0), held_out(7));
    assert!(last["terms"]["cross-entropy"].is_f64() && last["terms"]["dice"].is_f64());
    assert!(lines[8]["scores"]["mean_iou"].as_f64().unwrap() > 0.9, "{}", fitted.err);
    assert!(fitted.err.contains("class weights: ground"), "{}", fitted.err);

    let dir = place.path("package");
    let (package, _) = ModelPackage::load(&dir).unwrap();
    assert_eq!(package.training_data[0].name, "roofs");
    assert_eq!(package.restriction, None);
    assert_eq!(package.territories, ["roofs/town6", "roofs/town7"]);
    // Known by the generator: red is 60 on the ground and up to 180 on roofs.
    assert!((60.0..180.0).contains(&package.bands[0].mean), "{:?}", package.bands);
    let card = fs::read_to_string(dir.join("card.md")).unwrap();
    assert!(card.contains("| roof |") && card.contains("roofs/town6") && card.contains("CC0-1.0"), "{card}");
    let log = fs::read_to_string(dir.join("run/log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 8);

    let page = fs::read_to_string(dir.join("run/report.html")).unwrap();
    assert!(page.contains("Validation: of the same chips at every epoch"));
    assert!(page.contains("Confusion") && page.contains("roofs/town7") && page.contains("data:image/png"));

    // A roof of 16 m by 14 m on the ground, as the generator paints them.
    let scene = place.path("scene.tif");
    rgb_scene(&scene, 1.0, 96, |x, y| {
        let speckle = u8::try_from((x * 7 + y * 13 + x * y * 3) % 23).unwrap();
        let is_roof = (30..46).contains(&x) && (40..54).contains(&y);
        if is_roof { [180, 70 + speckle, 60] } else { [60, 120 + speckle, 60] }
    });
    let flags = ["--scene", scene.to_str().unwrap()];
    if let Some(manifest) = mapped("image-mask", &dir, &flags, &place.path("map")) {
        assert!(manifest["counts"]["features"].as_u64().unwrap() > 0, "{}", manifest["counts"]);
    }

    let (dir, config) = (dir.to_str().unwrap(), place.config());
    let evaluated = run(&["evaluate", dir, config.to_str().unwrap()]).done();
    let scores = &evaluated.lines()[0];
    assert_eq!(scores["scores"]["mean_iou"], validation(&place)["scores"]["mean_iou"]);
    let confusion = scores["confusion"].as_array().unwrap();
    // Pixels of two pictures less the unknown row and the shadows.
    let pixels: u64 = confusion.iter().flat_map(|r| r.as_array().unwrap()).map(|n| n.as_u64().unwrap()).sum();
    assert!(pixels > 7000 && pixels < 2 * 72 * 64, "{pixels}");
    assert!(scores["groups"]["roofs/town7"]["mean_iou"].as_f64().unwrap() > 0.8);
    let town = &scores["groups"]["roofs/town7"];
    let iou = |i: usize| town["classes"][i]["iou"].as_f64().unwrap();
    assert!((town["mean_iou"].as_f64().unwrap() - f64::midpoint(iou(0), iou(1))).abs() < 1e-12, "{town}");
    assert_eq!(town["classes"][1]["id"], 3);
    let interval = &scores["intervals"]["mean_iou"];
    let mean = scores["scores"]["mean_iou"].as_f64().unwrap();
    assert!(interval["low"].as_f64().unwrap() <= mean && mean <= interval["high"].as_f64().unwrap());
    let train = run(&["evaluate", dir, config.to_str().unwrap(), "--split", "train"]).done();
    assert_eq!(train.lines()[0]["groups"].as_object().unwrap().len(), 3);
    assert!(
        run(&["evaluate", dir, config.to_str().unwrap(), "--split", "trian"])
            .err
            .contains("did you mean `train`?")
    );

    quantized(dir, config.to_str().unwrap(), &place.path("int8"));
    let calibrated = run(&["calibrate", dir, config.to_str().unwrap()]).done();
    let (package, _) = ModelPackage::load(&place.path("package")).unwrap();
    let calibration = package.calibration.unwrap();
    assert!(calibration.temperature > 0.0 && calibration.split == "validation");
    assert!(calibration.ece_after <= calibration.ece_before + 0.01, "{calibration:?}");
    // Written with the digits of single precision.
    assert_eq!(calibrated.lines()[0]["temperature"].to_string(), calibration.temperature.to_string());
    check_the_report(&place, calibration.temperature);
    let after = run(&["evaluate", dir, config.to_str().unwrap()]).done();
    assert_eq!(after.lines()[0]["confusion"], scores["confusion"], "a temperature changes no label");

    let copy = place.path("copy");
    run(&["export", dir, "--output", copy.to_str().unwrap()]).done();
    ModelPackage::load(&copy).unwrap();
    assert!(copy.join("card.md").exists() && !copy.join("run").exists());
}

/// The variant of 8 bits is as accurate, records its scores, and is not overwritten.
fn quantized(package: &str, config: &str, variant: &Path) {
    let flags = ["quantize", package, config, "--output", variant.to_str().unwrap()];
    let told = run(&flags).done();
    let (of_8_bits, _) = ModelPackage::load(variant).unwrap();
    let quantization = of_8_bits.quantization.unwrap();
    assert!(of_8_bits.id.ends_with("-int8") && quantization.ranges.iter().any(|r| *r > 0.0));
    assert!((quantization.score_f32 - quantization.score_int8).abs() < 0.01, "{quantization:?}");
    assert_eq!(told.lines()[0]["score_int8"], serde_json::json!(quantization.score_int8));
    let card = fs::read_to_string(variant.join("card.md")).unwrap();
    let title = card.lines().next().unwrap();
    assert!(card.contains("8 bits") && title.contains(&format!("({} ", of_8_bits.id)), "{title}");
    let again = run(&flags);
    assert!(again.code == 2 && again.err.contains("exists"), "{}", again.err);
    let twice = run(&["quantize", variant.to_str().unwrap(), config, "--output", "elsewhere"]);
    assert!(twice.code == 2 && twice.err.contains("already in 8 bits"), "{}", twice.err);
}

/// The page and its data cover all labeled pixels after the correction.
fn check_the_report(place: &Place, temperature: f32) {
    let report: serde_json::Value = serde_json::from_slice(&place.bytes("package/run/report.json")).unwrap();
    let calibration = &report["calibration"];
    let method = format!("temperature {temperature}, fitted on the validation split");
    assert_eq!(calibration["method"], *method);
    let pixels = |when: &str| -> u64 {
        let bins = calibration[when]["bins"].as_array().unwrap();
        bins.iter().map(|bin| bin["count"].as_u64().unwrap()).sum()
    };
    assert!(pixels("after") == pixels("before") && pixels("after") > 7000, "{calibration}");
    assert_ne!(calibration["after"]["ece"], calibration["before"]["ece"]);
    let page = String::from_utf8(place.bytes("package/run/report.html")).unwrap();
    assert!(page.contains(&method) && page.contains("after correction"));
    keep("calibrated", &page);
}

fn validation(place: &Place) -> serde_json::Value {
    serde_json::from_slice(&place.bytes("package/run/validation.json")).unwrap()
}

#[test]
fn weights_of_data_that_forbid_it_are_not_exported() {
    let place = Place::new();
    place.edit("data/roofs/card.toml", "weights_may_ship = true", "weights_may_ship = false");
    place.fit(&["--epochs", "1"]).done();
    let (package, _) = ModelPackage::load(&place.path("package")).unwrap();
    assert!(package.restriction.unwrap().contains("`roofs`"));
    let (dir, copy) = (place.path("package"), place.path("copy"));
    let export = ["export", dir.to_str().unwrap(), "--output", copy.to_str().unwrap()];
    let refused = run(&export);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("`roofs`") && refused.err.contains("--despite-license"), "{}", refused.err);
    assert!(!copy.exists());
    run(&[&export[..], &["--despite-license", "the owner agreed, letter of 3 May"]].concat()).done();
    let (package, _) = ModelPackage::load(&copy).unwrap();
    assert!(package.restriction.unwrap().contains("letter of 3 May"));
    assert!(fs::read_to_string(copy.join("card.md")).unwrap().contains("letter of 3 May"));
}

#[test]
fn a_training_starts_from_given_weights() {
    let place = Place::new();
    place.fit(&["--epochs", "1", "--output", place.path("first").to_str().unwrap()]).done();
    let with_init = "[init]\npath = \"first\"\n\n[fit]";
    place.edit("smoke.toml", "[fit]", with_init);
    let second = place.fit(&["--epochs", "1"]).done();
    assert!(second.err.contains("tensors are from"), "{}", second.err);
    let first_loss = |ran: &crate::place::Ran| ran.lines()[0]["loss"].as_f64().unwrap();
    place.edit("smoke.toml", with_init, "[fit]");
    let scratch = place.fit(&["--epochs", "1", "--restart"]).done();
    assert!(first_loss(&second) < first_loss(&scratch));
    // The same by an option, for a configuration that stays as it is: all weights of the package are taken.
    let from = place.path("first");
    let third = place.fit(&["--epochs", "1", "--restart", "--from", from.to_str().unwrap()]).done();
    assert_eq!(first_loss(&third).to_bits(), first_loss(&second).to_bits());
    let taken = third.err.split(" tensors are from").next().unwrap().rsplit('\n').next().unwrap();
    let numbers: Vec<&str> = taken.split_whitespace().filter(|word| word.parse::<u32>().is_ok()).collect();
    assert_eq!(numbers[0], numbers[1], "{taken}");
}

#[test]
fn a_training_stops_when_the_score_does_not_improve() {
    let place = Place::new();
    place.edit("smoke.toml", "learning_rate = 2e-2", "learning_rate = 1e-12\nearly_stopping = 2");
    let ran = place.fit(&["--epochs", "9"]).done();
    // The first epoch is the best, two more are waited for.
    assert_eq!(ran.lines().len(), 4, "{}", ran.err);
    assert!(ran.err.contains("stopped: no better mean_iou"), "{}", ran.err);
    assert_eq!(ran.lines()[3]["chosen_epoch"], 1);
}
