//! The JSON schemas that are checked in, and the packages that are shipped.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::Place;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn schemas_are_those_checked_in() {
    let place = Place::empty();
    for (words, file) in [
        (&["schema"][..], "schema.json"),
        (&["schema", "run"], "schema.json"),
        (&["schema", "model"], "model.schema.json"),
        (&["schema", "zonal"], "zonal.schema.json"),
    ] {
        let printed: Value = serde_json::from_str(&place.arpent(words).expect(0).out).unwrap();
        assert!(printed == json(&root().join("configs").join(file)), "{file} is old: just schema-write");
    }
}

#[test]
fn shipped_packages_have_the_keys_of_the_schema() {
    let schema = json(&root().join("configs/model.schema.json"));
    let known = schema["properties"].as_object().unwrap();
    let required: Vec<&str> =
        schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("models")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let path = folder.join("model.json");
        let model = json(&path);
        let keys = model.as_object().unwrap();
        assert!(keys.keys().all(|k| known.contains_key(k)), "{}", path.display());
        assert!(required.iter().all(|k| keys.contains_key(*k)), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0 && required.contains(&"architecture"));
}

#[test]
fn a_package_is_described_in_terms_of_stac() {
    let ended = Place::empty().arpent(&[
        "inspect",
        root().join("models/tree-health-10cm").to_str().unwrap(),
        "--format",
        "json",
    ]);
    let told: Value = serde_json::from_str(&ended.expect(0).out).unwrap();
    let (model, mlm) = (&told["model"], &told["mlm"]);
    assert_eq!(mlm["mlm:name"], model["id"]);
    assert_eq!(mlm["mlm:tasks"][0], model["task"]);
    let input = &mlm["mlm:input"][0];
    assert_eq!(input["bands"][2]["name"], "blue");
    assert_eq!(input["value_scaling"][0]["mean"], 137.3);
    assert_eq!(input["input"]["shape"], serde_json::json!([-1, 3, -1, -1]));
    assert_eq!(mlm["mlm:output"][0]["classification:classes"].as_array().unwrap().len(), 3);
    assert!(mlm["mlm:total_parameters"].as_u64().unwrap() > 1000);
    assert!(mlm["mlm:accelerator"].is_null());
}
