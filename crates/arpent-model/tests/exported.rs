//! Graphs of PT2 archives, lowered to steps of our own: the scores of PyTorch (`benches/peers/parity_archives.py`), the same bits
//! whatever the chip, and what is refused.

#![allow(clippy::unwrap_used, reason = "test helpers; numbers are small")]

mod common;

use arpent_base::Diagnostic as _;
use arpent_base::number::{exact, narrow};
use arpent_engine::{Answers, Picture, PixelSource};
use arpent_model::{
    Architecture, DeviceChoice, ImportOptions, Imported, ModelPackage, ModelWindow, Network, Prediction,
    Predictor, StepActivation, Task, engine, import_file, receptive_field_radius,
};
use arpent_raster::{Chip, Raster, Window};
use burn::tensor::{Device, Tensor, TensorData};
use common::{json, number, parity, pixels, unit};

fn options(window: Option<ModelWindow>) -> ImportOptions {
    ImportOptions { id: "exported".into(), window, ..ImportOptions::default() }
}

fn imported(name: &str, bands: usize, is_local: bool) -> Imported {
    let window = (!is_local).then_some(ModelWindow { side_px: 32, margin_px: 4 });
    let names = ["red", "green", "blue", "nir"];
    let bands = Some(names[..bands].iter().map(|name| (*name).to_owned()).collect());
    import_file(&parity(name), &ImportOptions { bands, ..options(window) }).unwrap()
}

/// A picture, plane by plane.
struct Planes<'a> {
    data: &'a [f32],
    side: usize,
}

impl PixelSource for Planes<'_> {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        for (x, to) in (cols.0..cols.1).zip(to.chunks_exact_mut(count)) {
            for (c, to) in to.iter_mut().enumerate() {
                *to = self.data[((start + c) * self.side + y) * self.side + x];
            }
        }
    }
}

/// Scores of a picture by the engine of this machine, plane by plane.
fn by_engine(of: &Imported, data: &[f32], side: usize) -> Vec<f32> {
    let engine = engine(&of.package, &of.weights).unwrap();
    let picture = Picture { width: side, height: side, first_row: 0, cols: (0, side), rows: (0, side) };
    let (channels, area) = (engine.channels(), side * side);
    let mut scores = vec![0.0; channels * area];
    let take = |answers: &Answers| {
        let (start, end) = answers.span();
        for y in start..end {
            for (x, pixel) in answers.row(y).chunks_exact(channels).enumerate() {
                pixel.iter().enumerate().for_each(|(c, v)| scores[c * area + y * side + x] = *v);
            }
        }
    };
    engine.run(&picture, &Planes { data, side }, take).unwrap();
    scores
}

/// The softmax of scores; of the second class alone where PyTorch has one output.
fn probabilities(scores: &[f32], area: usize, only_second: bool) -> Vec<f64> {
    let planes = scores.len() / area;
    let share = |class: usize, at: usize| {
        let of = |class: usize| f64::from(scores[class * area + at]).exp();
        of(class) / (0..planes).map(of).sum::<f64>()
    };
    let classes = if only_second { 1..2 } else { 0..planes };
    classes.flat_map(|class| (0..area).map(move |at| (class, at))).map(|(c, at)| share(c, at)).collect()
}

#[test]
fn exported_networks_answer_as_in_pytorch() {
    let all = json("archives.json");
    let rows = all["archives"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let (name, side, bands) =
            (row["file"].as_str().unwrap(), number(&row["side"]), number(&row["bands"]));
        let of = imported(name, bands, matches!(name, "archive-unet.pt2" | "archive-doubled.pt2"));
        let data = pixels(bands, side, side);
        let architecture = &of.package.architecture;
        let network = Network::for_prediction(architecture, &of.weights, &Device::flex()).unwrap();
        let input = Tensor::from_data(TensorData::new(data.clone(), [1, bands, side, side]), &Device::flex());
        let by_burn: Vec<f32> = network.forward(input).into_data().try_into_vec().unwrap();
        for (engine, scores) in [("engine", by_engine(&of, &data, side)), ("burn", by_burn)] {
            let ours: Vec<f64> = match name {
                "archive-dilated.pt2" | "archive-doubled.pt2" | "archive-normalized.pt2" => {
                    scores.iter().map(|score| f64::from(*score)).collect()
                }
                _ => probabilities(&scores, side * side, name == "archive-unet.pt2"),
            };
            let theirs: Vec<f64> =
                row["output"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let most = theirs.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
            assert_eq!(theirs.len(), ours.len().div_ceil(7), "{name}");
            let apart = ours.iter().step_by(7).zip(&theirs).map(|(a, b)| (a - b).abs() / most);
            let worst = apart.fold(0.0, f64::max);
            assert!(worst <= 1e-4, "{name} by {engine}: {worst}");
            let spread = theirs.iter().fold(f64::MAX, |least, value| least.min(*value));
            assert!(most - spread > 0.05, "{name}: equal scores everywhere show nothing");
        }
    }
}

#[test]
fn a_local_network_has_its_field_and_others_a_window() {
    let unet = imported("archive-unet.pt2", 3, true).package;
    assert_eq!((unet.window, unet.stride_px, unet.classes.classes().len()), (None, 4, 2));
    let radius = receptive_field_radius(&unet.architecture).unwrap();
    assert!((8..40).contains(&radius) && unet.overlap_px >= radius, "{radius}");
    let gated = imported("archive-gated.pt2", 4, false).package;
    assert_eq!((gated.window, gated.stride_px), (Some(ModelWindow { side_px: 32, margin_px: 4 }), 2));
    assert_eq!(receptive_field_radius(&gated.architecture), None);
    for (name, window, expected) in [
        ("archive-gated.pt2", None, "--window is missing"),
        ("archive-unet.pt2", Some(ModelWindow { side_px: 32, margin_px: 4 }), "--window does not apply"),
    ] {
        let error = import_file(&parity(name), &options(window)).unwrap_err();
        assert!(error.to_string().contains(expected) && error.hint().is_some(), "{error}");
    }
}

#[test]
fn normalizations_are_folded_and_activations_kept() {
    let Architecture::Graph { steps, .. } = imported("archive-unet.pt2", 3, true).package.architecture else {
        unreachable!()
    };
    // Seven convolutions, one of which the sum reads, and the class beside the background; nothing for normalizations,
    // activations and the dropout.
    let text = serde_json::to_string(&steps).unwrap();
    assert_eq!(text.matches("\"op\":\"conv\"").count(), 8, "{text}");
    assert_eq!(steps.len(), 8 + 2 + 2 + 2 + 1, "{text}");
    let sums = steps
        .iter()
        .filter(|step| matches!(step, arpent_model::GraphStep::Add { activation: StepActivation::Relu, .. }));
    assert_eq!(sums.count(), 1, "{text}");
}

/// Scores of an area, by cores of a side: the same bits whatever the side.
fn bits(predictor: &Predictor, area: Window, side: usize, bands: usize) -> Vec<u32> {
    let mut all = vec![0; area.width * area.height];
    for row in (0..area.height).step_by(side) {
        for col in (0..area.width).step_by(side) {
            let at = |origin: i64, by: usize| origin + i64::try_from(by).unwrap();
            let core = Window::new(at(area.col, col), at(area.row, row), side, side);
            let mut chip = Chip::empty(predictor.filled_chip_of(&core), bands);
            let (width, height) = (chip.window.width, chip.window.height);
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (east, south) = (at(chip.window.col, x), at(chip.window.row, y));
                chip.valid[y * width + x] = east + south > 9;
                for band in 0..bands {
                    let key = format!("{band} {east} {south}");
                    chip.data[(band * height + y) * width + x] = narrow((unit(&key, 1) * 256.0).floor());
                }
            }
            let scores = predictor.scores(&chip, &core).unwrap();
            for (i, score) in scores.iter().skip(side * side).take(side * side).enumerate() {
                all[(row + i / side) * area.width + col + i % side] = score.to_bits();
            }
        }
    }
    all
}

#[test]
fn a_pixel_gets_the_same_bits_from_every_chip() {
    for (name, bands, is_local) in [
        ("archive-unet.pt2", 3, true),
        ("archive-dilated.pt2", 3, false),
        ("archive-doubled.pt2", 3, true),
        ("archive-normalized.pt2", 3, false),
    ] {
        let of = imported(name, bands, is_local);
        let predictor = Predictor::load(&of.package, &of.weights, DeviceChoice::Cpu).unwrap();
        let area = Window::new(-24, 24, 48, 24);
        let whole = bits(&predictor, area, 24, bands);
        assert!(whole.iter().any(|score| *score != whole[0]));
        // Cores begin at multiples of the stride.
        for side in [if name == "archive-doubled.pt2" { 8 } else { 4 }, 12] {
            assert_eq!(bits(&predictor, area, side, bands), whole, "{name}, cores of {side} px");
        }
        if is_local {
            // A convolution reads what lies beside its core only.
            let shifted = Window { width: 24, ..area };
            let part: Vec<u32> = (0..24).flat_map(|y| whole[y * 48..y * 48 + 24].to_vec()).collect();
            assert_eq!(bits(&predictor, shifted, 8, bands), part);
        }
    }
}

#[test]
fn a_package_of_an_exported_graph_comes_back() {
    let mut of = imported("archive-gated.pt2", 4, false);
    let folder = tempfile::tempdir().unwrap();
    of.package.save(&of.weights, folder.path()).unwrap();
    let (package, weights) = ModelPackage::load(folder.path()).unwrap();
    assert_eq!((&package, weights.parameters()), (&of.package, of.weights.parameters()));
    // Steps that do not fit each other are refused before anything is built of them.
    let path = folder.path().join("model.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in
        [("\"side\": 1", "\"side\": 99"), ("\"level\": 0", "\"level\": 1"), ("\"from\": 0", "\"from\": 7")]
    {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let error = ModelPackage::load(folder.path()).unwrap_err();
        assert!(error.to_string().contains("architecture"), "{error}");
    }
}

/// Scores as measured values: the sigmoid stays.
#[test]
fn an_exported_regressor_keeps_its_last_activation() {
    let values = Some(vec!["cover:1".parse().unwrap()]);
    let of = import_file(&parity("archive-unet.pt2"), &ImportOptions { values, ..options(None) }).unwrap();
    assert_eq!((of.package.task, of.package.values.len()), (Task::Regression, 1));
    let predictor = Predictor::load(&of.package, &of.weights, DeviceChoice::Cpu).unwrap();
    let core = Window::new(0, 0, 16, 16);
    let mut chip = Chip::empty(predictor.chip_of(&core), 3);
    chip.valid.fill(true);
    chip.data.iter_mut().enumerate().for_each(|(i, value)| *value = narrow(exact(i * 61 % 255)));
    let Prediction::Values(found) = predictor.predict(&chip, &core).unwrap() else { unreachable!() };
    let all: Vec<f32> = found.iter().flat_map(Raster::data).copied().collect();
    assert!(all.iter().all(|share| (0.0..=1.0).contains(share)) && all.iter().any(|share| *share < 0.9));
    let two = Some(vec!["a".parse().unwrap(), "b".parse().unwrap()]);
    let error = import_file(&parity("archive-unet.pt2"), &ImportOptions { values: two, ..options(None) });
    assert!(error.unwrap_err().to_string().contains("--values gives 2, the graph has 1 outputs"));
}

#[test]
fn what_is_not_run_is_listed() {
    let refused = |name: &str| {
        let error = import_file(&parity(name), &options(None)).unwrap_err();
        assert!(error.hint().unwrap().contains("ONNX"), "{error}");
        error.to_string()
    };
    let text = refused("archive-unknown.pt2");
    assert!(text.contains("aten.leaky_relu.default (1), aten.pixel_shuffle.default (1)"), "{text}");
    assert!(!text.contains("conv2d.default"), "{text}");
    assert!(refused("archive-dynamic.pt2").contains("dynamic shapes"));
    let bands = Some(vec!["red".to_owned()]);
    let error =
        import_file(&parity("archive-unet.pt2"), &ImportOptions { bands, ..options(None) }).unwrap_err();
    assert!(error.to_string().contains("--bands gives 1, the graph has 3 bands"), "{error}");
    let classes = Some(7);
    let error = import_file(&parity("archive-unet.pt2"), &ImportOptions { classes, ..options(None) });
    assert!(error.unwrap_err().to_string().contains("--classes gives 7, the graph has 2 classes"));
}
