//! Mix transformers (Xie et al., 2021), with the names of segmentation_models_pytorch or of Hugging Face's transformers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::{Activation, Graph, Layer, Op, Padding};

/// The size of a Mix transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MitSize {
    /// 3.3 M parameters.
    B0,
    /// 13.2 M.
    B1,
    /// 24.2 M.
    B2,
    /// 44.1 M.
    B3,
    /// 60.9 M.
    B4,
    /// 81.4 M.
    B5,
}

impl MitSize {
    /// Every size.
    pub const ALL: [Self; 6] = [Self::B0, Self::B1, Self::B2, Self::B3, Self::B4, Self::B5];

    /// The name in `model.json` and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::B0 => "b0",
            Self::B1 => "b1",
            Self::B2 => "b2",
            Self::B3 => "b3",
            Self::B4 => "b4",
            Self::B5 => "b5",
        }
    }

    /// Channels of each of four stages.
    const fn widths(self) -> [usize; 4] {
        match self {
            Self::B0 => [32, 64, 160, 256],
            _ => [64, 128, 320, 512],
        }
    }

    /// Blocks of each stage.
    const fn blocks(self) -> [usize; 4] {
        match self {
            Self::B0 | Self::B1 => [2, 2, 2, 2],
            Self::B2 => [3, 4, 6, 3],
            Self::B3 => [3, 4, 18, 3],
            Self::B4 => [3, 8, 27, 3],
            Self::B5 => [3, 6, 40, 3],
        }
    }

    /// Channels of SegFormer's decoder.
    pub(crate) const fn decoder_width(self) -> usize {
        match self {
            Self::B0 | Self::B1 => 256,
            _ => 768,
        }
    }
}

/// Heads of each stage's attention.
const HEADS: [usize; 4] = [1, 2, 5, 8];

/// Sides of the squares of pixels that each stage's keys and values are reduced by: all have a 32nd of the picture's size.
const REDUCTIONS: [usize; 4] = [8, 4, 2, 1];

/// Factor of the channels between a block's two last convolutions.
const WIDEN: usize = 4;

/// Epsilon of the normalizations of patches and of reduced keys, in both libraries; of all in transformers.
const EPSILON: f64 = 1e-5;

/// Whose names the tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// segmentation_models_pytorch: `encoder.block1.0.attn.q`.
    SegmentationModels,
    /// transformers, version 4: `segformer.encoder.block.0.0.attention.self.query`.
    Transformers,
}

impl Names {
    /// Epsilon of the normalizations of blocks and stages.
    const fn epsilon(self) -> f64 {
        match self {
            Self::SegmentationModels => 1e-6,
            Self::Transformers => EPSILON,
        }
    }

    fn patches(self, stage: usize) -> [String; 2] {
        match self {
            Self::SegmentationModels => {
                ["proj", "norm"].map(|p| format!("encoder.patch_embed{}.{p}", stage + 1))
            }
            Self::Transformers => {
                ["proj", "layer_norm"].map(|p| format!("segformer.encoder.patch_embeddings.{stage}.{p}"))
            }
        }
    }

    fn stage_norm(self, stage: usize) -> String {
        match self {
            Self::SegmentationModels => format!("encoder.norm{}", stage + 1),
            Self::Transformers => format!("segformer.encoder.layer_norm.{stage}"),
        }
    }

    fn block(self, stage: usize, block: usize) -> String {
        match self {
            Self::SegmentationModels => format!("encoder.block{}.{block}", stage + 1),
            Self::Transformers => format!("segformer.encoder.block.{stage}.{block}"),
        }
    }

    /// The name of a part of a block, by its name in segmentation_models_pytorch.
    fn part(self, part: &'static str) -> &'static str {
        if self == Self::SegmentationModels {
            return part;
        }
        match part {
            "norm1" => "layer_norm_1",
            "norm2" => "layer_norm_2",
            "attn.q" => "attention.self.query",
            "attn.sr" => "attention.self.sr",
            "attn.norm" => "attention.self.layer_norm",
            "attn.proj" => "attention.output.dense",
            "mlp.fc1" => "mlp.dense1",
            "mlp.fc2" => "mlp.dense2",
            same => same,
        }
    }
}

/// Adds the encoder to an input; returns the steps of its feature maps at a quarter to a 32nd, finest first.
pub(crate) fn add(graph: &mut Graph, input: usize, size: MitSize, names: Names) -> [usize; 4] {
    let (widths, blocks) = (size.widths(), size.blocks());
    let mut at = input;
    [0, 1, 2, 3].map(|stage| {
        let [project, norm] = names.patches(stage);
        let (kernel, stride) = if stage == 0 { (7, 4) } else { (3, 2) };
        let layer = Layer::biased(project, [graph.channels(at), widths[stage]], kernel).sized(kernel, stride);
        let layer = graph.layer(layer);
        at = graph.conv(at, layer, Activation::None);
        at = graph.layer_norm(at, norm, EPSILON);
        for block in 0..blocks[stage] {
            let name = names.block(stage, block);
            at = attend(graph, at, &name, stage, names);
            at = mix(graph, at, &name, names);
        }
        at = graph.layer_norm(at, names.stage_norm(stage), names.epsilon());
        at
    })
}

/// A convolution of single pixels.
fn pointwise(graph: &mut Graph, from: usize, name: String, outputs: usize, activation: Activation) -> usize {
    let layer = graph.layer(Layer::biased(name, [graph.channels(from), outputs], 1));
    graph.conv(from, layer, activation)
}

/// Attention to keys and values of a 32nd of the picture's size, added to its input.
fn attend(graph: &mut Graph, from: usize, name: &str, stage: usize, names: Names) -> usize {
    let width = graph.channels(from);
    let part = |part| format!("{name}.{}", names.part(part));
    let input = graph.layer_norm(from, part("norm1"), names.epsilon());
    let queries = pointwise(graph, input, part("attn.q"), width, Activation::None);
    let mut reduced = input;
    let side = REDUCTIONS[stage];
    if side > 1 {
        let layer = Layer::biased(part("attn.sr"), [width, width], side).sized(side, side);
        let layer = graph.layer(Layer { padding: Padding::Given(0, 0), ..layer });
        reduced = graph.conv(input, layer, Activation::None);
        reduced = graph.layer_norm(reduced, part("attn.norm"), EPSILON);
    }
    let [keys, values] = match names {
        Names::SegmentationModels => {
            let both = graph.layer(Layer::biased(format!("{name}.attn.kv"), [width, 2 * width], 1));
            [0, 1].map(|half| graph.part(reduced, both, [half * width, width]))
        }
        Names::Transformers => ["key", "value"].map(|p| {
            pointwise(graph, reduced, format!("{name}.attention.self.{p}"), width, Activation::None)
        }),
    };
    let seen = graph.attention([queries, keys, values], HEADS[stage]);
    let seen = pointwise(graph, seen, part("attn.proj"), width, Activation::None);
    graph.combine(Op::Add, [from, seen], Activation::None)
}

/// Two convolutions of single pixels with a depthwise one in between, added to their input.
fn mix(graph: &mut Graph, from: usize, name: &str, names: Names) -> usize {
    let width = graph.channels(from);
    let part = |part| format!("{name}.{}", names.part(part));
    let input = graph.layer_norm(from, part("norm2"), names.epsilon());
    let wide = pointwise(graph, input, part("mlp.fc1"), WIDEN * width, Activation::None);
    let spatial = Layer::biased(part("mlp.dwconv.dwconv"), [WIDEN * width, WIDEN * width], 3);
    let spatial = graph.layer(Layer { depthwise: true, ..spatial });
    let wide = graph.conv(wide, spatial, Activation::Gelu);
    let narrow = pointwise(graph, wide, part("mlp.fc2"), width, Activation::None);
    graph.combine(Op::Add, [from, narrow], Activation::None)
}
