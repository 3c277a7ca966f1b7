//! The committed package is what its configuration would make.

use std::path::Path;

use arpent_model::{DeviceChoice, ModelPackage, Predictor};

#[test]
fn the_shipped_package_loads_and_is_small() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tree-health-10cm");
    let (package, weights) = ModelPackage::load(&dir).unwrap();
    Predictor::load(&package, &weights, DeviceChoice::Auto).unwrap();
    assert_eq!((package.stride_px, package.overlap_px), (8, 48));
    assert!(std::fs::metadata(dir.join(&package.weights.file)).unwrap().len() < 2_000_000);
    assert!(arpent_model::flop_per_pixel(&package.architecture) * 512.0 * 512.0 < 6.5e9);
    let card = std::fs::read_to_string(dir.join("card.md")).unwrap();
    assert!(card.contains(&package.id) && package.scores.contains_key("balanced_accuracy"));
    let config = std::fs::read_to_string(dir.join("../../configs/tree-health/train.toml")).unwrap();
    assert!(config.contains(&format!("id = \"{}\"", package.id)));
}

/// The package's statements on its data agree with their cards.
#[test]
fn the_shipped_package_agrees_with_the_cards() {
    let repository = crate::place::repository();
    let (package, _) = ModelPackage::load(&repository.join("models/tree-health-10cm")).unwrap();
    assert_eq!(package.training_data.len(), 5);
    for source in package.training_data {
        let card = repository.join("datasets/cards").join(format!("{}.toml", source.name));
        let card: toml::Table = std::fs::read_to_string(card).unwrap().parse().unwrap();
        assert_eq!(card["license"].as_str(), Some(source.license.as_str()), "{}", source.name);
        assert!(card["source"].as_str().unwrap().starts_with(&source.source), "{}", source.name);
        assert_eq!(card["weights_may_ship"].as_bool(), Some(true));
    }
}

#[test]
fn the_configuration_to_copy_is_valid() {
    let config = crate::place::repository().join("configs/image-mask/train.toml");
    let ran = crate::place::run(&["fit", config.to_str().unwrap(), "--data", "nowhere"]);
    assert_eq!(ran.code, 2);
    // All that is wrong with it is that the data are not there.
    assert!(ran.err.contains("card.toml is missing") && ran.err.contains("hint: "), "{}", ran.err);
}

/// Strictly: an unknown key, a missing one or a value of the wrong type in any of them would be reported instead.
#[test]
fn every_configuration_of_a_training_is_read() {
    let mut read = 0;
    for task in
        std::fs::read_dir(crate::place::repository().join("configs")).unwrap().map(|e| e.unwrap().path())
    {
        let Ok(files) = std::fs::read_dir(&task) else { continue };
        for file in files.map(|e| e.unwrap().path()).filter(|f| f.extension().is_some_and(|e| e == "toml")) {
            let others = ["run.toml", "zonal.toml", "images.toml", "maps.toml", "ocs-ge.toml"];
            let is_of_a_run = others.iter().any(|name| file.ends_with(name));
            if is_of_a_run || std::fs::read_to_string(&file).unwrap().contains("\nmodel = ") {
                continue;
            }
            let (path, name) = (file.to_str().unwrap(), file.file_name().unwrap().to_str().unwrap());
            let words = ["fit", path, "--data", "nowhere", "--output", "nowhere"];
            let ran = crate::place::run(&words);
            // An error of the configuration has its line.
            let is_read = ran.err.contains(" is missing") && !ran.err.contains(&format!("{name}:"));
            assert!(ran.code == 2 && is_read, "{path}: {}", ran.err);
            read += 1;
        }
    }
    assert!(read >= 21, "{read}");
}

#[test]
fn the_schema_is_the_one_checked_in() {
    let ran = crate::place::run(&["schema"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let kept = std::fs::read_to_string(crate::place::repository().join("configs/train.schema.json")).unwrap();
    assert!(ran.out == kept, "configs/train.schema.json is old: just schema-write");
}

/// Several tables have keys of one name: the one that is wrong is named.
#[test]
fn a_wrong_value_is_reported_with_its_line_and_table() {
    let path = crate::place::repository().join("configs/image-mask/train.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("train.toml");
    let told = |text: &str, expected: &str| {
        std::fs::write(&file, text).unwrap();
        let ran = crate::place::run(&["fit", file.to_str().unwrap()]);
        let line = text.lines().position(|line| line.ends_with("# here")).unwrap() + 1;
        assert!(ran.code == 2 && ran.err.contains(&format!(":{line}{expected}")), "{expected}: {}", ran.err);
    };
    let set = "\n[[sets]]\nlayout = \"image-mask\"\npath = \"b\"\ncard = \"b.toml\"\nsplits = \"b.csv\"\n";
    told(
        &format!("{text}{set}weight = 2.0\n{set}weight = -1.0 # here\n"),
        &format!(", in [[sets]] {}: sets.", text.matches("\n[[sets]]").count() + 2),
    );
    told(&format!("{text}\n[energy]\ncore_w = \"ten\" # here\n"), ", in [energy]: invalid type");
    told(&format!("{text}\n[energy]\ncore = 1.0 # here\n"), ", in [energy]: unknown field");
}
