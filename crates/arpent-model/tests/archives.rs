//! PT2 archives as checkpoints: `parity/exported.pt2` comes from `torch.export.save` (`benches/peers/parity_checkpoints.py`), hostile
//! ones are made here.

#![allow(clippy::unwrap_used, reason = "test helpers; numbers are small")]

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_model::{ImportOptions, import_file, read_checkpoint};
use common::{parity, tensor};
use zip::read::{ArchiveOffset, Config};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

#[test]
fn weights_are_read_under_the_names_of_the_state_dict() {
    let weights = read_checkpoint(&parity("exported.pt2")).unwrap();
    let shapes: [(&str, &[usize]); 6] = [
        ("bn.bias", &[3]),
        ("bn.running_mean", &[3]),
        ("bn.running_var", &[3]),
        ("bn.weight", &[3]),
        ("conv.bias", &[3]),
        ("conv.weight", &[3, 2, 3, 3]),
    ];
    assert_eq!(weights.iter().map(|(name, _)| name).collect::<Vec<_>>(), shapes.map(|(name, _)| name));
    for (name, shape) in shapes {
        let read = weights.get(name).unwrap();
        assert_eq!((read.shape.as_slice(), &read.data), (shape, &tensor(name, shape)), "{name}");
    }
}

#[test]
fn a_graph_of_another_network_is_refused_with_its_operators() {
    let options = ImportOptions {
        id: "a".into(),
        architecture: Some("unet-resnet18".into()),
        ..ImportOptions::default()
    };
    let error = import_file(&parity("exported.pt2"), &options).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("operators aten.batch_norm.default (1), aten.conv2d.default (1)"), "{text}");
    assert!(error.hint().is_some());
}

/// The fixture with some of its files replaced; `None` leaves one out.
fn changed(path: &Path, change: impl Fn(&str, &[u8]) -> Option<Vec<u8>>) {
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut from = ZipArchive::with_config(config, File::open(parity("exported.pt2")).unwrap()).unwrap();
    let mut to = ZipWriter::new(File::create(path).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..from.len() {
        let mut file = from.by_index(index).unwrap();
        let name = String::from_utf8(file.name_raw().to_vec()).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if let Some(bytes) = change(&name, &bytes) {
            to.start_file(name, options).unwrap();
            to.write_all(&bytes).unwrap();
        }
    }
    to.finish().unwrap();
}

#[test]
fn hostile_archives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pt2");
    let refused = |expected: &str| {
        let error = read_checkpoint(&path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected) && error.hint().is_some(), "{expected}: {text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    };
    // In the list of weights, a text in place of another.
    let listed = |from: &str, to: &str| {
        changed(&path, |name, bytes| {
            let is_list = name.ends_with("_weights_config.json");
            let text = || String::from_utf8(bytes.to_vec()).unwrap();
            assert!(!is_list || text().contains(from), "{}", text());
            Some(if is_list { text().replace(from, to).into_bytes() } else { bytes.to_vec() })
        });
    };
    listed("\"use_pickle\": false", "\"use_pickle\": true");
    refused("is a pickle");
    listed("{\"as_int\": 3}", "{\"as_int\": 1152921504606846976}");
    refused("more than 1073741824 values");
    listed("\"weight_0\"", "\"../../../../etc/passwd\"");
    refused("etc/passwd");
    listed("\"weight_0\"", "\"weight\\u001b[2J\"");
    refused("weight\u{fffd}[2J");
    listed("\"storage_offset\": {\"as_int\": 0}", "\"storage_offset\": {\"as_int\": 4}");
    refused("a part of another tensor");
    listed("{\"as_int\": 18}", "{\"as_int\": 1}");
    refused("not stored row by row");
    changed(&path, |name, bytes| {
        Some(if name.ends_with("weight_0") { bytes[4..].to_vec() } else { bytes.to_vec() })
    });
    refused("has 212 bytes of F32");
    changed(&path, |name, bytes| (!name.ends_with("_weights_config.json")).then(|| bytes.to_vec()));
    refused("torch.export.save");
    changed(&path, |name, bytes| {
        Some(if name.ends_with("byteorder") { b"big".to_vec() } else { bytes.to_vec() })
    });
    refused("not little-endian");
    let mut compiled = ZipWriter::new(File::create(&path).unwrap());
    compiled
        .start_file(
            "a/data/aotinductor/model/a.so",
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
        )
        .unwrap();
    compiled.finish().unwrap();
    refused("compiled code");
    std::fs::write(&path, b"PK\x03\x04 no archive").unwrap();
    refused("a.pt2");
}
