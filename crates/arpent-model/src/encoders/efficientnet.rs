//! EfficientNet-B0 to B7, with the names of EfficientNet-PyTorch.

use super::inverted::Inverted;
use super::steps::{Move, Steps};
use crate::graph::{Activation, Graph, Layer, Norm, Padding};

/// Kernel, expansion, channels, blocks and first stride of each stage (EfficientNet-B0, table 1).
pub(super) const EFFICIENTNET: [(usize, usize, usize, usize, usize); 7] = [
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
];

/// Epsilon of EfficientNet's normalizations.
pub(super) const EFFICIENTNET_EPSILON: f64 = 1e-3;

/// Channels of the first convolution of EfficientNet-B0.
const STEM: usize = 32;

/// Compound scaling of EfficientNet-B0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaling {
    /// Factors of the channels and of the number of blocks, tenths.
    width: usize,
    depth: usize,
    /// Side of the pictures of ImageNet that the network was made for: its paddings are those of such a picture,
    /// whatever the size of the picture at hand.
    side: usize,
}

impl Scaling {
    /// `width` and `depth` in tenths, `side` in pixels.
    pub(super) const fn new(width: usize, depth: usize, side: usize) -> Self {
        Self { width, depth, side }
    }

    /// Channels: the nearest multiple of 8 that is not more than a tenth below (`round_filters`).
    const fn channels(self, base: usize) -> usize {
        let rounded = (base * self.width + 40) / 80 * 8;
        let rounded = if rounded < 8 { 8 } else { rounded };
        if 100 * rounded < 9 * base * self.width { rounded + 8 } else { rounded }
    }

    /// Blocks of a stage (`round_repeats`).
    const fn blocks(self, base: usize) -> usize {
        (base * self.depth).div_ceil(10)
    }
}

/// Side of a picture of `side` pixels after a convolution with this kernel and stride, and its padding: as few zeros as
/// TensorFlow's `SAME` needs, the odd one at the end.
const fn same(side: usize, kernel: usize, stride: usize) -> (usize, Padding) {
    let out = side.div_ceil(stride);
    let all = ((out - 1) * stride + kernel).saturating_sub(side);
    (out, Padding::Given(all / 2, all - all / 2))
}

/// The encoder: squeeze-and-excitation to a quarter of each block's input, swish activations.
pub(super) fn add(steps: &mut Steps, graph: &mut Graph, inputs: usize, scaling: Scaling) {
    let mut channels = scaling.channels(STEM);
    let (mut side, padding) = same(scaling.side, 3, 2);
    let norm = Some(Norm { name: "encoder._bn0".into(), epsilon: EFFICIENTNET_EPSILON });
    let stem = Layer::new("encoder._conv_stem", "", [inputs, channels]).sized(3, 2);
    steps.conv(graph, Layer { norm, padding, ..stem }, Activation::Silu);
    // The skip connection at a half is the first convolution, not the first stage, which has that size too.
    steps.push(Move::Give);
    let mut number = 0;
    for (stage, (kernel, widen, base, count, first_stride)) in EFFICIENTNET.into_iter().enumerate() {
        let outputs = scaling.channels(base);
        if first_stride == 2 && stage > 1 {
            steps.push(Move::Give);
        }
        for i in 0..scaling.blocks(count) {
            let stride = if i == 0 { first_stride } else { 1 };
            let (out, padding) = same(side, kernel, stride);
            let part = |p: &str| format!("encoder._blocks.{number}.{p}");
            let pair = |conv: &str, norm: &str| Some((part(conv), part(norm)));
            let expand = if widen == 1 { None } else { pair("_expand_conv", "_bn0") };
            let block = Inverted {
                names: [expand, pair("_depthwise_conv", "_bn1"), pair("_project_conv", "_bn2")],
                channels: [channels, outputs],
                widen,
                kernel,
                stride,
                padding,
                epsilon: EFFICIENTNET_EPSILON,
                activation: Activation::Silu,
                excitation: Some(([part("_se_reduce"), part("_se_expand")], (channels / 4).max(1))),
            };
            block.add(steps, graph);
            (side, channels, number) = (out, outputs, number + 1);
        }
    }
    steps.push(Move::Give);
}

#[cfg(test)]
mod tests {
    use arpent_base::number::exact;

    use crate::graph::{Extent, Graph, Op};
    use crate::{Architecture, Encoder, field};

    fn unet(encoder: Encoder, in_channels: usize) -> Architecture {
        let decoder = vec![256, 128, 64, 32, 16];
        Architecture::EncoderUnet { encoder, in_channels, out_channels: 3, decoder, dates: 1 }
    }

    /// Paddings of the convolutions with a stride of 2, in order.
    fn pads(graph: &Graph) -> Vec<(usize, usize)> {
        graph.layers.iter().filter(|l| l.stride == 2).map(super::Layer::pads).collect()
    }

    /// Encoder, parameters of a network with 4 bands and 3 classes, channels of the feature maps, paddings: those of
    /// segmentation_models_pytorch 0.6.0.
    #[test]
    fn the_family_is_the_published_one() {
        let (even, odd, wide) = ((0, 1), (1, 2), (2, 2));
        for (encoder, parameters, channels, paddings) in [
            (Encoder::EfficientnetB0, 5_839_887, [32, 24, 40, 112, 320], [even, even, odd, even, odd]),
            (Encoder::EfficientnetB1, 8_345_523, [32, 24, 40, 112, 320], [even, even, odd, even, wide]),
            (Encoder::EfficientnetB2, 9_548_437, [32, 24, 48, 120, 352], [even, even, wide, (1, 1), wide]),
            (Encoder::EfficientnetB3, 12_566_787, [40, 32, 48, 136, 384], [even, even, wide, even, wide]),
            (Encoder::EfficientnetB4, 19_420_011, [48, 32, 56, 160, 448], [even, even, wide, even, odd]),
            (Encoder::EfficientnetB5, 30_164_051, [48, 40, 64, 176, 512], [even, even, odd, (1, 1), wide]),
            (Encoder::EfficientnetB6, 42_494_275, [56, 40, 72, 200, 576], [even, even, odd, even, wide]),
            (Encoder::EfficientnetB7, 65_452_675, [64, 48, 80, 224, 640], [even, even, odd, (1, 1), odd]),
        ] {
            let architecture = unet(encoder, 4);
            let tensors = architecture.training_tensors().into_iter();
            let trained = tensors.filter(|t| !t.name.contains("running"));
            let count: usize = trained.map(|t| t.shape.iter().product::<usize>()).sum();
            assert_eq!(count, parameters, "{}", encoder.name());
            let mut graph = Graph::default();
            let input = graph.input(0, 4);
            let given = encoder.steps(&mut graph, 4).run(&mut graph, input);
            let maps: Vec<_> =
                given.iter().map(|step| (graph.channels(*step), graph.steps[*step].extent)).collect();
            let wanted = (1..).zip(channels).map(|(level, channels)| (channels, Extent::Level(level)));
            assert!(maps.iter().copied().eq(wanted), "{}: {maps:?}", encoder.name());
            assert_eq!(pads(&graph), paddings, "{}", encoder.name());
        }
    }

    #[test]
    fn squeeze_and_excitation_has_no_receptive_field() {
        let network = unet(Encoder::EfficientnetB0, 3);
        assert!(!field::is_local(&network) && field::is_local(&unet(Encoder::EfficientnetLite0, 3)));
        assert_eq!((field::receptive_field_radius(&network), field::overlap(&network, false)), (None, None));
        assert_eq!(field::stride(&network), 32);
        let graph = network.graph();
        let grids = graph.steps.iter().filter(|s| s.extent == Extent::Grid(1)).count();
        let scales = graph.steps.iter().filter(|s| s.op == Op::Scale).count();
        // One mean and two convolutions for each of the 16 blocks.
        assert_eq!((scales, grids), (16, 3 * 16));
    }

    /// Published costs of networks in use: clouds on four bands, fields on eight.
    #[test]
    fn costs_are_the_published_ones() {
        for (encoder, bands, thousands) in [
            (Encoder::EfficientnetB4, 4, 141.0),
            (Encoder::EfficientnetB3, 8, 118.0),
            (Encoder::EfficientnetB5, 8, 178.0),
            (Encoder::EfficientnetB7, 8, 296.0),
        ] {
            let cost = field::flop_per_pixel(&unet(encoder, bands)) / 1e3;
            assert!((cost - thousands).abs() < exact(3usize), "{}: {cost}", encoder.name());
        }
    }
}
