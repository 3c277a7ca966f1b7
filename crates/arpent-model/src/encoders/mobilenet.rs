//! Encoders of inverted residuals without squeeze-and-excitation, which are local.

use super::efficientnet::{EFFICIENTNET, EFFICIENTNET_EPSILON};
use super::inverted::Inverted;
use super::steps::{Move, Steps};
use crate::graph::{Activation, Graph, Layer, Norm, Padding};

/// Expansion, channels, blocks and first stride of each stage (MobileNetV2, table 2).
const MOBILENET_V2: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// MobileNetV2, with torchvision's names.
pub(super) fn add_v2(steps: &mut Steps, graph: &mut Graph, inputs: usize) {
    let block = |i: usize| format!("encoder.features.{i}");
    let stem = Layer::new(format!("{}.0", block(0)), format!("{}.1", block(0)), [inputs, 32]).sized(3, 2);
    steps.conv(graph, stem, Activation::Relu6);
    let (mut channels, mut number) = (32, 1);
    for (widen, outputs, count, first_stride) in MOBILENET_V2 {
        for i in 0..count {
            let stride = if i == 0 { first_stride } else { 1 };
            if stride == 2 {
                steps.push(Move::Give);
            }
            let part = |p: &str| format!("{}.conv.{p}", block(number));
            let pair = |conv: &str, norm: &str| Some((part(conv), part(norm)));
            let names = if widen == 1 {
                [None, pair("0.0", "0.1"), pair("1", "2")]
            } else {
                [pair("0.0", "0.1"), pair("1.0", "1.1"), pair("2", "3")]
            };
            let inverted = Inverted {
                names,
                channels: [channels, outputs],
                widen,
                kernel: 3,
                stride,
                padding: Padding::Even,
                epsilon: 1e-5,
                activation: Activation::Relu6,
                excitation: None,
            };
            inverted.add(steps, graph);
            (channels, number) = (outputs, number + 1);
        }
    }
    let last =
        Layer::new(format!("{}.0", block(18)), format!("{}.1", block(18)), [channels, 1280]).sized(1, 1);
    steps.conv(graph, last, Activation::Relu6);
    steps.push(Move::Give);
}

/// EfficientNet-Lite0, with timm's names.
pub(super) fn add_lite0(steps: &mut Steps, graph: &mut Graph, inputs: usize) {
    let stem = Layer::new("encoder.model.conv_stem", "", [inputs, 32]).sized(3, 2);
    let norm = Some(Norm { name: "encoder.model.bn1".into(), epsilon: EFFICIENTNET_EPSILON });
    steps.conv(graph, Layer { norm, padding: Padding::Same, ..stem }, Activation::Relu6);
    let mut channels = 32;
    for (stage, (kernel, widen, outputs, count, first_stride)) in EFFICIENTNET.into_iter().enumerate() {
        for i in 0..count {
            let stride = if i == 0 { first_stride } else { 1 };
            if stride == 2 {
                steps.push(Move::Give);
            }
            let part = |p: &str| format!("encoder.model.blocks.{stage}.{i}.{p}");
            let pair = |conv: &str, norm: &str| Some((part(conv), part(norm)));
            let names = if widen == 1 {
                [None, pair("conv_dw", "bn1"), pair("conv_pw", "bn2")]
            } else {
                [pair("conv_pw", "bn1"), pair("conv_dw", "bn2"), pair("conv_pwl", "bn3")]
            };
            let block = Inverted {
                names,
                channels: [channels, outputs],
                widen,
                kernel,
                stride,
                padding: Padding::Same,
                epsilon: EFFICIENTNET_EPSILON,
                activation: Activation::Relu6,
                excitation: None,
            };
            block.add(steps, graph);
            channels = outputs;
        }
    }
    steps.push(Move::Give);
}
