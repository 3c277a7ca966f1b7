//! ONNX files as graphs: they are refused, or prepared and run on a small window. Names and counts can be printed.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_model::{DeviceChoice, ImportOptions, ModelWindow, OnnxGraph, Predictor, import_file};
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder").keep().join("a.onnx"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a writable folder");
    match OnnxGraph::read(&FILE) {
        Ok(graph) => {
            let names = graph.operators().keys().chain(graph.unused_outputs());
            assert!(names.clone().all(|name| !name.chars().any(char::is_control)));
        }
        Err(error) => return assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
    // The runtime takes what it does not like for a programming error: its panics become errors, and are no finding.
    std::panic::set_hook(Box::new(|_| ()));
    let options = ImportOptions {
        id: "a".into(),
        window: Some(ModelWindow { side_px: 16, margin_px: 4 }),
        ..ImportOptions::default()
    };
    if let Ok(imported) = import_file(&FILE, &options) {
        Predictor::load(&imported.package, &imported.weights, DeviceChoice::Cpu).expect("a graph that was imported runs");
    }
});
