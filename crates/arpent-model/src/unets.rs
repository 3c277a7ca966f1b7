//! Graphs of the architectures.

use crate::encoders::Encoder;
use crate::graph::{Activation, Graph, Layer, Op};

/// Convolutions level by level, then a decoder that reduces channels before it upsamples.
pub(crate) struct Plain<'a> {
    pub(crate) widths: &'a [usize],
    pub(crate) encoder_convs: &'a [usize],
}

/// A published encoder, and segmentation_models_pytorch's U-Net decoder.
pub(crate) struct Encoded<'a> {
    pub(crate) encoder: Encoder,
    /// Channels of the decoder's stages, coarsest first.
    pub(crate) decoder: &'a [usize],
}

/// An encoder: returns the feature maps for the decoder, finest first, for each date.
type Pass<'a> = dyn Fn(&mut Graph, usize) -> Vec<usize> + 'a;

/// A single convolution.
pub(crate) fn linear(inputs: usize, outputs: usize, kernel: usize) -> Graph {
    let mut graph = Graph::default();
    let input = graph.input(0, inputs);
    graph.head(input, "head", outputs, kernel);
    graph
}

impl Plain<'_> {
    /// The whole network for `dates` pictures of `inputs` bands each.
    pub(crate) fn graph(&self, inputs: usize, outputs: usize, dates: usize) -> Graph {
        let mut graph = Graph::default();
        let levels = self.levels(&mut graph, inputs);
        let mut seen = by_date(&mut graph, inputs, dates, &|graph, input| encode(graph, input, &levels));
        let Some(mut at) = seen.pop() else { return graph };
        for level in (0..self.widths.len() - 1).rev() {
            // Reducing channels before upsampling keeps the expensive fine levels cheap.
            let out = self.widths[level.saturating_sub(1)];
            let name = format!("decoder.{level}");
            at = joined(&mut graph, at, seen.pop());
            let layer = Layer::new(&name, format!("{name}.norm"), [graph.channels(at), out]);
            let layer = graph.layer(layer);
            at = graph.conv(at, layer, Activation::Relu);
        }
        graph.head(at, "head", outputs, 1);
        graph
    }

    /// The encoder only, then the mean of each cell of 2^`cell_levels` pixels: a classifier of cells.
    pub(crate) fn classifier(&self, inputs: usize, outputs: usize, cell_levels: u32) -> Graph {
        let mut graph = Graph::default();
        let levels = self.levels(&mut graph, inputs);
        let input = graph.input(0, inputs);
        let Some(at) = encode(&mut graph, input, &levels).pop() else { return graph };
        let pooled = graph.mean_pool(at, cell_levels - graph.depth());
        let spread = graph.upsample(pooled, cell_levels);
        graph.head(spread, "head", outputs, 1);
        graph
    }

    /// The layers of each level of the encoder.
    fn levels(&self, graph: &mut Graph, inputs: usize) -> Vec<Vec<usize>> {
        let mut channels = inputs;
        let mut levels = Vec::new();
        for (level, (&width, &count)) in self.widths.iter().zip(self.encoder_convs).enumerate() {
            let mut layer = |i: usize| {
                let name = format!("encoder.{level}.{i}");
                let layer = Layer::new(&name, format!("{name}.norm"), [channels, width]);
                channels = width;
                graph.layer(layer)
            };
            levels.push((0..count).map(&mut layer).collect());
        }
        levels
    }
}

fn encode(graph: &mut Graph, input: usize, levels: &[Vec<usize>]) -> Vec<usize> {
    let mut at = input;
    let mut given = Vec::new();
    for (level, layers) in levels.iter().enumerate() {
        if level > 0 {
            at = graph.max_pool(at, 2);
        }
        at = layers.iter().fold(at, |at, layer| graph.conv(at, *layer, Activation::Relu));
        given.push(at);
    }
    given
}

impl Encoded<'_> {
    /// The whole network for `dates` pictures of `inputs` bands each.
    pub(crate) fn graph(&self, inputs: usize, outputs: usize, dates: usize) -> Graph {
        let mut graph = Graph::default();
        let mut seen = if dates == 1 {
            // There is no skip connection at a half of the picture's size if the encoder has no map there.
            self.encoder.features(&mut graph, inputs)
        } else {
            let steps = self.encoder.steps(&mut graph, inputs);
            by_date(&mut graph, inputs, dates, &|graph, input| steps.run(graph, input))
        };
        let Some(mut at) = seen.pop() else { return graph };
        for (i, &width) in self.decoder.iter().enumerate() {
            at = joined(&mut graph, at, seen.pop());
            for part in ["conv1", "conv2"] {
                let name = |n: usize| format!("decoder.blocks.{i}.{part}.{n}");
                let layer = Layer::new(name(0), name(1), [graph.channels(at), width]);
                let layer = graph.layer(layer);
                at = graph.conv(at, layer, Activation::Relu);
            }
        }
        graph.head(at, "segmentation_head.0", outputs, 3);
        graph
    }
}

/// The inputs of the decoder: of one date unchanged; of two dates, the absolute differences (Daudt et al., *Fully
/// convolutional siamese networks for change detection*, 2018: FC-Siam-diff).
fn by_date(graph: &mut Graph, inputs: usize, dates: usize, pass: &Pass<'_>) -> Vec<usize> {
    let mut seen = Vec::new();
    for date in 0..dates {
        let input = graph.input(date * inputs, inputs);
        let given = pass(graph, input);
        seen = if date == 0 {
            given
        } else {
            let pairs = seen.into_iter().zip(given);
            pairs.map(|(a, b)| graph.combine(Op::Difference, [a, b], Activation::None)).collect()
        };
    }
    seen
}

/// Upsamples by 2 and concatenates the skip connection of that size, if any.
fn joined(graph: &mut Graph, at: usize, skip: Option<usize>) -> usize {
    let at = graph.upsample(at, 1);
    skip.map_or(at, |skip| graph.concat(at, skip))
}
