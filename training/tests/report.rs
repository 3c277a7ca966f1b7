//! `arpent-train report`: the page of a recorded training, and the error without one.

#![allow(clippy::unwrap_used, reason = "test helpers")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LOG: &str = r##"{
  "format": "arpent-training-report/1",
  "model": { "title": "Trees & hedges", "id": "trees", "version": "0.1.0", "task": "semantic-segmentation" },
  "classes": [{ "id": 0, "name": "ground", "color": "#c8b48c" }, { "id": 1, "name": "tree", "color": "#2e7d32" }],
  "curves": { "epochs": [{ "number": 1, "training_loss": 1.5 }, { "number": 2, "training_loss": null }] },
  "scores": { "split": "test", "intervals": { "none": { "reason": "One site." } } },
  "confusion": { "unit": "pixels", "labels": ["ground", "tree"], "counts": [[90, 10], [1, 3]] }
}"##;

fn report(folder: &Path, log: &str) -> Output {
    let path = folder.join("log.json");
    fs::write(&path, log).unwrap();
    run(&path, &folder.join("report.html"))
}

fn run(log: &Path, page: &Path) -> Output {
    let program = env!("CARGO_BIN_EXE_arpent-train");
    Command::new(program).arg("report").arg(log).arg("--output").arg(page).output().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, parts: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.starts_with("error: ") && parts.iter().all(|part| told.contains(part)), "{told}");
}

#[test]
fn a_log_becomes_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let output = report(folder.path(), LOG);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.is_empty());
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(
        page.contains("<h1>Trees &amp; hedges</h1>") && page.contains("There are no intervals. One site.")
    );
}

#[test]
fn a_log_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(
        &report(folder.path(), "{}"),
        &["log.json is not a training report", "missing field `format`"],
    );
    let typo = LOG.replace("\"curves\"", "\"curve\"");
    assert_refused(&report(folder.path(), &typo), &["unknown field `curve`", "line 5"]);
    let old = LOG.replace("report/1", "report/0");
    assert_refused(&report(folder.path(), &old), &["format is `arpent-training-report/0`, want"]);
    let crooked = LOG.replace("[1, 3]", "[1]");
    assert_refused(&report(folder.path(), &crooked), &["confusion.counts is not a square of 2 x 2"]);
    assert!(!folder.path().join("report.html").exists());
}

#[test]
fn paths_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.json");
    assert_refused(&run(&missing, &folder.path().join("x.html")), &["cannot read", "missing.json"]);
    let log = folder.path().join("log.json");
    fs::write(&log, LOG).unwrap();
    assert_refused(&run(&log, &folder.path().join("no/such/x.html")), &["cannot write", "x.html"]);
}
