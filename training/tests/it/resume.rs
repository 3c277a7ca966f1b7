//! A killed training resumes to the same bytes.

use std::io::{BufRead, BufReader};

use crate::place::Place;

const WEIGHTS: &str = "weights.safetensors";

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_different_ones() {
    let place = Place::new();
    for (folder, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
        let output = place.path(folder);
        place.fit(&["--epochs", "2", "--seed", seed, "--output", output.to_str().unwrap()]).done();
    }
    let weights = |folder: &str| place.bytes(&format!("{folder}/{WEIGHTS}"));
    assert!(weights("a") == weights("b"));
    assert!(weights("a") != weights("c"));
}

/// Kills the training right after its `epochs`-th line, whatever it does then: the next epoch, a validation, a checkpoint.
fn kill_after(place: &Place, epochs: usize, more: &[&str]) {
    let mut child = place.begin(more);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (0..epochs).for_each(|_| drop(lines.next().unwrap().unwrap()));
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

/// Kills the training as soon as its log has grown: its checkpoint may be half written then.
fn kill_when_the_log_grows(place: &Place) {
    let size = || std::fs::metadata(place.path("package/run/log.jsonl")).map_or(0, |m| m.len());
    let (before, mut child) = (size(), place.begin(&["--resume"]));
    // The log is cut to its checkpoint first: what counts is that it has more than it had.
    while size() <= before && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_training_goes_on_to_the_same_bytes() {
    let place = Place::new();
    let whole = place.path("whole");
    place.fit(&["--output", whole.to_str().unwrap()]).done();

    // Killed before anything was written, after the first epoch, and again after one more.
    kill_after(&place, 0, &[]);
    kill_after(&place, 1, &["--resume"]);
    let half = place.fit(&[]);
    assert_eq!(half.code, 2);
    assert!(half.err.contains("unfinished") && half.err.contains("--resume"), "{}", half.err);
    kill_after(&place, 1, &["--resume"]);
    kill_when_the_log_grows(&place);
    // A line of an epoch whose checkpoint was never written.
    let log = place.path("package/run/log.jsonl");
    let mut text = std::fs::read_to_string(&log).unwrap();
    text += "{\"epoch\":99,";
    std::fs::write(&log, text).unwrap();
    let last = place.fit(&["--resume"]).done();
    assert!(last.err.contains("resuming after epoch"), "{}", last.err);

    assert!(place.bytes("whole/weights.safetensors") == place.bytes("package/weights.safetensors"));
    let told = |folder: &str| -> Vec<serde_json::Value> {
        let text = String::from_utf8(place.bytes(&format!("{folder}/run/log.jsonl"))).unwrap();
        let line = |l: &str| {
            let mut line: serde_json::Value = serde_json::from_str(l).unwrap();
            let fields = line.as_object_mut().unwrap();
            assert!(fields.remove("seconds").is_some() && fields.remove("energy_wh").is_some());
            line
        };
        text.lines().map(line).collect()
    };
    assert_eq!(told("whole"), told("package"));
    // A finished run can be resumed again, and may be overwritten.
    place.fit(&["--resume"]).done();
    assert!(place.bytes("whole/weights.safetensors") == place.bytes("package/weights.safetensors"));
}

#[test]
fn a_run_is_resumed_only_with_the_same_configuration_and_data() {
    let place = Place::new();
    kill_after(&place, 1, &[]);
    place.edit("smoke.toml", "learning_rate = 2e-2", "learning_rate = 1e-2");
    let other = place.fit(&["--resume"]);
    assert_eq!(other.code, 2);
    assert!(other.err.contains("fit.learning_rate was 0.02, is 0.01"), "{}", other.err);
    assert!(other.err.contains("hint: "), "{}", other.err);
    place.edit("smoke.toml", "learning_rate = 1e-2", "learning_rate = 2e-2 # as before");
    place.edit("data/roofs/splits.csv", "train,item5,town2", "train,item5,town9");
    let other = place.fit(&["--resume"]);
    assert!(other.err.contains("is of other data"), "{}", other.err);
}
