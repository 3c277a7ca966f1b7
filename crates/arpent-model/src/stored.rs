//! A network whose steps stand in its package: what the graph of another program was lowered to (ADR 0031).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::graph::{Activation, Extent, Graph, Layer, Op, Padding};

/// Limits of a stored network: steps, channels of one, halvings of the picture, side of a kernel and of a grid of means, distance of
/// taps.
const MOST_STEPS: usize = 4096;
const MOST_CHANNELS: usize = 1 << 14;
const MOST_HALVINGS: u32 = 8;
const MOST_KERNEL: usize = 8;
const MOST_PARTS: usize = 16;
const MOST_DILATION: usize = 64;

/// What follows a sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepActivation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `x * (1 + erf(x / sqrt(2))) / 2`.
    Gelu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl StepActivation {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    fn is_none(&self) -> bool {
        *self == Self::None
    }

    const fn of_graph(self) -> Activation {
        match self {
            Self::None => Activation::None,
            Self::Relu => Activation::Relu,
            Self::Relu6 => Activation::Relu6,
            Self::Silu => Activation::Silu,
            Self::Gelu => Activation::Gelu,
            Self::Sigmoid => Activation::Sigmoid,
        }
    }
}

/// A number above 0 and up to 1, which keeps a divisor from 0.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Epsilon(pub f64);

impl PartialEq for Epsilon {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Epsilon {}

/// A step of a stored network. Steps are numbered from 1 in their order; 0 is the picture. The last one has the scores, of the
/// picture's size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum GraphStep {
    /// A convolution with a bias, padded with zeros so that its output is its input divided by the stride.
    Conv {
        /// The step that it reads.
        from: usize,
        /// Name of its tensors: `<name>.weight`, `<name>.bias`.
        name: String,
        /// Output channels.
        outputs: usize,
        /// Side of the kernel, 1 to 8.
        kernel: usize,
        /// 1, 2, 4 or 8.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        stride: usize,
        /// Zeros before the first pixel, along either axis.
        before: usize,
        /// Distance between the taps of the kernel.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        dilation: usize,
        /// Whether each channel is convolved separately.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        depthwise: bool,
        /// What follows.
        #[serde(default, skip_serializing_if = "StepActivation::is_none")]
        activation: StepActivation,
    },
    /// A transposed convolution with a bias: 4 x 4 taps, a stride of 2 and one pixel of padding, so that its output has twice
    /// the size. `<name>.weight` is ordered as that of a convolution: outputs, inputs, rows, columns.
    Transposed {
        /// The step that it reads.
        from: usize,
        /// Name of its tensors: `<name>.weight`, `<name>.bias`.
        name: String,
        /// Output channels.
        outputs: usize,
        /// What follows.
        #[serde(default, skip_serializing_if = "StepActivation::is_none")]
        activation: StepActivation,
    },
    /// Each pixel's channels minus their mean, divided by their standard deviation, times a weight, plus a bias.
    LayerNorm {
        /// The step that it reads.
        from: usize,
        /// Name of its tensors: `<name>.weight`, `<name>.bias`.
        name: String,
        /// Added to the variance.
        epsilon: Epsilon,
    },
    /// The same over all pixels of groups of channels. Not local.
    GroupNorm {
        /// The step that it reads.
        from: usize,
        /// Name of its tensors: `<name>.weight`, `<name>.bias`.
        name: String,
        /// Number of groups; divides that of the channels.
        groups: usize,
        /// Added to the variance.
        epsilon: Epsilon,
        /// What follows.
        #[serde(default, skip_serializing_if = "StepActivation::is_none")]
        activation: StepActivation,
    },
    /// Maximum of 2 x 2 pixels, or of 3 x 3 with one pixel of padding, with a stride of 2.
    MaxPool {
        /// The step that it reads.
        from: usize,
        /// 2 or 3.
        kernel: usize,
    },
    /// Mean of squares of 2^`levels` pixels.
    MeanPool {
        /// The step that it reads.
        from: usize,
        /// Exponent.
        levels: u32,
    },
    /// 2^`levels` times the size, nearest neighbor.
    Upsample {
        /// The step that it reads.
        from: usize,
        /// Exponent.
        levels: u32,
    },
    /// Bilinear interpolation to the picture halved `level` times. With aligned corners, it is not local.
    Bilinear {
        /// The step that it reads.
        from: usize,
        /// Halvings of the picture in the output.
        level: u32,
        /// Whether the centers of the corner pixels coincide.
        align_corners: bool,
    },
    /// Means over `side` x `side` parts of the whole input. Not local.
    AdaptiveMean {
        /// The step that it reads.
        from: usize,
        /// Rows and columns of the output, 1 to 16.
        side: usize,
    },
    /// The channels of both.
    Concat {
        /// The steps that it reads.
        from: [usize; 2],
    },
    /// The sum of both.
    Add {
        /// The steps that it reads.
        from: [usize; 2],
        /// What follows.
        #[serde(default, skip_serializing_if = "StepActivation::is_none")]
        activation: StepActivation,
    },
    /// The first times the second, which is one pixel: a factor for each channel.
    Scale {
        /// The steps that it reads.
        from: [usize; 2],
    },
}

const fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_one(value: &usize) -> bool {
    *value == 1
}

/// Zeros after the last pixel of a convolution whose output is its input divided by the stride.
fn after([kernel, stride, before, dilation]: [usize; 4]) -> usize {
    (dilation * (kernel - 1) + 1).saturating_sub(stride + before)
}

/// The network of these steps.
///
/// # Errors
/// The first step that cannot be computed, and why.
pub(crate) fn graph(in_channels: usize, out_channels: usize, steps: &[GraphStep]) -> Result<Graph, String> {
    if steps.is_empty() || steps.len() > MOST_STEPS || in_channels > MOST_CHANNELS {
        return Err(format!("has {} steps, expected 1 to {MOST_STEPS}", steps.len()));
    }
    let mut graph = Graph::default();
    graph.input(0, in_channels);
    for (number, step) in (1..).zip(steps) {
        add(&mut graph, step).map_err(|problem| format!("has step {number}, which {problem}"))?;
    }
    let last = graph.steps.last().map(|step| (step.channels, step.extent));
    if last != Some((out_channels, Extent::Level(0))) {
        return Err(format!("ends in {last:?}, expected {out_channels} channels of the picture's size"));
    }
    if graph.layers.is_empty() {
        return Err("has no convolution".into());
    }
    Ok(graph)
}

fn add(graph: &mut Graph, step: &GraphStep) -> Result<(), String> {
    match step {
        GraphStep::Conv { .. } => add_conv(graph, step),
        GraphStep::Transposed { from, name, outputs, activation } => {
            add_transposed(graph, *from, (name, *outputs), *activation)
        }
        GraphStep::LayerNorm { from, name, epsilon } => {
            known(graph, *from)?;
            check_name(graph, name)?;
            graph.layer_norm(*from, name, check_epsilon(*epsilon)?);
            Ok(())
        }
        GraphStep::GroupNorm { from, name, groups, epsilon, activation } => {
            let (channels, _) = shape(graph, *from)?;
            check_name(graph, name)?;
            let fits = *groups > 0 && channels.is_multiple_of(*groups);
            check(fits, || format!("has {groups} groups of {channels} channels"))?;
            graph.group_norm(*from, name, (*groups, check_epsilon(*epsilon)?), activation.of_graph());
            Ok(())
        }
        GraphStep::MaxPool { from, kernel } => {
            let level = level(graph, *from)?;
            check(matches!(kernel, 2 | 3), || format!("is a maximum of {kernel} pixels, expected 2 or 3"))?;
            check(level < MOST_HALVINGS, || "halves too often".into())?;
            graph.max_pool(*from, *kernel);
            Ok(())
        }
        GraphStep::MeanPool { from, levels } => {
            let deep = level(graph, *from)?.saturating_add(*levels);
            check(*levels > 0 && deep <= MOST_HALVINGS, || format!("halves {levels} times"))?;
            graph.mean_pool(*from, *levels);
            Ok(())
        }
        GraphStep::Upsample { from, levels } => {
            let level = level(graph, *from)?;
            check((1..=level).contains(levels), || {
                format!("doubles {levels} times what was halved {level} times")
            })?;
            graph.upsample(*from, *levels);
            Ok(())
        }
        GraphStep::Bilinear { from, level, align_corners } => {
            let extent = known(graph, *from)?;
            check(extent != Extent::Level(*level) && *level <= MOST_HALVINGS, || {
                format!("interpolates to level {level}, from {extent:?}")
            })?;
            graph.bilinear(*from, *level, *align_corners);
            Ok(())
        }
        GraphStep::AdaptiveMean { from, side } => {
            level(graph, *from)?;
            check((1..=MOST_PARTS).contains(side), || {
                format!("has {side} parts, expected 1 to {MOST_PARTS}")
            })?;
            graph.adaptive_mean(*from, *side);
            Ok(())
        }
        GraphStep::Concat { from: [first, second] } => {
            let extents = [known(graph, *first)?, known(graph, *second)?];
            check(extents[0] == extents[1], || format!("joins {extents:?}"))?;
            let all = graph.channels(*first) + graph.channels(*second);
            check(all <= MOST_CHANNELS, || format!("has {all} channels"))?;
            graph.concat(*first, *second);
            Ok(())
        }
        GraphStep::Add { from, activation } => {
            let shapes = [shape(graph, from[0])?, shape(graph, from[1])?];
            check(shapes[0] == shapes[1], || format!("adds {shapes:?}"))?;
            graph.combine(Op::Add, *from, activation.of_graph());
            Ok(())
        }
        GraphStep::Scale { from } => {
            let [of, by] = [shape(graph, from[0])?, shape(graph, from[1])?];
            let fits = of.0 == by.0 && by.1 == Extent::Grid(1) && of.1 != by.1;
            check(fits, || format!("multiplies {of:?} by {by:?}, expected a pixel with as many channels"))?;
            graph.combine(Op::Scale, *from, Activation::None);
            Ok(())
        }
    }
}

fn add_transposed(
    graph: &mut Graph,
    from: usize,
    (name, outputs): (&String, usize),
    activation: StepActivation,
) -> Result<(), String> {
    let (inputs, extent) = shape(graph, from)?;
    check(matches!(extent, Extent::Level(1..)), || format!("doubles {extent:?}"))?;
    check_name(graph, name)?;
    check((1..=MOST_CHANNELS).contains(&outputs), || format!("has {outputs} outputs"))?;
    let padding = Padding::Given(1, 1);
    let layer = Layer { padding, ..Layer::biased(name, [inputs, outputs], 4).sized(4, 2) };
    let layer = graph.layer(layer);
    graph.transposed(from, layer, activation.of_graph());
    Ok(())
}

fn check_epsilon(epsilon: Epsilon) -> Result<f64, String> {
    let fits = epsilon.0 > 0.0 && epsilon.0 <= 1.0;
    check(fits, || format!("has the epsilon {}, expected a number above 0 and up to 1", epsilon.0))?;
    Ok(epsilon.0)
}

/// Refuses a name of weights that is used before, or is none.
fn check_name(graph: &Graph, name: &String) -> Result<(), String> {
    let before =
        graph.layers.iter().map(|layer| &layer.name).chain(graph.norms.iter().map(|norm| &norm.name));
    check(!before.into_iter().any(|known| known == name), || format!("uses `{name}` a second time"))?;
    let is_plain = !name.is_empty() && name.len() <= 1024 && !name.chars().any(char::is_control);
    check(is_plain, || "has no name".into())
}

fn add_conv(graph: &mut Graph, step: &GraphStep) -> Result<(), String> {
    let GraphStep::Conv { from, name, outputs, kernel, stride, before, dilation, depthwise, activation } =
        step
    else {
        return Ok(());
    };
    let (inputs, extent) = shape(graph, *from)?;
    check_name(graph, name)?;
    check((1..=MOST_CHANNELS).contains(outputs), || format!("has {outputs} outputs"))?;
    check((1..=MOST_KERNEL).contains(kernel), || format!("has a kernel of {kernel} px"))?;
    check((1..=MOST_DILATION).contains(dilation), || format!("has taps {dilation} px apart"))?;
    check(matches!(stride, 1 | 2 | 4 | 8), || format!("has a stride of {stride} px"))?;
    check(*before <= dilation * (kernel - 1), || format!("begins {before} px before the picture"))?;
    let halvings = extent.level().map(|level| level + stride.ilog2());
    check(halvings.map_or(*stride == 1, |all| all <= MOST_HALVINGS), || "halves too often".into())?;
    check(!depthwise || inputs == *outputs, || {
        format!("has {outputs} outputs for each of {inputs} channels")
    })?;
    let given = Padding::Given(*before, after([*kernel, *stride, *before, *dilation]));
    let layer = Layer {
        depthwise: *depthwise,
        padding: given,
        dilation: *dilation,
        ..Layer::biased(name, [inputs, *outputs], *kernel).sized(*kernel, *stride)
    };
    let layer = graph.layer(layer);
    graph.conv(*from, layer, activation.of_graph());
    Ok(())
}

fn check(fits: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if fits { Ok(()) } else { Err(problem()) }
}

fn known(graph: &Graph, step: usize) -> Result<Extent, String> {
    let found = graph.steps.get(step).map(|step| step.extent);
    found.ok_or_else(|| format!("reads step {step}, which does not come before it"))
}

fn shape(graph: &Graph, step: usize) -> Result<(usize, Extent), String> {
    known(graph, step).map(|extent| (graph.channels(step), extent))
}

fn level(graph: &Graph, step: usize) -> Result<u32, String> {
    known(graph, step)?.level().ok_or_else(|| "changes the size of a grid".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(from: usize, name: &str, outputs: usize) -> GraphStep {
        GraphStep::Conv {
            from,
            name: name.into(),
            outputs,
            kernel: 3,
            stride: 1,
            before: 1,
            dilation: 1,
            depthwise: false,
            activation: StepActivation::Relu,
        }
    }

    fn norm(groups: usize, epsilon: f64) -> GraphStep {
        let (name, epsilon, activation) = ("norm".into(), Epsilon(epsilon), StepActivation::None);
        GraphStep::GroupNorm { from: 0, name, groups, epsilon, activation }
    }

    fn transposed(from: usize, name: &str) -> GraphStep {
        GraphStep::Transposed { from, name: name.into(), outputs: 4, activation: StepActivation::Relu }
    }

    #[test]
    fn normalizations_and_transposed_convolutions_are_stored() {
        let steps = [
            norm(3, 1e-3),
            GraphStep::MaxPool { from: 1, kernel: 2 },
            transposed(2, "up"),
            GraphStep::LayerNorm { from: 3, name: "layer".into(), epsilon: Epsilon(1e-6) },
            conv(4, "head", 2),
        ];
        let made = graph(3, 2, &steps).unwrap();
        let extents: Vec<_> = made.steps.iter().map(|step| step.extent).collect();
        assert_eq!((extents[2], extents[3]), (Extent::Level(1), Extent::Level(0)));
        assert_eq!((made.norms.len(), made.is_local()), (2, false));
        assert!(
            graph(
                3,
                2,
                &[
                    &[GraphStep::MaxPool { from: 0, kernel: 2 }, transposed(1, "up")][..],
                    &[conv(2, "head", 2)]
                ]
                .concat()
            )
            .unwrap()
            .is_local()
        );
        let text = serde_json::to_string(&steps[..1]).unwrap();
        assert_eq!(text, r#"[{"op":"group-norm","from":0,"name":"norm","groups":3,"epsilon":0.001}]"#);
        assert_eq!(serde_json::from_str::<Vec<GraphStep>>(&text).unwrap(), steps[..1]);
    }

    #[test]
    fn what_is_stored_is_what_is_computed() {
        let steps = [
            conv(0, "a", 4),
            GraphStep::MaxPool { from: 1, kernel: 2 },
            GraphStep::AdaptiveMean { from: 2, side: 1 },
            GraphStep::Scale { from: [2, 3] },
            GraphStep::Upsample { from: 4, levels: 1 },
            GraphStep::Concat { from: [1, 5] },
            conv(6, "head", 2),
        ];
        let made = graph(3, 2, &steps).unwrap();
        let channels: Vec<_> = made.steps.iter().map(|step| step.channels).collect();
        assert_eq!(channels, [3, 4, 4, 4, 4, 4, 8, 2]);
        assert_eq!((made.depth(), made.is_local(), made.layers.len()), (1, false, 2));
        let text = serde_json::to_string(&steps[..2]).unwrap();
        assert_eq!(
            text,
            r#"[{"op":"conv","from":0,"name":"a","outputs":4,"kernel":3,"before":1,"activation":"relu"},{"op":"max-pool","from":1,"kernel":2}]"#
        );
        assert_eq!(serde_json::from_str::<Vec<GraphStep>>(&text).unwrap(), steps[..2]);
    }

    #[test]
    fn impossible_steps_are_refused() {
        let end = conv(0, "head", 2);
        for (steps, expected) in [
            (vec![], "0 steps"),
            (vec![conv(1, "a", 2)], "reads step 1"),
            (vec![conv(0, "a", 2), conv(1, "a", 2)], "a second time"),
            (vec![conv(0, "a", 3)], "expected 2 channels"),
            (vec![conv(0, "a", 0)], "0 outputs"),
            (vec![GraphStep::MaxPool { from: 0, kernel: 2 }], "of the picture's size"),
            (vec![GraphStep::Upsample { from: 0, levels: 1 }, end.clone()], "doubles 1 times"),
            (vec![GraphStep::Add { from: [0, 0], activation: StepActivation::None }], "expected 2 channels"),
            (vec![GraphStep::Scale { from: [0, 0] }], "multiplies"),
            (vec![GraphStep::MeanPool { from: 0, levels: 9 }], "halves 9 times"),
            (vec![GraphStep::MeanPool { from: 0, levels: u32::MAX }], "halves 4294967295 times"),
            (vec![GraphStep::AdaptiveMean { from: 0, side: 17 }], "17 parts"),
            (vec![transposed(0, "a")], "doubles Level(0)"),
            (vec![norm(3, 0.0)], "the epsilon 0,"),
            (vec![norm(3, f64::NAN)], "the epsilon NaN,"),
            (vec![norm(2, 1e-5)], "2 groups of 3 channels"),
            (vec![norm(0, 1e-5)], "0 groups of 3 channels"),
            (vec![norm(3, 1e-5), conv(1, "norm", 2)], "a second time"),
            (
                vec![GraphStep::AdaptiveMean { from: 0, side: 1 }, GraphStep::MaxPool { from: 1, kernel: 2 }],
                "size of a grid",
            ),
            (vec![GraphStep::Bilinear { from: 0, level: 0, align_corners: false }], "to level 0"),
        ] {
            let found = graph(3, 2, &steps).unwrap_err();
            assert!(found.contains(expected), "{expected}: {found}");
        }
        let GraphStep::Conv { name, .. } = &end else { unreachable!() };
        for (kernel, stride, before, dilation) in [(9, 1, 1, 1), (3, 3, 1, 1), (3, 1, 3, 1), (3, 1, 1, 65)] {
            let wrong = GraphStep::Conv {
                from: 0,
                name: name.clone(),
                outputs: 2,
                kernel,
                stride,
                before,
                dilation,
                depthwise: false,
                activation: StepActivation::None,
            };
            assert!(graph(3, 2, &[wrong]).is_err(), "{kernel} {stride} {before} {dilation}");
        }
    }
}
