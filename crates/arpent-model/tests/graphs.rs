//! Graphs of ONNX files that are run: the same outputs as ONNX Runtime (`benches/peers/parity_graphs.py`), the same bits
//! whatever the chip and the threads; damaged and hostile files.

#![allow(clippy::unwrap_used, reason = "test helpers; numbers are small")]

mod common;

use std::fs;
use std::path::Path;

use arpent_base::Diagnostic as _;
use arpent_base::number::{exact, narrow, truncate};
use arpent_model::{
    Architecture, DeviceChoice, ImportOptions, Imported, ModelError, ModelPackage, ModelWindow, OnnxOutput,
    Prediction, Predictor, Task, import_file,
};
use arpent_raster::{Chip, Raster, Window};
use common::{json, number, parity, unit};
use serde_json::Value;

fn options() -> ImportOptions {
    ImportOptions { id: "graph".into(), ..ImportOptions::default() }
}

/// A fixture with windows of its side, of which `margin_px` are not kept.
fn imported(name: &str, margin_px: usize) -> (Imported, Value) {
    let all = json("graphs.json");
    let row = all["graphs"].as_array().unwrap().iter().find(|row| row["file"] == name).unwrap().clone();
    let window = Some(ModelWindow { side_px: number(&row["side"]), margin_px });
    (import_file(&parity(name), &ImportOptions { window, ..options() }).unwrap(), row)
}

fn predictor(imported: &Imported) -> Predictor {
    Predictor::load(&imported.package, &imported.weights, DeviceChoice::Cpu).unwrap()
}

/// The pixels of a fixture at the place of a window.
fn chip(window: Window, bands: usize) -> Chip {
    let mut chip = Chip::empty(window, bands);
    chip.valid.fill(true);
    for (index, value) in (0u64..).zip(&mut chip.data) {
        *value = narrow((unit("input", index) * 256.0).floor());
    }
    chip
}

/// The output of ONNX Runtime, and the greatest of its values.
fn expected(row: &Value) -> (Vec<f64>, f64) {
    let output: Vec<f64> =
        row["output"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    let most = output.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    (output, most)
}

#[test]
fn outputs_are_those_of_onnx_runtime() {
    let mut worst: f64 = 0.0;
    for (name, output, classes) in [
        ("graph-segmentor.onnx", OnnxOutput::Probabilities, 3),
        ("graph-half.onnx", OnnxOutput::Probabilities, 2),
        ("graph-computed.onnx", OnnxOutput::Logits, 4),
    ] {
        let (mut imported, row) = imported(name, 0);
        let architecture = Architecture::Onnx { in_channels: number(&row["bands"]), classes, output };
        assert_eq!(imported.package.architecture, architecture, "{name}");
        // A threshold moves the scores.
        imported.package.threshold = None;
        let side = number(&row["side"]);
        let core = Window::new(3 * 16, -16, side, side);
        let scores = predictor(&imported).scores(&chip(core, number(&row["bands"])), &core).unwrap();
        let (expected, most) = expected(&row);
        let area = side * side;
        let scores: Vec<f64> = scores.iter().map(|score| f64::from(*score)).collect();
        let ours: Vec<f64> = match (output, expected.len() == area) {
            (OnnxOutput::Probabilities, true) => {
                scores[area..].iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect()
            }
            (OnnxOutput::Probabilities, false) => scores.iter().map(|score| score.exp()).collect(),
            _ => scores,
        };
        assert_eq!(ours.len(), expected.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(&expected) {
            worst = worst.max((ours - theirs).abs() / most);
        }
        assert!(worst <= 1e-4, "{name}: {worst}");
    }
    assert!(worst > 0.0, "another program adds in another order");
}

/// Measured values: the output of ONNX Runtime, times the factors of the metadata.
#[test]
fn values_are_those_of_onnx_runtime() {
    let (imported, row) = imported("graph-regressor.onnx", 0);
    let package = &imported.package;
    assert_eq!((package.task, package.classes.classes().len()), (Task::Regression, 0));
    let values: Vec<_> = package.values.iter().map(|value| (value.name.as_str(), value.scale)).collect();
    assert_eq!(values, [("canopy height", 1.0), ("biomass", 0.5)]);
    let core = Window::new(0, -16, 16, 16);
    let Prediction::Values(found) = predictor(&imported).predict(&chip(core, 3), &core).unwrap() else {
        unreachable!()
    };
    let (expected, most) = expected(&row);
    let theirs = expected.iter().zip([1.0, 0.5].iter().flat_map(|scale| [scale; 256])).map(|(v, s)| v * s);
    let ours = found.iter().flat_map(Raster::data).map(|value| f64::from(*value));
    let worst = ours.zip(theirs).fold(0.0, |worst: f64, (ours, theirs)| worst.max((ours - theirs).abs()));
    assert_eq!(found.iter().map(|raster| raster.data().len()).sum::<usize>(), expected.len());
    assert!(most > 0.1 && worst <= 1e-5 * most.max(1.0), "{worst} of {most}");
    // Invalid pixels have no value, and those of a part of a core are the same.
    let mut holes = chip(predictor(&imported).filled_chip_of(&core), 3);
    holes.valid.iter_mut().step_by(7).for_each(|valid| *valid = false);
    let (predictor, part) = (predictor(&imported), Window::new(4, -12, 5, 3));
    let answer = |core: &Window| match predictor.predict(&holes, core).unwrap() {
        Prediction::Values(values) => values,
        _ => unreachable!(),
    };
    let bits = |raster: &Raster<f32>| raster.data().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for (whole, part_of) in answer(&core).iter().zip(answer(&part)) {
        assert_eq!(bits(&whole.crop(part).unwrap()), bits(&part_of));
        assert!(
            whole.data().iter().any(|value| value.is_nan()) && whole.data().iter().any(|v| v.is_finite())
        );
    }
    // Boxes and labels of pixels are another thing.
    let named = vec!["a".parse().unwrap()];
    let error =
        import_file(&parity("graph-regressor.onnx"), &ImportOptions { values: Some(named), ..options() });
    let error = error.unwrap_err();
    assert!(
        error.to_string().contains("names 1, the graph has 2 outputs") && error.hint().is_some(),
        "{error}"
    );
}

#[test]
fn boxes_are_those_of_the_output() {
    let (imported, row) = imported("graph-detector.onnx", 0);
    assert!((imported.package.detection.unwrap().threshold - 0.4).abs() < 1e-6);
    let (output, _) = expected(&row);
    let core = Window::new(0, 32, 16, 16);
    let Prediction::Detections(found) = predictor(&imported).predict(&chip(core, 3), &core).unwrap() else {
        unreachable!()
    };
    // The best box of all is kept, whatever it overlaps.
    let best = output.chunks_exact(7).max_by(|a, b| a[4].total_cmp(&b[4])).unwrap();
    assert!(best[4] > 0.4 && !found.is_empty(), "{best:?}");
    let class_id = u8::from(best[6] > best[5]);
    let (x, y) = (best[0], best[1] + 32.0);
    let close = |a: f64, b: f64| (a - b).abs() < 1e-3;
    let is_it = |one: &&arpent_model::PixelDetection| {
        let [west, north, east, south] = one.bbox;
        one.class_id == class_id
            && close(f64::from(one.score), best[4])
            && (close(f64::midpoint(west, east), x) || west <= 0.0)
            && (close(f64::midpoint(north, south), y) || north <= 32.0)
    };
    assert_eq!(found.iter().filter(is_it).count(), 1, "{best:?} {found:?}");
    assert!(found.iter().all(|one| one.score >= 0.4));
}

/// Labels of every pixel of an area, put together of the cores of a lattice or of parts of them.
fn labels(predictor: &Predictor, area: Window, cut: usize) -> Vec<(u8, u8)> {
    let side = predictor.window_px();
    let mut all = vec![(0, 0); area.width * area.height];
    for row in (0..area.height).step_by(cut) {
        for col in (0..area.width).step_by(cut) {
            let at = |origin: i64, by: usize| origin + i64::try_from(by).unwrap();
            let core = Window::new(at(area.col, col), at(area.row, row), cut, cut);
            let mut chip = Chip::empty(predictor.filled_chip_of(&core), 3);
            for y in 0..chip.window.height {
                for x in 0..chip.window.width {
                    let (east, south) = (at(chip.window.col, x), at(chip.window.row, y));
                    let index = y * chip.window.width + x;
                    // A corner of the scene has no pixels: they are filled, the same whatever the chip.
                    chip.valid[index] = east + south > 9;
                    for band in 0..3 {
                        let key = format!("{band} {east} {south}");
                        let place = band * chip.window.height * chip.window.width + index;
                        chip.data[place] = narrow((unit(&key, 1) * 256.0).floor());
                    }
                }
            }
            let Prediction::Labels { labels, confidence } = predictor.predict(&chip, &core).unwrap() else {
                unreachable!()
            };
            for (i, answer) in labels.data().iter().zip(confidence.data()).enumerate() {
                all[(row + i / cut) * area.width + col + i % cut] = (*answer.0, *answer.1);
            }
        }
    }
    assert!(side.is_multiple_of(cut));
    all
}

#[test]
fn parts_of_cores_and_threads_change_no_bits() {
    let (imported, _) = imported("graph-segmentor.onnx", 2);
    let predictor = predictor(&imported);
    let area = Window::new(-12, 12, 48, 36);
    let whole = labels(&predictor, area, 12);
    let classes: std::collections::BTreeSet<u8> = whole.iter().map(|(label, _)| *label).collect();
    assert!(classes.len() >= 3, "one class everywhere shows nothing: {classes:?}");
    for (threads, cut) in [(1, 4), (3, 6), (4, 12)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| labels(&predictor, area, cut)), whole, "{threads} threads");
    }
}

#[test]
fn a_package_of_a_graph_comes_back() {
    let (mut imported, _) = imported("graph-segmentor.onnx", 2);
    let folder = tempfile::tempdir().unwrap();
    imported.package.save(&imported.weights, folder.path()).unwrap();
    assert!(folder.path().join("network.onnx").is_file());
    let (package, weights) = ModelPackage::load(folder.path()).unwrap();
    assert_eq!(package, imported.package);
    assert_eq!(weights.parameters(), imported.weights.parameters());
    assert_eq!(weights.to_bytes().unwrap(), imported.weights.to_bytes().unwrap());
    let core = Window::new(0, 0, 12, 12);
    let answer = |predictor: &Predictor| {
        let chip = chip(predictor.filled_chip_of(&core), 3);
        predictor.scores(&chip, &core).unwrap()
    };
    let loaded = Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap();
    assert_eq!(answer(&loaded), answer(&predictor(&imported)));
    assert!(loaded.engine().contains("rten") && !loaded.is_on_gpu());
    // Another window than that of the graph in the file, and a GPU.
    let refused = |package: &ModelPackage, choice| Predictor::load(package, &weights, choice).unwrap_err();
    let error = refused(&package, DeviceChoice::Vulkan);
    assert!(error.to_string().contains("on the CPU only") && error.hint().is_some(), "{error}");
    let bytes = fs::read(folder.path().join("network.onnx")).unwrap();
    fs::write(folder.path().join("network.onnx"), &bytes[..bytes.len() - 1]).unwrap();
    let error = ModelPackage::load(folder.path()).unwrap_err();
    assert!(matches!(error, ModelError::WrongHash { .. }), "{error}");
}

#[test]
fn deepness_states_what_a_package_needs() {
    let imported = import_file(&parity("graph-segmentor.onnx"), &options()).unwrap();
    let package = &imported.package;
    assert_eq!(package.window, Some(ModelWindow { side_px: 64, margin_px: 8 }));
    assert!((package.gsd_m.nominal - 0.2).abs() < 1e-9);
    let bands: Vec<_> = package.bands.iter().map(|b| (b.name.as_str(), b.number)).collect();
    assert_eq!(bands, [("red", Some(1)), ("green", Some(2)), ("blue", Some(3))]);
    assert!((package.bands[1].mean - 0.4 * 255.0).abs() < 1e-3 && (package.bands[2].std - 76.5).abs() < 1e-3);
    let names: Vec<_> = package.classes.classes().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["background", "road", "roof"]);
    let half = import_file(&parity("graph-half.onnx"), &options()).unwrap().package;
    assert_eq!((half.threshold, half.classes.classes().len()), (Some(0.6), 2));
}

/// The class beside the background is given where its probability reaches the threshold.
#[test]
fn a_threshold_is_that_of_the_metadata() {
    let (imported, row) = imported("graph-half.onnx", 0);
    let core = Window::new(0, 0, 16, 16);
    let Prediction::Labels { labels, .. } = predictor(&imported).predict(&chip(core, 1), &core).unwrap()
    else {
        unreachable!()
    };
    let (expected, _) = expected(&row);
    let clear = |p: &f64| (p - 0.6).abs() > 1e-4;
    let wrong = labels.data().iter().zip(&expected).filter(|(l, p)| clear(p) && (**l == 1) != (**p > 0.6));
    assert_eq!(wrong.count(), 0);
    let between = expected.iter().filter(|p| (0.5..0.6).contains(*p)).count();
    assert!(between > 0, "no pixel shows the threshold");
}

#[test]
fn what_a_file_does_not_state_is_asked_for() {
    let refused = |name: &str, options: ImportOptions| {
        let error = import_file(&parity(name), &options).unwrap_err();
        format!("{error} hint: {}", error.hint().unwrap())
    };
    let text = refused("graph-computed.onnx", options());
    assert!(text.contains("--window is missing") && text.contains("--window (16)"), "{text}");
    let window = Some(ModelWindow { side_px: 32, margin_px: 4 });
    let text = refused("graph-computed.onnx", ImportOptions { window, ..options() });
    assert!(text.contains("--window is 32 px, the graph takes pictures of 16 px"), "{text}");
    let window = Some(ModelWindow { side_px: 16, margin_px: 4 });
    let bands = Some(vec!["red".to_owned()]);
    let text = refused("graph-computed.onnx", ImportOptions { window, bands, ..options() });
    assert!(text.contains("names 1 bands, the graph takes 3"), "{text}");
    let text = refused("graph-computed.onnx", ImportOptions { window, classes: Some(7), ..options() });
    assert!(text.contains("--classes is 7, the graph has 4"), "{text}");
    let overlap = Some((8, "measured".to_owned()));
    let text = refused("graph-computed.onnx", ImportOptions { window, overlap, ..options() });
    assert!(text.contains("--overlap does not apply"), "{text}");
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(truncate::<u8>(exact(value & 0x7f)) | 0x80);
        value >>= 7;
    }
    bytes.push(truncate::<u8>(exact(value)));
    bytes
}

fn field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn bytes(number: u64, inside: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(inside.len() as u64), inside.to_vec()].concat()
}

fn port(number: u64, name: &str, kind: u64, sizes: &[u64]) -> Vec<u8> {
    let dimensions: Vec<u8> = sizes.iter().flat_map(|size| bytes(1, &field(1, *size))).collect();
    let tensor = [field(1, kind), bytes(2, &dimensions)].concat();
    bytes(number, &[bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat())
}

fn node(operator: &str, inputs: &[&str], output: &str, more: &[u8]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| bytes(1, input.as_bytes())).collect();
    bytes(1, &[inputs, bytes(2, output.as_bytes()), bytes(4, operator.as_bytes()), more.to_vec()].concat())
}

fn tensor(name: &str, kind: u64, sizes: &[u64], more: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| field(1, *size)).collect();
    bytes(5, &[sizes, field(2, kind), bytes(8, name.as_bytes()), more.to_vec()].concat())
}

/// A file of version 17 of the operators.
fn model(parts: &[Vec<u8>]) -> Vec<u8> {
    let operators = bytes(8, &[bytes(1, b""), field(2, 17)].concat());
    [field(1, 8), operators, bytes(7, &parts.concat())].concat()
}

fn picture() -> Vec<u8> {
    port(11, "x", 1, &[1, 1, 16, 16])
}

#[track_caller]
fn refused(file: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.onnx");
    fs::write(&path, file).unwrap();
    let window = Some(ModelWindow { side_px: 16, margin_px: 4 });
    let bands = Some(vec!["red".to_owned()]);
    let error = import_file(&path, &ImportOptions { window, bands, ..options() }).unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control), "{text:?}");
    text
}

#[test]
fn hostile_files_are_refused() {
    let out = port(12, "y", 1, &[]);
    let relu = node("Relu", &["x"], "y", &[]);
    let inner = bytes(5, &[bytes(1, b"then_branch"), bytes(6, &[])].concat());
    let external =
        [bytes(13, &[bytes(1, b"location"), bytes(2, b"/etc/passwd")].concat()), field(14, 1)].concat();
    let many: Vec<u8> = (0..70_000).flat_map(|_| node("Relu", &["x"], "", &[])).collect();
    let nan = bytes(9, &f32::NAN.to_le_bytes());
    for (expected, parts) in [
        ("it has no input", vec![node("Constant", &[], "y", &[]), out.clone()]),
        ("several inputs (`x`, `z`)", vec![picture(), port(11, "z", 1, &[1]), relu.clone(), out.clone()]),
        ("`x` has 2 axes", vec![port(11, "x", 1, &[1, 16]), relu.clone(), out.clone()]),
        ("batches of 4", vec![port(11, "x", 1, &[4, 1, 16, 16]), relu.clone(), out.clone()]),
        ("numbers of type 2", vec![port(11, "x", 2, &[1, 1, 16, 16]), relu.clone(), out.clone()]),
        ("the bands last", vec![port(11, "x", 1, &[1, 64, 64, 3]), relu.clone(), out.clone()]),
        ("16 x 32 px", vec![port(11, "x", 1, &[1, 1, 32, 16]), relu.clone(), out.clone()]),
        ("it has no output", vec![picture(), relu.clone()]),
        ("`y` is computed by no node", vec![picture(), tensor("y", 1, &[0], &[]), out.clone()]),
        (
            "not run: Unknown (1), ai.other.Relu (2)",
            vec![
                picture(),
                node("Relu", &["x"], "a", &bytes(7, b"ai.other")),
                node("Relu", &["a"], "b", &bytes(7, b"ai.other")),
                node("Unknown", &["b"], "y", &[]),
                out.clone(),
            ],
        ),
        ("RandomNormalLike (1)", vec![picture(), node("RandomNormalLike", &["x"], "y", &[]), out.clone()]),
        ("If with a graph inside", vec![picture(), node("If", &["x"], "y", &inner), out.clone()]),
        ("no node before it computes `z`", vec![picture(), node("Relu", &["z"], "y", &[]), out.clone()]),
        ("no node before it computes `y`", vec![picture(), node("Relu", &["y"], "y", &[]), out.clone()]),
        ("two values have the name `y`", vec![picture(), relu.clone(), relu.clone(), out.clone()]),
        ("in another file", vec![picture(), tensor("w", 1, &[1], &external), relu.clone(), out.clone()]),
        ("in another file", vec![picture(), tensor("w", 7, &[1], &external), relu.clone(), out.clone()]),
        ("not a number (index 0)", vec![picture(), tensor("w", 1, &[1], &nan), relu.clone(), out.clone()]),
        ("bytes of F32", vec![picture(), tensor("w", 1, &[3], &nan), relu.clone(), out.clone()]),
        ("more than 1073741824 values", vec![picture(), tensor("w", 1, &[1 << 40], &[]), out.clone()]),
        ("more than 65536 nodes", vec![picture(), many, out.clone()]),
        ("sparse", vec![picture(), bytes(15, &[]), relu.clone(), out.clone()]),
        ("cannot be run", vec![picture(), node("Conv", &["x"], "y", &[]), out.clone()]),
        (
            "expected [1, classes, 16, 16]",
            vec![
                picture(),
                tensor("pads", 7, &[8], &bytes(9, &[0, 0, 0, 0, 0, 0, 1, 1].map(u64::to_le_bytes).concat())),
                node("Pad", &["x", "pads"], "y", &[]),
                out.clone(),
            ],
        ),
        (
            "more than",
            vec![
                picture(),
                tensor(
                    "repeats",
                    7,
                    &[4],
                    &bytes(9, &[1, 1, 1 << 20, 1 << 20].map(u64::to_le_bytes).concat()),
                ),
                node("Tile", &["x", "repeats"], "t", &[]),
                node("Relu", &["t"], "y", &[]),
                out.clone(),
            ],
        ),
    ] {
        let text = refused(&model(&parts));
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(refused(b"").contains("no graph"));
    assert!(refused(&[0xff; 40]).contains("not an ONNX file"));
    let whole = fs::read(parity("graph-segmentor.onnx")).unwrap();
    for length in (0..whole.len()).step_by(7) {
        refused(&whole[..length]);
    }
}

/// Constants that a file asks to be computed to more than any machine holds.
#[test]
fn constants_of_any_size_are_refused() {
    let out = port(12, "y", 1, &[]);
    let sizes = |of: &[u64]| bytes(9, &of.iter().flat_map(|size| size.to_le_bytes()).collect::<Vec<u8>>());
    for operator in ["ConstantOfShape", "Expand", "Tile"] {
        let one = tensor("one", 1, &[1], &bytes(9, &1f32.to_le_bytes()));
        let shape = tensor("shape", 7, &[3], &sizes(&[1 << 20, 1 << 20, 1 << 10]));
        let inputs = if operator == "ConstantOfShape" { vec!["shape"] } else { vec!["one", "shape"] };
        let parts = [
            picture(),
            one,
            shape,
            node(operator, &inputs, "c", &[]),
            node("Add", &["x", "c"], "y", &[]),
            out.clone(),
        ];
        let text = refused(&model(&parts));
        assert!(text.contains("more than") && text.contains(operator), "{operator}: {text}");
    }
}

#[test]
fn a_native_import_stays_native() {
    // An architecture asks for the weights; their names are read as ever.
    let error = import_file(
        &parity("exported.onnx"),
        &ImportOptions { architecture: Some("unet-resnet18".into()), ..options() },
    );
    assert!(matches!(error.unwrap_err(), ModelError::AnotherNetwork { .. } | ModelError::Onnx { .. }));
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).is_dir());
}
