//! Shapes of the steps' outputs, and the steps that cannot be run.

use crate::extent::Extent;
use crate::kernels::MOST_SIDE;
use crate::spec::{Attention, Conv, EngineError, Op, Step};

/// Most parts of a mean over parts, along each axis.
const MOST_PARTS: usize = 16;

/// Largest distance between the taps of a kernel, pixels.
const MOST_DILATION: usize = 64;

/// Largest squares of attention, pixels.
const MOST_SQUARE: usize = 32;

/// Channels and size of a step's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) channels: usize,
    pub(crate) extent: Extent,
}

/// The shape of each step.
pub(crate) fn shapes(steps: &[Step]) -> Result<Vec<Shape>, EngineError> {
    let mut shapes: Vec<Shape> = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let bad = |problem: &str| EngineError::Step { step: index, problem: problem.to_owned() };
        let wanted = match step.op {
            Op::Input { .. } => 0,
            Op::Concat | Op::Add | Op::Difference | Op::Scale => 2,
            Op::Attention(_) => 3,
            _ => 1,
        };
        if step.from.len() != wanted || step.from.iter().any(|f| *f >= index) {
            return Err(bad("reads the wrong number of steps, or later ones"));
        }
        let from: Vec<Shape> = step.from.iter().map(|f| shapes[*f]).collect();
        shapes.push(shape(&step.op, &from).map_err(bad)?);
    }
    if shapes.last().is_some_and(|last| last.extent == Extent::level(0)) {
        return Ok(shapes);
    }
    let step = steps.len().saturating_sub(1);
    Err(EngineError::Step { step, problem: "does not have the picture's size".into() })
}

fn shape(op: &Op, from: &[Shape]) -> Result<Shape, &'static str> {
    let first = from.first().copied().unwrap_or(Shape { channels: 0, extent: Extent::level(0) });
    let Shape { channels, extent } = first;
    let halved = |levels: u32| match extent.halvings() {
        Some(halvings) => Ok(Shape { channels, extent: Extent::level(halvings + levels) }),
        None => Err("halves a grid of a fixed size"),
    };
    Ok(match *op {
        Op::Input { count, .. } => Shape { channels: count, extent: Extent::level(0) },
        Op::Conv(conv) => {
            check(&conv, channels)?;
            let Shape { extent, .. } = if conv.stride == 1 { first } else { halved(conv.stride.ilog2())? };
            Shape { channels: conv.outputs, extent }
        }
        Op::Transposed(conv) => {
            check(&conv, channels)?;
            if (conv.kernel, conv.stride, conv.before, conv.dilation, conv.depthwise) != (4, 2, 1, 1, false) {
                return Err("is a transposed convolution other than of 4 x 4 taps with a stride of 2");
            }
            match extent.halvings() {
                Some(halvings) if halvings > 0 => {
                    Shape { channels: conv.outputs, extent: Extent::level(halvings - 1) }
                }
                Some(_) => return Err("is larger than the picture"),
                None => return Err("doubles a grid of a fixed size"),
            }
        }
        Op::MaxPool { kernel: 2 | 3 } => halved(1)?,
        Op::MaxPool { .. } => return Err("pools by a size other than 2 or 3"),
        Op::MeanPool { levels } => halved(levels)?,
        Op::Upsample { levels } => match extent.halvings() {
            Some(halvings) if levels <= halvings => {
                Shape { channels, extent: Extent::level(halvings - levels) }
            }
            Some(_) => return Err("is larger than the picture"),
            None => return Err("doubles a grid of a fixed size"),
        },
        Op::Concat | Op::Add | Op::Difference if from[1].extent != extent => {
            return Err("reads steps of different sizes");
        }
        Op::Concat => Shape { channels: channels + from[1].channels, extent },
        Op::Add | Op::Difference if from[1].channels != channels => {
            return Err("reads steps of different shapes");
        }
        Op::AdaptiveMean { side } if (1..=MOST_PARTS).contains(&side) => {
            Shape { channels, extent: Extent::grid(side) }
        }
        Op::AdaptiveMean { .. } => return Err("is a mean over a number of parts other than 1 to 16"),
        Op::Scale if from[1] != (Shape { channels, extent: Extent::grid(1) }) => {
            return Err("scales by something other than one pixel with as many channels");
        }
        Op::Add | Op::Difference | Op::Scale => first,
        Op::Bilinear { level, .. } => Shape { channels, extent: Extent::level(level) },
        Op::GroupNorm { groups, .. } if groups == 0 || channels % groups != 0 => {
            return Err("has a number of groups that does not divide its channels");
        }
        Op::LayerNorm(normalization)
        | Op::ResponseNorm(normalization)
        | Op::GroupNorm { normalization, .. } => {
            if normalization.weight.len() != channels || normalization.bias.len() != channels {
                return Err("has the wrong number of weights");
            }
            first
        }
        Op::Attention(attention) => {
            check_attention(&attention, from)?;
            Shape { channels: from[2].channels, extent }
        }
    })
}

fn check_attention(attention: &Attention, from: &[Shape]) -> Result<(), &'static str> {
    let Attention { heads, window } = *attention;
    let [queries, keys, values] = [0, 1, 2].map(|input| from[input]);
    if heads == 0 || queries.channels % heads != 0 || values.channels % heads != 0 {
        return Err("has a number of heads that does not divide its channels");
    }
    if keys.channels != queries.channels {
        return Err("has queries and keys of different numbers of channels");
    }
    if keys.extent != values.extent {
        return Err("has keys and values of different sizes");
    }
    let Some(window) = window else { return Ok(()) };
    if keys.extent != queries.extent {
        return Err("has squares of queries and keys of different sizes");
    }
    if !(1..=MOST_SQUARE).contains(&window.side) || window.shift >= window.side {
        return Err("has squares of a side other than 1 to 32, or a shift that is not less");
    }
    let beyond = (window.beyond.0.len(), window.beyond.1.len());
    if window.bias.len() != heads * window.side.pow(4) || beyond != (keys.channels, values.channels) {
        return Err("has the wrong number of weights");
    }
    Ok(())
}

fn check(conv: &Conv, channels: usize) -> Result<(), &'static str> {
    let known = (1..=MOST_SIDE).contains(&conv.kernel)
        && matches!(conv.stride, 1 | 2 | 4 | 8)
        && (1..=MOST_DILATION).contains(&conv.dilation)
        && conv.before <= (conv.kernel - 1) * conv.dilation;
    let each = if conv.depthwise { 1 } else { conv.inputs };
    let values = conv.outputs * each * conv.kernel * conv.kernel;
    match () {
        () if !known => Err("has an unsupported kernel or stride"),
        () if conv.inputs != channels => Err("is a convolution of a different number of channels"),
        () if conv.depthwise && conv.outputs != channels => {
            Err("does not have the number of channels of its input")
        }
        () if conv.weight.len() != values || conv.bias.len() != conv.outputs => {
            Err("has the wrong number of weights")
        }
        () => Ok(()),
    }
}

/// Whether an output pixel depends only on pixels near it, and not on the size or the position of the picture.
pub(crate) fn is_local(op: &Op) -> bool {
    match op {
        Op::Input { .. }
        | Op::Conv(_)
        | Op::Transposed(_)
        | Op::MaxPool { .. }
        | Op::MeanPool { .. }
        | Op::Upsample { .. }
        | Op::Concat
        | Op::Add
        | Op::Difference
        // Not local by what they read only, which is another step.
        | Op::Scale
        | Op::LayerNorm(_) => true,
        Op::Bilinear { align_corners, .. } => !align_corners,
        Op::AdaptiveMean { .. } | Op::GroupNorm { .. } | Op::ResponseNorm(_) | Op::Attention(_) => false,
    }
}
