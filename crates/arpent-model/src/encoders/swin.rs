//! Swin transformers, with timm's names.

use crate::graph::{Activation, Graph, Layer, Op, Padding, Squares};

/// Epsilon of all normalizations.
const EPSILON: f64 = 1e-5;

/// The size of a network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Channels of the first stage, doubled from stage to stage.
    pub(super) width: usize,
    /// Blocks of the third of four stages; the others have two.
    pub(super) deep: usize,
    /// Heads of the first stage, doubled from stage to stage.
    pub(super) heads: usize,
    /// Side of the squares that attention sees, pixels of a feature map.
    pub(super) side: usize,
}

/// Adds the encoder to an input; returns the steps of its feature maps, finest first.
pub(super) fn add(graph: &mut Graph, input: usize, size: Size) -> [usize; 4] {
    let patches = Layer::biased("encoder.model.patch_embed.proj", [graph.channels(input), size.width], 4);
    let patches = graph.layer(Layer { padding: Padding::Given(0, 0), ..patches.sized(4, 4) });
    let mut at = graph.conv(input, patches, Activation::None);
    at = graph.layer_norm(at, "encoder.model.patch_embed.norm", EPSILON);
    [0, 1, 2, 3].map(|stage| {
        let name = format!("encoder.model.layers_{stage}");
        if stage > 0 {
            at = merged(graph, at, &format!("{name}.downsample"));
        }
        for block in 0..if stage == 2 { size.deep } else { 2 } {
            // Every second block looks across the borders of the squares of the one before.
            let shift = if block % 2 == 0 { 0 } else { size.side / 2 };
            let name = format!("{name}.blocks.{block}");
            at = attend(graph, at, &name, [size.heads << stage, size.side, shift]);
            at = mix(graph, at, &name);
        }
        at
    })
}

/// The pixels of squares of 2 x 2 side by side, normalized together, and reduced to twice the channels.
fn merged(graph: &mut Graph, from: usize, name: &str) -> usize {
    let places = [(0, 0), (1, 0), (0, 1), (1, 1)];
    let picked = places.map(|(row, column)| graph.pick(from, row, column));
    let all = picked.into_iter().reduce(|all, next| graph.concat(all, next)).unwrap_or(from);
    let all = graph.layer_norm(all, format!("{name}.norm"), EPSILON);
    let channels = graph.channels(all);
    let reduce = Layer::biased(format!("{name}.reduction"), [channels, channels / 2], 1);
    let reduce = graph.layer(Layer { biased: false, ..reduce });
    graph.conv(all, reduce, Activation::None)
}

/// Attention within squares, added to its input.
fn attend(graph: &mut Graph, from: usize, name: &str, [heads, side, shift]: [usize; 3]) -> usize {
    let width = graph.channels(from);
    let part = |part: &str| format!("{name}.{part}");
    let input = graph.layer_norm(from, part("norm1"), EPSILON);
    let projection = graph.layer(Layer::biased(part("attn.qkv"), [width, 3 * width], 1));
    let (table, bias_name) = (part("attn.relative_position_bias_table"), part("attn.qkv.bias"));
    let squares = Squares { table, heads, side, shift, projection, bias_name };
    let seen = graph.square_attention(input, squares);
    let back = graph.layer(Layer::biased(part("attn.proj"), [width, width], 1));
    let seen = graph.conv(seen, back, Activation::None);
    graph.combine(Op::Add, [from, seen], Activation::None)
}

/// Four times the channels and back, added to the input.
fn mix(graph: &mut Graph, from: usize, name: &str) -> usize {
    let width = graph.channels(from);
    let part = |part: &str| format!("{name}.{part}");
    let input = graph.layer_norm(from, part("norm2"), EPSILON);
    let wide = graph.layer(Layer::biased(part("mlp.fc1"), [width, 4 * width], 1));
    let narrow = graph.layer(Layer::biased(part("mlp.fc2"), [4 * width, width], 1));
    let wide = graph.conv(input, wide, Activation::Gelu);
    let narrow = graph.conv(wide, narrow, Activation::None);
    graph.combine(Op::Add, [from, narrow], Activation::None)
}
