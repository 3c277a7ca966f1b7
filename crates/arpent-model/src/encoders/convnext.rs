//! ConvNeXt V2, with timm's names.

use crate::graph::{Activation, Graph, Layer, Op, Padding};

/// Epsilon of all normalizations.
const EPSILON: f64 = 1e-6;

/// `blocks` of each of four stages, of `width` channels, doubled from stage to stage.
pub(super) fn add_v2(graph: &mut Graph, input: usize, blocks: [usize; 4], width: usize) -> [usize; 4] {
    let mut at = patches(graph, input, "encoder.model.stem_0", width, 4);
    at = graph.layer_norm(at, "encoder.model.stem_1", EPSILON);
    let mut stage = 0;
    blocks.map(|count| {
        let name = format!("encoder.model.stages_{stage}");
        if stage > 0 {
            at = graph.layer_norm(at, format!("{name}.downsample.0"), EPSILON);
            at = patches(graph, at, &format!("{name}.downsample.1"), width << stage, 2);
        }
        for i in 0..count {
            at = block(graph, at, &format!("{name}.blocks.{i}"));
        }
        stage += 1;
        at
    })
}

/// A convolution of squares that do not overlap.
fn patches(graph: &mut Graph, from: usize, name: &str, outputs: usize, side: usize) -> usize {
    let layer = Layer::biased(name, [graph.channels(from), outputs], side).sized(side, side);
    let layer = graph.layer(Layer { padding: Padding::Given(0, 0), ..layer });
    graph.conv(from, layer, Activation::None)
}

/// Depthwise 7 x 7, then four times the channels and back, with a normalization in between.
fn block(graph: &mut Graph, from: usize, name: &str) -> usize {
    let width = graph.channels(from);
    let part = |part: &str| format!("{name}.{part}");
    let spatial = graph.layer(Layer { depthwise: true, ..Layer::biased(part("conv_dw"), [width, width], 7) });
    let wide = graph.layer(Layer::biased(part("mlp.fc1"), [width, 4 * width], 1));
    let narrow = graph.layer(Layer::biased(part("mlp.fc2"), [4 * width, width], 1));
    let mut at = graph.conv(from, spatial, Activation::None);
    at = graph.layer_norm(at, part("norm"), EPSILON);
    at = graph.conv(at, wide, Activation::Gelu);
    at = graph.response_norm(at, part("mlp.grn"), EPSILON);
    at = graph.conv(at, narrow, Activation::None);
    graph.combine(Op::Add, [from, at], Activation::None)
}
