//! `arpent doctor`.

use crate::common::Place;

/// The part of a name, from the JSON report.
fn part<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let parts = report["parts"].as_array().unwrap();
    parts.iter().find(|part| part["name"] == name).unwrap_or_else(|| panic!("no part {name}: {report}"))
}

#[test]
fn this_machine_is_ready_and_its_parts_are_told() {
    let place = Place::new();
    std::fs::create_dir(place.path("out")).unwrap();
    let ended = place.arpent(&["doctor", "out", "--format", "json"]).expect(0);
    let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(report["ready"], true);
    for name in ["processor", "memory", "gdal", "proj", "scratch", "out"] {
        assert_eq!(part(&report, name)["state"], "ok", "{name}: {report}");
    }
    // A build without GPU support.
    let gpu = part(&report, "GPU (CUDA)");
    assert_eq!(gpu["state"], "absent");
    assert!(gpu["hint"].as_str().unwrap().contains("cuda"), "{gpu}");
    assert_eq!(std::fs::read_dir(place.path("out")).unwrap().count(), 0, "nothing is left behind");

    let text = place.arpent(&["doctor"]).expect(0).out;
    assert!(text.contains("gdal             ok       3."), "{text}");
    assert!(text.ends_with("verdict          ready\n"), "{text}");
}

#[test]
fn what_is_missing_has_a_hint_and_exit_code_1() {
    let place = Place::new();
    std::fs::write(place.path("file"), "x").unwrap();
    let words = ["doctor", "file", "s3://bucket/map", "--scratch", "nothere", "--format", "json"];
    let ended = place.arpent(&words).expect(1);
    let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(report["ready"], false);
    for (name, found) in [
        ("scratch", "nothere"),
        ("file", "not a folder"),
        ("s3://bucket/map", "no credentials for s3://bucket/map"),
    ] {
        let part = part(&report, name);
        assert_eq!(part["state"], "missing", "{part}");
        assert!(part["found"].as_str().unwrap().contains(found), "{part}");
        assert!(part["hint"].is_string(), "{part}");
    }
    assert!(place.arpent(&words[..3]).expect(1).out.contains("verdict          not ready"));
}

#[test]
fn a_proj_without_its_database_is_missing() {
    let place = Place::new();
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let output = place
        .command(&["doctor", "--format", "json"])
        .env("PROJ_DATA", &empty)
        .env("PROJ_LIB", &empty)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let proj = part(&report, "proj");
    assert_eq!(proj["state"], "missing");
    assert!(proj["hint"].is_string(), "{proj}");
}
