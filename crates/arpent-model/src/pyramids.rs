//! Decoders of pyramids of feature maps, with the names of segmentation_models_pytorch and transformers.

use crate::encoders::mix_transformer::{self, Names};
use crate::encoders::{Encoder, MitSize, PyramidEncoder};
use crate::graph::{Activation, Graph, Layer, Op};

/// Channels of the pyramid's maps, and of the decoder's output.
const PYRAMID: usize = 256;
const FEATURES: usize = 64;

/// Epsilon of the normalizations of the encoder's maps in later versions.
const NORM_EPSILON: f64 = 1e-6;

/// Sides of the grids of means over the coarsest map.
const POOLS: [usize; 4] = [1, 2, 3, 6];

/// UPerNet as in segmentation_models_pytorch 0.4, whose pyramid has a map at a half of the picture's size, too.
pub(crate) fn upernet(encoder: PyramidEncoder, inputs: usize, outputs: usize) -> Graph {
    let mut graph = Graph::default();
    let input = graph.input(0, inputs);
    let maps = encoder.add(&mut graph, input);
    let mut at = pooled(&mut graph, maps[3]);
    let mut pyramid = vec![at];
    for (stage, (map, level)) in [maps[2], maps[1], maps[0]].into_iter().zip([4, 3, 2]).enumerate() {
        at = graph.bilinear(at, level, false);
        let side = normalized(&mut graph, map, &format!("decoder.fpn_stages.{stage}.skip_conv"), PYRAMID, 1);
        at = graph.combine(Op::Add, [at, side], Activation::None);
        pyramid.push(at);
    }
    pyramid.push(graph.bilinear(at, 1, false));
    let quarter = pyramid.into_iter().map(|map| graph.bilinear(map, 2, false)).collect::<Vec<_>>();
    let all = quarter.into_iter().reduce(|all, map| graph.concat(all, map)).unwrap_or(at);
    let features = normalized(&mut graph, all, "decoder.fpn_bottleneck", FEATURES, 3);
    let scores = graph.head(features, "segmentation_head.0", outputs, 1);
    graph.bilinear(scores, 0, true);
    graph
}

/// UPerNet as in segmentation_models_pytorch 0.5 and later, which normalizes the encoder's maps, and convolves the sums.
pub(crate) fn upernet_5(encoder: PyramidEncoder, inputs: usize, outputs: usize) -> Graph {
    let mut graph = Graph::default();
    let input = graph.input(0, inputs);
    let mut number = 0;
    let maps = encoder.add(&mut graph, input).map(|map| {
        number += 1;
        graph.layer_norm(map, format!("decoder.feature_norms.{}", number - 1), NORM_EPSILON)
    });
    let mut all = maps[3];
    for (i, side) in POOLS.into_iter().enumerate() {
        let mean = graph.adaptive_mean(maps[3], side);
        let reduced = normalized(&mut graph, mean, &format!("decoder.psp.blocks.{i}.1"), PYRAMID, 1);
        let spread = graph.bilinear(reduced, 5, false);
        all = graph.concat(all, spread);
    }
    let mut at = normalized(&mut graph, all, "decoder.psp.out_conv", PYRAMID, 3);
    let mut pyramid = vec![at];
    for (stage, (map, level)) in [maps[2], maps[1], maps[0]].into_iter().zip([4, 3, 2]).enumerate() {
        let name = format!("decoder.fpn_lateral_blocks.{stage}.conv_norm_relu");
        let side = normalized(&mut graph, map, &name, PYRAMID, 1);
        at = graph.bilinear(at, level, false);
        at = graph.combine(Op::Add, [at, side], Activation::None);
        pyramid.push(normalized(&mut graph, at, &format!("decoder.fpn_conv_blocks.{stage}"), PYRAMID, 3));
    }
    // The finest map first.
    let quarter = pyramid.into_iter().rev().map(|map| graph.bilinear(map, 2, false)).collect::<Vec<_>>();
    let all = quarter.into_iter().reduce(|all, map| graph.concat(all, map)).unwrap_or(at);
    let features = normalized(&mut graph, all, "decoder.fusion_block", PYRAMID, 3);
    let scores = graph.head(features, "segmentation_head.0", outputs, 1);
    graph.bilinear(scores, 0, true);
    graph
}

/// SegFormer (Xie et al., 2021): all maps at a quarter of the picture's size, fused by convolutions of single pixels.
pub(crate) fn segformer(size: MitSize, inputs: usize, outputs: usize) -> Graph {
    let mut graph = Graph::default();
    let input = graph.input(0, inputs);
    let maps = mix_transformer::add(&mut graph, input, size, Names::Transformers);
    let width = size.decoder_width();
    let mut brought = Vec::new();
    for (stage, map) in maps.into_iter().enumerate() {
        let name = format!("decode_head.linear_c.{stage}.proj");
        let layer = graph.layer(Layer::biased(name, [graph.channels(map), width], 1));
        let projected = graph.conv(map, layer, Activation::None);
        brought.push(graph.bilinear(projected, 2, false));
    }
    // The coarsest map first.
    let all = brought.into_iter().rev().reduce(|all, map| graph.concat(all, map)).unwrap_or(input);
    let fuse = Layer::new("decode_head.linear_fuse", "decode_head.batch_norm", [graph.channels(all), width]);
    let fuse = graph.layer(fuse.sized(1, 1));
    let fused = graph.conv(all, fuse, Activation::Relu);
    let scores = graph.head(fused, "decode_head.classifier", outputs, 1);
    graph.bilinear(scores, 0, false);
    graph
}

/// Channels and groups of the feature pyramid network's branches.
const BRANCH: usize = 128;
const GROUPS: usize = 32;

/// Epsilon of these normalizations.
const GROUP_EPSILON: f64 = 1e-5;

/// FPN (Kirillov et al., *Panoptic feature pyramid networks*, 2019): every map of the pyramid brought to a quarter of the
/// picture's size, and their sum.
pub(crate) fn fpn(encoder: Encoder, inputs: usize, outputs: usize) -> Graph {
    let mut graph = Graph::default();
    let maps = encoder.features(&mut graph, inputs);
    let mut sum = None;
    let mut above = None;
    for (branch, (map, level)) in maps.into_iter().rev().zip([5, 4, 3, 2]).enumerate() {
        let name = if branch == 0 { "decoder.p5".into() } else { format!("decoder.p{level}.skip_conv") };
        let layer = graph.layer(Layer::biased(name, [graph.channels(map), PYRAMID], 1));
        let mut at = graph.conv(map, layer, Activation::None);
        if let Some(above) = above {
            let doubled = graph.upsample(above, 1);
            at = graph.combine(Op::Add, [doubled, at], Activation::None);
        }
        above = Some(at);
        for (i, to) in (2..level.max(3)).rev().enumerate() {
            let name = format!("decoder.seg_blocks.{branch}.block.{i}.block");
            let layer = Layer::biased(format!("{name}.0"), [graph.channels(at), BRANCH], 3);
            let layer = graph.layer(Layer { biased: false, ..layer });
            at = graph.conv(at, layer, Activation::None);
            at = graph.group_norm(at, format!("{name}.1"), (GROUPS, GROUP_EPSILON), Activation::Relu);
            at = graph.bilinear(at, to, true);
        }
        sum = Some(sum.map_or(at, |sum| graph.combine(Op::Add, [sum, at], Activation::None)));
    }
    let Some(sum) = sum else { return graph };
    let scores = graph.head(sum, "segmentation_head.0", outputs, 1);
    graph.bilinear(scores, 0, true);
    graph
}

/// Distances between the taps of the pyramid of dilated kernels.
const RATES: [usize; 3] = [12, 24, 36];

/// Channels of the fine feature map in DeepLab's decoder.
const FINE: usize = 48;

/// `DeepLabV3+` (Chen et al., *Encoder-decoder with atrous separable convolution for semantic image segmentation*, 2018) of
/// an encoder whose last stage is dilated.
pub(crate) fn deeplab(encoder: Encoder, inputs: usize, outputs: usize) -> Graph {
    let mut graph = Graph::default();
    let Some(steps) = encoder.dilated(&mut graph, inputs) else { return graph };
    let input = graph.input(0, inputs);
    let maps = steps.run(&mut graph, input);
    let (Some(&fine), Some(&coarse)) = (maps.get(1), maps.last()) else { return graph };
    let convs = "decoder.aspp.0.convs";
    let mut all = normalized(&mut graph, coarse, &format!("{convs}.0"), PYRAMID, 1);
    for (i, rate) in (1..).zip(RATES) {
        let at = separable(&mut graph, coarse, (&format!("{convs}.{i}.0"), format!("{convs}.{i}.1")), rate);
        all = graph.concat(all, at);
    }
    let mean = graph.adaptive_mean(coarse, 1);
    let names = (format!("{convs}.4.1"), format!("{convs}.4.2"));
    let mean = pointwise(&mut graph, mean, names, PYRAMID);
    let mean = graph.bilinear(mean, 4, false);
    all = graph.concat(all, mean);
    let mut at = normalized(&mut graph, all, "decoder.aspp.0.project", PYRAMID, 1);
    at = separable(&mut graph, at, ("decoder.aspp.1", "decoder.aspp.2".into()), 1);
    at = graph.bilinear(at, 2, true);
    let fine = normalized(&mut graph, fine, "decoder.block1", FINE, 1);
    at = graph.concat(at, fine);
    at = separable(&mut graph, at, ("decoder.block2.0", "decoder.block2.1".into()), 1);
    let scores = graph.head(at, "segmentation_head.0", outputs, 1);
    graph.bilinear(scores, 0, true);
    graph
}

/// A depthwise 3 x 3 convolution (`<name>.0`), one of single pixels (`<name>.1`), its normalization and ReLU.
fn separable(graph: &mut Graph, from: usize, (name, norm): (&str, String), dilation: usize) -> usize {
    let channels = graph.channels(from);
    let spatial = Layer::biased(format!("{name}.0"), [channels, channels], 3).dilated(dilation);
    let spatial = graph.layer(Layer { biased: false, depthwise: true, ..spatial });
    let at = graph.conv(from, spatial, Activation::None);
    pointwise(graph, at, (format!("{name}.1"), norm), PYRAMID)
}

/// A convolution of single pixels, its normalization and ReLU.
fn pointwise(graph: &mut Graph, from: usize, (name, norm): (String, String), outputs: usize) -> usize {
    let layer = graph.layer(Layer::new(name, norm, [graph.channels(from), outputs]).sized(1, 1));
    graph.conv(from, layer, Activation::Relu)
}

/// A pyramid pooling module: the map and its means over grids.
fn pooled(graph: &mut Graph, map: usize) -> usize {
    let channels = graph.channels(map);
    let mut all = map;
    for (i, side) in POOLS.into_iter().enumerate() {
        let mean = graph.adaptive_mean(map, side);
        let name = format!("decoder.psp.blocks.{i}.1");
        let reduced = normalized(graph, mean, &name, channels / POOLS.len(), 1);
        let spread = graph.bilinear(reduced, 5, false);
        all = graph.concat(all, spread);
    }
    normalized(graph, all, "decoder.psp.out_conv", PYRAMID, 1)
}

/// A convolution (`<name>.0`), its normalization (`<name>.1`) and ReLU.
fn normalized(graph: &mut Graph, from: usize, name: &str, outputs: usize, kernel: usize) -> usize {
    let layer = Layer::new(format!("{name}.0"), format!("{name}.1"), [graph.channels(from), outputs]);
    let layer = graph.layer(layer.sized(kernel, 1));
    graph.conv(from, layer, Activation::Relu)
}
