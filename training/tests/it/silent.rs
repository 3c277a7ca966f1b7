//! Impossible trainings are refused, and doubtful data are reported.

use std::fs;
use std::path::Path;

use arpent_model::ModelPackage;
use image::Luma;

use crate::place::{Place, Ran, run};

/// Makes every mask of the place 0, and 255 where it was anything else.
fn masks_of_0_and_255(place: &Place) {
    for i in 0..8 {
        let path = place.path(&format!("data/roofs/masks/item{i}.png"));
        let mut mask = image::open(&path).unwrap().into_luma8();
        mask.pixels_mut().for_each(|p| *p = Luma([if [7, 8, 9].contains(&p.0[0]) { 255 } else { 0 }]));
        mask.save(&path).unwrap();
    }
}

#[test]
fn a_class_without_a_pixel_is_refused_with_counts_and_the_way_out() {
    let place = Place::new();
    masks_of_0_and_255(&place);
    let ran = place.fit(&[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    for part in [
        "classes without a label in the training split: roof",
        "pixels by class: ground ",
        ", roof 0",
        "found in labels",
        " 255 (",
    ] {
        assert!(ran.err.contains(part), "`{part}` is not in: {}", ran.err);
    }
    assert!(!place.path("package/model.json").exists());
    // The hint's line, written into the set, leads to a training with roofs.
    let hint = ran.err.lines().find(|l| l.starts_with("hint: ")).unwrap();
    let line = hint.split("write in the set: ").nth(1).unwrap().split("; else").next().unwrap();
    place.edit("smoke.toml", "splits = \"roofs", &format!("{line}\nsplits = \"roofs"));
    place.fit(&["--epochs", "2"]).done();
    let (package, _) = ModelPackage::load(&place.path("package")).unwrap();
    assert!(package.scores["mean_iou"].value > 0.5, "{:?}", package.scores);
}

#[test]
fn a_class_that_is_not_evaluated_is_reported_and_in_no_mean() {
    let place = Place::new();
    // No roof in the validation split: 6 and 7.
    for i in 6..8 {
        let path = place.path(&format!("data/roofs/masks/item{i}.png"));
        let mut mask = image::open(&path).unwrap().into_luma8();
        mask.pixels_mut().filter(|p| p.0[0] != 0).for_each(|p| *p = Luma([255]));
        mask.save(&path).unwrap();
    }
    let ran = place.fit(&["--epochs", "2"]).done();
    assert!(
        ran.err.contains("not in the validation split, so not evaluated: roof (pixels by class: ground "),
        "{}",
        ran.err
    );
    let card = fs::read_to_string(place.path("package/card.md")).unwrap();
    assert!(card.contains("| roof | no truth |") && card.contains("No truth in `validation`"), "{card}");
    let (package, _) = ModelPackage::load(&place.path("package")).unwrap();
    // One class has a truth: its IoU is the mean, and its recall the balanced accuracy.
    let score = |name: &str| package.scores[name].value;
    assert!((score("mean_iou") - score("balanced_accuracy")).abs() < 1e-9, "{:?}", package.scores);
    let page = fs::read_to_string(place.path("package/run/report.html")).unwrap();
    assert!(page.contains("no truth"));
    // A validation split without labels is refused.
    for i in 6..8 {
        let path = place.path(&format!("data/roofs/masks/item{i}.png"));
        let mut mask = image::open(&path).unwrap().into_luma8();
        mask.pixels_mut().for_each(|p| *p = Luma([255]));
        mask.save(&path).unwrap();
    }
    let ran = place.fit(&["--restart"]);
    assert!(ran.code == 2 && ran.err.contains("the validation split has no label"), "{}", ran.err);
}

#[test]
fn values_and_classes_that_no_mask_has_are_reported() {
    let place = Place::new();
    let masks = "masks = [{ folder = \"masks\", values = { 77 = 7, 8 = 8 } }]\nsplits = \"roofs";
    place.edit("smoke.toml", "splits = \"roofs", masks);
    place.edit("smoke.toml", "ignore = [\"shadow\"]", "ignore = [\"shadow\", \"pond\"]");
    place.edit("data/roofs/card.toml", "  { id = 9,", "  { id = 11, name = \"pond\" },\n  { id = 9,");
    let ran = place.fit(&["--epochs", "1"]).done();
    let card = fs::read_to_string(place.path("package/card.md")).unwrap();
    for text in [&ran.err, &card] {
        assert!(text.contains("roofs: `values` names `77`, which does not occur"), "{text}");
        assert!(text.contains("roofs: classes without a label in training and validation: pond"), "{text}");
        assert!(!text.contains("names `8`"), "{text}");
    }
    let config = place.config();
    let kinds = ["missing-in-split", "missing-in-group", "duplicate", "shift"];
    let kinds: Vec<&str> = kinds.iter().flat_map(|kind| ["--allow", *kind]).collect();
    let audited = run(&[&["audit", config.to_str().unwrap()], &kinds[..]].concat()).done();
    assert!(
        audited.err.contains("remark: `values` names `77`, which does not occur in the data"),
        "{}",
        audited.err
    );
    assert_eq!(audited.lines()[0]["report"]["unmatched"][0]["value"], "77");
}

#[test]
fn held_out_pictures_that_are_trained_on_are_reported() {
    let place = Place::new();
    assert!(!place.fit(&["--epochs", "1"]).done().err.contains("the same pixels"));
    for folder in ["images", "masks"] {
        let path = |i: u8| place.path(&format!("data/roofs/{folder}/item{i}.png"));
        fs::copy(path(2), path(7)).unwrap();
    }
    let ran = place.fit(&["--epochs", "1", "--restart"]).done();
    let told = "1 of 2 held-out items have the same pixels as items of the training split (first `roofs/item7`, those of `roofs/item2`)";
    let card = fs::read_to_string(place.path("package/card.md")).unwrap();
    assert!(ran.err.contains(told) && card.contains(told), "{}", ran.err);
}

#[test]
fn masks_whose_compression_changed_their_values_are_refused() {
    let place = Place::new();
    for i in 0..8 {
        let path = place.path(&format!("data/roofs/masks/item{i}.png"));
        image::open(&path).unwrap().into_luma8().save(path.with_extension("jpg")).unwrap();
        fs::remove_file(path).unwrap();
    }
    let refused = place.fit(&["--epochs", "1"]);
    for part in ["masks/item", ".jpg: its compression changes values", "hint: ", "threshold = 128"] {
        assert!(refused.code == 2 && refused.err.contains(part), "{}", refused.err);
    }
    // Black and white with a threshold are what they were.
    place.edit(
        "smoke.toml",
        "splits = \"roofs",
        "masks = [{ folder = \"masks\", threshold = 128 }]\nsplits = \"roofs",
    );
    place.edit("data/roofs/card.toml", "{ id = 7,", "{ id = 1,");
    let ran = place.fit(&["--epochs", "1"]);
    assert!(!ran.err.contains("compression"), "{}", ran.err);
}

#[test]
fn a_class_that_is_the_nodata_value_of_masks_is_reported() {
    let place = Place::new();
    for i in [0, 3] {
        let path = place.path(&format!("data/roofs/masks/item{i}.png"));
        let words = ["-q", "-of", "GTiff", "-a_nodata", "0"];
        let mut command = std::process::Command::new("gdal_translate");
        assert!(command.args(words).args([&path, &path.with_extension("tif")]).status().unwrap().success());
        fs::remove_file(path).unwrap();
    }
    let ran = place.fit(&["--epochs", "1"]).done();
    let told = "2 label raster(s) whose nodata value is a class of the card: its pixels count as not known";
    let card = fs::read_to_string(place.path("package/card.md")).unwrap();
    assert!(ran.err.contains(told) && card.contains(told), "{}", ran.err);
}

#[test]
fn labels_without_a_picture_and_pictures_in_no_split_are_reported() {
    let place = Place::new();
    fs::copy(place.path("data/roofs/masks/item0.png"), place.path("data/roofs/masks/stray.png")).unwrap();
    place.edit("data/roofs/splits.csv", "segmentation,roofs,train,item5,town2\n", "");
    let ran = place.fit(&["--epochs", "1"]).done();
    for told in [
        "roofs: 1 file(s) of labels without a picture: left out (first in `stray`)",
        "roofs: 1 item(s) that the table of splits does not list: left out (first in `item5`)",
    ] {
        assert!(ran.err.contains(told), "{}", ran.err);
    }
}

#[test]
fn tables_of_any_editor_are_read_or_refused() {
    let place = Place::new();
    let text = String::from_utf8(place.bytes("data/roofs/splits.csv")).unwrap();
    let path = place.path("data/roofs/splits.csv");
    fs::write(&path, format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    place.fit(&["--epochs", "1"]).done();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&path, [&[0xff, 0xfe], &wide[..]].concat()).unwrap();
    let refused = place.fit(&["--epochs", "1", "--restart"]);
    assert!(
        refused.code == 2 && refused.err.contains("splits.csv:1: it is UTF-16, not UTF-8"),
        "{}",
        refused.err
    );
}

#[test]
fn a_package_of_other_bands_is_not_evaluated() {
    let place = Place::new();
    place.fit(&["--epochs", "1"]).done();
    place.edit("smoke.toml", "sample_types", "bands = [\"blue\", \"green\", \"red\"]\nsample_types");
    let (folder, config) = (place.path("package"), place.config());
    for verb in ["evaluate", "calibrate"] {
        let refused = run(&[verb, folder.to_str().unwrap(), config.to_str().unwrap()]);
        let told = "has the bands red, green, blue, the configuration blue, green, red";
        assert!(refused.code == 2 && refused.err.contains(told), "{}", refused.err);
    }
}

/// Runs the command that the last line on stderr names.
fn next(ran: &Ran) -> Vec<String> {
    let last = ran.err.lines().last().unwrap();
    let command = last.strip_prefix("next: ").unwrap_or_else(|| panic!("no next command: {}", ran.err));
    command.split(' ').map(|word| word.trim_matches('\'').to_owned()).collect()
}

fn follow(ran: &Ran) -> Ran {
    let words = next(ran);
    assert_eq!(words[0], "arpent-train");
    run(&words[1..].iter().map(String::as_str).collect::<Vec<_>>()).done()
}

#[test]
fn each_verb_prints_the_next_command_and_it_works() {
    let place = Place::new();
    let config = place.config();
    let kinds = ["--allow", "missing-in-group", "--allow", "duplicate", "--allow", "shift"];
    let audited = run(&[&["audit", config.to_str().unwrap()], &kinds[..]].concat()).done();
    assert_eq!(next(&audited)[1], "fit");
    let fitted = follow(&audited);
    let calibrated = follow(&fitted);
    let evaluated = follow(&calibrated);
    let exported = follow(&evaluated);
    let last = next(&exported);
    assert_eq!(last[..2], ["arpent", "inspect"]);
    assert!(Path::new(&last[2]).join("model.json").is_file());
}

#[test]
fn calibration_renews_the_scores_that_it_changes() {
    let place = Place::new();
    place.fit(&["--epochs", "3"]).done();
    let package = || ModelPackage::load(&place.path("package")).unwrap().0;
    let card = || fs::read_to_string(place.path("package/card.md")).unwrap();
    let (before, card_before) = (package(), card());
    let stated = |package: &ModelPackage| package.scores["expected_calibration_error"].value;
    assert!(
        card_before.contains("### Confidence") && card_before.contains(&format!("{:.3}", stated(&before)))
    );
    let (folder, config) = (place.path("package"), place.config());
    let paths = [folder.to_str().unwrap(), config.to_str().unwrap()];
    run(&["calibrate", paths[0], paths[1]]).done();
    let after = package();
    // The scores in the package are those measured with it.
    let measured = run(&["evaluate", paths[0], paths[1]]).done().lines().pop().unwrap();
    let error = measured["expected_calibration_error"].as_f64().unwrap();
    assert!((stated(&after) - error).abs() < 1e-4, "{} {error}", stated(&after));
    assert!(card().contains(&format!("Expected calibration error: {error:.3}.")), "{}", card());
    assert!(
        card().contains("Corrected with the temperature") && card().matches("### Confidence").count() == 1
    );
    for (name, score) in &before.scores {
        let is_of_confidence = ["expected_calibration_error", "augrc"].contains(&name.as_str());
        assert!(is_of_confidence || after.scores[name] == *score, "{name}");
    }
    // Each class by itself, with its counts.
    let classes = measured["classes"].as_array().unwrap();
    let answers: u64 = classes.iter().map(|c| c["calibration_answers"].as_u64().unwrap()).sum();
    assert_eq!(
        answers,
        measured["calibration"].as_array().unwrap().iter().map(|b| b["count"].as_u64().unwrap()).sum::<u64>()
    );
    // Calibrated again, the card still has one section.
    run(&["calibrate", paths[0], paths[1]]).done();
    assert_eq!((card().matches("### Confidence").count(), card().matches("Corrected with").count()), (1, 1));
}

#[test]
fn a_card_lists_failures_and_the_expected_precision_of_rare_classes() {
    let place = Place::new();
    let lines = "limits = \"For tests.\"\ntried_on = [\"Town of B, 2020: IoU 0.71\"]\nfailed_on = [\"Thatched roofs: none found\"]\n";
    let text = String::from_utf8(place.bytes("smoke.toml")).unwrap();
    let text = text.lines().filter(|l| !l.starts_with("limits =")).collect::<Vec<_>>().join("\n");
    fs::write(place.config(), text.replace("[model]\n", &format!("[model]\n{lines}"))).unwrap();
    place.fit(&["--epochs", "2"]).done();
    let (package, _) = ModelPackage::load(&place.path("package")).unwrap();
    assert_eq!(package.failed_on, ["Thatched roofs: none found"]);
    assert_eq!(package.tried_on, ["Town of B, 2020: IoU 0.71"]);
    let card = fs::read_to_string(place.path("package/card.md")).unwrap();
    for part in [
        "**Tried and failed on**:\n\n- Thatched roofs: none found",
        "Tried on:\n\n- Town of B",
        "### Where it is rare",
        "| class | recall | false positive rate | 1 in 10 | 1 in 100 | 1 in 1000 |",
        "| roofs/town6 |",
        "recall by class",
    ] {
        assert!(card.contains(part), "`{part}` is not in: {card}");
    }
    // The table's numbers are those of the counts: r p / (r p + f (1 - p)).
    let (folder, config) = (place.path("package"), place.config());
    let detail =
        run(&["evaluate", folder.to_str().unwrap(), config.to_str().unwrap()]).done().lines().pop().unwrap();
    let count = |t: usize, p: usize| detail["confusion"][t][p].as_f64().unwrap();
    let (recall, rate) =
        (count(1, 1) / (count(1, 0) + count(1, 1)), count(0, 1) / (count(0, 0) + count(0, 1)));
    if count(0, 1) > 0.0 {
        let wanted = recall * 0.01 / (recall * 0.01 + rate * 0.99);
        let told = detail["classes"][1]["at_prevalence"][1]["precision"].as_f64().unwrap();
        assert!((told - wanted).abs() < 1e-12, "{told} {wanted}");
    }
    // Descriptions change no weight: they are packaged without a new training.
    place.edit("smoke.toml", "none found", "one of ten found");
    place.fit(&["--epochs", "2", "--resume"]).done();
    assert_eq!(
        ModelPackage::load(&place.path("package")).unwrap().0.failed_on,
        ["Thatched roofs: one of ten found"]
    );
}

#[test]
fn an_audit_compares_the_files_with_the_fingerprint_of_the_card() {
    let place = Place::new();
    let allowed = ["--allow", "missing-in-group", "--allow", "duplicate", "--allow", "shift"];
    let audit = || run(&[&["audit", place.config().to_str().unwrap()], &allowed[..]].concat());
    let card = fs::read_to_string(place.path("data/roofs/card.toml")).unwrap();
    // The card of this place is a file of its set: without it, the fingerprint would be of itself.
    fs::remove_file(place.path("data/roofs/card.toml")).unwrap();
    place.edit("smoke.toml", "roofs/card.toml", "card.toml");
    let sha256 = arpent_datasets::fingerprint(&place.path("data/roofs")).unwrap();
    fs::write(place.path("data/card.toml"), format!("sha256 = \"{sha256}\"\n{card}")).unwrap();
    audit().done();
    let mask = place.path("data/roofs/masks/item7.png");
    let mut pixels = image::open(&mask).unwrap().into_luma8();
    pixels.put_pixel(0, 0, Luma([255 - pixels.get_pixel(0, 0).0[0]]));
    pixels.save(&mask).unwrap();
    let ran = audit();
    assert!(ran.code == 1 && ran.err.contains("[changed]") && ran.err.contains(&sha256), "{}", ran.err);
    let found = ran.lines().pop().unwrap();
    assert!(found["findings"].as_array().unwrap().iter().any(|f| f["kind"] == "changed"), "{found}");
}

#[test]
fn an_audit_that_finds_something_ends_with_1_unless_it_is_allowed() {
    let place = Place::new();
    let (picture, config) = (place.path("data/roofs/images/item7.png"), place.config());
    let config = config.to_str().unwrap();
    for folder in ["images", "masks"] {
        let path = |i: u8| place.path(&format!("data/roofs/{folder}/item{i}.png"));
        fs::copy(path(0), path(7)).unwrap();
    }
    assert!(picture.is_file());
    let ran = run(&["audit", config]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("[duplicate]") && ran.err.contains("that are not allowed"), "{}", ran.err);
    let found = ran.lines().pop().unwrap();
    assert_eq!(found["findings"][0]["kind"], "duplicate");
    assert_eq!(found["findings"][0]["allowed"], false);
    // The hint's command succeeds.
    let hint = ran.err.lines().last().unwrap();
    let command = hint.split("or accept them: arpent-train ").nth(1).unwrap();
    let again = run(&command.split(' ').collect::<Vec<_>>()).done();
    assert_eq!(again.lines().pop().unwrap()["findings"][0]["allowed"], true);
    let other = run(&["audit", config, "--allow", "fault"]);
    assert_eq!(other.code, 1, "{}", other.err);
    let unknown = run(&["audit", config, "--allow", "duplicates"]);
    assert!(unknown.code == 2 && unknown.err.contains("missing-in-split"), "{}", unknown.err);
}
