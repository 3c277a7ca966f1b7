//! Checkpoints of others (safetensors, PyTorch): parsed, never run; what is read has the size that it says.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_model::read_checkpoint;
use libfuzzer_sys::fuzz_target;

static FILES: LazyLock<[PathBuf; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    ["a.pt", "a.safetensors"].map(|name| folder.join(name))
});

fuzz_target!(|bytes: &[u8]| {
    for file in &*FILES {
        std::fs::write(file, bytes).expect("a writable folder");
        let Ok(weights) = read_checkpoint(file) else { continue };
        assert!(weights.iter().all(|(_, t)| t.data.len() == t.shape.iter().product::<usize>()));
    }
});
