//! Published encoders, with the tensor names of their PyTorch weights.
//!
//! Each returns feature maps at a half, a quarter, ... of the input's size, finest first. Names are those of
//! segmentation_models_pytorch 0.6 (`encoder.` and then torchvision's or timm's name), so that its state dicts load
//! key for key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::{Activation, Graph, Layer, Norm, Op, Padding};

/// An encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoder {
    /// He et al., *Deep residual learning for image recognition*, 2016; 18 layers.
    Resnet18,
    /// The same with 34 layers.
    Resnet34,
    /// The same with 50 layers, in bottlenecks.
    Resnet50,
    /// Sandler et al., *MobileNetV2: inverted residuals and linear bottlenecks*, 2018.
    MobilenetV2,
    /// Liu, *Higher accuracy on vision models with EfficientNet-Lite*, 2020: no squeeze-and-excitation, ReLU6;
    /// TensorFlow's padding (timm's `tf_efficientnet_lite0`), as in the training of its ImageNet weights.
    EfficientnetLite0,
}

impl Encoder {
    /// Every encoder.
    pub const ALL: [Self; 5] =
        [Self::Resnet18, Self::Resnet34, Self::Resnet50, Self::MobilenetV2, Self::EfficientnetLite0];

    /// The name in `model.json` and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::MobilenetV2 => "mobilenet-v2",
            Self::EfficientnetLite0 => "efficientnet-lite0",
        }
    }

    /// Adds the encoder's layers, through which any number of pictures can then be passed ([`Steps::run`]).
    pub(crate) fn steps(self, graph: &mut Graph, inputs: usize) -> Steps {
        let mut steps = Steps::default();
        match self {
            Self::Resnet18 => resnet(&mut steps, graph, inputs, [2, 2, 2, 2], false),
            Self::Resnet34 => resnet(&mut steps, graph, inputs, [3, 4, 6, 3], false),
            Self::Resnet50 => resnet(&mut steps, graph, inputs, [3, 4, 6, 3], true),
            Self::MobilenetV2 => mobilenet_v2(&mut steps, graph, inputs),
            Self::EfficientnetLite0 => efficientnet_lite0(&mut steps, graph, inputs),
        }
        steps
    }
}

/// The operations of an encoder, in order.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Move>);

#[derive(Debug, Clone, Copy)]
enum Move {
    Conv(usize, Activation),
    Pool,
    /// Keeps the feature map, to be added later.
    Keep,
    /// Applies a layer to the kept feature map.
    Side(usize),
    /// Adds the kept feature map.
    Add(Activation),
    /// Passes the feature map to the decoder.
    Give,
}

impl Steps {
    /// Applies the encoder to an input; returns the steps that are passed to the decoder, finest first.
    pub(crate) fn run(&self, graph: &mut Graph, input: usize) -> Vec<usize> {
        let (mut at, mut kept, mut given) = (input, input, Vec::new());
        for step in &self.0 {
            match *step {
                Move::Conv(layer, activation) => at = graph.conv(at, layer, activation),
                Move::Pool => at = graph.max_pool(at, 3),
                Move::Keep => kept = at,
                Move::Side(layer) => kept = graph.conv(kept, layer, Activation::None),
                Move::Add(activation) => at = graph.combine(Op::Add, [at, kept], activation),
                Move::Give => given.push(at),
            }
        }
        given
    }

    fn conv(&mut self, graph: &mut Graph, layer: Layer, activation: Activation) {
        let layer = graph.layer(layer);
        self.0.push(Move::Conv(layer, activation));
    }
}

fn resnet(steps: &mut Steps, graph: &mut Graph, inputs: usize, blocks: [usize; 4], bottleneck: bool) {
    let stem = Layer::new("encoder.conv1", "encoder.bn1", [inputs, 64]).sized(7, 2);
    steps.conv(graph, stem, Activation::Relu);
    steps.0.extend([Move::Give, Move::Pool]);
    let mut channels = 64;
    for (stage, (count, width)) in blocks.into_iter().zip([64, 128, 256, 512]).enumerate() {
        let outputs = if bottleneck { 4 * width } else { width };
        for block in 0..count {
            let stride = if block == 0 && stage > 0 { 2 } else { 1 };
            let name = format!("encoder.layer{}.{block}", stage + 1);
            residual(steps, graph, &name, [channels, width, outputs], stride);
            channels = outputs;
        }
        steps.0.push(Move::Give);
    }
}

/// A block of two 3 x 3 convolutions, or a bottleneck if it expands its own `width`.
fn residual(
    steps: &mut Steps,
    graph: &mut Graph,
    name: &str,
    [inputs, width, outputs]: [usize; 3],
    stride: usize,
) {
    let layer = |i: usize, channels| Layer::new(format!("{name}.conv{i}"), format!("{name}.bn{i}"), channels);
    steps.0.push(Move::Keep);
    if width == outputs {
        steps.conv(graph, layer(1, [inputs, width]).sized(3, stride), Activation::Relu);
        steps.conv(graph, layer(2, [width, outputs]), Activation::None);
    } else {
        steps.conv(graph, layer(1, [inputs, width]).sized(1, 1), Activation::Relu);
        steps.conv(graph, layer(2, [width, width]).sized(3, stride), Activation::Relu);
        steps.conv(graph, layer(3, [width, outputs]).sized(1, 1), Activation::None);
    }
    if stride == 2 || inputs != outputs {
        let (conv, norm) = (format!("{name}.downsample.0"), format!("{name}.downsample.1"));
        let side = graph.layer(Layer::new(conv, norm, [inputs, outputs]).sized(1, stride));
        steps.0.push(Move::Side(side));
    }
    steps.0.push(Move::Add(Activation::Relu));
}

/// An inverted residual: expansion, depthwise convolution, projection; names of the three convolutions and their
/// normalizations. The first is absent without expansion.
struct Inverted {
    names: [Option<(String, String)>; 3],
    channels: [usize; 2],
    widen: usize,
    kernel: usize,
    stride: usize,
    epsilon: f64,
    padding: Padding,
}

impl Inverted {
    fn add(self, steps: &mut Steps, graph: &mut Graph) {
        let [inputs, outputs] = self.channels;
        let wide = inputs * self.widen;
        let added = self.stride == 1 && inputs == outputs;
        if added {
            steps.0.push(Move::Keep);
        }
        let shapes = [[inputs, wide], [wide, wide], [wide, outputs]];
        for (index, (name, channels)) in self.names.into_iter().zip(shapes).enumerate() {
            let Some((conv, norm)) = name else { continue };
            let layer = Layer::new(conv, String::new(), channels).sized(1, 1);
            let mut layer = Layer { norm: Some(Norm { name: norm, epsilon: self.epsilon }), ..layer };
            if index == 1 {
                layer =
                    Layer { depthwise: true, padding: self.padding, ..layer.sized(self.kernel, self.stride) };
            }
            let activation = if index == 2 { Activation::None } else { Activation::Relu6 };
            steps.conv(graph, layer, activation);
        }
        if added {
            steps.0.push(Move::Add(Activation::None));
        }
    }
}

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

fn mobilenet_v2(steps: &mut Steps, graph: &mut Graph, inputs: usize) {
    let block = |i: usize| format!("encoder.features.{i}");
    let stem = Layer::new(format!("{}.0", block(0)), format!("{}.1", block(0)), [inputs, 32]).sized(3, 2);
    steps.conv(graph, stem, Activation::Relu6);
    let (mut channels, mut number) = (32, 1);
    for (widen, outputs, count, first_stride) in MOBILENET_V2 {
        for i in 0..count {
            let stride = if i == 0 { first_stride } else { 1 };
            if stride == 2 {
                steps.0.push(Move::Give);
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
                epsilon: 1e-5,
                padding: Padding::Even,
            };
            inverted.add(steps, graph);
            (channels, number) = (outputs, number + 1);
        }
    }
    let last =
        Layer::new(format!("{}.0", block(18)), format!("{}.1", block(18)), [channels, 1280]).sized(1, 1);
    steps.conv(graph, last, Activation::Relu6);
    steps.0.push(Move::Give);
}

/// Kernel, expansion, channels, blocks and first stride of each stage (EfficientNet-B0, table 1, without
/// squeeze-and-excitation).
const EFFICIENTNET_LITE0: [(usize, usize, usize, usize, usize); 7] = [
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
];

/// Epsilon of EfficientNet's normalizations.
const EFFICIENTNET_EPSILON: f64 = 1e-3;

fn efficientnet_lite0(steps: &mut Steps, graph: &mut Graph, inputs: usize) {
    let stem = Layer::new("encoder.model.conv_stem", "", [inputs, 32]).sized(3, 2);
    let norm = Some(Norm { name: "encoder.model.bn1".into(), epsilon: EFFICIENTNET_EPSILON });
    steps.conv(graph, Layer { norm, padding: Padding::Same, ..stem }, Activation::Relu6);
    let mut channels = 32;
    for (stage, (kernel, widen, outputs, count, first_stride)) in EFFICIENTNET_LITE0.into_iter().enumerate() {
        for i in 0..count {
            let stride = if i == 0 { first_stride } else { 1 };
            if stride == 2 {
                steps.0.push(Move::Give);
            }
            let part = |p: &str| format!("encoder.model.blocks.{stage}.{i}.{p}");
            let pair = |conv: &str, norm: &str| Some((part(conv), part(norm)));
            let names = if widen == 1 {
                [None, pair("conv_dw", "bn1"), pair("conv_pw", "bn2")]
            } else {
                [pair("conv_pw", "bn1"), pair("conv_dw", "bn2"), pair("conv_pwl", "bn3")]
            };
            let channels_of = [channels, outputs];
            let (epsilon, padding) = (EFFICIENTNET_EPSILON, Padding::Same);
            let block = Inverted { names, channels: channels_of, widen, kernel, stride, epsilon, padding };
            block.add(steps, graph);
            channels = outputs;
        }
    }
    steps.0.push(Move::Give);
}
