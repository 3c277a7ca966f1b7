//! ONNX files as checkpoints: what is read has the size that it says, and names that can be printed.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_model::read_checkpoint;
use libfuzzer_sys::fuzz_target;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder").keep().join("a.onnx"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a writable folder");
    match read_checkpoint(&FILE) {
        Ok(weights) => {
            for (name, tensor) in weights.iter() {
                assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>(), "{name}");
                assert!(!name.is_empty() && !name.chars().any(char::is_control), "{name:?}");
            }
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
});
