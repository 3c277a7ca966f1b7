//! From a network's steps to the nodes that are run.

use crate::kernels::{DepthwiseWeights, Geometry, Isa, Weights, WinogradWeights};
use crate::spec::{Activation, Conv, EngineError, Op, Step};

/// How a network is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Instruction set; must be there ([`Isa::is_available`]).
    pub isa: Isa,
    /// Deepest level (halvings of the picture) whose 3 x 3 convolutions compute four rows together, at half the
    /// products; -1 for none. Each such layer makes answers depend on more rows ([`crate::Engine::reach`]).
    pub winograd: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self { isa: Isa::best(), winograd: -1 }
    }
}

/// Fewest input channels of a convolution that gains from computing four rows together.
const WINOGRAD_INPUTS: usize = 64;

/// What a node does.
#[derive(Debug)]
pub(crate) enum Kind {
    Input {
        start: usize,
        count: usize,
    },
    Direct(Weights, Geometry),
    Winograd(WinogradWeights),
    /// 3 x 3 on twice the size of its input.
    Phases(Box<[Weights; 4]>),
    Depthwise(DepthwiseWeights, Geometry),
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
}

/// A step of the plan.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) from: Vec<usize>,
    /// Added before the activation.
    pub(crate) residual: Option<usize>,
    pub(crate) activation: Activation,
    pub(crate) channels: usize,
    /// How often the picture has been halved.
    pub(crate) level: u32,
}

/// Channels and level of each step.
fn shapes(steps: &[Step]) -> Result<Vec<(usize, u32)>, EngineError> {
    let mut shapes: Vec<(usize, u32)> = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let bad = |problem: &str| EngineError::Step { step: index, problem: problem.to_owned() };
        let wanted = match step.op {
            Op::Input { .. } => 0,
            Op::Concat | Op::Add | Op::Difference => 2,
            _ => 1,
        };
        if step.from.len() != wanted || step.from.iter().any(|f| *f >= index) {
            return Err(bad("takes the wrong number of steps, or later ones"));
        }
        let from: Vec<(usize, u32)> = step.from.iter().map(|f| shapes[*f]).collect();
        shapes.push(shape(&step.op, &from).map_err(|problem| bad(problem))?);
    }
    match shapes.last() {
        Some((_, 0)) => Ok(shapes),
        _ => Err(EngineError::Step {
            step: steps.len().saturating_sub(1),
            problem: "does not give an answer of the picture's size".into(),
        }),
    }
}

fn shape(op: &Op, from: &[(usize, u32)]) -> Result<(usize, u32), &'static str> {
    let (channels, level) = from.first().copied().unwrap_or((0, 0));
    Ok(match *op {
        Op::Input { count, .. } => (count, 0),
        Op::Conv(conv) => {
            check(&conv, channels)?;
            (conv.outputs, level + u32::from(conv.stride == 2))
        }
        Op::MaxPool { kernel: 2 | 3 } => (channels, level + 1),
        Op::MaxPool { .. } => return Err("pools by something else than 2 or 3"),
        Op::MeanPool { levels } => (channels, level + levels),
        Op::Upsample { levels } if levels > level => return Err("is larger than the picture"),
        Op::Upsample { levels } => (channels, level - levels),
        Op::Concat | Op::Add | Op::Difference if from[1].1 != level => {
            return Err("takes steps of two sizes");
        }
        Op::Concat => (channels + from[1].0, level),
        Op::Add | Op::Difference if from[1].0 != channels => return Err("takes steps of two shapes"),
        Op::Add | Op::Difference => (channels, level),
    })
}

fn check(conv: &Conv, channels: usize) -> Result<(), &'static str> {
    let known =
        matches!(conv.kernel, 1 | 3 | 5 | 7) && matches!(conv.stride, 1 | 2) && conv.before < conv.kernel;
    let each = if conv.depthwise { 1 } else { conv.inputs };
    let values = conv.outputs * each * conv.kernel * conv.kernel;
    match () {
        () if !known => Err("has a kernel or a stride that is not known"),
        () if conv.inputs != channels => Err("is a convolution of another number of channels"),
        () if conv.depthwise && conv.outputs != channels => {
            Err("has another number of channels than its input")
        }
        () if conv.weight.len() != values || conv.bias.len() != conv.outputs => {
            Err("has the wrong number of weights")
        }
        () => Ok(()),
    }
}

/// The nodes of a network.
pub(crate) fn lower(steps: &[Step], options: Options) -> Result<Vec<Node>, EngineError> {
    let shapes = shapes(steps)?;
    let mut uses = vec![0; steps.len()];
    steps.iter().flat_map(|s| &s.from).for_each(|from| uses[*from] += 1);
    let mut lowering =
        Lowering { steps, shapes, uses, options, made: vec![None; steps.len()], nodes: Vec::new() };
    let absorbed = lowering.absorbed();
    for index in (0..steps.len()).filter(|i| !absorbed[*i]) {
        lowering.emit(index);
    }
    Ok(lowering.nodes)
}

struct Lowering<'a> {
    steps: &'a [Step<'a>],
    shapes: Vec<(usize, u32)>,
    uses: Vec<usize>,
    options: Options,
    /// The node of each step that has one.
    made: Vec<Option<usize>>,
    nodes: Vec<Node>,
}

impl<'a> Lowering<'a> {
    /// Steps that become part of a later one.
    fn absorbed(&self) -> Vec<bool> {
        let mut absorbed = vec![false; self.steps.len()];
        for index in 0..self.steps.len() {
            match self.steps[index].op {
                Op::Conv(_) => {
                    if let Some((up, skip)) = self.upsampled(index) {
                        absorbed[up] = true;
                        // The concatenation, where there is one.
                        absorbed[self.steps[index].from[0]] |= skip.is_some();
                    }
                }
                Op::Add => {
                    if let Some((conv, _)) = self.summed(index) {
                        absorbed[conv] = true;
                    }
                }
                _ => {}
            }
        }
        absorbed
    }

    /// Of a 3 x 3 convolution whose input is another step at twice its size: that upsampling, and what is beside it.
    fn upsampled(&self, index: usize) -> Option<(usize, Option<usize>)> {
        let Op::Conv(Conv { kernel: 3, stride: 1, before: 1, depthwise: false, .. }) = self.steps[index].op
        else {
            return None;
        };
        let from = self.steps[index].from[0];
        let is_up = |step: usize| {
            matches!(self.steps[step].op, Op::Upsample { levels: 1 })
                && self.uses[step] == 1
                && self.steps[step].activation == Activation::None
        };
        let Step { op, from: parts, activation } = &self.steps[from];
        match op {
            Op::Concat if self.uses[from] == 1 && *activation == Activation::None && is_up(parts[0]) => {
                Some((parts[0], Some(parts[1])))
            }
            _ if is_up(from) => Some((from, None)),
            _ => None,
        }
    }

    /// Of a sum, the convolution that can do it, and what it adds.
    fn summed(&self, index: usize) -> Option<(usize, usize)> {
        let [first, second] = self.steps[index].from[..] else { return None };
        let can = |step: usize| {
            matches!(self.steps[step].op, Op::Conv(_))
                && self.uses[step] == 1
                && self.steps[step].activation == Activation::None
                && self.upsampled(step).is_none()
        };
        [(first, second), (second, first)].into_iter().find(|(conv, other)| can(*conv) && conv != other)
    }

    fn node(&self, step: usize) -> usize {
        // Steps are emitted in order, and absorbed ones are not asked for.
        self.made[step].unwrap_or_default()
    }

    fn emit(&mut self, index: usize) {
        let Step { op, from, activation } = &self.steps[index];
        let (index_of, activation) = (index, *activation);
        match *op {
            Op::Conv(conv) => match self.upsampled(index) {
                Some((up, skip)) => self.emit_upsampled(index_of, &conv, up, skip),
                None => self.emit_conv(index_of, from[0], &conv, None, activation),
            },
            Op::Add => match self.summed(index) {
                Some((step, other)) => {
                    let (from, residual) = (self.steps[step].from[0], self.node(other));
                    if let Op::Conv(conv) = self.steps[step].op {
                        self.emit_conv(index_of, from, &conv, Some(residual), activation);
                    }
                }
                None => self.emit_plain(index, Kind::Add),
            },
            Op::Input { start, count } => self.emit_plain(index, Kind::Input { start, count }),
            Op::MaxPool { kernel } => self.emit_plain(index, Kind::MaxPool { kernel }),
            Op::MeanPool { levels } => self.emit_plain(index, Kind::MeanPool { levels }),
            Op::Upsample { levels } => self.emit_plain(index, Kind::Upsample { levels }),
            Op::Concat => self.emit_plain(index, Kind::Concat),
            Op::Difference => self.emit_plain(index, Kind::Difference),
        }
    }

    fn push(
        &mut self,
        step: usize,
        kind: Kind,
        from: Vec<usize>,
        residual: Option<usize>,
        activation: Activation,
    ) {
        let (channels, level) = self.shapes[step];
        self.made[step] = Some(self.nodes.len());
        self.nodes.push(Node { kind, from, residual, activation, channels, level });
    }

    fn emit_plain(&mut self, index: usize, kind: Kind) {
        let from = self.steps[index].from.iter().map(|f| self.node(*f)).collect();
        self.push(index, kind, from, None, self.steps[index].activation);
    }

    fn emit_conv(
        &mut self,
        index: usize,
        from: usize,
        conv: &Conv,
        residual: Option<usize>,
        activation: Activation,
    ) {
        let level = self.shapes[index].1;
        let whole = 0..conv.inputs;
        let kind = self.kernel(conv, whole, conv.bias, level);
        let from = vec![self.node(from)];
        self.push(index, kind, from, residual, activation);
    }

    /// A convolution of [upsampled, skip]: the sum of one of each, the first of which is cheap.
    fn emit_upsampled(&mut self, index: usize, conv: &Conv, up: usize, skip: Option<usize>) {
        let (from, activation) = (self.steps[up].from[0], self.steps[index].activation);
        let (channels, level) = (self.shapes[from].0, self.shapes[index].1);
        let phases = Kind::Phases(Box::new(phases(self.options.isa, conv, channels)));
        let source = vec![self.node(from)];
        let Some(skip) = skip else { return self.push(index, phases, source, None, activation) };
        self.push(index, phases, source, None, Activation::None);
        let (sum, rest) = (self.node(index), channels..conv.inputs);
        let kind = self.kernel(conv, rest, &vec![0.0; conv.outputs], level);
        let skip = vec![self.node(skip)];
        self.push(index, kind, skip, Some(sum), activation);
    }

    /// The kernel for some of a convolution's input channels.
    fn kernel(&self, conv: &Conv, inputs: std::ops::Range<usize>, bias: &[f32], level: u32) -> Kind {
        let Conv { kernel, stride, before, .. } = *conv;
        let (isa, geometry) = (self.options.isa, Geometry { kernel, stride, before });
        if conv.depthwise {
            let taps = kernel * kernel;
            let at = |channel: usize, tap: usize| conv.weight[channel * taps + tap];
            return Kind::Depthwise(DepthwiseWeights::new(isa, bias, taps, at), geometry);
        }
        let (count, terms) = (inputs.len(), kernel * inputs.len());
        let at = |o: usize, row: usize, term: usize| {
            weight(conv, o, inputs.start + term % count, row, term / count)
        };
        let fours = (kernel, stride, before) == (3, 1, 1)
            && count >= WINOGRAD_INPUTS
            && i32::try_from(level).is_ok_and(|level| level <= self.options.winograd);
        if fours {
            return Kind::Winograd(WinogradWeights::new(isa, bias, terms, at));
        }
        Kind::Direct(Weights::new(isa, bias, [kernel, terms], at), geometry)
    }
}

fn weight(conv: &Conv, output: usize, input: usize, row: usize, col: usize) -> f32 {
    conv.weight[((output * conv.inputs + input) * conv.kernel + row) * conv.kernel + col]
}

/// The kernels of the four positions of an output pixel within its square, for the first `channels` inputs: 2 x 2 sums
/// of the 3 x 3.
fn phases(isa: Isa, conv: &Conv, channels: usize) -> [Weights; 4] {
    // Rows (or columns) of the kernel that see the first and the second row of the input, for an output pixel in the
    // north and in the south of its square.
    const SEEN: [[std::ops::Range<usize>; 2]; 2] = [[0..1, 1..3], [0..2, 2..3]];
    std::array::from_fn(|phase| {
        let (south, east) = (phase / 2, phase % 2);
        let at = |o: usize, row: usize, term: usize| {
            let (col, input) = (term / channels, term % channels);
            let taps = SEEN[south][row].clone().flat_map(|r| SEEN[east][col].clone().map(move |c| (r, c)));
            narrow(taps.map(|(r, c)| f64::from(weight(conv, o, input, r, c))).sum())
        };
        Weights::new(isa, conv.bias, [2, 2 * channels], at)
    })
}

#[allow(clippy::cast_possible_truncation, reason = "weights are f32; sums are taken in f64")]
fn narrow(value: f64) -> f32 {
    value as f32
}

impl Node {
    /// Bytes of its packed weights.
    pub(crate) fn bytes(&self) -> usize {
        match &self.kind {
            Kind::Direct(weights, _) => weights.bytes(),
            Kind::Winograd(weights) => weights.bytes(),
            Kind::Phases(weights) => weights.iter().map(Weights::bytes).sum(),
            Kind::Depthwise(weights, _) => weights.bytes(),
            _ => 0,
        }
    }
}
