//! Published encoders, with the tensor names of their PyTorch weights.
//!
//! Each returns feature maps at a half, a quarter, ... of the input's size, finest first. Names are those of
//! segmentation_models_pytorch 0.6 (`encoder.` and then torchvision's or timm's name), so that its state dicts load
//! key for key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::Graph;

mod convnext;
mod efficientnet;
mod inverted;
pub(crate) mod mix_transformer;
mod mobilenet;
mod resnet;
mod steps;
mod swin;

use efficientnet::Scaling;
pub use mix_transformer::MitSize;
use mix_transformer::Names;
pub(crate) use steps::Steps;

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
    /// Tan & Le, *EfficientNet: rethinking model scaling for convolutional neural networks*, 2019, with
    /// squeeze-and-excitation: not local. Names and paddings of EfficientNet-PyTorch.
    EfficientnetB0,
    /// The same, wider and deeper, and so on to B7.
    EfficientnetB1,
    /// See [`Encoder::EfficientnetB1`].
    EfficientnetB2,
    /// See [`Encoder::EfficientnetB1`].
    EfficientnetB3,
    /// See [`Encoder::EfficientnetB1`].
    EfficientnetB4,
    /// See [`Encoder::EfficientnetB1`].
    EfficientnetB5,
    /// See [`Encoder::EfficientnetB1`].
    EfficientnetB6,
    /// See [`Encoder::EfficientnetB1`].
    EfficientnetB7,
    /// Xie et al., *SegFormer: simple and efficient design for semantic segmentation with transformers*, 2021: attention to
    /// all pixels, not local. Names of segmentation_models_pytorch.
    MitB0,
    /// The same, wider and deeper, and so on to B5.
    MitB1,
    /// See [`Encoder::MitB1`].
    MitB2,
    /// See [`Encoder::MitB1`].
    MitB3,
    /// See [`Encoder::MitB1`].
    MitB4,
    /// See [`Encoder::MitB1`].
    MitB5,
}

/// Blocks of each stage of a residual network, and whether they are bottlenecks (He et al., 2016).
type Blocks = ([usize; 4], bool);

const RESNET_18: Blocks = ([2, 2, 2, 2], false);
const RESNET_34: Blocks = ([3, 4, 6, 3], false);
const RESNET_50: Blocks = ([3, 4, 6, 3], true);

impl Encoder {
    /// Every encoder.
    pub const ALL: [Self; 19] = [
        Self::Resnet18,
        Self::Resnet34,
        Self::Resnet50,
        Self::MobilenetV2,
        Self::EfficientnetLite0,
        Self::EfficientnetB0,
        Self::EfficientnetB1,
        Self::EfficientnetB2,
        Self::EfficientnetB3,
        Self::EfficientnetB4,
        Self::EfficientnetB5,
        Self::EfficientnetB6,
        Self::EfficientnetB7,
        Self::MitB0,
        Self::MitB1,
        Self::MitB2,
        Self::MitB3,
        Self::MitB4,
        Self::MitB5,
    ];

    /// The name in `model.json` and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::MobilenetV2 => "mobilenet-v2",
            Self::EfficientnetLite0 => "efficientnet-lite0",
            Self::EfficientnetB0 => "efficientnet-b0",
            Self::EfficientnetB1 => "efficientnet-b1",
            Self::EfficientnetB2 => "efficientnet-b2",
            Self::EfficientnetB3 => "efficientnet-b3",
            Self::EfficientnetB4 => "efficientnet-b4",
            Self::EfficientnetB5 => "efficientnet-b5",
            Self::EfficientnetB6 => "efficientnet-b6",
            Self::EfficientnetB7 => "efficientnet-b7",
            Self::MitB0 => "mit-b0",
            Self::MitB1 => "mit-b1",
            Self::MitB2 => "mit-b2",
            Self::MitB3 => "mit-b3",
            Self::MitB4 => "mit-b4",
            Self::MitB5 => "mit-b5",
        }
    }

    /// The size of a transformer.
    pub(crate) const fn transformer(self) -> Option<MitSize> {
        Some(match self {
            Self::MitB0 => MitSize::B0,
            Self::MitB1 => MitSize::B1,
            Self::MitB2 => MitSize::B2,
            Self::MitB3 => MitSize::B3,
            Self::MitB4 => MitSize::B4,
            Self::MitB5 => MitSize::B5,
            _ => return None,
        })
    }

    /// Adds the encoder's layers, through which any number of pictures can then be passed ([`Steps::run`]). A transformer
    /// has none: [`mix_transformer::add`].
    pub(crate) fn steps(self, graph: &mut Graph, inputs: usize) -> Steps {
        let mut steps = Steps::default();
        let (to, efficientnet) = (&mut steps, efficientnet::add);
        match self {
            Self::Resnet18 => resnet::add(to, graph, inputs, RESNET_18, ("encoder", false)),
            Self::Resnet34 => resnet::add(to, graph, inputs, RESNET_34, ("encoder", false)),
            Self::Resnet50 => resnet::add(to, graph, inputs, RESNET_50, ("encoder", false)),
            Self::MobilenetV2 => mobilenet::add_v2(to, graph, inputs),
            Self::EfficientnetLite0 => mobilenet::add_lite0(to, graph, inputs),
            Self::EfficientnetB0 => efficientnet(to, graph, inputs, Scaling::new(10, 10, 224)),
            Self::EfficientnetB1 => efficientnet(to, graph, inputs, Scaling::new(10, 11, 240)),
            Self::EfficientnetB2 => efficientnet(to, graph, inputs, Scaling::new(11, 12, 260)),
            Self::EfficientnetB3 => efficientnet(to, graph, inputs, Scaling::new(12, 14, 300)),
            Self::EfficientnetB4 => efficientnet(to, graph, inputs, Scaling::new(14, 18, 380)),
            Self::EfficientnetB5 => efficientnet(to, graph, inputs, Scaling::new(16, 22, 456)),
            Self::EfficientnetB6 => efficientnet(to, graph, inputs, Scaling::new(18, 26, 528)),
            Self::EfficientnetB7 => efficientnet(to, graph, inputs, Scaling::new(20, 31, 600)),
            Self::MitB0 | Self::MitB1 | Self::MitB2 | Self::MitB3 | Self::MitB4 | Self::MitB5 => {}
        }
        steps
    }

    /// Blocks of a residual network.
    const fn residual(self) -> Option<Blocks> {
        match self {
            Self::Resnet18 => Some(RESNET_18),
            Self::Resnet34 => Some(RESNET_34),
            Self::Resnet50 => Some(RESNET_50),
            _ => None,
        }
    }

    /// Whether [`Encoder::dilated`] is supported.
    pub(crate) const fn is_dilatable(self) -> bool {
        self.residual().is_some()
    }

    /// The encoder with dilated kernels in its last stage, which then has a 16th of the picture's size, too; `None` where
    /// that is not supported.
    pub(crate) fn dilated(self, graph: &mut Graph, inputs: usize) -> Option<Steps> {
        let mut steps = Steps::default();
        resnet::add(&mut steps, graph, inputs, self.residual()?, ("encoder", true));
        Some(steps)
    }

    /// The steps of one picture's feature maps, finest first: at a half of its size (not of a transformer) to a 32nd.
    pub(crate) fn features(self, graph: &mut Graph, inputs: usize) -> Vec<usize> {
        if let Some(size) = self.transformer() {
            let input = graph.input(0, inputs);
            return mix_transformer::add(graph, input, size, Names::SegmentationModels).to_vec();
        }
        let steps = self.steps(graph, inputs);
        let input = graph.input(0, inputs);
        steps.run(graph, input)
    }
}

/// A residual network of 50 layers with names below `prefix`, as torchvision's detectors have it.
pub(crate) fn resnet50(graph: &mut Graph, inputs: usize, prefix: &str) -> Steps {
    let mut steps = Steps::default();
    resnet::add(&mut steps, graph, inputs, RESNET_50, (prefix, false));
    steps
}

/// An encoder of feature maps at a quarter, an eighth, a 16th and a 32nd of the picture's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PyramidEncoder {
    /// Woo et al., *ConvNeXt V2: co-designing and scaling ConvNets with masked autoencoders*, 2023; timm's names.
    Convnextv2Tiny,
    /// The same, wider and deeper.
    Convnextv2Base,
    /// Liu et al., *Swin Transformer: hierarchical vision transformer using shifted windows*, 2021, with windows of 7 pixels;
    /// timm's names.
    SwinTiny,
    /// The same, deeper.
    SwinSmall,
    /// The same, wider, with windows of 12 pixels.
    SwinBase,
    /// The same, wider.
    SwinLarge,
}

impl PyramidEncoder {
    /// Every encoder.
    pub const ALL: [Self; 6] = [
        Self::Convnextv2Tiny,
        Self::Convnextv2Base,
        Self::SwinTiny,
        Self::SwinSmall,
        Self::SwinBase,
        Self::SwinLarge,
    ];

    /// The name in `model.json` and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Convnextv2Tiny => "convnextv2-tiny",
            Self::Convnextv2Base => "convnextv2-base",
            Self::SwinTiny => "swin-tiny",
            Self::SwinSmall => "swin-small",
            Self::SwinBase => "swin-base",
            Self::SwinLarge => "swin-large",
        }
    }

    /// Adds the encoder to an input; returns the steps of its feature maps, finest first.
    pub(crate) fn add(self, graph: &mut Graph, input: usize) -> [usize; 4] {
        match self {
            Self::Convnextv2Tiny => convnext::add_v2(graph, input, [3, 3, 9, 3], 96),
            Self::Convnextv2Base => convnext::add_v2(graph, input, [3, 3, 27, 3], 128),
            Self::SwinTiny => swin::add(graph, input, swin::Size { width: 96, deep: 6, heads: 3, side: 7 }),
            Self::SwinSmall => swin::add(graph, input, swin::Size { width: 96, deep: 18, heads: 3, side: 7 }),
            Self::SwinBase => {
                swin::add(graph, input, swin::Size { width: 128, deep: 18, heads: 4, side: 12 })
            }
            Self::SwinLarge => {
                swin::add(graph, input, swin::Size { width: 192, deep: 18, heads: 6, side: 12 })
            }
        }
    }
}
