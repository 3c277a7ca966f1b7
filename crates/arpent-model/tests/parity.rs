//! Compares our networks with PyTorch's, for the same weights and pixels: `parity/unet-*.json` contain the outputs of
//! segmentation_models_pytorch, `parity/checkpoints.json` the contents of PyTorch's files (made by
//! `benches/peers/make_parity.py`).

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "test helpers; numbers are small"
)]

mod common;

use std::fs;
use std::path::Path;

use arpent_model::{
    Architecture, Encoder, ModelError, Network, TensorShape, Weights, adopt, adopt_encoder, fold, initial,
    read_checkpoint, unfold,
};
use burn::tensor::{Device, Tensor, TensorData};
use common::{
    architecture, assert_logits, bits, folded, json, number, parity, pixels, segformer, state_dict, unit,
};
use serde_json::Value;

#[test]
fn the_formula_is_that_of_the_fixtures() {
    for row in json("formula.json")["rows"].as_array().unwrap() {
        let key = row["key"].as_str().unwrap();
        for (index, expected) in (0..).zip(row["bits"].as_array().unwrap()) {
            assert_eq!(format!("{:016x}", bits(key, index)), expected.as_str().unwrap(), "{key} {index}");
        }
    }
}

/// The scores of a network for a picture, plane by plane.
fn scores(network: &Network, channels: usize, height: usize, width: usize) -> Vec<f32> {
    let input = TensorData::new(pixels(channels, height, width), [1, channels, height, width]);
    network.forward(Tensor::from_data(input, &Device::flex())).into_data().try_into_vec().unwrap()
}

fn assert_parity(name: &str) {
    let fixture = json(&format!("{name}.json"));
    let architecture = architecture(&fixture);
    let weights = folded(&fixture, &architecture);
    let network = Network::for_prediction(&architecture, &weights, &Device::flex()).unwrap();
    let [channels, height, width] = ["in_channels", "height", "width"].map(|key| number(&fixture[key]));
    assert_logits(&fixture, &scores(&network, channels, height, width));
}

#[test]
fn unets_with_resnets_answer_as_in_pytorch() {
    for name in ["resnet18", "resnet34", "resnet34-rgb", "resnet50"] {
        assert_parity(&format!("unet-{name}"));
    }
}

#[test]
fn unets_with_frugal_encoders_answer_as_in_pytorch() {
    for name in ["mobilenet_v2", "tf_efficientnet_lite0"] {
        assert_parity(&format!("unet-{name}"));
    }
}

#[test]
fn unets_with_squeeze_and_excitation_answer_as_in_pytorch() {
    for name in ["efficientnet-b0", "efficientnet-b4"] {
        assert_parity(&format!("unet-{name}"));
    }
}

#[test]
fn transformers_answer_as_in_pytorch() {
    assert_parity("unet-mit_b0");
}

#[test]
fn segformers_answer_as_in_transformers() {
    let fixture = json("segformer-b0.json");
    let (package, weights) = segformer(&fixture);
    let network = Network::for_prediction(&package.architecture, &weights, &Device::flex()).unwrap();
    let [channels, height, width] = ["in_channels", "height", "width"].map(|key| number(&fixture[key]));
    assert_logits(&fixture, &scores(&network, channels, height, width));
}

#[test]
fn upernets_answer_as_in_pytorch() {
    assert_parity("upernet-convnextv2_tiny");
    assert_parity("upernet-swin_tiny");
}

/// Groups of channels, corners aligned; dilated and depthwise convolutions without a bias.
#[test]
fn other_decoders_answer_as_in_pytorch() {
    for name in ["fpn-resnet34", "fpn-mit_b0", "deeplabv3plus-resnet18", "upernet5-convnextv2_tiny"] {
        assert_parity(name);
    }
}

/// The values of five feature maps, coarsest first.
#[test]
fn detectors_answer_as_in_torchvision() {
    assert_parity("retinanet-resnet50");
}

#[test]
fn folding_and_unfolding_change_no_answer() {
    let fixture = json("unet-mobilenet_v2.json");
    let architecture = architecture(&fixture);
    let folded =
        fold(&architecture, &adopt(&architecture, &state_dict(&fixture, "")).unwrap().state).unwrap();
    let again = fold(&architecture, &unfold(&architecture, &folded).unwrap()).unwrap();
    for ((name, a), (_, b)) in folded.iter().zip(again.iter()) {
        let close = a.data.iter().zip(&b.data).all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs().max(1e-3));
        assert!(close, "{name}");
    }
}

#[test]
fn training_and_prediction_networks_have_one_state() {
    let architecture = Architecture::Unet {
        in_channels: 2,
        out_channels: 3,
        widths: vec![4, 6],
        encoder_convs: vec![1, 1],
        dates: 2,
    };
    let state = initial(&architecture, |layer| {
        let mut i = 0;
        move || {
            i += 1;
            2.0 * unit(&layer.to_string(), i) - 1.0
        }
    });
    let network = Network::for_training(&architecture, &state, &Device::flex()).unwrap();
    assert_eq!(network.state(), state);
    let folded =
        Network::for_prediction(&architecture, &fold(&architecture, &state).unwrap(), &Device::flex());
    let (a, b) = (scores(&network, 4, 8, 8), scores(&folded.unwrap(), 4, 8, 8));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} {b:?}");
    assert!(a.iter().any(|v| v.abs() > 1e-3));
}

#[test]
fn a_wrong_checkpoint_names_the_tensor() {
    let fixture = json("unet-resnet18.json");
    let with_classes = |classes| match architecture(&fixture) {
        Architecture::EncoderUnet { encoder, in_channels, decoder, dates, .. } => {
            Architecture::EncoderUnet { encoder, in_channels, out_channels: classes, decoder, dates }
        }
        other => other,
    };
    let weights = state_dict(&fixture, "net.");
    let error = adopt(&with_classes(7), &weights).unwrap_err().to_string();
    assert!(error.contains("net.segmentation_head.0.weight") && error.contains("[7, 16, 3, 3]"), "{error}");
    let mut other = Weights::default();
    other.insert("fc.weight", &[1], vec![0.0]);
    let error = adopt(&with_classes(19), &other).unwrap_err().to_string();
    assert!(error.contains("encoder.conv1.weight") && error.contains("fc.weight"), "{error}");
}

/// An architecture of 4 bands on an encoder, and its initial state.
fn blank(encoder: Encoder) -> (Architecture, Weights) {
    let decoder = vec![32, 16, 16, 8, 8];
    let architecture =
        Architecture::EncoderUnet { encoder, in_channels: 4, out_channels: 2, decoder, dates: 1 };
    let state = initial(&architecture, |_| || 0.5);
    (architecture, state)
}

#[test]
fn torchvision_and_efficientnet_names_fill_the_encoder() {
    for (file, encoder) in [
        ("torchvision-resnet18.json", Encoder::Resnet18),
        ("torchvision-resnet34.json", Encoder::Resnet34),
        ("efficientnet-lite0-wheel.json", Encoder::EfficientnetLite0),
    ] {
        let (architecture, state) = blank(encoder);
        let adopted = adopt_encoder(&architecture, &state_dict(&json(file), ""), state.clone()).unwrap();
        assert_eq!(adopted.first_conv, Some(3), "{file}");
        // The layers after the encoder in a classifier.
        let is_classifier =
            |key: &String| ["fc.", "_fc.", "_conv_head.", "_bn1."].iter().any(|p| key.starts_with(p));
        assert!(adopted.unused.iter().all(is_classifier), "{file}: {:?}", adopted.unused);
        let kept = |t: &&TensorShape| adopted.state.get(&t.name).unwrap() == state.get(&t.name).unwrap();
        let wanted = architecture.training_tensors();
        let untouched: Vec<_> = wanted.iter().filter(kept).collect();
        assert!(untouched.iter().all(|t| !t.name.starts_with("encoder.")), "{file}: {untouched:?}");
        assert!(untouched.len() > 10, "{file}");
    }
}

#[test]
fn checkpoints_are_read_as_pytorch_reads_them() {
    let mark = json("checkpoints.json")["mark"].as_str().unwrap().to_owned();
    for file in json("checkpoints.json")["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        let read = read_checkpoint(&parity(name));
        // Reading is parsing: from a file that contains a program, only the tensors are read.
        assert!(!Path::new(&mark).exists(), "{name} was run");
        for tensor in file["tensors"].as_array().unwrap() {
            assert_tensor(name, tensor, read.as_ref().expect(name));
        }
    }
}

fn assert_tensor(file: &str, expected: &Value, read: &Weights) {
    let key = expected["key"].as_str().unwrap();
    let found: Vec<_> =
        read.iter().filter(|(name, _)| *name == key || name.ends_with(&format!(".{key}"))).collect();
    if !matches!(expected["dtype"].as_str().unwrap(), "float16" | "bfloat16" | "float32" | "float64") {
        assert!(found.is_empty(), "{file}: {key}");
        return;
    }
    let (_, tensor) = found.first().unwrap_or_else(|| panic!("{file}: no {key}"));
    assert_eq!(tensor.shape, expected["shape"].as_array().unwrap().iter().map(number).collect::<Vec<_>>());
    for (ours, theirs) in tensor.data.iter().zip(expected["values"].as_array().unwrap()) {
        let theirs = theirs.as_f64().unwrap();
        assert!((f64::from(*ours) - theirs).abs() <= 1e-7 * theirs.abs().max(1e-3), "{file} {key}");
    }
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("text.pt"), "not a checkpoint").unwrap();
    fs::write(path("cut.safetensors"), [8, 0, 0]).unwrap();
    let whole = fs::read(parity("state-dict.pt")).unwrap();
    fs::write(path("cut.pt"), &whole[..whole.len() / 2]).unwrap();
    for name in ["text.pt", "cut.safetensors", "cut.pt"] {
        let error = read_checkpoint(&path(name)).unwrap_err();
        assert!(matches!(error, ModelError::Checkpoint { .. }), "{name}: {error}");
    }
    assert!(matches!(read_checkpoint(&path("none.pt")), Err(ModelError::Read { .. })));
}
