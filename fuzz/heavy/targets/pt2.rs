//! PT2 archives: they are refused, or their graph is lowered and prepared; messages can be printed. What is no archive is taken
//! for the graph of one with weights: a changed byte in an archive would fail its checksum only.
#![no_main]

use std::io::{Cursor, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::LazyLock;

use arpent_model::{DeviceChoice, ImportOptions, ModelWindow, Predictor, import_file, read_checkpoint};
use libfuzzer_sys::fuzz_target;
use zip::read::{ArchiveOffset, Config};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

const UNET: &[u8] = include_bytes!("../../../crates/arpent-model/tests/parity/archive-unet.pt2");

/// The files of an archive.
static FILES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(config, Cursor::new(UNET)).expect("an archive");
    let count = archive.len();
    let mut file = |index: usize| {
        let mut file = archive.by_index(index).expect("a file");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("it is whole");
        (String::from_utf8(file.name_raw().to_vec()).expect("a name"), bytes)
    };
    (0..count).map(&mut file).collect()
});

/// The archive with another graph.
fn with_graph(graph: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in FILES.iter() {
        let bytes = if name.ends_with("models/model.json") { graph } else { bytes };
        archive.start_file(name.as_str(), options).expect("memory");
        archive.write_all(bytes).expect("memory");
    }
    archive.finish().expect("memory").into_inner()
}

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| tempfile::tempdir().expect("a temporary folder").keep().join("a.pt2"));

fuzz_target!(|bytes: &[u8]| {
    let whole = if bytes.starts_with(b"PK") { bytes.to_vec() } else { with_graph(bytes) };
    std::fs::write(&*FILE, whole).expect("a writable folder");
    match read_checkpoint(&FILE) {
        Ok(weights) => {
            for (name, tensor) in weights.iter() {
                assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>(), "{name}");
                assert!(!name.is_empty() && !name.chars().any(char::is_control), "{name:?}");
            }
        }
        Err(error) => return assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
    // A local network has no window, another one needs it.
    for window in [None, Some(ModelWindow { side_px: 32, margin_px: 4 })] {
        let options = ImportOptions { id: "a".into(), window, ..ImportOptions::default() };
        match import_file(&FILE, &options) {
            Ok(imported) => {
                Predictor::load(&imported.package, &imported.weights, DeviceChoice::Cpu)
                    .expect("a graph that was imported runs");
            }
            Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
        }
    }
});
