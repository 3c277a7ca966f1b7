//! The guide on confidence as written, tables of right answers, and gates on the scores of territories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use arpent_model::ModelPackage;
use serde_json::Value;

use crate::mapped::rgb_scene;
use crate::place::{Place, repository, run};

/// The lines of the code blocks of a `kind`.
fn blocks(text: &str, kind: &str) -> String {
    let fence = format!("```{kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Runs `arpent` in a place; `None` where it was not built.
fn arpent(place: &Place, words: &[&str]) -> Option<(i32, String)> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_arpent-train")).with_file_name("arpent");
    if !program.exists() {
        arpent_testing::skip("arpent", "it was not built");
        return None;
    }
    let output = Command::new(program).args(words).current_dir(place.path("")).output().unwrap();
    Some((output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap()))
}

fn scene(path: &Path) {
    rgb_scene(path, 1.0, 96, |x, y| {
        let speckle = u8::try_from((x * 7 + y * 13 + x * y * 3) % 23).unwrap();
        let is_roof = (30..46).contains(&x) && (40..54).contains(&y);
        if is_roof { [180, 70 + speckle, 60] } else { [60, 120 + speckle, 60] }
    });
}

#[test]
fn the_guide_on_confidence_works_as_written() {
    let guide = fs::read_to_string(repository().join("docs/guides/confidence.md")).unwrap();
    let place = Place::new();
    fs::rename(place.config(), place.path("train.toml")).unwrap();
    place.edit("train.toml", "epochs = 4", "epochs = 8");
    fs::write(place.path("run.toml"), blocks(&guide, "toml run")).unwrap();
    fs::write(place.path("gate.toml"), blocks(&guide, "toml gate")).unwrap();
    scene(&place.path("scene.tif"));
    let commands = blocks(&guide, "sh");
    assert!(commands.lines().count() >= 6);
    let is_name = |w: &str| ["train.toml", "package", "to-give-away", "gate.toml"].contains(&w);
    for line in commands.lines() {
        let mut words: Vec<String> = line
            .split(' ')
            .map(|w| if is_name(w) { place.path(w).to_str().unwrap().to_owned() } else { w.to_owned() })
            .collect();
        // Two pictures are all that the place validates on.
        if words.contains(&"--by-class".to_owned()) {
            words.extend(["--least-pictures", "1", "--least-answers", "200"].map(str::to_owned));
        }
        let rest: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        if words[0] == "arpent-train" {
            run(&rest).done();
        } else if let Some((code, err)) = arpent(&place, &rest) {
            assert_eq!(code, 0, "{line}: {err}");
        }
    }
    let (package, _) = ModelPackage::load(&place.path("to-give-away")).unwrap();
    let tables = package.calibration.unwrap().answers.unwrap();
    assert!(!tables.all.is_empty() && tables.ece_held_out.is_some());
    let answers: u64 = tables.all.iter().flat_map(|table| &table.levels).map(|level| level.answers).sum();
    assert!(answers > 7000, "{answers}");
    assert!(package.gate.unwrap().passed && package.scores.contains_key("augrc"));
    let card = fs::read_to_string(place.path("to-give-away/card.md")).unwrap();
    for text in ["AUGRC", "then corrected by class", "## Gate", "The package passed"] {
        assert!(card.contains(text), "{text}: {card}");
    }
    if let Ok(manifest) = fs::read_to_string(place.path("map/manifest.json")) {
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let undecided = &manifest["counts"]["undecided"];
        assert!(undecided["max_risk"].as_f64().unwrap() < 0.06 && undecided["value"] == 254, "{undecided}");
        let pixels: u64 =
            undecided["classes"].as_array().unwrap().iter().map(|c| c["pixels"].as_u64().unwrap()).sum();
        assert_eq!(pixels, 96 * 96);
    }
}

#[test]
fn classes_with_too_few_answers_have_no_table_and_none_is_refused() {
    let place = Place::new();
    place.fit(&["--epochs", "3"]).done();
    let (folder, config) = (place.path("package"), place.config());
    let words = ["calibrate", folder.to_str().unwrap(), config.to_str().unwrap(), "--by-class"];
    // Two pictures, where three are needed.
    let refused = run(&words);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("no table of its own: all territories: ground has"), "{}", refused.err);
    assert!(refused.err.contains("in 3 pictures") && refused.err.contains("hint: "), "{}", refused.err);
    assert!(ModelPackage::load(&folder).unwrap().0.calibration.is_none(), "nothing was written");
    let told = run(&[&words[..], &["--least-pictures", "2", "--least-answers", "10"]].concat()).done();
    let tables = ModelPackage::load(&folder).unwrap().0.calibration.unwrap().answers.unwrap();
    // Each territory has one picture.
    assert!(
        tables.territories.is_empty() && !tables.all.is_empty() && tables.left_out.len() >= 4,
        "{tables:?}"
    );
    assert!(told.err.contains("roofs/town6: ground has"), "{}", told.err);
    // What is printed is what a run gives: the confidences are corrected in the scores, too.
    let evaluated = run(&["evaluate", words[1], words[2]]).done();
    let error = evaluated.lines()[0]["expected_calibration_error"].as_f64().unwrap();
    assert!(error < 0.02, "{error}");
    // Without the option, the temperature alone is left.
    run(&words[..3]).done();
    assert!(ModelPackage::load(&folder).unwrap().0.calibration.unwrap().answers.is_none());
}

/// A gate that the worse of two towns does not pass, whichever it is.
fn strict(place: &Place, detail: &Value) -> String {
    let of = |town: &str| detail["territories"][town]["scores"]["mean_iou"]["value"].as_f64().unwrap();
    let (a, b) = (of("roofs/town6"), of("roofs/town7"));
    assert!((a - b).abs() > 1e-9, "{a} {b}");
    fs::write(
        place.path("gate.toml"),
        format!("metric = \"mean_iou\"\nbelow_mean = {:?}\n", (a - b).abs() / 4.0),
    )
    .unwrap();
    if a < b { "roofs/town6".into() } else { "roofs/town7".into() }
}

#[test]
fn a_package_that_fails_its_gate_is_not_written() {
    let place = Place::new();
    place.fit(&["--epochs", "2"]).done();
    let (folder, copy) = (place.path("package"), place.path("copy"));
    let detail: Value = serde_json::from_slice(&place.bytes("package/run/validation.json")).unwrap();
    let worse = strict(&place, &detail);
    let gate = place.path("gate.toml");
    let export = [
        "export",
        folder.to_str().unwrap(),
        "--output",
        copy.to_str().unwrap(),
        "--gate",
        gate.to_str().unwrap(),
    ];
    let refused = run(&export);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(
        refused.err.contains(&format!("{worse}: mean_iou")) && refused.err.contains("--force"),
        "{}",
        refused.err
    );
    assert!(!copy.exists());
    run(&[&export[..], &["--force"]].concat()).done();
    let (package, _) = ModelPackage::load(&copy).unwrap();
    let result = package.gate.unwrap();
    assert!(!result.passed && result.failed.len() == 1 && result.failed[0].territory == worse, "{result:?}");
    let card = fs::read_to_string(copy.join("card.md")).unwrap();
    assert!(card.contains("**did not pass**") && card.contains(&worse), "{card}");

    // The same at the end of a training: what it measured stays, to be looked at, and --force writes the package.
    let fit =
        ["--epochs", "2", "--restart", "--output", copy.to_str().unwrap(), "--gate", gate.to_str().unwrap()];
    fs::remove_dir_all(&copy).unwrap();
    let refused = place.fit(&fit);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("does not pass the gate"), "{}", refused.err);
    assert!(!copy.join("model.json").exists() && copy.join("run/validation.json").exists());
    place.fit(&[&fit[..2], &fit[3..], &["--resume", "--force"]].concat()).done();
    let (package, _) = ModelPackage::load(&copy).unwrap();
    assert!(!package.gate.unwrap().passed);
    assert!(fs::read_to_string(copy.join("card.md")).unwrap().contains("**did not pass**"));
}

#[test]
fn gates_that_cannot_be_read_or_judged_are_refused() {
    let place = Place::new();
    place.fit(&["--epochs", "1"]).done();
    let (folder, copy, gate) = (place.path("package"), place.path("copy"), place.path("gate.toml"));
    let export = [
        "export",
        folder.to_str().unwrap(),
        "--output",
        copy.to_str().unwrap(),
        "--gate",
        gate.to_str().unwrap(),
    ];
    for (text, wanted) in [
        ("metric = \"mean_iou\"\nbelow_mean = 2\n", "gate.toml:2"),
        ("metric = \"mean_iou\"\nbelow_maen = 0.1\n", "did you mean `below_mean`?"),
        ("metric = \"recall\"\nbelow_mean = 0.1\n", "which this task does not have"),
        ("metric = \"mean_iou\"\nbelow_mean = 0.1\nleast_territories = 9\n", "needs 9 territories"),
    ] {
        fs::write(&gate, text).unwrap();
        let refused = run(&export);
        assert!(
            refused.code == 2 && refused.err.contains(wanted) && refused.err.contains("hint: "),
            "{}",
            refused.err
        );
        assert!(!copy.exists());
    }
    assert_eq!(run(&[&export[..4], &["--force"]].concat()).code, 2, "--force needs a gate");
    // Scores of another training, or none.
    fs::write(&gate, "metric = \"mean_iou\"\nbelow_mean = 0.9\n").unwrap();
    let path = place.path("package/run/validation.json");
    let mut detail: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    detail["scores"]["mean_iou"] = 0.123.into();
    fs::write(&path, detail.to_string()).unwrap();
    let other = run(&export);
    assert!(other.code == 2 && other.err.contains("is not of this package"), "{}", other.err);
    fs::remove_file(&path).unwrap();
    let none = run(&export);
    assert!(
        none.code == 2 && none.err.contains("there is no") && none.err.contains("hint: "),
        "{}",
        none.err
    );
}

/// The example to copy is read, and judged.
#[test]
fn the_gate_to_copy_is_valid() {
    let place = Place::new();
    place.fit(&["--epochs", "1"]).done();
    let (folder, copy) = (place.path("package"), place.path("copy"));
    let gate = repository().join("configs/gate.toml");
    let words = [
        "export",
        folder.to_str().unwrap(),
        "--output",
        copy.to_str().unwrap(),
        "--gate",
        gate.to_str().unwrap(),
    ];
    let ran = run(&words);
    // All that is wrong is that a test has too few territories.
    assert!(ran.code == 2 && ran.err.contains("needs 3 territories with enough samples"), "{}", ran.err);
    assert!(run(&["schema", "gate"]).done().out.contains("\"below_mean\""));
}
