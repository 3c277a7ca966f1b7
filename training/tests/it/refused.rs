//! Configurations and data that are refused, and the messages.

use crate::place::Place;

fn refused(place: &Place, told: &[&str]) {
    let ran = place.fit(&[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.out.is_empty());
    for part in told {
        assert!(ran.err.contains(part), "`{part}` is not in: {}", ran.err);
    }
    assert!(!place.path("package/model.json").exists());
}

#[test]
fn mistakes_are_reported_with_file_line_and_key() {
    let cases: [(&str, &str, &[&str]); 12] = [
        ("epochs = 4", "epoch = 4", &["smoke.toml:42", "unknown field `epoch`", "did you mean `epochs`?"]),
        ("layout = \"image-mask\"", "layout = \"image-masks\"", &["image-masks"]),
        ("splits = \"roofs", "split_table = \"roofs", &["split_table"]),
        ("ignore = [\"shadow\"]", "ignored = [\"shadow\"]", &["smoke.toml:38", "ignored"]),
        (
            "batch = 4",
            "batch = 0",
            &["smoke.toml:44", "`fit.batch` is 0, expected 1 or more", "hint: set it to 1 or more"],
        ),
        (
            "threads = 2",
            "threads = 100000",
            &["smoke.toml:47", "`fit.threads` is 100000, expected 1 to 1024"],
        ),
        ("chip_px = 32", "chip_px = 33", &["fit.chip_px is 33", "multiple of 2"]),
        ("\"balanced\"", "\"even\"", &["smoke.toml:51", "balanced"]),
        ("\"balanced\"", "[1.0]", &["smoke.toml:51", "needs 2 numbers"]),
        ("kind = \"dice\"", "kind = \"heat\"", &["`heat`, which this task does not support"]),
        ("kind = \"unet\"", "kind = \"retinanet\"", &["imported and not trained", "hint: take fcos"]),
        ("widths = [8, 8]", "widths = [8]", &["architecture", "as many encoder_convs"]),
    ];
    for (from, to, told) in cases {
        let place = Place::new();
        place.edit("smoke.toml", from, to);
        refused(&place, told);
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let cases = [
        (
            "tolerance_px = -1",
            "smoke.toml:55, in [evaluate]: evaluate.tolerance_px must lie between 0 and 100",
        ),
        ("precision_at_k = [10, 5]", "evaluate.precision_at_k must be ascending"),
        ("precision_at_k = [0, 5]", "is 0, expected 1 or more"),
        ("precision_at_k = [5]\nprevalence = 1", "evaluate.prevalence must lie between 0 and 1"),
        ("prevalence = 0.1", "evaluate.precision_at_k is missing"),
        ("tolerence_px = 2", "did you mean `tolerance_px`?"),
    ];
    for (line, told) in cases {
        let place = Place::new();
        place.edit("smoke.toml", "[augment]", &format!("[evaluate]\n{line}\n\n[augment]"));
        refused(&place, &[told]);
    }
    let place = Place::new();
    place.edit("smoke.toml", "color = \"#d81b60\"", "color = \"#d81b60\"\nfeatures = false");
    place.edit("smoke.toml", "[augment]", "[evaluate]\ntolerance_px = 2\n\n[augment]");
    refused(&place, &["evaluate needs a class with `features = true`"]);
}

#[test]
fn an_unmapped_class_is_refused_with_both_lists() {
    let place = Place::new();
    place.edit("smoke.toml", "shed = \"roof\"", "hut = \"roof\"");
    refused(&place, &["smoke.toml:32", "the set has no class `hut`", "hint: "]);
    let place = Place::new();
    place.edit("smoke.toml", ", shed = \"roof\"", "");
    let lists = "classes of the set: ground, building, shed, shadow; of the model: ground, roof";
    refused(&place, &["class `shed` is neither mapped nor ignored", lists]);
    let place = Place::new();
    place.edit("smoke.toml", "shed = \"roof\"", "shed = \"hut\"");
    refused(&place, &["class `shed` is mapped to `hut`, which the model does not have"]);
}

#[test]
fn a_set_of_another_gsd_is_refused() {
    let place = Place::new();
    place.edit("data/roofs/card.toml", "weights_may_ship", "gsd_m = [5.0, 10.0]\nweights_may_ship");
    refused(&place, &["the set's GSD is 5 to 10 m, model.gsd_m accepts 0.5 to 2 m", "hint: "]);
}

#[test]
fn a_leak_within_a_set_or_across_sets_is_refused() {
    let place = Place::new();
    place.edit("data/roofs/splits.csv", "val,item7,town7", "val,item7,town0");
    refused(&place, &["town0", "hint: "]);

    // The same set twice, the second time split otherwise: towns 2 and 6 have changed places.
    let place = Place::new();
    let table = String::from_utf8(place.bytes("data/roofs/splits.csv")).unwrap();
    let table = table.replace("train,item4", "val,item4").replace("train,item5", "val,item5");
    let table = table.replace("val,item6", "train,item6");
    std::fs::write(place.path("data/roofs/other.csv"), table).unwrap();
    let again = "[[sets]]\nlayout = \"image-mask\"\npath = \"roofs\"\ncard = \"data/roofs/card.toml\"\n\
                 splits = \"roofs/other.csv\"\nclasses = { building = \"roof\", shed = \"roof\" }\n\
                 ignore = [\"shadow\"]\n\n[fit]";
    place.edit("smoke.toml", "[fit]", again);
    refused(&place, &["group `town2` of roofs is in train in one set and in validation in another"]);
}

#[test]
fn a_loss_that_is_no_number_stops_the_training_and_keeps_the_checkpoint() {
    let place = Place::new();
    place.edit("smoke.toml", "learning_rate = 2e-2", "learning_rate = 1e30");
    let ran = place.fit(&[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("at step") && ran.err.contains("no checkpoint yet"), "{}", ran.err);
    assert!(ran.err.contains("hint: lower fit.learning_rate"), "{}", ran.err);
    assert!(!place.path("package/model.json").exists());

    // The first epoch is one step, whose loss is that of the first weights.
    let place = Place::new();
    place.edit("smoke.toml", "learning_rate = 2e-2", "learning_rate = 1e17");
    place.edit("smoke.toml", "steps_per_epoch = 15", "steps_per_epoch = 1");
    let ran = place.fit(&["--epochs", "40"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("last.ckpt holds the state after epoch"), "{}", ran.err);
    assert!(place.path("package/run/last.ckpt").exists() && !place.path("package/model.json").exists());
}

#[test]
fn errors_are_documents_with_format_json() {
    use crate::place::run;
    let folder = tempfile::tempdir().unwrap();
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"task = \"x\"\n# for\xeat\n").unwrap();
    let latin = latin.to_str().unwrap();
    for (words, told) in [
        (vec!["fit", "none.toml", "--format", "json"], "cannot read none.toml"),
        (vec!["--format=json", "fit", latin], "latin.toml:2: the byte 0xEA at column 6 is not UTF-8"),
        (vec!["fit", "none.toml", "--format", "json", "--unknown"], "unexpected argument '--unknown'"),
    ] {
        let ran = run(&words);
        assert!(ran.code == 2 && ran.out.is_empty(), "{words:?}: {}", ran.err);
        let document: serde_json::Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
        assert_eq!(document["error"]["code"], 2);
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains(told), "{message}");
    }
}
