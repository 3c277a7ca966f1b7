//! `arpent-train applicability`: samples of the training imagery, polygons of territories, and nothing else.

use std::fs;

use arpent_model::{ModelPackage, Territory};

use crate::place::{Place, repository, run};

const TERRITORIES: &str = r#"{"type": "FeatureCollection", "features": [
  {"type": "Feature", "properties": {"name": "a valley", "code": 7}, "geometry": {"type": "Polygon",
   "coordinates": [[[2.0, 48.0], [3.0, 48.0], [2.5, 49.0], [2.0, 48.0]]]}}]}"#;

#[test]
fn samples_are_those_of_the_training_and_the_guide_works_as_written() {
    let place = Place::new();
    place.fit(&["--epochs", "1"]).done();
    let output = fs::read_to_string(place.config()).unwrap();
    let output = output.lines().find_map(|line| line.strip_prefix("output = \"")).unwrap();
    let fitted = place.path(output.split('"').next().unwrap());
    let (package, _) = ModelPackage::load(&fitted).unwrap();
    let of_fit = package.applicability.clone().unwrap();
    // Six pictures of less than 128 px have a block each.
    assert_eq!((of_fit.samples.samples.len(), of_fit.samples.folds.len()), (6, 3));
    assert_eq!(of_fit.samples.predictors.len(), 9);
    let weights = fs::read(fitted.join("weights.safetensors")).unwrap();

    fs::rename(&fitted, place.path("package")).unwrap();
    fs::copy(place.config(), place.path("train.toml")).unwrap();
    fs::write(place.path("territories.geojson"), TERRITORIES).unwrap();
    let guide = fs::read_to_string(repository().join("docs/guides/where-a-model-holds.md")).unwrap();
    let command = guide.lines().find_map(|line| line.strip_prefix("arpent-train applicability ")).unwrap();
    let words: Vec<String> = command
        .split(' ')
        .map(|word| {
            if word.starts_with("--") {
                word.to_owned()
            } else {
                place.path(word).to_str().unwrap().to_owned()
            }
        })
        .collect();
    let words: Vec<&str> = std::iter::once("applicability").chain(words.iter().map(String::as_str)).collect();
    let told = run(&words).done().lines();
    assert_eq!((told[0]["samples"].as_u64(), told[0]["folds"].as_u64()), (Some(6), Some(3)));
    assert!(told[0]["threshold"].as_f64().unwrap() > 0.0 && told[0]["validation_blocks"].as_u64() == Some(2));

    let (again, _) = ModelPackage::load(&place.path("package")).unwrap();
    assert_eq!(again.applicability, Some(of_fit));
    assert_eq!(fs::read(place.path("package/weights.safetensors")).unwrap(), weights);
    let added = again.territories.last().unwrap();
    assert!(matches!(added, Territory::Area(area) if area.name == "a valley"), "{added:?}");
    assert_eq!(added.contains(2.5, 48.5), Some(true));
    assert_eq!(again.territories.len(), package.territories.len() + 1);

    // A copy has them, too.
    let copy = place.path("copy");
    run(&["export", place.path("package").to_str().unwrap(), "--output", copy.to_str().unwrap()]).done();
    assert_eq!(ModelPackage::load(&copy).unwrap().0.sha256(), again.sha256());

    // Projected coordinates are no territory, and change nothing.
    fs::write(place.path("territories.geojson"), TERRITORIES.replace("48.0", "6861965.0")).unwrap();
    let refused = run(&words);
    assert!(
        refused.code == 2 && refused.err.contains("longitudes") && refused.err.contains("a valley"),
        "{}",
        refused.err
    );
    assert_eq!(ModelPackage::load(&place.path("package")).unwrap().0.sha256(), again.sha256());
}
