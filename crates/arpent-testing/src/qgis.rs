//! QGIS as a reader of outputs, in a separate process.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::needs::skip;

/// The system's interpreter, which has the bindings of QGIS. `QGIS_PYTHON` names that of another version of QGIS, as for
/// `scripts/qgis_plugin.sh`.
fn python() -> OsString {
    std::env::var_os("QGIS_PYTHON").unwrap_or_else(|| "/usr/bin/python3".into())
}

const PROGRAM: &str = include_str!("shown_by_qgis.py");

/// What QGIS is asked for. Addresses are paths, of layers in files of several layers `PATH|layername=NAME`, of projects in a
/// GeoPackage `geopackage:PATH?projectName=NAME`.
#[derive(Debug, Default)]
pub struct Asked {
    /// Projects, each with the PNG file that a picture of it goes to.
    pub projects: Vec<[String; 2]>,
    /// Files that are opened by themselves.
    pub files: Vec<String>,
    /// Layers whose editing is begun and canceled.
    pub edits: Vec<String>,
}

/// Opens projects and files in QGIS, in this order: projects, files, edits. The answer has the same keys; `shown_by_qgis.py` says what
/// stands in it. Skips the test without QGIS.
///
/// # Panics
/// When QGIS ends with an error.
pub fn qgis(asked: &Asked) -> Option<Value> {
    let question = json!({ "projects": asked.projects, "files": asked.files, "edits": asked.edits });
    with_qgis(PROGRAM, &question)
}

/// Runs a program with the bindings of QGIS and of GDAL: it reads the question as JSON from standard input, and writes its
/// answer as JSON to standard output. Skips the test without QGIS.
///
/// # Panics
/// When the program ends with an error.
pub fn with_qgis(program: &str, question: &Value) -> Option<Value> {
    let found = Command::new(python()).args(["-c", "import qgis.core"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        skip("qgis", "the system's Python has no qgis.core (apt-get install python3-qgis)");
        return None;
    }
    let settings = tempfile::tempdir().expect("a temporary folder");
    let mut child = Command::new(python())
        .args(["-c", program])
        .env("QT_QPA_PLATFORM", "offscreen")
        // No settings of the person who runs the tests.
        .env("QGIS_CUSTOM_CONFIG_PATH", settings.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(question.to_string().as_bytes()).expect("Python reads");
    drop(input);
    let ended = child.wait_with_output().expect("Python ends");
    assert!(ended.status.success(), "QGIS ends with {}", ended.status);
    Some(serde_json::from_slice(&ended.stdout).expect("an answer in JSON"))
}
