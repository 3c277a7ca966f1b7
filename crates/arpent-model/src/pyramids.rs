//! Decoders of pyramids of feature maps.

use crate::encoders::mix_transformer::{self, Names};
use crate::encoders::{MitSize, PyramidEncoder};
use crate::graph::{Activation, Graph, Layer, Op};

/// Channels of the pyramid's maps, and of the decoder's output.
const PYRAMID: usize = 256;
const FEATURES: usize = 64;

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
