//! Residual networks, with torchvision's names.

use super::steps::{Move, Steps};
use crate::graph::{Activation, Graph, Layer};

/// `blocks` of each of four stages, with names below `prefix`. The last stage halves the picture, or its kernels are `dilated` instead.
pub(super) fn add(
    steps: &mut Steps,
    graph: &mut Graph,
    inputs: usize,
    (blocks, bottleneck): ([usize; 4], bool),
    (prefix, dilated): (&str, bool),
) {
    let stem = Layer::new(format!("{prefix}.conv1"), format!("{prefix}.bn1"), [inputs, 64]).sized(7, 2);
    steps.conv(graph, stem, Activation::Relu);
    steps.push(Move::Give);
    steps.push(Move::Pool);
    let mut channels = 64;
    for (stage, (count, width)) in blocks.into_iter().zip([64, 128, 256, 512]).enumerate() {
        let outputs = if bottleneck { 4 * width } else { width };
        for block in 0..count {
            let dilated = dilated && stage == 3;
            let stride = if block == 0 && stage > 0 && !dilated { 2 } else { 1 };
            let name = format!("{prefix}.layer{}.{block}", stage + 1);
            residual(steps, graph, &name, [channels, width, outputs], (stride, 1 + usize::from(dilated)));
            channels = outputs;
        }
        steps.push(Move::Give);
    }
}

/// A block of two 3 x 3 convolutions, or a bottleneck if it expands its own `width`.
fn residual(
    steps: &mut Steps,
    graph: &mut Graph,
    name: &str,
    [inputs, width, outputs]: [usize; 3],
    (stride, dilation): (usize, usize),
) {
    let layer = |i: usize, channels| Layer::new(format!("{name}.conv{i}"), format!("{name}.bn{i}"), channels);
    steps.push(Move::Keep);
    if width == outputs {
        steps.conv(graph, layer(1, [inputs, width]).sized(3, stride).dilated(dilation), Activation::Relu);
        steps.conv(graph, layer(2, [width, outputs]).dilated(dilation), Activation::None);
    } else {
        steps.conv(graph, layer(1, [inputs, width]).sized(1, 1), Activation::Relu);
        steps.conv(graph, layer(2, [width, width]).sized(3, stride).dilated(dilation), Activation::Relu);
        steps.conv(graph, layer(3, [width, outputs]).sized(1, 1), Activation::None);
    }
    if stride == 2 || inputs != outputs {
        let (conv, norm) = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
        let side = graph.layer(Layer::new(conv, norm, [inputs, outputs]).sized(1, stride));
        steps.push(Move::Side(side));
    }
    steps.push(Move::Add(Activation::Relu));
}
