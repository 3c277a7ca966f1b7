//! ONNX files as checkpoints: `parity/*.onnx` and what is in them (`onnx.json`) come from PyTorch's exporters and from
//! `onnx` (`benches/peers/parity_onnx.py`); damaged and hostile files are made here.

#![allow(clippy::unwrap_used, reason = "test helpers; numbers are small")]

use std::fs;
use std::path::{Path, PathBuf};

use arpent_base::Diagnostic as _;
use arpent_base::number::narrow;
use arpent_model::{ModelError, Weights, read_checkpoint};
use serde_json::Value;

fn parity(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(name)
}

fn files() -> Vec<Value> {
    let json: Value = serde_json::from_slice(&fs::read(parity("onnx.json")).unwrap()).unwrap();
    json["files"].as_array().unwrap().clone()
}

fn assert_tensors(file: &str, expected: &[Value], read: &Weights) {
    let is_float = |row: &&Value| row["dtype"].as_str().unwrap().contains("float");
    let expected: Vec<&Value> = expected.iter().filter(is_float).collect();
    assert_eq!(read.iter().count(), expected.len(), "{file}");
    for row in expected {
        let key = row["key"].as_str().unwrap();
        let tensor = read.get(key).unwrap();
        let shape: Vec<u64> = row["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        assert_eq!(tensor.shape.iter().map(|n| *n as u64).collect::<Vec<_>>(), shape, "{file} {key}");
        let values = row["values"].as_array().unwrap();
        assert_eq!(tensor.data.len(), values.len(), "{file} {key}");
        for (ours, theirs) in tensor.data.iter().zip(values) {
            // Nine digits give the number back.
            assert_eq!(
                ours.to_bits(),
                narrow(theirs.as_f64().unwrap()).to_bits(),
                "{file} {key}: {ours} {theirs}"
            );
        }
    }
}

#[test]
fn initializers_are_read_as_onnx_reads_them() {
    let mut read = 0;
    for row in files().iter().filter(|row| row["refused"].is_null()) {
        let name = row["file"].as_str().unwrap();
        let weights = read_checkpoint(&parity(name)).unwrap();
        assert_tensors(name, row["tensors"].as_array().unwrap(), &weights);
        read += 1;
    }
    assert_eq!(read, 4);
}

#[test]
fn files_that_have_lost_the_weights_of_the_network_say_how() {
    let mut refused = 0;
    for row in files() {
        let (Some(expected), name) = (row["refused"].as_str(), row["file"].as_str().unwrap()) else {
            continue;
        };
        let error = read_checkpoint(&parity(name)).unwrap_err();
        let (text, hint) = (error.to_string(), error.hint().unwrap());
        assert!(text.contains(expected) && text.contains(name), "{text}");
        assert!(hint.contains("state dict"), "{hint}");
        refused += 1;
    }
    assert_eq!(refused, 6);
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, inside: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(inside.len() as u64), inside.to_vec()].concat()
}

/// An initializer: its name, type and sizes, then further fields.
fn tensor(name: &str, kind: u64, sizes: &[u64], more: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| number(1, *size)).collect();
    bytes(5, &[sizes, number(2, kind), bytes(8, name.as_bytes()), more.to_vec()].concat())
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| bytes(1, input.as_bytes())).collect();
    bytes(1, &[inputs, bytes(2, output.as_bytes()), bytes(4, operator.as_bytes())].concat())
}

/// A model of a graph with these fields.
fn model(graph: &[u8]) -> Vec<u8> {
    [number(1, 8), bytes(7, graph)].concat()
}

fn read(file: &[u8]) -> Result<Weights, ModelError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.onnx");
    fs::write(&path, file).unwrap();
    read_checkpoint(&path)
}

#[track_caller]
fn refused(file: &[u8]) -> String {
    let error = read(file).unwrap_err();
    assert!(matches!(error, ModelError::Onnx { .. }) && error.hint().is_some(), "{error}");
    error.to_string()
}

const FLOAT: u64 = 1;
const FLOAT16: u64 = 10;

#[test]
fn numbers_may_be_packed_or_not_and_fields_come_in_any_order() {
    let values = [1.5f32, -2.0];
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let single: Vec<u8> =
        values.iter().flat_map(|v| [varint(4 << 3 | 5), v.to_le_bytes().to_vec()].concat()).collect();
    // The shape packed, and after the values; the name last but one.
    let turned = [bytes(4, &raw), bytes(1, &[2, 1]), bytes(8, b"c"), number(2, FLOAT)].concat();
    let halves = [varint(0x3e00), varint(0xc000)].concat();
    let single_halves = [number(5, 0x3e00), number(5, 0xc000)].concat();
    let graph = [
        tensor("a", FLOAT, &[2], &bytes(9, &raw)),
        tensor("b", FLOAT, &[1, 2], &single),
        bytes(5, &turned),
        tensor("d", FLOAT16, &[2], &bytes(5, &halves)),
        tensor("e", FLOAT16, &[2], &single_halves),
    ]
    .concat();
    let weights = read(&model(&graph)).unwrap();
    for (name, shape) in [("a", &[2][..]), ("b", &[1, 2]), ("c", &[2, 1]), ("d", &[2]), ("e", &[2])] {
        let tensor = weights.get(name).unwrap();
        assert_eq!((tensor.shape.as_slice(), tensor.data.as_slice()), (shape, &values[..]), "{name}");
    }
}

#[test]
fn damaged_files_name_what_is_wrong() {
    let whole = fs::read(parity("exported.onnx")).unwrap();
    for length in [0, 1, 7, whole.len() / 3, whole.len() - 1] {
        assert!(refused(&whole[..length]).contains("not an ONNX file, or a damaged one"));
    }
    assert!(refused(b"not a network").contains("not an ONNX file"));
    assert!(refused(&number(1, 8)).contains("it has no graph"));
    assert!(
        refused(&bytes(7, &[0x2a, 0xff, 0xff, 0x03]))
            .contains("byte 3: a field of 65535 bytes where 0 are left")
    );
    let four = |sizes: &[u64]| refused(&model(&tensor("a", FLOAT, sizes, &bytes(9, &[0; 16]))));
    assert!(four(&[3]).contains("`a` has 16 bytes of F32, its shape [3] has 3"), "{}", four(&[3]));
    assert!(four(&[u64::MAX]).contains("more than 1073741824 values"));
    assert!(four(&[1 << 29, 1 << 29, 1 << 29]).contains("more than 1073741824 values"));
    assert!(four(&[0, 1 << 29, 1 << 29]).contains("more than 1073741824 values"));
    assert!(four(&[1; 9]).contains("more than 8 dimensions"));
    let few = refused(&model(&tensor("a", FLOAT, &[3], &bytes(4, &[0; 8]))));
    assert!(few.contains("`a` has 2 values, its shape [3] has 3"), "{few}");
    let many = refused(&model(&tensor("a", FLOAT, &[1], &bytes(4, &[0; 4000]))));
    assert!(many.contains("`a` has more values, its shape [1] has 1"), "{many}");
    assert!(refused(&model(&tensor("a", FLOAT, &[1], &bytes(4, &[0; 7])))).contains("7 bytes of packed F32"));
    assert!(
        refused(&model(&tensor("a", FLOAT16, &[1], &number(5, 65_536)))).contains("65536 is no value of F16")
    );
    let one = |name: &str| tensor(name, FLOAT, &[1], &bytes(9, &[0; 4]));
    assert!(refused(&model(&[one("a"), one("a")].concat())).contains("two tensors have the name `a`"));
    assert!(refused(&model(&one(""))).contains("a tensor has no name"));
    assert!(refused(&model(&one("a\u{1b}[31m"))).contains(r"a\u{1b}[31m"));
    assert!(refused(&model(&one(&"a".repeat(1025)))).contains("more than 1024 bytes of a name"));
    let segment = [bytes(3, &[]), bytes(9, &[0; 4])].concat();
    assert!(refused(&model(&tensor("a", FLOAT, &[1], &segment))).contains("segments"));
    let escaped = refused(&model(&tensor("a\n\u{1b}[31m", FLOAT, &[1], &segment)));
    assert!(!escaped.chars().any(char::is_control), "{escaped}");
}

#[test]
fn what_would_fill_the_memory_is_refused_or_skipped() {
    let one = |i: u32| tensor(&i.to_string(), 7, &[], &[]);
    let tensors: Vec<u8> = (0..65_537).flat_map(one).collect();
    assert!(refused(&model(&tensors)).contains("more than 65536 tensors"));
    let nodes: Vec<u8> = (0..1_048_577).flat_map(|_| [0x0a, 0x00]).collect();
    assert!(refused(&model(&nodes)).contains("more than 1048576 nodes"));
    // A name for the same numbers again and again.
    let large = tensor("a", FLOAT, &[1 << 20], &bytes(9, &vec![0; 4 << 20]));
    let names: Vec<u8> = (0..65).flat_map(|i| node("Identity", &["a"], &format!("b{i}"))).collect();
    assert!(refused(&model(&[large, names].concat())).contains("values of equal tensors"));
    // Graphs in the attributes of nodes in graphs, a thousand deep: nobody asks for them.
    let deep = (0..1000).fold(Vec::new(), |inside, _| bytes(1, &bytes(5, &bytes(6, &inside))));
    let weight = tensor("a", FLOAT, &[1], &bytes(9, &[0; 4]));
    assert_eq!(read(&model(&[deep, weight].concat())).unwrap().parameters(), 1);
    // Three gigabytes that use no disk space.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.ONNX");
    fs::File::create(&path).unwrap().set_len(3 << 30).unwrap();
    let error = read_checkpoint(&path).unwrap_err().to_string();
    assert!(error.contains("more than 2147483648 bytes"), "{error}");
}

#[test]
fn equal_tensors_have_their_names_again_and_lost_ones_are_told() {
    let weight = tensor("a.weight", FLOAT, &[1], &bytes(9, &1.5f32.to_le_bytes()));
    let equal =
        [node("Identity", &["a.weight"], "b.weight"), node("Conv", &["x", "b.weight"], "y"), weight.clone()];
    let weights = read(&model(&equal.concat())).unwrap();
    assert_eq!(weights.get("b.weight").unwrap(), weights.get("a.weight").unwrap());
    // A matrix that is transposed on its way is stored as the network had it.
    let turned = [
        node("Transpose", &["a.weight"], "/a/Transpose_0"),
        node("MatMul", &["x", "/a/Transpose_0"], "y"),
        weight.clone(),
    ];
    assert_eq!(read(&model(&turned.concat())).unwrap().parameters(), 1);
    // Products of two things that were both computed have no weights.
    let computed = [node("Transpose", &["k"], "t"), node("MatMul", &["q", "t"], "y"), weight.clone()];
    assert_eq!(read(&model(&computed.concat())).unwrap().parameters(), 1);
    let circle =
        [node("Cast", &["t"], "u"), node("Cast", &["u"], "t"), node("MatMul", &["q", "t"], "y"), weight];
    assert_eq!(read(&model(&circle.concat())).unwrap().parameters(), 1);
    for name in ["onnx::MatMul_9", "val_12", "310", "/a/Constant_output_0", "const_fold_opt__3"] {
        let weight = tensor(name, FLOAT, &[1], &bytes(9, &[0; 4]));
        let error = refused(&model(&[node("Conv", &["x", name], "y"), weight].concat()));
        assert!(error.contains("1 of 1 weights") && error.contains(name), "{error}");
    }
    let lost = [
        node("Identity", &["a.weight"], "onnx::Conv_7"),
        node("Conv", &["x", "a.weight"], "y"),
        node("Conv", &["y", "onnx::Conv_7"], "z"),
        tensor("a.weight", FLOAT, &[1], &bytes(9, &[0; 4])),
    ];
    let error = refused(&model(&lost.concat()));
    assert!(error.contains("1 of 2 weights") && error.contains("equal to `a.weight`"), "{error}");
}
