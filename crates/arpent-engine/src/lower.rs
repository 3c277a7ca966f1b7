//! Lowers a network's steps to nodes.

use std::sync::Arc;

use crate::extent::{Extent, Length};
use crate::forms::{Form, forms};
use crate::fusions::Fusions;
use crate::kernels::{
    ChannelWeights, DepthwiseWeights, Geometry, Heads, Int8Weights, Isa, Packing, Squares, Weights,
    winograd_weights,
};
use crate::numbers::{narrow, signed};
use crate::rewrite::rewrite;
use crate::shapes::{Shape, is_local, shapes};
use crate::spec::{Activation, Attention, AttentionWindow, Conv, EngineError, Normalization, Op, Step};

/// Options of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Instruction set; must be available ([`Isa::is_available`]).
    pub isa: Isa,
    /// Deepest level (number of halvings of the picture) whose 3 x 3 convolutions compute four rows together, with
    /// half the products; -1 for none. With each such layer, outputs depend on more rows ([`crate::Engine::reach`]).
    pub winograd: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self { isa: Isa::best(), winograd: -1 }
    }
}

/// Smallest number of input channels with which a convolution gains from computing four rows together.
const WINOGRAD_INPUTS: usize = 64;

/// The operation of a node.
#[derive(Debug)]
pub(crate) enum NodeKind {
    Input {
        start: usize,
        count: usize,
    },
    Direct(Weights, Geometry),
    Winograd(Weights),
    /// A 3 x 3 convolution over its upsampled input, or a transposed one.
    Phases(Box<[Weights; 4]>),
    /// [`NodeKind::Direct`] on bytes.
    Int8(Int8Weights, Geometry),
    /// [`NodeKind::Phases`] on bytes.
    Int8Phases(Box<[Int8Weights; 4]>),
    /// From f32 to bytes.
    Quantize,
    Depthwise(DepthwiseWeights, Geometry),
    /// The weights of a [`NodeKind::Rescaled`] times factors, the channels of a pixel from `first` on: a row for each
    /// block.
    Rescale {
        weights: Arc<Weights>,
        first: usize,
    },
    /// [`NodeKind::Direct`] with the weights of a [`NodeKind::Rescale`].
    Rescaled(Arc<Weights>, Geometry),
    MaxPool {
        kernel: usize,
    },
    MeanPool {
        levels: u32,
    },
    Upsample {
        levels: u32,
    },
    Concat,
    Add,
    Difference,
    /// Means over `parts` parts of each row, of `length` pixels.
    RowMeans {
        parts: i64,
        length: Length,
    },
    /// Means over `parts` parts of the rows of [`NodeKind::RowMeans`], which are `length`.
    MeansOfRows {
        parts: i64,
        length: Length,
    },
    /// The first input times the second, a pixel.
    Scale,
    Bilinear {
        from: Extent,
        align_corners: bool,
    },
    LayerNorm(ChannelWeights),
    /// Mean and variance of groups of channels along rows, which are `length`.
    RowMoments {
        groups: usize,
        length: Length,
    },
    /// A pixel with what is subtracted and what is multiplied, of [`NodeKind::RowMoments`], whose rows are `length`.
    Moments {
        weights: ChannelWeights,
        length: Length,
    },
    /// Sums of squares along rows, which are `length`.
    RowSquares {
        length: Length,
    },
    /// As [`NodeKind::Moments`], of [`NodeKind::RowSquares`].
    Norms {
        weights: ChannelWeights,
        length: Length,
    },
    /// The first input, normalized by the second, a pixel; with a bias.
    Normalize(Vec<f32>),
    /// Attention to keys and values of a size.
    Attention {
        heads: Box<Heads>,
        keys: Extent,
    },
}

/// A node of the plan.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) from: Vec<usize>,
    /// Added before the activation.
    pub(crate) residual: Option<usize>,
    pub(crate) activation: Activation,
    pub(crate) channels: usize,
    pub(crate) extent: Extent,
    /// Scale of values that are stored in bytes, 0..=127; `None`: as f32.
    pub(crate) scale: Option<f32>,
}

/// The nodes of a network.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) nodes: Vec<Node>,
    /// The node with each step's values, or the nodes that it was fused into.
    pub(crate) made: Vec<Vec<usize>>,
    /// Whether an output pixel depends on pixels near it only.
    pub(crate) local: bool,
}

/// Lowers a network; `ranges`, if given, are the greatest values of each step's output, for layers stored in bytes.
pub(crate) fn lower(
    steps: &[Step],
    options: Options,
    ranges: Option<&[f32]>,
) -> Result<Lowered, EngineError> {
    let shapes = shapes(steps)?;
    let local = steps.iter().all(|step| is_local(&step.op));
    if local || ranges.is_some() {
        return Ok(Lowered { local, ..lower_steps(steps, shapes, options, ranges, false) });
    }
    let rewritten = rewrite(steps, &shapes);
    let new = rewritten.steps();
    let lowered = lower_steps(&new, self::shapes(&new)?, options, None, true);
    let mut made: Vec<Vec<usize>> = Vec::with_capacity(steps.len());
    for (step, new) in steps.iter().zip(&rewritten.map) {
        let read = || step.from.iter().flat_map(|from| made[*from].clone()).collect();
        made.push(new.map_or_else(read, |new| lowered.made[new].clone()));
    }
    Ok(Lowered { made, local, ..lowered })
}

/// Lowers steps; `rescales` if weights may be multiplied instead of pixels.
fn lower_steps(
    steps: &[Step],
    shapes: Vec<Shape>,
    options: Options,
    ranges: Option<&[f32]>,
    rescales: bool,
) -> Lowered {
    let fusions = Fusions::new(steps);
    let forms = ranges.map_or_else(|| vec![Form::default(); steps.len()], |r| forms(&fusions, r));
    let none = vec![None; steps.len()];
    let mut lowering = Lowering {
        steps,
        shapes,
        fusions,
        forms,
        options,
        rescales,
        made: none.clone(),
        bytes: none,
        nodes: Vec::new(),
    };
    let mut absorbed = lowering.fusions.absorbed();
    (0..steps.len()).filter_map(|index| lowering.rescaled(index)).for_each(|step| absorbed[step] = true);
    for index in (0..steps.len()).filter(|i| !absorbed[*i]) {
        lowering.emit(index);
    }
    let made = lowering.what_became();
    Lowered { nodes: lowering.nodes, made, local: true }
}

struct Lowering<'a> {
    steps: &'a [Step<'a>],
    shapes: Vec<Shape>,
    fusions: Fusions<'a>,
    forms: Vec<Form>,
    options: Options,
    /// Whether weights may be multiplied instead of pixels.
    rescales: bool,
    /// The node of each step that has one.
    made: Vec<Option<usize>>,
    /// The node with each step's values in bytes, if the step's own node stores f32.
    bytes: Vec<Option<usize>>,
    nodes: Vec<Node>,
}

impl Lowering<'_> {
    fn node(&self, step: usize) -> usize {
        // Steps are emitted in order, and fused ones are not requested.
        self.made[step].unwrap_or_default()
    }

    /// The node that convolutions read for a step, and the scale of its bytes, if any.
    fn seen(&mut self, step: usize, conv: &Conv) -> (usize, Option<f32>) {
        match self.forms[step].seen_by(conv) {
            Some(scale) => (self.bytes(step, scale), Some(scale)),
            None => (self.node(step), None),
        }
    }

    /// A step's values in bytes: its own node if that stores bytes, or another, which is created once.
    fn bytes(&mut self, step: usize, scale: f32) -> usize {
        let node = self.node(step);
        if self.nodes[node].scale.is_some() {
            return node;
        }
        let bytes = self.bytes[step].unwrap_or(self.nodes.len());
        if bytes == self.nodes.len() {
            let Shape { channels, extent } = self.shapes[step];
            self.nodes.push(Node {
                kind: NodeKind::Quantize,
                from: vec![node],
                residual: None,
                activation: Activation::None,
                channels,
                extent,
                scale: Some(scale),
            });
        }
        self.bytes[step] = Some(bytes);
        bytes
    }

    fn emit(&mut self, index: usize) {
        let Step { op, from, .. } = &self.steps[index];
        match *op {
            Op::Conv(conv) => match self.fusions.upsampled(index) {
                Some((up, skip)) => self.emit_upsampled(index, &conv, up, skip),
                None => self.emit_conv(index, index, &conv, None),
            },
            Op::Transposed(conv) => {
                let weights = NodeKind::Phases(Box::new(transposed(self.options.isa, &conv)));
                self.emit_plain(index, weights);
            }
            Op::Add => match self.fusions.summed(index) {
                Some((step, other)) => {
                    let residual = self.node(other);
                    if let Op::Conv(conv) = self.steps[step].op {
                        self.emit_conv(index, step, &conv, Some(residual));
                    }
                }
                None => self.emit_sum(index),
            },
            Op::Input { start, count } => self.emit_plain(index, NodeKind::Input { start, count }),
            Op::MaxPool { kernel } => {
                let from = match self.forms[index].kept() {
                    Some(scale) => self.bytes(from[0], scale),
                    None => self.node(from[0]),
                };
                self.push(index, NodeKind::MaxPool { kernel }, vec![from], None);
            }
            Op::MeanPool { levels } => self.emit_plain(index, NodeKind::MeanPool { levels }),
            Op::Upsample { levels } => self.emit_plain(index, NodeKind::Upsample { levels }),
            Op::Concat => self.emit_plain(index, NodeKind::Concat),
            Op::Difference => self.emit_plain(index, NodeKind::Difference),
            Op::AdaptiveMean { side } => self.emit_mean(index, signed(side)),
            Op::Scale => self.emit_plain(index, NodeKind::Scale),
            Op::Bilinear { align_corners, .. } => {
                let from = self.shapes[from[0]].extent;
                self.emit_plain(index, NodeKind::Bilinear { from, align_corners });
            }
            Op::LayerNorm(normalization) => {
                self.emit_plain(index, NodeKind::LayerNorm(channel_weights(&normalization)));
            }
            Op::GroupNorm { groups, normalization } => {
                self.emit_statistics(index, Some(groups), &normalization);
            }
            Op::ResponseNorm(normalization) => self.emit_statistics(index, None, &normalization),
            Op::Attention(attention) => {
                let shapes = [0, 2].map(|input| self.shapes[from[input]]);
                let heads = Box::new(heads(self.options.isa, &attention, shapes.map(|shape| shape.channels)));
                self.emit_plain(index, NodeKind::Attention { heads, keys: shapes[1].extent });
            }
        }
    }

    /// Adds the node of a step, with the activation of the step.
    fn push(&mut self, step: usize, kind: NodeKind, from: Vec<usize>, residual: Option<usize>) {
        let (Shape { channels, extent }, activation) = (self.shapes[step], self.steps[step].activation);
        let scale = self.forms[step].kept();
        self.made[step] = Some(self.nodes.len());
        self.nodes.push(Node { kind, from, residual, activation, channels, extent, scale });
    }

    /// Adds a node that another node of the same step reads; its number.
    fn push_part(&mut self, kind: NodeKind, from: Vec<usize>, Shape { channels, extent }: Shape) -> usize {
        let activation = Activation::None;
        self.nodes.push(Node { kind, from, residual: None, activation, channels, extent, scale: None });
        self.nodes.len() - 1
    }

    /// Means along rows, which are computed row by row, and the means of these.
    fn emit_mean(&mut self, index: usize, parts: i64) {
        let from = self.steps[index].from[0];
        let Shape { channels, extent } = self.shapes[from];
        let lines = Shape { channels, extent: Extent { cols: Length::Fixed(parts), ..extent } };
        let kind = NodeKind::RowMeans { parts, length: extent.cols };
        let lines = self.push_part(kind, vec![self.node(from)], lines);
        self.push(index, NodeKind::MeansOfRows { parts, length: extent.rows }, vec![lines], None);
    }

    fn emit_plain(&mut self, index: usize, kind: NodeKind) {
        let from = self.steps[index].from.iter().map(|f| self.node(*f)).collect();
        self.push(index, kind, from, None);
    }

    /// Statistics of rows, those of the picture, and the normalization by them: by the moments of groups of channels,
    /// or by the norms of all.
    fn emit_statistics(&mut self, index: usize, groups: Option<usize>, normalization: &Normalization) {
        let from = self.steps[index].from[0];
        let pixel = self.statistics(from, groups, normalization);
        let from = vec![self.node(from), pixel];
        self.push(index, NodeKind::Normalize(normalization.bias.to_vec()), from, None);
    }

    /// The node of a pixel with the statistics of a step.
    fn statistics(&mut self, from: usize, groups: Option<usize>, normalization: &Normalization) -> usize {
        let Shape { channels, extent } = self.shapes[from];
        let of_rows = Shape {
            channels: groups.map_or(channels, |groups| 2 * groups),
            extent: Extent { cols: Length::Fixed(1), ..extent },
        };
        let kind = match groups {
            Some(groups) => NodeKind::RowMoments { groups, length: extent.cols },
            None => NodeKind::RowSquares { length: extent.cols },
        };
        let lines = self.push_part(kind, vec![self.node(from)], of_rows);
        let (weights, length) = (channel_weights(normalization), extent.rows);
        let kind = match groups {
            Some(_) => NodeKind::Moments { weights, length },
            None => NodeKind::Norms { weights, length },
        };
        self.push_part(kind, vec![lines], Shape { channels: 2 * channels, extent: Extent::grid(1) })
    }

    /// The step whose factors the weights of convolution `index` are multiplied by.
    fn rescaled(&self, index: usize) -> Option<usize> {
        self.fusions.rescaled(index).filter(|_| self.rescales)
    }

    /// A convolution whose weights are multiplied by the factors of the step before it.
    fn emit_rescaled(&mut self, index: usize, conv: &Conv, step: usize, residual: Option<usize>) {
        let from = &self.steps[step].from;
        let mut bias = conv.bias.to_vec();
        let (pixel, first) = match self.steps[step].op {
            Op::ResponseNorm(normalization) => {
                for (bias, weight) in bias.iter_mut().zip(conv.weight.chunks_exact(conv.inputs)) {
                    let products = weight.iter().zip(normalization.bias);
                    let products = products.map(|(w, b)| f64::from(*w) * f64::from(*b));
                    *bias = narrow(f64::from(*bias) + products.sum::<f64>());
                }
                // What is subtracted, which is nothing, comes before the factors.
                (self.statistics(from[0], None, &normalization), conv.inputs)
            }
            _ => (self.node(from[1]), 0),
        };
        let at = |output: usize, _: usize, input: usize| conv.weight[output * conv.inputs + input];
        let weights = Arc::new(Weights::new(self.options.isa, &bias, [1, conv.inputs], at));
        let (blocks, channels) = weights.blocks();
        let extent = Extent { rows: Length::Fixed(signed(blocks)), cols: Length::Fixed(1) };
        let kind = NodeKind::Rescale { weights: Arc::clone(&weights), first };
        let values = self.push_part(kind, vec![pixel], Shape { channels, extent });
        let geometry = Geometry { kernel: 1, stride: 1, before: 0, dilation: 1 };
        let from = vec![self.node(from[0]), values];
        self.push(index, NodeKind::Rescaled(weights, geometry), from, residual);
    }

    /// A sum of two that no convolution computes.
    fn emit_sum(&mut self, index: usize) {
        let Some((step, other)) = self.fusions.interpolated(index) else {
            return self.emit_plain(index, NodeKind::Add);
        };
        let (Op::Bilinear { align_corners, .. }, read) = (self.steps[step].op, self.steps[step].from[0])
        else {
            return;
        };
        let (from, residual) = (self.shapes[read].extent, self.node(other));
        let kind = NodeKind::Bilinear { from, align_corners };
        self.push(index, kind, vec![self.node(read)], Some(residual));
    }

    /// Convolution `step`, as the node of step `index`.
    fn emit_conv(&mut self, index: usize, step: usize, conv: &Conv, residual: Option<usize>) {
        if let Some(factors) = self.rescaled(step) {
            return self.emit_rescaled(index, conv, factors, residual);
        }
        let extent = self.shapes[index].extent;
        let (from, scale) = self.seen(self.steps[step].from[0], conv);
        let kind = self.kernel(conv, 0..conv.inputs, conv.bias, extent, scale);
        self.push(index, kind, vec![from], residual);
    }

    /// A convolution of [upsampled, skip]: the sum of one convolution of each, the first of which is cheap.
    fn emit_upsampled(&mut self, index: usize, conv: &Conv, up: usize, skip: Option<usize>) {
        let from = self.steps[up].from[0];
        let (channels, extent) = (self.shapes[from].channels, self.shapes[index].extent);
        let (source, scale) = self.seen(from, conv);
        let isa = self.options.isa;
        let phases = match scale {
            Some(scale) => NodeKind::Int8Phases(Box::new(phases(conv, channels, |at| {
                Int8Weights::new(Packing { isa, scale }, conv.bias, [2, 2, channels], at)
            }))),
            None => NodeKind::Phases(Box::new(phases(conv, channels, |at| {
                Weights::new(isa, conv.bias, [2, 2 * channels], at)
            }))),
        };
        self.push(index, phases, vec![source], None);
        let (Some(skip), sum) = (skip, self.node(index)) else { return };
        (self.nodes[sum].activation, self.nodes[sum].scale) = (Activation::None, None);
        let (skip, scale) = self.seen(skip, conv);
        let kind = self.kernel(conv, channels..conv.inputs, &vec![0.0; conv.outputs], extent, scale);
        self.push(index, kind, vec![skip], Some(sum));
    }

    /// The nodes with each step's values: its own, or those that it was fused into or computed from.
    fn what_became(&self) -> Vec<Vec<usize>> {
        let mut made: Vec<Vec<usize>> = self.made.iter().map(|node| node.iter().copied().collect()).collect();
        for index in 0..self.steps.len() {
            let summed =
                matches!(self.steps[index].op, Op::Add).then(|| self.fusions.summed(index)).flatten();
            if let Some((conv, _)) = summed {
                let sum = made[index].clone();
                made[conv] = sum;
            }
        }
        for index in 0..self.steps.len() {
            if made[index].is_empty() {
                made[index] = self.steps[index].from.iter().flat_map(|from| made[*from].clone()).collect();
            }
        }
        made
    }

    /// The kernel for some of a convolution's input channels.
    fn kernel(
        &self,
        conv: &Conv,
        inputs: std::ops::Range<usize>,
        bias: &[f32],
        extent: Extent,
        scale: Option<f32>,
    ) -> NodeKind {
        let Conv { kernel, stride, before, dilation, .. } = *conv;
        let (isa, geometry) = (self.options.isa, Geometry { kernel, stride, before, dilation });
        if conv.depthwise {
            let taps = kernel * kernel;
            let at = |channel: usize, tap: usize| conv.weight[channel * taps + tap];
            return NodeKind::Depthwise(DepthwiseWeights::new(isa, bias, taps, at), geometry);
        }
        let (count, parts) = (inputs.len(), geometry.parts(inputs.len()));
        let at = |o: usize, part: usize, term: usize| {
            // A part is a row of the kernel, or one of its pixels.
            let tap = part * parts[1] / count + term / count;
            weight(conv, o, inputs.start + term % count, tap / kernel, tap % kernel)
        };
        if let Some(scale) = scale {
            let packing = Packing { isa, scale };
            return NodeKind::Int8(Int8Weights::new(packing, bias, [kernel, kernel, count], at), geometry);
        }
        let fours = (kernel, stride, before, dilation) == (3, 1, 1, 1)
            && count >= WINOGRAD_INPUTS
            && extent
                .halvings()
                .is_some_and(|level| i32::try_from(level).is_ok_and(|level| level <= self.options.winograd));
        if fours {
            return NodeKind::Winograd(winograd_weights(isa, bias, parts[1], at));
        }
        NodeKind::Direct(Weights::new(isa, bias, parts, at), geometry)
    }
}

fn channel_weights(normalization: &Normalization) -> ChannelWeights {
    let Normalization { weight, bias, epsilon } = *normalization;
    ChannelWeights { weight: weight.to_vec(), bias: bias.to_vec(), epsilon }
}

/// Attention of so many channels of queries and of values.
fn heads(isa: Isa, attention: &Attention, channels: [usize; 2]) -> Heads {
    let [channels, values] = channels.map(|channels| channels / attention.heads);
    let squares = attention.window.map(|window| {
        let AttentionWindow { side, shift, rolled_first, bias, beyond } = window;
        let beyond = (beyond.0.to_vec(), beyond.1.to_vec());
        Squares { side, shift, rolled_first, bias: bias.to_vec(), beyond }
    });
    Heads { isa, heads: attention.heads, channels, values, squares }
}

fn weight(conv: &Conv, output: usize, input: usize, row: usize, col: usize) -> f32 {
    conv.weight[((output * conv.inputs + input) * conv.kernel + row) * conv.kernel + col]
}

/// The kernels of the four positions of an output pixel within its square, for the first `channels` inputs: 2 x 2 sums
/// of the 3 x 3.
fn phases<W>(
    conv: &Conv,
    channels: usize,
    pack: impl Fn(&(dyn Fn(usize, usize, usize) -> f32 + Sync)) -> W,
) -> [W; 4] {
    // Rows (or columns) of the kernel that cover the first and the second row of the input, for an output pixel in
    // the north and in the south of its square.
    const SEEN: [[std::ops::Range<usize>; 2]; 2] = [[0..1, 1..3], [0..2, 2..3]];
    std::array::from_fn(|phase| {
        let (south, east) = (phase / 2, phase % 2);
        let at = |o: usize, row: usize, term: usize| {
            let (col, input) = (term / channels, term % channels);
            let taps = SEEN[south][row].clone().flat_map(|r| SEEN[east][col].clone().map(move |c| (r, c)));
            narrow(taps.map(|(r, c)| f64::from(weight(conv, o, input, r, c))).sum())
        };
        pack(&at)
    })
}

/// The same of a transposed convolution: of four taps along an axis, an output pixel in the north of its square sees the
/// fourth and the second, one in the south the third and the first.
fn transposed(isa: Isa, conv: &Conv) -> [Weights; 4] {
    std::array::from_fn(|phase| {
        let (south, east) = (phase / 2, phase % 2);
        let tap = |place: usize, later: usize| 3 - 2 * place - later;
        let at = |o: usize, row: usize, term: usize| {
            let (col, input) = (term / conv.inputs, term % conv.inputs);
            weight(conv, o, input, tap(row, south), tap(col, east))
        };
        Weights::new(isa, conv.bias, [2, 2 * conv.inputs], at)
    })
}

impl NodeKind {
    /// Whether its kernel applies activations that are more than limits.
    pub(crate) const fn is_smooth(&self) -> bool {
        matches!(self, Self::Direct(..) | Self::Rescaled(..) | Self::Phases(_) | Self::Depthwise(..))
    }
}

impl Node {
    /// Size of its packed weights in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.kind {
            NodeKind::Direct(weights, _) | NodeKind::Winograd(weights) => weights.bytes(),
            NodeKind::Rescale { weights, .. } => weights.bytes(),
            NodeKind::Phases(weights) => weights.iter().map(Weights::bytes).sum(),
            NodeKind::Int8(weights, _) => weights.bytes(),
            NodeKind::Int8Phases(weights) => weights.iter().map(Int8Weights::bytes).sum(),
            NodeKind::Depthwise(weights, _) => weights.bytes(),
            NodeKind::Attention { heads, .. } => heads.bytes(),
            NodeKind::LayerNorm(weights)
            | NodeKind::Moments { weights, .. }
            | NodeKind::Norms { weights, .. } => weights.bytes(),
            _ => 0,
        }
    }

    /// Number of values that a pixel takes in memory: one for each channel, or for four of bytes.
    pub(crate) fn values(&self) -> usize {
        if self.scale.is_some() { self.channels.div_ceil(4) } else { self.channels }
    }
}
