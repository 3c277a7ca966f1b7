//! Fixtures of networks: weights and pixels by a formula, and what PyTorch's networks have and answer
//! (`benches/peers/make_parity.py`).

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "test helpers; numbers are small, and not every test uses all"
)]

use std::fs;
use std::path::{Path, PathBuf};

use arpent_model::{
    Architecture, Encoder, ImportOptions, MitSize, ModelPackage, ModelWindow, PyramidEncoder, Weights, adopt,
    fold, import,
};
use serde_json::Value;

pub(crate) fn parity(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(name)
}

pub(crate) fn json(name: &str) -> Value {
    serde_json::from_slice(&fs::read(parity(name)).unwrap()).unwrap()
}

/// The bits of value `index` of the tensor `key`: FNV-1a of the key, then the finalizer of splitmix64
/// (`benches/peers/formula.py` is the same).
pub(crate) fn bits(key: &str, index: u64) -> u64 {
    let hash =
        key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mut z = hash.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(index + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub(crate) fn unit(key: &str, index: u64) -> f64 {
    (bits(key, index) >> 40) as f64 / f64::from(1u32 << 24)
}

pub(crate) fn tensor(key: &str, shape: &[usize]) -> Vec<f32> {
    let inputs: usize = shape[1..].iter().product();
    let value = |u: f64| match key.rsplit('.').next().unwrap() {
        "running_var" => 0.5 + u,
        "weight" if shape.len() == 1 => 0.5 + u,
        _ if shape.len() > 1 => (2.0 * u - 1.0) * (6.0 / inputs as f64).sqrt(),
        _ => 0.2 * (2.0 * u - 1.0),
    };
    (0..shape.iter().product::<usize>() as u64).map(|i| value(unit(key, i)) as f32).collect()
}

pub(crate) fn encoder(name: &str) -> Encoder {
    match name {
        "resnet18" => Encoder::Resnet18,
        "resnet34" => Encoder::Resnet34,
        "resnet50" => Encoder::Resnet50,
        "mobilenet_v2" => Encoder::MobilenetV2,
        "tu-tf_efficientnet_lite0" => Encoder::EfficientnetLite0,
        other => Encoder::ALL
            .into_iter()
            .find(|e| e.name() == other.replace('_', "-"))
            .unwrap_or_else(|| panic!("{other}")),
    }
}

pub(crate) fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// An encoder of feature maps at a quarter and coarser.
pub(crate) fn pyramid_encoder(name: &str) -> PyramidEncoder {
    match name {
        "tu-convnextv2_tiny" => PyramidEncoder::Convnextv2Tiny,
        "tu-convnextv2_base" => PyramidEncoder::Convnextv2Base,
        "tu-swin_tiny_patch4_window7_224" => PyramidEncoder::SwinTiny,
        "tu-swin_small_patch4_window7_224" => PyramidEncoder::SwinSmall,
        "tu-swin_base_patch4_window12_384" => PyramidEncoder::SwinBase,
        "tu-swin_large_patch4_window12_384" => PyramidEncoder::SwinLarge,
        other => panic!("{other}"),
    }
}

pub(crate) fn architecture(fixture: &Value) -> Architecture {
    let name = fixture["encoder"].as_str().unwrap();
    let [in_channels, out_channels] = ["in_channels", "classes"].map(|key| number(&fixture[key]));
    match fixture["library"].as_str().unwrap() {
        "segmentation_models_pytorch.UPerNet" => {
            return Architecture::Upernet { encoder: pyramid_encoder(name), in_channels, out_channels };
        }
        "segmentation_models_pytorch.UPerNet, 0.5" => {
            return Architecture::Upernet5 { encoder: pyramid_encoder(name), in_channels, out_channels };
        }
        "transformers.SegformerForSemanticSegmentation" => {
            let size = MitSize::ALL.into_iter().find(|size| size.name() == name).unwrap();
            return Architecture::Segformer { size, in_channels, out_channels };
        }
        "torchvision.retinanet_resnet50_fpn" => {
            return Architecture::Retinanet { in_channels, classes: out_channels };
        }
        "segmentation_models_pytorch.FPN" => {
            return Architecture::Fpn { encoder: encoder(name), in_channels, out_channels };
        }
        "segmentation_models_pytorch.DeepLabV3Plus" => {
            return Architecture::DeeplabV3Plus { encoder: encoder(name), in_channels, out_channels };
        }
        _ => {}
    }
    Architecture::EncoderUnet {
        encoder: encoder(fixture["encoder"].as_str().unwrap()),
        in_channels: number(&fixture["in_channels"]),
        out_channels: number(&fixture["classes"]),
        decoder: fixture["decoder_channels"].as_array().unwrap().iter().map(number).collect(),
        dates: 1,
    }
}

/// The state dict of a fixture, with a prefix for each name; tensors whose name ends like a key of its `factors` are
/// multiplied.
pub(crate) fn state_dict(fixture: &Value, prefix: &str) -> Weights {
    let mut weights = Weights::default();
    for entry in fixture["tensors"].as_array().unwrap() {
        let (key, shape) = (entry[0].as_str().unwrap(), entry[1].as_array().unwrap());
        let shape: Vec<usize> = shape.iter().map(number).collect();
        if key.ends_with("num_batches_tracked") {
            continue;
        }
        let factors = fixture["factors"].as_object().into_iter().flatten();
        let factor = factors.filter(|(end, _)| key.ends_with(end.as_str())).find_map(|(_, f)| f.as_f64());
        let mut values = tensor(key, &shape);
        for value in &mut values {
            *value *= factor.unwrap_or(1.0) as f32;
        }
        weights.insert(format!("{prefix}{key}"), &shape, values);
    }
    weights
}

/// The folded weights of a fixture. What a file may have beside them is in no network: the last convolution of a classifier, a part of
/// a decoder that is not used.
pub(crate) fn folded(fixture: &Value, architecture: &Architecture) -> Weights {
    let adopted = adopt(architecture, &state_dict(fixture, "state_dict.model.")).unwrap();
    assert_eq!(adopted.prefix, "state_dict.model.");
    let known = ["encoder._conv_head.", "encoder._bn1.", "decoder.fpn_stages.4."];
    let is_known = |key: &String| known.iter().any(|part| key.contains(part));
    assert!(adopted.unused.iter().all(is_known), "{:?}", adopted.unused);
    fold(architecture, &adopted.state).unwrap()
}

/// The package of a SegFormer whose file has the names of transformers 5; they are renamed at import.
pub(crate) fn segformer(fixture: &Value) -> (ModelPackage, Weights) {
    let options = ImportOptions {
        id: "segformer".into(),
        architecture: Some(format!("segformer-{}", fixture["encoder"].as_str().unwrap())),
        window: Some(ModelWindow { side_px: 128, margin_px: 32 }),
        ..ImportOptions::default()
    };
    let (package, weights, adopted) = import(&state_dict(fixture, "model."), &options).unwrap();
    assert_eq!((adopted.prefix.as_str(), adopted.unused.len()), ("model.", 0));
    assert_eq!(package.architecture, architecture(fixture));
    (package, weights)
}

/// The pixels of the input, plane by plane.
pub(crate) fn pixels(channels: usize, height: usize, width: usize) -> Vec<f32> {
    (0..(channels * height * width) as u64).map(|i| (2.0 * unit("input", i) - 1.0) as f32).collect()
}

/// Compares scores, plane by plane, with those of a fixture: within 1e-4 of their spread, which is large, for weights
/// are random.
pub(crate) fn assert_logits(fixture: &Value, scores: &[f32]) {
    let [height, width] = ["height", "width"].map(|key| number(&fixture[key]));
    let tolerance = 1e-4 * fixture["std"].as_f64().unwrap().max(1.0);
    for logit in fixture["logits"].as_array().unwrap() {
        let [class, row, col] = [0, 1, 2].map(|i| number(&logit[i]));
        let (ours, theirs) = (scores[(class * height + row) * width + col], logit[3].as_f64().unwrap());
        assert!((f64::from(ours) - theirs).abs() <= tolerance, "{} {logit}: {ours}", fixture["encoder"]);
    }
}
