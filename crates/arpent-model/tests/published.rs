//! Published networks, without Burn: names of tensors, and the CPU engine's answers.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use arpent_base::Diagnostic as _;
use arpent_base::number::signed;
use arpent_engine::{Answers, Engine, Picture, PixelSource};
use arpent_model::{
    Architecture, Detection, DeviceChoice, HandSet, ImportOptions, MitSize, ModelPackage, ModelWindow,
    PixelDetection, Prediction, Predictor, Task, Weights, engine, import,
};
use arpent_raster::{Chip, Window};
use common::{
    architecture, assert_logits, encoder, folded, json, number, pixels, pyramid_encoder, segformer,
    state_dict,
};
use serde_json::Value;

/// Compares names and shapes of all tensors by their hash.
fn assert_tensors(row: &Value, architecture: &Architecture) {
    let mut lines: Vec<String> =
        architecture.training_tensors().iter().map(|t| format!("{}: {:?}\n", t.name, t.shape)).collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), number(&row["tensors"]), "{row}");
    assert_eq!(arpent_base::sha256_hex(lines.concat().as_bytes()), row["sha256"].as_str().unwrap(), "{row}");
}

#[test]
fn every_efficientnet_has_the_tensors_of_pytorch() {
    for row in json("unet-hashes.json")["networks"].as_array().unwrap() {
        let encoder = encoder(row["encoder"].as_str().unwrap());
        let decoder = vec![256, 128, 64, 32, 16];
        let unet = Architecture::EncoderUnet { encoder, in_channels: 4, out_channels: 3, decoder, dates: 1 };
        assert_tensors(row, &unet);
    }
}

#[test]
fn every_upernet_has_the_tensors_of_pytorch() {
    for row in json("upernet-hashes.json")["networks"].as_array().unwrap() {
        let encoder = pyramid_encoder(row["encoder"].as_str().unwrap());
        assert_tensors(row, &Architecture::Upernet { encoder, in_channels: 3, out_channels: 19 });
    }
}

/// The names of transformers 4, which published files have.
#[test]
fn every_segformer_has_the_tensors_of_transformers() {
    let hashes = json("segformer-hashes.json");
    let rows = hashes["networks"].as_array().unwrap();
    assert_eq!(rows.len(), MitSize::ALL.len());
    for (row, size) in rows.iter().zip(MitSize::ALL) {
        assert_eq!(row["encoder"].as_str(), Some(size.name()));
        assert_tensors(row, &Architecture::Segformer { size, in_channels: 3, out_channels: 2 });
    }
}

#[test]
fn every_pyramid_and_deeplab_has_the_tensors_of_pytorch() {
    for row in json("decoder-hashes.json")["networks"].as_array().unwrap() {
        let mut fixture = row.clone();
        fixture["in_channels"] = 4.into();
        fixture["classes"] = 3.into();
        assert_tensors(row, &architecture(&fixture));
    }
}

fn options(like: &str) -> ImportOptions {
    ImportOptions { id: "imported".into(), like: Some(like.into()), ..ImportOptions::default() }
}

/// A file as its Python class makes it; its license has to be accepted in words.
#[test]
fn a_license_that_forbids_commercial_use_has_to_be_given() {
    let file = state_dict(&json("segformer-b0.json"), "");
    let refused = import(&file, &options("restor-tcd-b0")).unwrap_err();
    let (message, hint) = (refused.to_string(), refused.hint().unwrap_or_default());
    assert!(message.contains("CC-BY-NC-4.0, forbids commercial use"), "{message}");
    assert!(hint.contains("--license CC-BY-NC-4.0"), "{hint}");
    let accepted = ImportOptions { license: Some("CC-BY-NC-4.0".into()), ..options("restor-tcd-b0") };
    let (package, ..) = import(&file, &accepted).unwrap();
    assert_eq!(package.license, "CC-BY-NC-4.0");
    assert_eq!(package.window, Some(ModelWindow { side_px: 1024, margin_px: 128 }));
}

/// A file as torchvision makes it, and as versions before 0.13 did.
#[test]
fn a_detector_is_imported_with_its_boxes_thresholds() {
    let fixture = json("retinanet-resnet50.json");
    let file = state_dict(&fixture, "model.");
    let mut former = Weights::default();
    for (key, tensor) in file.iter() {
        let key = key.replace("_blocks.0.0.", "_blocks.0.").replace("_head.conv.3.0.", "_head.conv.6.");
        former.insert(key, &tensor.shape, tensor.data.clone());
    }
    let unfinished = import(&former, &options("deepforest-tree")).unwrap_err().to_string();
    assert!(unfinished.contains("number of classes `2`"), "{unfinished}");
    let plain = ImportOptions {
        architecture: Some("retinanet-resnet50".into()),
        like: None,
        window: Some(ModelWindow { side_px: 448, margin_px: 64 }),
        ..options("")
    };
    for file in [file, former] {
        let (package, weights, adopted) = import(&file, &plain).unwrap();
        assert_eq!((adopted.prefix.as_str(), adopted.unused.len()), ("model.", 0));
        assert_eq!((package.task, package.stride_px), (Task::ObjectDetection, 64));
        assert_eq!(package.classes.classes().len(), 2);
        assert_eq!(package.detection, Some(Detection { threshold: 0.05, iou: 0.5 }));
        Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap();
    }
}

/// A sigmoid above 0.5 is a softmax of two classes: the second output is that of the file.
#[test]
fn a_head_with_one_output_becomes_two_classes() {
    let two = state_dict(&json("segformer-b0.json"), "model.");
    let mut one = Weights::default();
    for (key, tensor) in two.iter() {
        let is_head = key.contains("decode_head.classifier");
        let shape = if is_head { [&[1], &tensor.shape[1..]].concat() } else { tensor.shape.clone() };
        one.insert(key, &shape, tensor.data[tensor.data.len() - shape.iter().product::<usize>()..].to_vec());
    }
    let accepted = ImportOptions { license: Some("CC-BY-NC-4.0".into()), ..options("restor-tcd-b0") };
    for classes in [None, Some(1), Some(2)] {
        let (package, weights, _) = import(&one, &ImportOptions { classes, ..accepted.clone() }).unwrap();
        assert_eq!(package.classes.classes().len(), 2);
        let source = Planes { data: pixels(3, 64, 64), height: 64, width: 64 };
        let answers = scores(&engine(&package, &weights).unwrap(), &source);
        let whole = import(&two, &accepted).unwrap();
        let expected = scores(&engine(&whole.0, &whole.1).unwrap(), &source);
        let bits = |scores: &[f32]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
        assert!(answers[..64 * 64].iter().all(|score| score.abs() < f32::EPSILON));
        assert_eq!(bits(&answers[64 * 64..]), bits(&expected[64 * 64..]));
    }
    let error = import(&one, &ImportOptions { classes: Some(3), ..accepted }).unwrap_err();
    assert!(error.to_string().contains("decode_head.classifier"), "{error}");
}

/// A picture, plane by plane.
struct Planes {
    data: Vec<f32>,
    height: usize,
    width: usize,
}

impl PixelSource for Planes {
    fn row(&self, (start, count): (usize, usize), y: usize, cols: (usize, usize), to: &mut [f32]) {
        for (x, to) in (cols.0..cols.1).zip(to.chunks_exact_mut(count)) {
            for (c, to) in to.iter_mut().enumerate() {
                *to = self.data[((start + c) * self.height + y) * self.width + x];
            }
        }
    }
}

/// Scores of a picture, plane by plane.
fn scores(engine: &Engine, source: &Planes) -> Vec<f32> {
    let Planes { height, width, .. } = *source;
    let picture = Picture { width, height, first_row: 0, cols: (0, width), rows: (0, height) };
    let channels = engine.channels();
    let mut scores = vec![0.0; channels * height * width];
    let take = |answers: &Answers| {
        let (start, end) = answers.span();
        for y in start..end {
            for (x, pixel) in answers.row(y).chunks_exact(channels).enumerate() {
                pixel.iter().enumerate().for_each(|(c, v)| scores[(c * height + y) * width + x] = *v);
            }
        }
    };
    engine.run(&picture, source, take).unwrap();
    scores
}

/// The engine's scores of a fixture's network are those of PyTorch.
fn assert_engine(name: &str) {
    let fixture = json(&format!("{name}.json"));
    let architecture = architecture(&fixture);
    let weights = folded(&fixture, &architecture);
    let classes = u8::try_from(architecture.out_channels()).unwrap_or(1);
    assert_package(&fixture, &HandSet::segmentation(&[], classes).package(architecture), &weights);
}

fn assert_package(fixture: &Value, package: &ModelPackage, weights: &Weights) {
    let [channels, height, width] = ["in_channels", "height", "width"].map(|key| number(&fixture[key]));
    let source = Planes { data: pixels(channels, height, width), height, width };
    assert_logits(fixture, &scores(&engine(package, weights).unwrap(), &source));
}

#[test]
fn the_engine_answers_as_pytorch_with_pools_and_response_normalization() {
    assert_engine("upernet-convnextv2_tiny");
}

#[test]
fn the_engine_answers_as_pytorch_with_attention() {
    assert_engine("unet-mit_b0");
    assert_engine("upernet-swin_tiny");
    let fixture = json("segformer-b0.json");
    let (package, weights) = segformer(&fixture);
    assert_package(&fixture, &package, &weights);
}

#[test]
fn the_engine_answers_as_pytorch_with_groups_and_dilation() {
    for name in ["fpn-resnet34", "fpn-mit_b0", "deeplabv3plus-resnet18", "upernet5-convnextv2_tiny"] {
        assert_engine(name);
    }
}

#[test]
fn the_engine_answers_as_torchvision_with_anchors() {
    assert_engine("retinanet-resnet50");
}

/// A package of the detector in the fixture: raw values, windows of this side with this margin.
fn detector(fixture: &Value, side_px: usize, margin_px: usize) -> Predictor {
    let architecture = architecture(fixture);
    let threshold = arpent_base::number::narrow(fixture["threshold"].as_f64().unwrap());
    let package = HandSet {
        task: Task::ObjectDetection,
        detection: Some(Detection { threshold, iou: 0.05 }),
        ..HandSet::segmentation(&["red", "green", "blue"], 2)
    };
    let weights = folded(fixture, &architecture);
    let package = package.package(architecture).with_window(ModelWindow { side_px, margin_px });
    Predictor::load(&package, &weights, DeviceChoice::Cpu).unwrap()
}

/// A scene that repeats the fixture's pictures of 128 x 128 pixels.
fn scene(window: Window) -> Chip {
    let source = pixels(3, 128, 128);
    let mut chip = Chip::empty(window, 3);
    let place = |origin: i64, at: usize| usize::try_from((origin + signed(at)).rem_euclid(128)).unwrap();
    for band in 0..3 {
        for y in 0..window.height {
            for x in 0..window.width {
                chip.data[(band * window.height + y) * window.width + x] =
                    source[(band * 128 + place(window.row, y)) * 128 + place(window.col, x)];
            }
        }
    }
    chip.valid.fill(true);
    chip
}

/// All boxes of a picture, and no other: classes, scores and sides are those of torchvision.
#[test]
fn boxes_are_those_of_torchvision() {
    let fixture = json("retinanet-resnet50.json");
    let predictor = detector(&fixture, 128, 0);
    let core = Window::new(0, 0, 128, 128);
    let Prediction::Detections(found) = predictor.predict(&scene(core), &core).unwrap() else {
        unreachable!()
    };
    let expected = fixture["boxes"].as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    for row in expected {
        let values: Vec<f64> = row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let near = |one: &&PixelDetection| {
            let sides = one.bbox.iter().zip(&values[2..]).all(|(a, b)| (a - b).abs() < 1e-2);
            f64::from(one.class_id).total_cmp(&values[0]).is_eq() && sides
        };
        let one = found.iter().find(near).unwrap_or_else(|| panic!("no {row}"));
        assert!((f64::from(one.score) - values[1]).abs() < 1e-4, "{row}: {}", one.score);
    }
}

/// A box belongs to the window whose core holds its center, and is the same from every chip, part of the core and number of
/// threads.
#[test]
fn boxes_do_not_depend_on_how_a_core_is_asked_for() {
    let fixture = json("retinanet-resnet50.json");
    let predictor = detector(&fixture, 128, 32);
    let on = |threads: usize, chip: &Chip, core: &Window| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        match pool.install(|| predictor.predict(chip, core).unwrap()) {
            Prediction::Detections(found) => found,
            _ => unreachable!(),
        }
    };
    let whole = Window::new(-64, 192, 64, 64);
    let all = on(1, &scene(predictor.chip_of(&whole)), &whole);
    assert!(all.len() > 5, "{}", all.len());
    let center = |one: &PixelDetection| {
        let [west, north, east, south] = one.bbox;
        (f64::midpoint(west, east), f64::midpoint(north, south))
    };
    let holds = |core: &Window, one: &PixelDetection| {
        let (col, row) = center(one);
        let place = |v: f64| arpent_base::number::truncate::<i64>(v.floor());
        core.contains(&Window::new(place(col), place(row), 1, 1))
    };
    assert!(all.iter().all(|one| holds(&whole, one)));
    let larger = scene(predictor.chip_of(&whole).grow(9));
    let halves = [Window::new(-64, 192, 64, 20), Window::new(-64, 212, 64, 44)];
    for half in halves {
        let wanted: Vec<_> = all.iter().filter(|one| holds(&half, one)).cloned().collect();
        assert_eq!(on(3, &larger, &half), wanted, "{half}");
    }
    // What is not valid has no box.
    let mut holed = scene(predictor.filled_chip_of(&whole));
    let at = holed.window.offset_of(&whole).unwrap();
    for y in 0..64 {
        for x in 0..32 {
            holed.valid[(at.1 + y) * holed.window.width + at.0 + x] = false;
        }
    }
    let east = Window::new(-32, 192, 32, 64);
    let found = on(2, &holed, &whole);
    assert!(found.iter().all(|one| holds(&east, one)), "{found:?}");
    let refused = predictor.scores(&holed, &whole).unwrap_err().to_string();
    assert!(refused.contains("no scores of pixels"), "{refused}");
}

#[test]
fn the_engine_answers_as_pytorch_with_squeeze_and_excitation() {
    for name in ["unet-efficientnet-b0", "unet-efficientnet-b4"] {
        assert_engine(name);
    }
}

/// Pools of the whole window, bilinear interpolation, layer and response normalization.
#[test]
fn the_engine_answers_as_pytorch_with_pyramids() {
    assert_engine("upernet-convnextv2_tiny");
}
